/* SPDX-License-Identifier: ISC */
/* child: start, heartbeat, restart with back-off. */
#include "relayd/parent/child.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/chan.h"
#include "lib/ipc/ipc.h"
#include "relayd/role.h"

#define HEARTBEAT_S	5
#define SILENCE_MS	30000		/* a role that does not answer for so long is wedged */
#define STARTING_MS	600000		/* until it is ready: a large queue gets a new schema */
#define BACKOFF_MIN_MS	1000
#define BACKOFF_MAX_MS	60000
#define CRASHES_MAX	5		/* within CRASH_SPAN_MS: stays down */
#define CRASH_SPAN_MS	60000
#define UNIT_ABORT	"RELAYD_ABORT_ON"	/* tests: what is the death of smtp */
#define UNIT_CRASHES	"RELAYD_CRASHES_MAX"	/* tests kill more often than this */

struct child {
	const char			*role;
	unsigned			 index;
	char				 name[32];
	struct event_base		*base;
	const struct child_events	*events;
	void				*arg;
	pid_t				 pid;		/* 0 = down */
	struct io_chan			*chan;
	struct event			*ev_restart, *ev_heartbeat;
	int				 ready, stopping, killed;
	int64_t				 last_pong, started;
	int64_t				 crashes[CRASHES_MAX];
	unsigned			 ncrashes;
	int64_t				 backoff;
};

static void
schedule(struct event *ev, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(ev, &tv);
}

/* ---- the new process ---- */

/* What a child may inherit: nothing that steers OpenSSL or curl. */
static char **
clean_environment(void)
{
	static const char *const kept[] = { "TZ", "LD_PRELOAD", "LD_LIBRARY_PATH", "ASAN_OPTIONS",
		"UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", UNIT_ABORT };
	static char *env[LENGTH(kept) + 1];
	size_t n = 0;

	for (size_t i = 0; i < LENGTH(kept); i++) {
		const char *value = getenv(kept[i]);
		struct buf b;

		if (value == NULL)
			continue;
		buf_init(&b);
		buf_addf(&b, "%s=%s", kept[i], value);
		buf_take(&b, &env[n++], NULL);
	}
	env[n] = NULL;
	return env;
}

_Noreturn static void
become(const struct child *c, int fd)
{
	char title[48], role[32];
	char *argv[] = { title, (char[]){ "-R" }, role, NULL };
	sigset_t none;

	str_fmt(title, sizeof title, "relayd-%s", c->name);
	str_copy(role, c->role, sizeof role);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd != ROLE_FD) {
		if (dup2(fd, ROLE_FD) == -1)
			_exit(EX_OSERR);
		close(fd);
	}
	if (close_range(ROLE_FD + 1, ~0u, 0) == -1)
		_exit(EX_OSERR);
	/* dup2 cleared close-on-exec; if fd was ROLE_FD already it must be cleared here. */
	fcntl(ROLE_FD, F_SETFD, 0);
	execve("/proc/self/exe", argv, clean_environment());
	_exit(EX_OSERR);
}

/* ---- its frames ---- */

static void
on_frame(void *arg, const struct io_frame *f)
{
	struct child *c = arg;

	if (f->fd != -1)
		close(f->fd);
	switch (f->type) {
	case IPC_READY:
		if (!c->ready) {
			c->ready = 1;
			c->last_pong = clock_mono_ms();
			c->events->ready(c->arg, c);
		}
		break;
	case IPC_PONG:
		c->last_pong = clock_mono_ms();
		break;
	default:
		log_warning("%s: unexpected message %u dropped", c->name, f->type);
		break;
	}
}

static void
on_closed(void *arg, const char *why)
{
	/* The exit status says more and comes by itself. */
	(void)arg;
	(void)why;
}

static const struct io_chan_events chan_events = { .frame = on_frame, .closed = on_closed };

/* ---- life ---- */

static void
on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	if (!c->stopping && c->pid == 0)
		child_start(c);
}

static void
on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;
	int most = c->ready ? SILENCE_MS : STARTING_MS;

	if (c->pid == 0)
		return;
	if (clock_mono_ms() - c->last_pong > most && !c->killed) {
		log_err("%s[%d] has not answered for %d s: killing it", c->name, (int)c->pid,
		    most / 1000);
		c->killed = 1;
		kill(c->pid, SIGKILL);
	} else if (!c->killed) {
		child_send(c, IPC_PING, NULL, 0, -1);
	}
	schedule(c->ev_heartbeat, HEARTBEAT_S * 1000);
}

