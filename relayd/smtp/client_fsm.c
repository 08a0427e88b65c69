/* SPDX-License-Identifier: ISC */
/*
 * client_fsm: the states of an outgoing connection, which may follow which,
 * and what is sent on entry. MAIL is reachable from ADMIT alone.
 */

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mail/refusal.h"
#include "lib/plan/admit.h"
#include "relayd/smtp/client_int.h"

typedef enum client_state client_step_fn(struct client *, const struct mail_reply *);

/* ---- replies, one handler per state ---- */

/* What a server says when it does not want this session: never permanent for the message. */
static enum client_state
refused(struct client *c, const struct mail_reply *r, const char *what)
{
	int64_t wait;
	int busy = mail_refusal_about(r, 0, &wait) == MAIL_REFUSAL_SERVER;

	return client_failf(c, busy ? WHY_REMOTE_BUSY : WHY_REMOTE_DEFERRED, "%s: %d %s", what,
	    r->code, r->text);
}

static enum client_state
on_no_reply(struct client *c, const struct mail_reply *r)
{
	/* RFC 5321 s3.8: the server has waited long enough. Nothing was at stake. */
	if (c->state == CLIENT_IDLE && r->code == 421)
		return CLIENT_CLOSED;
	return client_failf(c, r->code == 421 ? WHY_REMOTE_BUSY : WHY_PROTOCOL_ERROR,
	    "unexpected reply (%s): %d %s", client_state_name(c->state), r->code, r->text);
}

static enum client_state
on_banner(struct client *c, const struct mail_reply *r)
{
	c->spoke = 1;
	if (r->code != 220)
		return refused(c, r, "greeting");
	return c->facts.encrypted ? CLIENT_TLS_EHLO : CLIENT_EHLO;
}

static enum client_state
on_ehlo(struct client *c, const struct mail_reply *r)
{
	if (r->code == 421)
		return refused(c, r, "EHLO");
	mail_ehlo_parse(r, &c->ehlo);
	/* RFC 5321 s3.2: HELO where EHLO is not known; such a server offers no TLS. */
	if (r->code != 250)
		return CLIENT_HELO;
	return client_tls_offer(c);
}

static enum client_state
on_helo(struct client *c, const struct mail_reply *r)
{
	return r->code == 250 ? client_tls_offer(c) : refused(c, r, "HELO");
}

static enum client_state
on_starttls(struct client *c, const struct mail_reply *r)
{
	return client_tls_start(c, r);
}

static enum client_state
on_tls_ehlo(struct client *c, const struct mail_reply *r)
{
	if (r->code != 250)
		return refused(c, r, "EHLO under TLS");
	mail_ehlo_parse(r, &c->ehlo);
	return CLIENT_ADMIT;
}

static enum client_state
on_rset(struct client *c, const struct mail_reply *r)
{
	return r->code == 250 ? CLIENT_IDLE : CLIENT_QUIT;
}

static enum client_state
on_quit(struct client *c, const struct mail_reply *r)
{
	return CLIENT_CLOSED;
}

#define on_auth	client_auth_reply
#define on_mail	client_xfer_mail
#define on_rcpt	client_xfer_rcpt
#define on_data	client_xfer_data
#define on_chunk client_xfer_chunk
#define on_dot	client_xfer_dot

static const struct client_step {
	const char	*name;
	unsigned	 seconds;
	client_step_fn	*on_reply;
} steps[CLIENT__COUNT] = {
#define STATE(id, fn, secs)	[CLIENT_##id] = { #id, secs, on_##fn },
#include "relayd/smtp/client_state.def"
#undef STATE
};

/* ---- which state may follow which; any state may end in CLOSED ---- */

#define TO(id)	(1u << CLIENT_##id)
static const uint32_t moves[CLIENT__COUNT] = {
	[CLIENT_CONNECT] = TO(BANNER) | TO(HANDSHAKE),
	[CLIENT_BANNER] = TO(EHLO) | TO(TLS_EHLO),
	[CLIENT_EHLO] = TO(HELO) | TO(STARTTLS) | TO(ADMIT),
	[CLIENT_HELO] = TO(STARTTLS) | TO(ADMIT),
	[CLIENT_STARTTLS] = TO(HANDSHAKE) | TO(ADMIT),
	[CLIENT_HANDSHAKE] = TO(TLS_EHLO) | TO(BANNER),
	[CLIENT_TLS_EHLO] = TO(ADMIT),
	[CLIENT_ADMIT] = TO(AUTH) | TO(IDLE) | TO(MAIL),
	[CLIENT_AUTH] = TO(AUTH) | TO(IDLE),
	[CLIENT_IDLE] = TO(ADMIT) | TO(QUIT),
	[CLIENT_MAIL] = TO(RCPT) | TO(RSET),
	[CLIENT_RCPT] = TO(RCPT) | TO(DATA) | TO(BODY) | TO(RSET),
	[CLIENT_DATA] = TO(BODY) | TO(DOT) | TO(RSET),
	[CLIENT_BODY] = TO(CHUNK) | TO(DOT),
	[CLIENT_CHUNK] = TO(BODY) | TO(RSET),
	[CLIENT_DOT] = TO(IDLE) | TO(RSET),
	[CLIENT_RSET] = TO(IDLE) | TO(QUIT),
	[CLIENT_QUIT] = 0,
};

int
client_may_move(enum client_state from, enum client_state to)
{
	if (to == CLIENT_CLOSED)
		return 1;
	return (moves[from] & 1u << to) != 0;
}

/* ---- entering a state ---- */

