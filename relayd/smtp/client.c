/* SPDX-License-Identifier: ISC */
/* client: life of one outgoing connection. The states are in client_fsm.c. */
#include "relayd/smtp/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/plan/monitor.h"
#include "relayd/smtp/client_int.h"

static struct client *
client_of(void *arg)
{
	struct client *c = arg;

	MUST(c != NULL && c->magic == CLIENT_MAGIC);
	return c;
}

/* ---- stream events ---- */

static void
on_connected(void *arg)
{
	struct client *c = client_of(arg);

	c->reach = FAMILIES_REACHED;
	client_enter(c, c->target->implicit ? client_tls_implicit(c) : CLIENT_BANNER);
}

static void
on_input(void *arg)
{
	struct client *c = client_of(arg);

	while (c->state != CLIENT_CLOSED) {
		struct buf *in = io_stream_in(c->stream);
		struct mail_reply reply;
		struct why why;
		size_t used = 0;
		enum mail_reply_result got;

		if (buf_len(in) == 0)
			return;
		got = mail_reply_feed(&c->parser, buf_data(in), buf_len(in), &used, &reply, &why);
		buf_drop(in, used);
		if (got == MAIL_REPLY_MORE)
			return;
		if (got == MAIL_REPLY_BAD && c->state == CLIENT_AUTH)
			client_failf(c, WHY_PROTOCOL_ERROR, "malformed reply (AUTH)");
		else if (got == MAIL_REPLY_BAD)
			client_fail(c, &why);
		else
			client_reply(c, &reply, buf_len(in) > 0);
	}
}

static void
on_drained(void *arg)
{
	struct client *c = client_of(arg);

	if (c->state == CLIENT_BODY)
		client_text_continue(c);
}

static void
on_secured(void *arg)
{
	client_tls_secured(client_of(arg));
}

/* A refusal comes from the host, or from something in front of it: the way there is good. */
static enum families_reach
reach_of(const struct client *c, enum io_end how, int err)
{
	if (how == IO_TIMEOUT || err == ETIMEDOUT || err == EHOSTUNREACH)
		return FAMILIES_NO_ANSWER;
	if (err == ENETUNREACH || err == EADDRNOTAVAIL)
		return c->at_once ? FAMILIES_NO_ROUTE : FAMILIES_NO_ANSWER;
	return err == ECONNREFUSED ? FAMILIES_REACHED : FAMILIES_NOT_TRIED;
}

static void
end_connect(struct client *c, enum io_end how)
{
	int err = io_stream_errno(c->stream);

	c->reach = reach_of(c, how, err);
	if (how == IO_TIMEOUT || err == ETIMEDOUT)
		client_failf(c, WHY_CONNECT_TIMEOUT, "no answer to the connection");
	else
		client_failf(c, WHY_CONNECT_REFUSED, "%s", strerror(err));
}

static void
end_session(struct client *c, enum io_end how)
{
	const char *where = c->state == CLIENT_DOT ?
	    "DOT; the server may have taken the message" : client_state_name(c->state);

	switch (how) {
	case IO_EOF:
		client_failf(c, WHY_CONNECTION_LOST, "the server closed the connection (%s)", where);
		break;
	case IO_TRUNCATED:
		client_failf(c, WHY_CONNECTION_LOST, "the TLS connection was cut (%s)", where);
		break;
	case IO_ERROR:
		client_failf(c, WHY_CONNECTION_LOST, "%s (%s)",
		    strerror(io_stream_errno(c->stream)), where);
		break;
	case IO_TIMEOUT:
		client_failf(c, WHY_TIMEOUT, "no reply in time (%s)", where);
		break;
	case IO_TLS_FAILED:
		client_failf(c, WHY_CONNECTION_LOST, "TLS failure (%s)", where);
		break;
	}
}

static void
on_ended(void *arg, enum io_end how)
{
	struct client *c = client_of(arg);

	if (c->state == CLIENT_CONNECT)
		end_connect(c, how);
	else if (c->state == CLIENT_HANDSHAKE)
		client_tls_ended(c, how);
	else if (c->state == CLIENT_QUIT || c->state == CLIENT_IDLE)
		client_enter(c, CLIENT_CLOSED);		/* nothing was at stake */
	else
		end_session(c, how);
}

