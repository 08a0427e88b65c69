/* SPDX-License-Identifier: ISC */
/*
 * ctlserve: connections of the control socket, from accept to the last line.
 * One request a connection. The deadline runs while we wait for the asker,
 * never while the asker waits for us.
 */
#include "relayd/smtp/ctlserve.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/listener.h"
#include "lib/io/stream.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_gather.h"
#include "relayd/smtp/ctl_local.h"
#include "relayd/smtp/ctl_part.h"
#include "relayd/smtp/ctl_verbs.h"

#define CONN_MAGIC	0xc0417011u
#define CONNS_MAX	32
#define DEADLINE_MS	30000

struct conn {
	unsigned		 magic;
	TAILQ_ENTRY(conn)	 link;
	struct ctlserve		*owner;
	struct io_stream	*stream;
	struct event		 ev_step;
	struct ucred		 peer;
	struct ctl_call		 call;
	struct ctl_gather	*gather;	/* all workers answer; NULL: this one does */
};

struct ctlserve {
	struct event_base	*base;
	struct io_listener	*listener;
	struct ctl_house	 house;
	struct ctl_front	*front;		/* NULL: there are no other workers */
	TAILQ_HEAD(conns, conn)	 conns;
	unsigned		 nconns;
};

static struct conn *
conn_of(void *arg)
{
	struct conn *c = arg;

	MUST(c != NULL && c->magic == CONN_MAGIC);
	return c;
}

static struct conn *
conn_of_call(struct ctl_call *call)
{
	return conn_of((char *)call - offsetof(struct conn, call));
}

static void
conn_free(struct conn *c)
{
	TAILQ_REMOVE(&c->owner->conns, c, link);
	c->owner->nconns--;
	event_del(&c->ev_step);
	ctl_gather_free(&c->gather);
	ctl_call_fini(&c->call);
	io_stream_free(&c->stream);
	c->magic = 0;
	free(c);
}

/* ---- the answer goes out ---- */

static void
on_call_wrote(struct ctl_call *call)
{
	io_stream_push(conn_of_call(call)->stream);
}

static void
on_call_next(struct ctl_call *call)
{
	struct conn *c = conn_of_call(call);

	if (io_stream_unsent(c->stream) > 0) {
		io_stream_deadline(c->stream, DEADLINE_MS);
		io_stream_want_drain(c->stream);
	} else {
		event_active(&c->ev_step, EV_TIMEOUT, 0);
	}
}

static void
proceed(struct conn *c)
{
	io_stream_deadline(c->stream, 0);
	if (c->call.over) {
		io_stream_finish(&c->stream);
		conn_free(c);
	} else if (c->gather != NULL) {
		ctl_gather_step(c->gather);
	} else {
		c->call.verb->step(&c->call);
	}
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	proceed(conn_of(arg));
}

static void
on_drained(void *arg)
{
	proceed(conn_of(arg));
}

/* ---- the request comes in ---- */

static int
is_trusted(const struct conn *c)
{
	return c->peer.uid == 0 || c->peer.uid == geteuid();
}

static int
check_rights(const struct conn *c, const struct ctl_verb *verb, struct ctl_refusal *r)
{
	static const char fix[] = "run it as root or as the account that relayd runs under";

	if (is_trusted(c))
		return 0;
	if (verb->right == CTL_CHANGE)
		return ctl_refuse(r, CTL_DENIED, fix, "%s is not permitted to uid %u", verb->name,
		    c->peer.uid);
	for (size_t i = 0; verb->args[i].key != NULL; i++)
		if (verb->args[i].right == CTL_CHANGE && c->call.values[i].given)
			return ctl_refuse(r, CTL_DENIED, fix, "%s with %s is not permitted to uid %u",
			    verb->name, verb->args[i].key, c->peer.uid);
	return 0;
}

static int
unknown_verb(const char *name, struct ctl_refusal *r)
{
	const char *nearest = ctl_verb_nearest(name);
	char fix[CTL_TEXT_CAP] = "relayctl help";

	if (nearest != NULL)
		(void)str_fmt(fix, sizeof fix, "did you mean %s?", nearest);
	return ctl_refuse(r, CTL_USAGE, fix, "unknown verb %s", name);
}

static int
understand(struct conn *c, const char *line, size_t n, struct ctl_refusal *r)
{
	const struct ctl_verb *verb = NULL;
	char name[CTL_VERB_CAP];
	json_t *root;
	int result = -1;

	if (ctl_request_parse(line, n, &root, name, r) == -1)
		return -1;
	if ((verb = ctl_verb_find(name)) == NULL)
		(void)unknown_verb(name, r);
	else if (ctl_request_values(root, verb->args, c->call.values, r) == 0)
		result = check_rights(c, verb, r);
	if (result == 0)
		c->call.verb = verb;
	if (result == 0 && ctl_gather_is_needed(c->owner->front, &c->call))
		c->gather = ctl_gather_new(c->owner->front, &c->call, root);
	json_decref(root);
	return result;
}

