/* SPDX-License-Identifier: ISC */
/* role: the child's side of the parent channel. See role.h. */
#include "relayd/role.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/conf/conf.h"
#include "lib/io/chan.h"
#include "lib/io/stream.h"
#include "lib/ipc/ipc.h"
#include "lib/meter/count.h"
#include "lib/proc/fd.h"
#include "lib/proc/priv.h"

struct role {
	char				 name[32];
	unsigned			 index;
	const struct role_events	*events;
	void				*arg;
	struct event_base		*base;
	struct io_chan			*parent;
	int				 configured, started, done, code;
	int				 chrooted;
	char				*user, directory[4096];
};

static void
open_log(struct role *r, const struct conf *conf)
{
	struct log_param param = {
		.target = conf->log.target, .format = conf->log.format, .level = conf->log.level,
		.file = conf->log.file, .tag = conf->log.syslog_name, .name = r->name,
		.host = conf->hostname,
	};

	if (log_open(&param) == -1)
		log_err("cannot open the log; writing to standard error");
}

static void
take_config(struct role *r, const struct io_frame *f)
{
	struct conf *conf = NULL;
	struct why why;

	if (conf_unpack(f->data, f->len, &conf, &why) == -1) {
		log_err("configuration from the parent refused: %s", why.text);
		return;
	}
	if (!r->configured) {
		open_log(r, conf);
		r->user = must_strdup(r->events->user(conf));
		r->events->directory(conf, r->index, r->directory, sizeof r->directory);
	}
	r->configured = 1;
	r->events->config(r->arg, conf);
}

/* As root: become the role's user inside its directory. Else this is a user's own relay. */
static void
drop_privileges(struct role *r)
{
	struct proc_user user;
	const char *step;

	if (geteuid() != 0)
		return;
	if (proc_priv_find(r->user, &user) == -1)
		fatal(EX_NOUSER, "%s: no user %s", r->name, r->user);
	if (proc_priv_drop(&user, r->directory, &step) == -1)
		fatal(EX_OSERR, "%s: cannot become %s: %s: %s", r->name, r->user, step,
		    strerror(errno));
	r->chrooted = 1;
}

/* Everything that needs root or the file system at large is in our hands now. */
static void
start(struct role *r)
{
	if (!r->configured || r->started)
		return;
	tzset();
	drop_privileges(r);
	if (proc_priv_seal() == -1)
		fatal(EX_OSERR, "%s: cannot give up privileges: %s", r->name, strerror(errno));
	r->started = 1;
	r->events->start(r->arg);
}

static void
take_worker(struct role *r, const struct io_frame *f)
{
	struct buf_reader in = buf_reader_of(f->data, f->len);
	uint32_t index, count;

	if (r->configured || r->events->worker == NULL || buf_get_u32(&in, &index) == -1 ||
	    buf_get_u32(&in, &count) == -1 || count > IPC_WORKERS_MAX || index >= count) {
		if (f->fd != -1)
			close(f->fd);
		return;
	}
	r->index = index;
	if (index > 0)
		str_fmt(r->name + strlen(r->name), sizeof r->name - strlen(r->name), "-%u", index);
	r->events->worker(r->arg, index, count, f->fd);
}

/* A descriptor with the number of the worker, or of the listener, that it belongs to. */
static void
take_numbered(struct role *r, const struct io_frame *f, void (*take)(void *, unsigned, int))
{
	struct buf_reader in = buf_reader_of(f->data, f->len);
	uint32_t number;

	if (f->fd == -1)
		return;
	if (take != NULL && buf_get_u32(&in, &number) == 0)
		take(r->arg, number, f->fd);
	else
		close(f->fd);
}

/* Every role counts; without the table it does so for itself. */
static void
take_counts(const struct io_frame *f)
{
	struct buf_reader in = buf_reader_of(f->data, f->len);
	uint32_t row, rows;

	if (f->fd == -1)
		return;
	if (buf_get_u32(&in, &row) == -1 || buf_get_u32(&in, &rows) == -1)
		close(f->fd);
	else if (meter_count_open(f->fd, rows, row) == -1)
		log_err("the table of counters cannot be mapped: %s", strerror(errno));
}

