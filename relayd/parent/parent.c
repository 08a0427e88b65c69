/* SPDX-License-Identifier: ISC */
/* parent: wiring of sockets, children and signals. See parent.h. */
#include "relayd/parent/parent.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/ipc/ipc.h"
#include "lib/meter/count.h"
#include "lib/proc/commons.h"
#include "lib/proc/crowd.h"
#include "lib/proc/fd.h"
#include "lib/proc/notify.h"
#include "relayd/parent/child.h"
#include "relayd/parent/crew.h"
#include "relayd/parent/shards.h"
#include "relayd/parent/sockets.h"

#define WATCHDOG_SILENCE_MS	20000	/* since the last answer to a heartbeat (one every 5 s) */
#define STOP_SLACK_MS	5000	/* beyond the drain time, then SIGKILL */

struct parent {
	struct event_base	*base;
	const char		*conf_path;
	struct conf		*conf;
	struct sockets		*sockets;
	struct crew		*crew;
	int			 crowd_fd, commons_fd;	/* what workers share; -1: there is one */
	struct proc_crowd	*crowd;
	struct proc_commons	*commons;
	struct event		*signals[6], *ev_stop, *ev_watchdog;
	size_t			 nsignals;
	int			 announced, stopping;
	int			 exit_code;	/* of the role that could not start */
};

static void
send_config(struct parent *p, struct child *c)
{
	struct buf b;

	buf_init(&b);
	/* Private keys go to the role that does TLS and to nobody else (HARDENING H1). */
	if (c != crew_policy(p->crew))
		conf_pack(p->conf, &b);
	else
		conf_pack_public(p->conf, &b);
	child_send(c, IPC_CONFIG, buf_data(&b), buf_len(&b), -1);
	explicit_bzero(buf_data(&b), buf_len(&b));
	buf_fini(&b);
}

static int
copy_of(int fd)
{
	return fd != -1 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
}

static void
on_started(void *arg, struct child *c)
{
	struct parent *p = arg;

	int works = c != crew_policy(p->crew);

	if (works)
		crew_number(p->crew, c, copy_of(p->crowd_fd), copy_of(p->commons_fd));
	send_config(p, c);
	crew_lend_counts(p->crew, c);
	if (works)
		sockets_hand_over(p->sockets, c);
	crew_introduce(p->crew, c);
	child_send(c, IPC_START, NULL, 0, -1);
}

static void
on_ready(void *arg, struct child *c)
{
	struct parent *p = arg;

	log_info("%s is ready", child_name(c));
	if (!crew_ready(p->crew))
		return;
	if (!p->announced)
		log_notice("ready");
	p->announced = 1;
	proc_notify_ready("relaying");
}

static void
stop(struct parent *p, int64_t grace)
{
	struct timeval tv = { (grace + STOP_SLACK_MS) / 1000, 0 };

	log_notice("stopping, up to %lld s for sessions in progress", (long long)grace / 1000);
	proc_notify_stopping("draining");
	p->stopping = 1;
	sockets_free(&p->sockets);
	/* policy stays until the last worker has gone: deliveries in flight may still ask. */
	for (unsigned i = 0; i < crew_workers(p->crew); i++)
		child_stop(crew_worker(p->crew, i), grace);
	if (crew_working(p->crew) == 0) {
		child_stop(crew_policy(p->crew), 0);
		if (!child_running(crew_policy(p->crew)))
			event_base_loopbreak(p->base);
	}
	event_add(p->ev_stop, &tv);
}

/*
 * Before the first READY nothing was promised to anybody: relayd ends with what the role says,
 * for whoever started it to see. Later a role is started again, mail may be on its way.
 */
static int
on_refused(void *arg, struct child *c, int code)
{
	struct parent *p = arg;

	if (p->announced)
		return 0;
	if (!p->stopping)
		p->exit_code = code;
	return 1;
}

static void
on_exited(void *arg, struct child *c, int gave_up)
{
	struct parent *p = arg;

	if (!p->stopping)
		meter_count(METER_EXITS, c == crew_policy(p->crew) ? METER_POLICY_ROLE :
		    METER_SMTP, 0);
	/* Its sessions and connections ended with it. */
	if (p->crowd != NULL && c != crew_policy(p->crew)) {
		proc_crowd_clear(p->crowd, child_index(c));
		proc_commons_clear(p->commons, PROC_COMMONS_USED, child_index(c));
	}
	if (gave_up)
		proc_notify_status("%s is down after repeated crashes: mail waits", child_name(c));
	if (!p->stopping && p->exit_code != EX_OK) {
		stop(p, 0);
		return;
	}
	if (!p->stopping)
		return;
	if (crew_working(p->crew) > 0)
		return;
	if (c != crew_policy(p->crew))
		child_stop(crew_policy(p->crew), 1000);
	if (!child_running(crew_policy(p->crew)))
		event_base_loopbreak(p->base);
}

static const struct child_events child_events = {
	.started = on_started, .ready = on_ready, .refused = on_refused,
	.exited = on_exited,
};

/* ---- signals ---- */

static void
on_stop_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct parent *p = arg;

	log_warning("the drain time is over: ending what is left");
	event_base_loopbreak(p->base);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;

	stop(p, p->stopping ? 0 : p->conf->drain);
}

static void
log_complaints(const struct conf_errors *e)
{
	for (size_t i = 0; i < e->nerrors; i++)
		log_err("%s", e->errors[i]);
	for (size_t i = 0; i < e->nwarnings; i++)
		log_warning("%s", e->warnings[i]);
}