static const struct io_stream_events stream_events = {
	.connected = on_connected, .input = on_input, .drained = on_drained,
	.secured = on_secured, .ended = on_ended,
};

/* A kept connection may be closed by the server at any time: then nothing was tried. */
static int
lost_on_reuse(const struct client *c)
{
	return c->state == CLIENT_MAIL && c->begun > 1;
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	client_quit(client_of(arg));
}

/*
 * Each reply has its time, but a thousand of them may not have a thousand times that. The text
 * has a measure of its own: a large message takes long.
 */
static void
on_attempt(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = client_of(arg);

	if (c->state == CLIENT_MAIL || c->state == CLIENT_RCPT || c->state == CLIENT_DATA)
		client_failf(c, WHY_TIMEOUT, "the envelope was not taken within %lld s (%s)",
		    (long long)c->generation->conf->delivery.attempt_timeout / 1000,
		    client_state_name(c->state));
}

static void
attempt_begin(struct client *c)
{
	int64_t ms = c->generation->conf->delivery.attempt_timeout;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(&c->ev_attempt, &tv);
}

/* ---- what is due to the owner ---- */

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = client_of(arg);
	struct job *job;

	/* One callback a turn: each of them may free the client. */
	if (c->finished) {
		job = c->job;
		c->job = NULL;
		c->finished = 0;
		event_del(&c->ev_attempt);
		if (c->state == CLIENT_CLOSED || c->state == CLIENT_IDLE)
			client_kick(c);
		c->events->done(c->arg, c, job);
	} else if (c->state == CLIENT_CLOSED && !c->over) {
		c->over = 1;
		c->events->ended(c->arg, c, &c->why);
	} else if (c->state == CLIENT_IDLE && c->job == NULL) {
		c->events->ready(c->arg, c);
	}
}

void
client_kick(struct client *c)
{
	event_active(&c->ev_kick, EV_TIMEOUT, 0);
}

/* ---- shared by the other files ---- */

enum client_state
client_fail(struct client *c, const struct why *why)
{
	c->why = *why;
	c->full = c->spoke && c->state > CLIENT_HELO;
	client_text_drop(c);
	if (c->job != NULL && !c->finished) {
		if (!lost_on_reuse(c))
			job_settle_open(c->job, JOB_DEFERRED, why, NULL);
		c->finished = 1;
	}
	client_enter(c, CLIENT_CLOSED);
	return CLIENT_CLOSED;
}

enum client_state
client_failf(struct client *c, enum why_reason reason, const char *fmt, ...)
{
	struct why why;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	why_set(&why, reason, "%s", text);
	return client_fail(c, &why);
}

void
client_command(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_addv(io_stream_out(c->stream), fmt, ap);
	va_end(ap);
	buf_add(io_stream_out(c->stream), "\r\n", 2);
	io_stream_push(c->stream);
}

/* ---- life ---- */

/* No socket to be had, or the address that was to be bound is not ours (any more). */
static void
not_dialled(struct client *c)
{
	int err = errno;

	if (c->local[0] != '\0' && err != EMFILE && err != ENFILE && err != EAFNOSUPPORT)
		why_set(&c->why, WHY_SOURCE_ADDRESS, "%s cannot be connected from: %s", c->local,
		    strerror(err));
	else
		why_set(&c->why, WHY_CONNECT_REFUSED, "%s", strerror(err));
	if (err == EAFNOSUPPORT)
		c->reach = FAMILIES_NO_ROUTE;
}

/* 0, or -1 and c->why. */
static int
dial(struct client *c, const struct client_param *p)
{
	struct sockaddr_storage to, from;
	socklen_t to_len, from_len = 0;
	struct dns_address local;
	int bound = source_address(c->source, p->address.family, &local, &c->why);

	if (bound == -1)
		return -1;
	to_len = dns_address_sockaddr(&p->address, p->port, &to);
	if (bound) {
		dns_address_print(&local, c->local, sizeof c->local);
		from_len = dns_address_sockaddr(&local, 0, &from);
	}
	c->stream = io_stream_connect(c->base, (struct sockaddr *)&to, to_len,
	    bound ? (struct sockaddr *)&from : NULL, from_len, &stream_events, c);
	if (c->stream == NULL) {
		not_dialled(c);
		return -1;
	}
	c->at_once = io_stream_errno(c->stream) != 0;
	io_stream_deadline(c->stream, p->connect_ms > 0 ? p->connect_ms :
	    c->generation->conf->delivery.connect_timeout);
	return 0;
}