void
child_start(struct child *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		fatal(EX_OSERR, "socketpair: %s", strerror(errno));
	log_flush();
	c->pid = fork();
	if (c->pid == -1) {
		c->pid = 0;
		log_err("%s: fork: %s", c->name, strerror(errno));
		close(pair[0]);
		close(pair[1]);
		schedule(c->ev_restart, BACKOFF_MAX_MS);
		return;
	}
	if (c->pid == 0)
		become(c, pair[1]);
	close(pair[1]);
	c->ready = c->killed = 0;
	c->started = c->last_pong = clock_mono_ms();
	c->chan = io_chan_new(c->base, pair[0], 65536, &chan_events, c);
	schedule(c->ev_heartbeat, HEARTBEAT_S * 1000);
	c->events->started(c->arg, c);
}

void
child_send(struct child *c, uint16_t type, const void *data, size_t len, int fd)
{
	if (c->chan != NULL)
		io_chan_send(c->chan, type, 0, data, len, fd);
	else if (fd != -1)
		close(fd);
}

void
child_stop(struct child *c, int64_t ms)
{
	struct buf b;

	c->stopping = 1;
	event_del(c->ev_restart);
	buf_init(&b);
	buf_add_u64(&b, (uint64_t)ms);
	child_send(c, IPC_STOP, buf_data(&b), buf_len(&b), -1);
	buf_fini(&b);
}

static void
describe(char *to, size_t cap, int status)
{
	if (WIFSIGNALED(status))
		str_fmt(to, cap, "was ended by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		str_fmt(to, cap, "exited with code %d", WEXITSTATUS(status));
}

static int
refused(struct child *c, int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) >= EX__BASE &&
	    WEXITSTATUS(status) <= EX__MAX &&
	    c->events->refused(c->arg, c, WEXITSTATUS(status));
}

/* 1 if there were too many crashes in too short a time. */
static int
note_crash(struct child *c)
{
	const char *more = getenv(UNIT_CRASHES);
	int64_t now = clock_mono_ms(), oldest = c->crashes[c->ncrashes % CRASHES_MAX];

	c->crashes[c->ncrashes++ % CRASHES_MAX] = now;
	if (now - c->started > CRASH_SPAN_MS || c->backoff == 0)
		c->backoff = BACKOFF_MIN_MS;
	else
		c->backoff = c->backoff * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : c->backoff * 2;
	if (more != NULL) {
		c->backoff = 10;
		return 0;
	}
	return c->ncrashes > CRASHES_MAX && now - oldest < CRASH_SPAN_MS;
}

int
child_reap(struct child *c, pid_t pid, int status)
{
	char how[80];
	int gave_up = 0;

	if (c->pid == 0 || pid != c->pid)
		return 0;
	describe(how, sizeof how, status);
	c->pid = 0;
	c->ready = 0;
	event_del(c->ev_heartbeat);
	io_chan_free(&c->chan);
	if (c->stopping) {
		log_info("%s[%d] %s", c->name, (int)pid, how);
	} else if (refused(c, status)) {
		log_err("%s[%d] %s before relayd was ready: it cannot start", c->name, (int)pid, how);
	} else if (note_crash(c)) {
		gave_up = 1;
		log_err("%s[%d] %s; it crashed %d times within %d s and stays down: restart the "
		    "service when the cause is mended; queued mail is safe", c->name, (int)pid, how,
		    CRASHES_MAX, CRASH_SPAN_MS / 1000);
	} else {
		log_err("%s[%d] %s; starting it again in %lld ms", c->name, (int)pid, how,
		    (long long)c->backoff);
		schedule(c->ev_restart, c->backoff);
	}
	c->events->exited(c->arg, c, gave_up);
	return 1;
}

struct child *
child_new(struct event_base *base, const char *role, unsigned index,
    const struct child_events *events, void *arg)
{
	struct child *c = must_calloc(1, sizeof *c);

	c->role = role;
	c->index = index;
	if (index > 0)
		str_fmt(c->name, sizeof c->name, "%s-%u", role, index);
	else
		str_copy(c->name, role, sizeof c->name);
	c->base = base;
	c->events = events;
	c->arg = arg;
	c->ev_restart = evtimer_new(base, on_restart, c);
	c->ev_heartbeat = evtimer_new(base, on_heartbeat, c);
	return c;
}

void
child_free(struct child **cp)
{
	struct child *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	event_free(c->ev_restart);
	event_free(c->ev_heartbeat);
	io_chan_free(&c->chan);
	free(c);
}

int child_running(const struct child *c) { return c->pid != 0; }
int child_is_ready(const struct child *c) { return c->pid != 0 && c->ready; }

int
child_answers(const struct child *c, int64_t ms)
{
	return child_is_ready(c) && clock_mono_ms() - c->last_pong <= ms;
}

const char *child_name(const struct child *c) { return c->name; }
unsigned child_index(const struct child *c) { return c->index; }