static void
note(const struct conn *c, const char *line, size_t n, const struct ctl_refusal *refused)
{
	int len = n > 500 ? 500 : (int)n;

	if (refused != NULL && refused->kind == CTL_DENIED)
		log_warning("control: denied to uid %u pid %d: %.*s", c->peer.uid, (int)c->peer.pid,
		    len, line);
	else if (refused == NULL && c->call.verb->right == CTL_CHANGE)
		log_notice("control: uid %u pid %d: %.*s", c->peer.uid, (int)c->peer.pid, len, line);
}

static void
take_request(struct conn *c, const char *line, size_t n)
{
	struct ctl_refusal r;

	io_stream_pause(c->stream);	/* one request a connection */
	io_stream_deadline(c->stream, 0);
	if (understand(c, line, n, &r) == -1) {
		note(c, line, n, &r);
		ctl_call_refuse(&c->call, &r);
		return;
	}
	note(c, line, n, NULL);
	if (c->gather == NULL && c->call.verb->state_size > 0)
		c->call.state = must_calloc(1, c->call.verb->state_size);
	event_active(&c->ev_step, EV_TIMEOUT, 0);
}

static void
on_input(void *arg)
{
	struct conn *c = conn_of(arg);
	struct buf *in = io_stream_in(c->stream);
	size_t n = buf_len(in);
	const char *line = buf_data(in), *end = n == 0 ? NULL : memchr(line, '\n', n);

	if (c->call.verb != NULL || c->call.over)
		return;
	if (end != NULL)
		take_request(c, line, (size_t)(end - line));
	else if (n >= CTL_REQUEST_MAX)
		take_request(c, line, CTL_REQUEST_MAX + 1);	/* refused by its length */
}

static void
on_ended(void *arg, enum io_end how)
{
	conn_free(conn_of(arg));
}

static void
on_nothing(void *arg)
{
}

static const struct io_stream_events events = {
	.connected = on_nothing, .secured = on_nothing, .input = on_input,
	.drained = on_drained, .ended = on_ended,
};

/* ---- life ---- */

static void
turn_away(int fd, const char *line)
{
	(void)send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct ctlserve *s = arg;
	struct conn *c;
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (s->nconns >= CONNS_MAX) {
		turn_away(fd, "{\"error\":\"too many control connections\","
		    "\"fix\":\"try again\",\"kind\":\"busy\"}\n");
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1) {
		turn_away(fd, "{\"error\":\"your account is not known\","
		    "\"fix\":\"\",\"kind\":\"denied\"}\n");
		return;
	}
	c = must_calloc(1, sizeof *c);
	c->magic = CONN_MAGIC;
	c->owner = s;
	c->peer = peer;
	ctl_call_init(&c->call, &s->house);
	c->call.wrote = on_call_wrote;
	c->call.next = on_call_next;
	c->call.uid = (uint32_t)peer.uid;
	event_assign(&c->ev_step, s->base, -1, 0, on_step, c);
	c->stream = io_stream_new(s->base, fd, &events, c);
	c->call.out = io_stream_out(c->stream);
	io_stream_input_max(c->stream, CTL_REQUEST_MAX);
	io_stream_deadline(c->stream, DEADLINE_MS);
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	s->nconns++;
}

struct ctlserve *
ctlserve_new(struct event_base *base, int fd, struct store *store, struct sched *sched)
{
	struct ctlserve *s = must_calloc(1, sizeof *s);

	s->base = base;
	s->house = (struct ctl_house){
		.store = store, .sched = sched, .started = clock_mono_ms(),
	};
	TAILQ_INIT(&s->conns);
	if (fd != -1)
		s->listener = io_listener_new(base, fd, on_accept, s);
	return s;
}

void
ctlserve_watch(struct ctlserve *s, const struct admission *a)
{
	s->house.admission = a;
}

void
ctlserve_share(struct ctlserve *s, struct siblings *siblings, int64_t patience)
{
	s->house.siblings = siblings;
	if (siblings != NULL)
		s->front = ctl_front_new(s->base, siblings, &s->house, patience);
}

struct ctl_local *
ctlserve_ask(struct ctlserve *s, const char *verb, void (*done)(void *), void *arg)
{
	return ctl_local_new(s->base, &s->house, s->front, verb, done, arg);
}

void
ctlserve_free(struct ctlserve **sp)
{
	struct ctlserve *s = *sp;
	struct conn *c, *next;

	*sp = NULL;
	if (s == NULL)
		return;
	TAILQ_FOREACH_SAFE(c, &s->conns, link, next)
		conn_free(c);
	ctl_front_free(&s->front);
	io_listener_free(&s->listener);
	free(s);
}