struct client *
client_new(const struct client_param *p, const struct client_events *events, void *arg)
{
	struct client *c = must_calloc(1, sizeof *c);
	char ip[64];

	MUST(p->target < p->route->plan.ntargets);
	c->magic = CLIENT_MAGIC;
	c->state = CLIENT_CONNECT;
	c->events = events;
	c->arg = arg;
	c->base = p->base;
	c->store = p->store;
	c->generation = generation_ref(p->generation);
	c->route = route_ref(p->route);
	c->target = &c->route->plan.targets[p->target];
	c->terms = &c->target->requirement;
	c->in_clear = p->in_clear;
	c->probing = p->probing;
	c->requiretls = p->requiretls;
	why_clear(&c->refused);
	if (p->refused != NULL) {
		c->refused = *p->refused;
		plan_monitor_requirement(&c->route->plan, &c->target->requirement, &c->monitor);
		c->terms = &c->monitor;
	}
	c->started = clock_mono_ms();
	why_clear(&c->why);
	dns_address_print(&p->address, ip, sizeof ip);
	str_fmt(c->relay, sizeof c->relay, "%s[%s]:%u", c->target->host.name, ip, p->port);
	mail_reply_init(&c->parser);
	event_assign(&c->ev_kick, c->base, -1, 0, on_kick, c);
	event_assign(&c->ev_idle, c->base, -1, 0, on_idle, c);
	event_assign(&c->ev_attempt, c->base, -1, 0, on_attempt, c);
	c->source = sources_of(&c->generation->sources, c->target->requirement.source);
	if (dial(c, p) == -1) {
		c->state = CLIENT_CLOSED;
		client_kick(c);
	}
	return c;
}

void
client_free(struct client **cp)
{
	struct client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	MUST(c->magic == CLIENT_MAGIC);
	client_text_drop(c);
	job_free(&c->job);
	event_del(&c->ev_kick);
	event_del(&c->ev_idle);
	event_del(&c->ev_attempt);
	io_stream_free(&c->stream);
	mail_reply_fini(&c->parser);
	plan_requirement_fini(&c->monitor);
	route_unref(&c->route);
	generation_unref(&c->generation);
	c->magic = 0;
	free(c);
}

void
client_give(struct client *c, struct job *job)
{
	MUST(c->job == NULL && !c->over && !c->probing);
	c->job = job;
	job->given = clock_mono_ms();
	if (c->state == CLIENT_IDLE) {
		attempt_begin(c);
		client_enter(c, CLIENT_ADMIT);
		return;
	}
	/* The server or the idle timer was faster, and the owner has not heard of it yet. */
	c->finished = 1;
	client_kick(c);
}

void
client_quit(struct client *c)
{
	if (c->state == CLIENT_IDLE && c->job == NULL)
		client_enter(c, CLIENT_QUIT);
}

const char *client_relay(const struct client *c) { return c->relay; }
const char *client_local(const struct client *c) { return c->local[0] != '\0' ? c->local : NULL; }
const struct tls_facts *client_facts(const struct client *c) { return &c->facts; }
const struct plan_target *client_target(const struct client *c) { return c->target; }
const struct plan *client_plan(const struct client *c) { return &c->route->plan; }
const struct route *client_route(const struct client *c) { return c->route; }
const struct plan_requirement *client_terms(const struct client *c) { return c->terms; }
unsigned client_sent(const struct client *c) { return c->sent; }
unsigned client_declined(const struct client *c) { return c->sent == 0 ? c->declined : 0; }
int client_offers_dsn(const struct client *c) { return c->ehlo.dsn; }
int client_spoke(const struct client *c) { return c->spoke; }
int client_full(const struct client *c) { return c->full; }
enum families_reach client_reach(const struct client *c) { return c->reach; }

const struct why *
client_refused(const struct client *c)
{
	return why_is_set(&c->refused) ? &c->refused : NULL;
}

uint64_t
client_key(const struct client *c)
{
	return plan_requirement_key(&c->target->requirement);
}

int64_t
client_setup_ms(const struct client *c)
{
	return c->ready_at == 0 ? clock_mono_ms() - c->started : c->ready_at - c->started;
}