/* RFC 8689 s5: a notice is not lost where nothing but the offer is missing. */
static int
needs_requiretls(const struct client *c)
{
	if (c->job == NULL)
		return c->requiretls;
	return c->job->msg->requiretls && c->job->msg->sender[0] != '\0';
}

/* The gate: once for the connection, then for each message (HARDENING C7). */
static void
enter_admit(struct client *c)
{
	struct why why;

	if (plan_admits(&c->route->plan, c->terms, &c->facts, &why) == -1)
		client_fail(c, &why);
	else if (needs_requiretls(c) && plan_admits_requiretls(&c->route->plan, c->target,
	    &c->facts, c->ehlo.requiretls, &why) == -1)
		client_fail(c, &why);
	else if (c->job != NULL)
		client_enter(c, client_xfer_begin(c));
	else
		client_enter(c, c->probing ? CLIENT_IDLE : client_auth_begin(c));
}

static void
enter_idle(struct client *c)
{
	int64_t ms = c->generation->conf->delivery.idle;
	struct timeval idle = { ms / 1000, ms % 1000 * 1000 };

	event_add(&c->ev_idle, &idle);
	if (!c->was_ready) {
		c->was_ready = 1;
		c->ready_at = clock_mono_ms();
	}
	io_stream_deadline(c->stream, 0);
	client_kick(c);
}

/*
 * A message that was given up must not reach its dot by what is still buffered; and who
 * has said QUIT has nothing more to say, so that the connection is over when its place is free.
 */
static void
enter_closed(struct client *c, enum client_state from)
{
	client_text_drop(c);
	if (from == CLIENT_BODY || from == CLIENT_CHUNK || from == CLIENT_DOT ||
	    from == CLIENT_QUIT)
		io_stream_free(&c->stream);
	else
		io_stream_finish(&c->stream);
	client_kick(c);
}

void
client_enter(struct client *c, enum client_state next)
{
	const char *host = c->source != NULL ? c->source->hostname : c->generation->conf->hostname;
	enum client_state from = c->state;

	if (from == CLIENT_CLOSED)
		return;
	MUST(next < CLIENT__COUNT && client_may_move(from, next));
	c->state = next;
	if (steps[next].seconds > 0)
		io_stream_deadline(c->stream, steps[next].seconds * 1000LL);
	switch (next) {
	case CLIENT_EHLO:
	case CLIENT_TLS_EHLO:
		client_command(c, "EHLO %s", host);
		break;
	case CLIENT_HELO:
		client_command(c, "HELO %s", host);
		break;
	case CLIENT_STARTTLS:
		client_command(c, "STARTTLS");
		break;
	case CLIENT_ADMIT:
		enter_admit(c);
		break;
	case CLIENT_AUTH:
		client_auth_send(c);
		break;
	case CLIENT_IDLE:
		enter_idle(c);
		break;
	case CLIENT_RSET:
		client_command(c, "RSET");
		break;
	case CLIENT_QUIT:
		client_command(c, "QUIT");
		break;
	case CLIENT_BODY:
		client_text_continue(c);
		break;
	case CLIENT_CLOSED:
		enter_closed(c, from);
		break;
	case CLIENT_CONNECT:
	case CLIENT_BANNER:
	case CLIENT_HANDSHAKE:
	case CLIENT_MAIL:
	case CLIENT_RCPT:
	case CLIENT_DATA:
	case CLIENT_CHUNK:
	case CLIENT_DOT:
	case CLIENT__COUNT:
		break;
	}
}

/*
 * HARDENING C4: is another reply due already, which was read along with the
 * last one? Only of a pipelined group. IDLE and BODY judge what comes.
 */
static int
may_follow(const struct client *c)
{
	switch (c->state) {
	case CLIENT_MAIL:
	case CLIENT_RCPT:
	case CLIENT_DATA:
		return c->pipelined;
	case CLIENT_IDLE:
	case CLIENT_BODY:
	case CLIENT_QUIT:
	case CLIENT_CLOSED:
		return 1;
	case CLIENT_CONNECT:
	case CLIENT_BANNER:
	case CLIENT_EHLO:
	case CLIENT_HELO:
	case CLIENT_STARTTLS:
	case CLIENT_HANDSHAKE:
	case CLIENT_TLS_EHLO:
	case CLIENT_ADMIT:
	case CLIENT_AUTH:
	case CLIENT_CHUNK:
	case CLIENT_DOT:
	case CLIENT_RSET:
	case CLIENT__COUNT:
		break;
	}
	return 0;
}

void
client_reply(struct client *c, const struct mail_reply *r, int more)
{
	enum client_state next;
	const char *text = r->text;

	MUST(c->magic == CLIENT_MAGIC && c->state < CLIENT__COUNT);
	/* A reply to AUTH may hold what we sent (HARDENING O7). */
	if (c->state == CLIENT_AUTH)
		text = "";
	log_debug("%s: %s <- %d %s", c->relay, steps[c->state].name, r->code, text);
	/* A server may give up on us while the text is still on its way. */
	if (c->state == CLIENT_BODY ||
	    ((c->state == CLIENT_DOT || c->state == CLIENT_CHUNK) &&
	    io_stream_unsent(c->stream) > 0))
		next = client_xfer_early(c, r);
	else
		next = steps[c->state].on_reply(c, r);
	if (c->state != CLIENT_CLOSED)
		client_enter(c, next);
	if (more && !may_follow(c))
		client_failf(c, WHY_PROTOCOL_ERROR, "a reply came unasked behind %d %s", r->code,
		    text);
}

const char *
client_state_name(enum client_state s)
{
	return steps[s].name;
}

unsigned
client_state_seconds(enum client_state s)
{
	return steps[s].seconds;
}
