/* SPDX-License-Identifier: ISC */
/*
 * client_xfer: one message over an admitted connection: MAIL, RCPT, DATA in
 * one write where the server pipelines (RFC 2920), and what each recipient is
 * told. The text itself, by DATA or by BDAT (RFC 3030), is in client_text.c.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/mail/command.h"
#include "lib/mail/dsn.h"
#include "lib/mail/refusal.h"
#include "lib/mail/safe.h"
#include "lib/plan/admit.h"
#include "relayd/smtp/client_int.h"
#include "relayd/smtp/flight.h"

/* ---- what the server cannot take ---- */

/* Does it need SMTPUTF8 whoever gets it? What has 8 bits may have them in a header somewhere. */
static int
is_wide(const struct store_message *m)
{
	return m->utf8 && (m->eightbit || mail_safe_is_wide(m->sender));
}

/*
 * RFC 6531 s3.2 keeps addresses and headers that are not ASCII, at any level of the message, from
 * a server without SMTPUTF8. Where all is ASCII nothing is lost with it, though it was asked for.
 */
static int
needs_utf8(const struct store_message *m)
{
	if (is_wide(m))
		return 1;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (mail_safe_is_wide(m->rcpts[i].address))
			return 1;
	return 0;
}

/* Only the recipients whose own addresses need SMTPUTF8 fail for it, if it is them alone. */
static void
spare(struct client *c)
{
	const struct store_message *m = c->job->msg;

	if (c->ehlo.smtputf8 || is_wide(m))
		return;
	for (size_t i = 0; i < m->nrcpts; i++)
		c->job->results[i].put_off = !mail_safe_is_wide(m->rcpts[i].address);
}

static void
not_acceptable(struct client *c, const struct why *why)
{
	if (why->reason == WHY_REMOTE_NO_SMTPUTF8)
		spare(c);
	for (size_t i = 0; i < c->job->msg->nrcpts; i++)
		if (!c->job->results[i].put_off) {
			c->job->results[i].fate = JOB_FAILED;
			c->job->results[i].why = *why;
		}
}

/*
 * A notice of ours that returns a text of 8 bits would be lost at such a server, and nobody told:
 * it goes without the text.
 */
static void
make_plain(struct client *c)
{
	const struct store_message *m = c->job->msg;
	struct buf text;
	size_t len;
	char *data;

	if (c->ehlo.eightbitmime || !m->eightbit || m->sender[0] != '\0' || m->client != NULL ||
	    m->body->data == NULL)
		return;
	buf_init(&text);
	if (mail_dsn_to_ascii(&text, m->body->data, m->body->size) == 0) {
		buf_take(&text, &data, &len);
		c->plain = store_body_new(&data, len);
	}
	buf_fini(&text);
}

static int
is_eightbit(const struct client *c)
{
	return c->job->msg->eightbit && c->plain == NULL;
}

static int
acceptable(const struct client *c, struct why *why)
{
	const struct store_message *m = c->job->msg;

	if (needs_utf8(m) && !c->ehlo.smtputf8)
		return why_set(why, WHY_REMOTE_NO_SMTPUTF8, "%s does not offer SMTPUTF8", c->relay);
	if (is_eightbit(c) && !c->ehlo.eightbitmime)
		return why_set(why, WHY_REMOTE_NO_8BITMIME, "%s does not offer 8BITMIME", c->relay);
	if (c->ehlo.has_size && c->ehlo.size > 0 && m->size > c->ehlo.size)
		return why_set(why, WHY_REMOTE_SIZE, "%s takes at most %llu bytes", c->relay,
		    (unsigned long long)c->ehlo.size);
	return 0;
}

/* ---- commands ---- */

static void
send_mail(struct client *c)
{
	const struct store_message *m = c->job->msg;
	struct mail_command cmd = { .verb = MAIL_VERB_MAIL };
	struct why why;

	str_copy(cmd.path, m->sender, sizeof cmd.path);
	cmd.has_size = c->ehlo.has_size;
	cmd.size = c->plain != NULL ? c->plain->size : m->size;
	cmd.body = is_eightbit(c) ? MAIL_BODY_8BITMIME : MAIL_BODY_NONE;
	cmd.smtputf8 = m->utf8 && c->ehlo.smtputf8;
	cmd.requiretls = m->requiretls && plan_admits_requiretls(&c->route->plan, c->target,
	    &c->facts, c->ehlo.requiretls, &why) == 0;
	if (c->ehlo.dsn && m->ret != NULL)
		cmd.ret = mail_ret_of(m->ret);
	if (c->ehlo.dsn && m->envid != NULL)
		str_copy(cmd.envid, m->envid, sizeof cmd.envid);
	mail_command_print(io_stream_out(c->stream), &cmd);
}

static void
send_rcpt(struct client *c, size_t i)
{
	const struct store_rcpt *r = &c->job->msg->rcpts[i];
	struct mail_command cmd = { .verb = MAIL_VERB_RCPT };

	str_copy(cmd.path, r->address, sizeof cmd.path);
	if (c->ehlo.dsn && r->notify != NULL)
		mail_notify_parse(r->notify, &cmd.notify);
	if (c->ehlo.dsn && r->orcpt != NULL)
		str_copy(cmd.orcpt, r->orcpt, sizeof cmd.orcpt);
	mail_command_print(io_stream_out(c->stream), &cmd);
}