static void
take_watch(const struct io_frame *f)
{
	struct buf_reader in = buf_reader_of(f->data, f->len);
	uint32_t rows;

	if (f->fd == -1)
		return;
	if (buf_get_u32(&in, &rows) == -1)
		close(f->fd);
	else if (meter_count_watch(f->fd, rows) == -1)
		log_err("another role's counters cannot be mapped: %s", strerror(errno));
}

static void
take_stop(struct role *r, const struct io_frame *f)
{
	struct buf_reader in = buf_reader_of(f->data, f->len);
	uint64_t grace;

	if (buf_get_u64(&in, &grace) == 0)
		r->events->stop(r->arg, grace > 3600000 ? 3600000 : (int64_t)grace);
}

static void
on_frame(void *arg, const struct io_frame *f)
{
	struct role *r = arg;

	switch (f->type) {
	case IPC_CONFIG:
		take_config(r, f);
		break;
	case IPC_LISTENER:
		take_numbered(r, f, r->events->listener);
		break;
	case IPC_CONTROL:
		if (f->fd != -1)
			r->events->control(r->arg, f->fd);
		break;
	case IPC_SCRAPE:
		if (f->fd != -1 && r->events->scrape != NULL)
			r->events->scrape(r->arg, f->fd);
		else if (f->fd != -1)
			close(f->fd);
		break;
	case IPC_PEER:
		take_numbered(r, f, r->events->peer);
		break;
	case IPC_SIBLING:
		take_numbered(r, f, r->events->sibling);
		break;
	case IPC_WORKER:
		take_worker(r, f);
		break;
	case IPC_COMMONS:
		if (f->fd != -1 && r->events->commons != NULL && !r->configured)
			r->events->commons(r->arg, f->fd);
		else if (f->fd != -1)
			close(f->fd);
		break;
	case IPC_COUNTS:
		take_counts(f);
		break;
	case IPC_WATCH:
		take_watch(f);
		break;
	case IPC_START:
		start(r);
		break;
	case IPC_PING:
		io_chan_send(r->parent, IPC_PONG, 0, NULL, 0, -1);
		break;
	case IPC_STOP:
		take_stop(r, f);
		break;
	case IPC_LOG:
		if (f->fd != -1)
			log_adopt(f->fd);
		break;
	default:
		log_warning("unexpected message %u from the parent dropped", f->type);
		break;
	}
}

static void
on_closed(void *arg, const char *why)
{
	struct role *r = arg;

	if (r->done)
		return;
	log_err("the parent is gone (%s): stopping", why);
	r->events->stop(r->arg, 0);
}

static const struct io_chan_events chan_events = { .frame = on_frame, .closed = on_closed };

int
role_main(const char *name, const struct role_events *events, void *arg, struct role **role,
    struct event_base **base)
{
	struct role r = { .events = events, .arg = arg };

	str_copy(r.name, name, sizeof r.name);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGTERM, SIG_IGN);	/* the parent decides; a group-wide TERM must not cut the drain */
	proc_fd_raise_limit();
	r.base = event_base_new();
	if (r.base == NULL)
		fatal(EX_OSERR, "no event loop");
	r.parent = io_chan_new(r.base, ROLE_FD, IPC_PARENT_MAX, &chan_events, &r);
	*role = &r;
	*base = r.base;
	while (!r.done && event_base_loop(r.base, EVLOOP_ONCE) == 0) {
		if (events->turn != NULL && r.started)
			events->turn(arg);
		log_flush();
	}
	events->end(arg);
	io_stream_close_finishing();
	log_flush();
	io_chan_free(&r.parent);
	free(r.user);
	event_base_free(r.base);
	return r.code;
}

void
role_ready(struct role *r)
{
	io_chan_send(r->parent, IPC_READY, 0, NULL, 0, -1);
}

void
role_exit(struct role *r, int code)
{
	r->done = 1;
	r->code = code;
	event_base_loopbreak(r->base);
}

const char *
role_directory(const struct role *r)
{
	return r->chrooted ? "/" : r->directory;
}