static void
reconfigure(struct child *c, void *arg)
{
	send_config(arg, c);
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;
	struct conf_errors errors;
	struct conf *fresh = NULL;
	struct buf restart;

	if (p->stopping)
		return;
	proc_notify_reloading();
	if (conf_load(p->conf_path, CONF_SYSTEM, &fresh, &errors) == -1) {
		log_complaints(&errors);
		log_err("reload refused: %zu errors in %s; the old configuration stays in force",
		    errors.nerrors, p->conf_path);
		conf_errors_fini(&errors);
		proc_notify_ready("reload refused: the old configuration stays in force");
		return;
	}
	log_complaints(&errors);
	conf_errors_fini(&errors);
	buf_init(&restart);
	if (conf_diff_restart(p->conf, fresh, &restart) > 0)
		log_warning("reloaded, but a restart is needed for: %s", buf_str(&restart));
	buf_fini(&restart);
	conf_free(&p->conf);
	p->conf = fresh;
	crew_each(p->crew, reconfigure, p);
	log_notice("reloaded %s", p->conf_path);
	proc_notify_ready("relaying");
}

/* Log rotation: the children may live in a chroot, so the new file is opened for them. */
static int
open_again(const struct parent *p)
{
	int fd = log_file_open(p->conf->log.file);

	if (fd == -1)
		log_err("%s cannot be opened again: %s", p->conf->log.file, strerror(errno));
	return fd;
}

static void
give_log(struct child *c, void *arg)
{
	int fd = open_again(arg);

	if (fd != -1)
		child_send(c, IPC_LOG, NULL, 0, fd);
}

static void
on_usr1(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;
	int fd;

	if (p->conf->log.target != LOG_TO_FILE)
		return;
	crew_each(p->crew, give_log, p);
	if ((fd = open_again(p)) != -1)
		log_adopt(fd);
}

static void
on_chld(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		crew_reap(p->crew, pid, status);
}

/* A wedged child must not look healthy: silence lets the service manager act. */
static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct parent *p = arg;

	if (crew_answers(p->crew, WATCHDOG_SILENCE_MS))
		proc_notify_watchdog();
}

static void
start_watchdog(struct parent *p)
{
	int64_t ms = proc_notify_watchdog_ms() / 2;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	p->ev_watchdog = event_new(p->base, -1, EV_PERSIST, on_watchdog, p);
	if (ms > 0)
		event_add(p->ev_watchdog, &tv);
}

static void
add_signal(struct parent *p, int sig, event_callback_fn fn)
{
	struct event *ev = evsignal_new(p->base, sig, fn, p);

	MUST(p->nsignals < LENGTH(p->signals));
	event_add(ev, NULL);
	p->signals[p->nsignals++] = ev;
}

/* ---- directories ---- */

static void
make_directory(const char *path, const char *user)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;

	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		fatal(EX_CANTCREAT, "%s: %s; create it or name another directory", path,
		    strerror(errno));
	if (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) == -1)
		fatal(EX_CANTCREAT, "%s: chown to %s: %s", path, user, strerror(errno));
}

static void
make_shared(struct parent *p, unsigned workers)
{
	if (workers < 2)
		return;
	p->crowd_fd = proc_crowd_make(workers);
	p->commons_fd = proc_commons_make(workers);
	if (p->crowd_fd != -1)
		p->crowd = proc_crowd_map(copy_of(p->crowd_fd), workers, PROC_CROWD_PARENT);
	if (p->commons_fd != -1)
		p->commons = proc_commons_map(copy_of(p->commons_fd), workers, PROC_COMMONS_PARENT);
	if (p->crowd == NULL || p->commons == NULL)
		fatal(EX_OSERR, "no memory for the workers to share: %s", strerror(errno));
}

int
parent_main(const char *conf_path, struct conf *conf)
{
	struct parent p = { .conf_path = conf_path, .conf = conf, .crowd_fd = -1, .commons_fd = -1 };

	signal(SIGPIPE, SIG_IGN);
	umask(077);
	proc_notify_open();
	proc_fd_raise_limit();
	make_directory(conf->queue.directory, conf->user);
	make_directory(conf->state.directory, conf->policy_user);
	shards_make(conf->queue.directory, (unsigned)conf->workers, conf->user);
	p.base = event_base_new();
	p.sockets = sockets_open(conf);
	p.ev_stop = evtimer_new(p.base, on_stop_deadline, &p);
	start_watchdog(&p);
	add_signal(&p, SIGTERM, on_term);
	add_signal(&p, SIGINT, on_term);
	add_signal(&p, SIGHUP, on_hup);
	add_signal(&p, SIGCHLD, on_chld);
	add_signal(&p, SIGUSR1, on_usr1);
	make_shared(&p, (unsigned)conf->workers);
	p.crew = crew_new(p.base, (unsigned)conf->workers, &child_events, &p);
	crew_count(p.crew);
	crew_start(p.crew);
	while (!event_base_got_break(p.base) && event_base_loop(p.base, EVLOOP_ONCE) == 0)
		log_flush();
	crew_free(&p.crew);
	log_notice("stopped");
	log_flush();
	for (size_t i = 0; i < p.nsignals; i++)
		event_free(p.signals[i]);
	event_free(p.ev_stop);
	event_free(p.ev_watchdog);
	sockets_free(&p.sockets);
	proc_crowd_free(&p.crowd);
	proc_commons_free(&p.commons);
	if (p.crowd_fd != -1)
		close(p.crowd_fd);
	if (p.commons_fd != -1)
		close(p.commons_fd);
	conf_free(&p.conf);
	event_base_free(p.base);
	return p.exit_code;
}