enum client_state
client_xfer_begin(struct client *c)
{
	struct why why;

	c->rcpt = c->accepted = 0;
	c->mail_ok = 0;
	c->begun++;
	make_plain(c);
	if (acceptable(c, &why) == -1) {
		not_acceptable(c, &why);
		c->finished = 1;
		return CLIENT_IDLE;
	}
	c->job->began = clock_mono_ms();
	flight_begin(c->store, c->job, c->relay);
	c->pipelined = c->ehlo.pipelining;
	/* What failed once goes by DATA: CHUNKING that is offered and broken delays, no more. */
	c->chunked = c->ehlo.chunking && c->job->msg->rcpts[0].tries == 0;
	send_mail(c);
	for (size_t i = 0; c->pipelined && i < c->job->msg->nrcpts; i++)
		send_rcpt(c, i);
	if (c->pipelined && !c->chunked)
		buf_adds(io_stream_out(c->stream), "DATA\r\n");
	io_stream_push(c->stream);
	return CLIENT_MAIL;
}

/* ---- results ---- */

static enum why_reason
reason_of(const struct mail_reply *reply, int rcpt, int64_t *wait)
{
	switch (mail_refusal_about(reply, rcpt, wait)) {
	case MAIL_REFUSAL_SERVER:
		return WHY_REMOTE_BUSY;
	case MAIL_REFUSAL_GREYLIST:
		return WHY_GREYLISTED;
	case MAIL_REFUSAL_MESSAGE:
		break;
	}
	return reply->code >= 500 ? WHY_REMOTE_REJECTED : WHY_REMOTE_DEFERRED;
}

/* Put off for what the server is like now; a greylist and a full mailbox are no better elsewhere. */
static int
is_declined(const struct client *c, const struct mail_reply *reply, enum why_reason reason)
{
	if (reply->code / 100 != 4 || reason == WHY_GREYLISTED)
		return 0;
	if (reply->dsn[0] == '\0')
		return c->state != CLIENT_RCPT || reply->code != 450;	/* RFC 5321 s4.2.3 */
	return strncmp(reply->dsn, "4.1.", 4) != 0 && strncmp(reply->dsn, "4.2.", 4) != 0;
}

static void
judge(struct client *c, struct job_result *r, const struct mail_reply *reply)
{
	int permanent = reply->code >= 500;
	enum why_reason reason = reason_of(reply, c->state == CLIENT_RCPT, &r->wait);

	c->declined += is_declined(c, reply, reason) != 0;

	r->fate = permanent ? JOB_FAILED : JOB_DEFERRED;
	r->remote = 1;
	str_fmt(r->reply, sizeof r->reply, "%d %s%s%s", reply->code, reply->dsn,
	    reply->dsn[0] != '\0' ? " " : "", reply->text);
	why_set_dsn(&r->why, reason, reply->dsn[0] != '\0' ? reply->dsn : why_dsn(reason), "%s",
	    r->reply);
}

/* The transaction is refused; who was put off is none of its recipients. */
static void
judge_open(struct client *c, const struct mail_reply *reply)
{
	for (size_t i = 0; i < c->job->msg->nrcpts; i++)
		if (c->job->results[i].fate == JOB_OPEN && !c->job->results[i].put_off)
			judge(c, &c->job->results[i], reply);
}

/* RFC 5321 s4.5.3.1.10: as many as the server takes at once; 552 is what some say for 452. */
static int
is_too_many(const struct mail_reply *reply)
{
	return (reply->code == 452 || reply->code == 552) &&
	    (reply->dsn[0] == '\0' || strcmp(reply->dsn + 1, ".5.3") == 0);
}

static void
judge_rcpt(struct client *c, struct job_result *r, const struct mail_reply *reply)
{
	if (r->fate != JOB_OPEN)
		return;
	if (reply->code / 100 == 2) {
		c->accepted++;		/* stays open until the text is taken */
	} else if (is_too_many(reply) && c->accepted > 0) {
		r->put_off = 1;
	} else {
		judge(c, r, reply);
		if (r->fate != JOB_FAILED || !is_too_many(reply))
			return;
		r->fate = JOB_DEFERRED;
		why_set_dsn(&r->why, WHY_REMOTE_DEFERRED, "4.5.3", "%s", r->reply);
	}
}

/* The job is settled. RSET where the server may hold half a transaction. */
static enum client_state
over(struct client *c, enum client_state next)
{
	client_text_drop(c);
	c->finished = 1;
	client_kick(c);
	return next;
}

/*
 * No way on with this connection. 421: the server ends the session (RFC 5321
 * s3.8). 354 where no text is due: whatever we said next it would take for text.
 */
static int
is_end(const struct mail_reply *reply)
{
	return reply->code == 421 || reply->code / 100 == 1 || reply->code / 100 == 3;
}

static enum client_state
end_session(struct client *c, const struct mail_reply *reply)
{
	if (reply->code != 421)
		return client_failf(c, WHY_PROTOCOL_ERROR, "unexpected reply (%s): %d %s",
		    client_state_name(c->state), reply->code, reply->text);
	judge_open(c, reply);
	return client_failf(c, WHY_REMOTE_BUSY, "%d %s", reply->code, reply->text);
}

/* ---- replies ---- */

enum client_state
client_xfer_mail(struct client *c, const struct mail_reply *reply)
{
	if (is_end(reply))
		return end_session(c, reply);
	c->mail_ok = reply->code / 100 == 2;
	if (!c->mail_ok) {
		judge_open(c, reply);
		if (!c->pipelined)
			return over(c, CLIENT_RSET);
	} else if (!c->pipelined) {
		send_rcpt(c, 0);
		io_stream_push(c->stream);
	}
	return CLIENT_RCPT;
}

enum client_state
client_xfer_rcpt(struct client *c, const struct mail_reply *reply)
{
	struct job_result *r = &c->job->results[c->rcpt];

	if (is_end(reply))
		return end_session(c, reply);
	judge_rcpt(c, r, reply);
	if (++c->rcpt < c->job->msg->nrcpts) {
		if (!c->pipelined) {
			send_rcpt(c, c->rcpt);
			io_stream_push(c->stream);
		}
		return CLIENT_RCPT;
	}
	if (c->pipelined && !c->chunked)
		return CLIENT_DATA;
	if (c->accepted == 0)
		return over(c, CLIENT_RSET);
	if (c->chunked)
		return CLIENT_BODY;
	client_command(c, "DATA");
	return CLIENT_DATA;
}

enum client_state
client_xfer_data(struct client *c, const struct mail_reply *reply)
{
	if (reply->code == 354 && c->accepted > 0)
		return CLIENT_BODY;
	if (reply->code == 354 && c->mail_ok) {
		/* RFC 2920 s3.1: all recipients were refused; an empty text ends it. */
		buf_adds(io_stream_out(c->stream), ".\r\n");
		io_stream_push(c->stream);
		return CLIENT_DOT;
	}
	if (is_end(reply) || reply->code / 100 == 2)
		return end_session(c, reply);
	judge_open(c, reply);
	return over(c, CLIENT_RSET);
}

/*
 * 500 to 504 speak of the command and not of the message: the server has not
 * understood BDAT and takes the octets behind it for anything. It is told no
 * more, and the next try uses DATA.
 */
static int
is_lost(const struct client *c, const struct mail_reply *reply)
{
	return c->chunked && reply->code >= 500 && reply->code <= 504;
}

static enum client_state
lost(struct client *c, const struct mail_reply *reply)
{
	return client_failf(c, WHY_PROTOCOL_ERROR, "CHUNKING is offered and BDAT refused: %d %s",
	    reply->code, reply->text);
}

/* RFC 3030 s2: a chunk that is not the last one; its 250 is no delivery. */
enum client_state
client_xfer_chunk(struct client *c, const struct mail_reply *reply)
{
	if (is_end(reply))
		return end_session(c, reply);
	if (is_lost(c, reply))
		return lost(c, reply);
	if (reply->code / 100 == 2)
		return CLIENT_BODY;
	judge_open(c, reply);
	return over(c, CLIENT_RSET);
}

enum client_state
client_xfer_dot(struct client *c, const struct mail_reply *reply)
{
	if (is_end(reply))
		return end_session(c, reply);
	if (is_lost(c, reply))
		return lost(c, reply);
	if (reply->code / 100 != 2) {
		judge_open(c, reply);
		return over(c, c->chunked ? CLIENT_RSET : CLIENT_IDLE);
	}
	for (size_t i = 0; i < c->job->msg->nrcpts; i++) {
		struct job_result *r = &c->job->results[i];

		if (r->fate != JOB_OPEN || r->put_off)
			continue;
		r->fate = JOB_DELIVERED;
		why_set_dsn(&r->why, WHY_NONE, reply->dsn[0] != '\0' ? reply->dsn : "2.0.0", "%s",
		    reply->text);
		str_fmt(r->reply, sizeof r->reply, "%d %s%s%s", reply->code, reply->dsn,
		    reply->dsn[0] != '\0' ? " " : "", reply->text);
	}
	flight_accepted(c->store, c->job, c->ehlo.dsn);
	c->sent += c->accepted > 0;
	return over(c, CLIENT_IDLE);
}

/* A reply while the text is on its way can only be a refusal; the connection has no way on. */
enum client_state
client_xfer_early(struct client *c, const struct mail_reply *reply)
{
	if (reply->code < 400)
		return client_failf(c, WHY_PROTOCOL_ERROR, "%d before the end of the message",
		    reply->code);
	if (is_lost(c, reply))
		return lost(c, reply);
	judge_open(c, reply);
	return client_failf(c, WHY_REMOTE_DEFERRED, "%d %s", reply->code, reply->text);
}
