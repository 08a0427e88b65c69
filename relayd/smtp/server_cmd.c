/* SPDX-License-Identifier: ISC */
/* server_cmd: one handler per verb, and a table that says when each may come. */

#include "lib/base/str.h"
#include "relayd/smtp/server_int.h"

#define HANDSHAKE_MS	60000

typedef void verb_fn(struct server *, const struct mail_command *);

/* RFC 5321 s4.1.4, RFC 2920: some commands must be the last of their group. */
static int
pipelined_badly(struct server *s, const char *verb)
{
	size_t more = buf_len(io_stream_in(s->stream));

	if (more == 0)
		return 0;
	if (s->client != NULL && s->client->profile == CONF_PROFILE_APPLIANCE)
		return 0;
	server_close(s, 554, "5.5.0", "nothing may follow %s before its reply", verb);
	return 1;
}

/* ---- EHLO and its relatives ---- */

static void
offer(struct server *s)
{
	struct buf *out = io_stream_out(s->stream);
	const struct conf *conf = s->generation->conf;

	buf_addf(out, "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n", conf->hostname,
	    (unsigned long long)conf->queue.max_message);
	if (s->tls != NULL && s->tls_text[0] == '\0')
		buf_adds(out, "250-STARTTLS\r\n");
	if (s->tls_text[0] != '\0')		/* RFC 8689 s2: under TLS alone */
		buf_adds(out, "250-REQUIRETLS\r\n");
	buf_adds(out, "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-DSN\r\n"
	    "250 SMTPUTF8\r\n");
	io_stream_push(s->stream);
}

static void
do_ehlo(struct server *s, const struct mail_command *c)
{
	if (pipelined_badly(s, "EHLO"))
		return;
	s->junk++;
	server_reset(s);
	str_copy(s->helo, c->helo, sizeof s->helo);
	s->esmtp = c->verb == MAIL_VERB_EHLO;
	s->state = SERVER_READY;
	if (s->esmtp)
		offer(s);
	else
		server_reply(s, 250, "", "%s", s->generation->conf->hostname);
}

static void
do_starttls(struct server *s, const struct mail_command *c)
{
	SSL *ssl;

	if (s->tls == NULL || s->tls_text[0] != '\0') {
		server_reply(s, 503, "5.5.1", "STARTTLS is not available now");
		return;
	}
	server_reset(s);
	ssl = tls_server_session(s->tls);
	if (ssl == NULL) {
		server_reply(s, 454, "4.7.0", "TLS is not available for a temporary reason");
		return;
	}
	/* HARDENING I4: text behind STARTTLS is an injection, whoever the client is. */
	if (io_stream_tls(s->stream, ssl, 1) == -1) {
		server_close(s, 554, "5.5.0", "nothing may follow STARTTLS before its reply");
		return;
	}
	/* Leaves in clear: the handshake begins behind what is buffered. */
	server_reply(s, 220, "2.0.0", "ready to start TLS");
	s->state = SERVER_HANDSHAKE;
	io_stream_deadline(s->stream, HANDSHAKE_MS);
}

/* ---- a transaction ---- */

/* 0, or -1 and *a: may this client begin a message now? */
static int
may_send(struct server *s, const struct mail_command *c, struct mail_answer *a)
{
	const struct conf *conf = s->generation->conf;
	enum why_reason refusal;

	if (s->client != NULL && s->client->tls == CONF_CLIENT_TLS_REQUIRED && s->tls_text[0] == '\0')
		return mail_answer_set(a, 530, "5.7.0", "this client must issue STARTTLS first");
	if (c->requiretls && s->tls_text[0] == '\0')		/* RFC 8689 s2 */
		return mail_answer_set(a, 530, "5.7.10", "REQUIRETLS needs TLS: STARTTLS first");
	if (c->has_size && c->size > conf->queue.max_message)
		return mail_answer_set(a, 552, "5.3.4", "the message is larger than %llu bytes",
		    (unsigned long long)conf->queue.max_message);
	if (s->client != NULL && conf->limits.messages > 0 &&
	    s->messages >= (unsigned)conf->limits.messages)
		return mail_answer_set(a, 421, "4.7.0", "too many messages in one session");
	refusal = s->house->store->ops->refuses(s->house->store);
	if (refusal == WHY_LOCAL_SPACE)
		return mail_answer_set(a, 452, "4.3.1", "the queue is short of disk space");
	if (refusal != WHY_NONE)	/* HARDENING D4 */
		return mail_answer_set(a, 451, "4.3.0", "%s", why_words(refusal));
	return 0;
}

static void
do_mail(struct server *s, const struct mail_command *c)
{
	struct intake_param p = {
		.base = s->house->base, .store = s->house->store, .generation = s->generation,
		.client = s->client, .client_text = s->text, .client_ip = s->ip,
		.sink = &s->house->sink,
	};
	struct mail_answer a;

	if (may_send(s, c, &a) == -1) {
		if (a.code == 421)
			server_close(s, a.code, a.dsn, "%s", a.text);
		else
			server_reject(s, "MAIL", &a, NULL);
		return;
	}
	s->state = SERVER_MAIL;
	if (s->client != NULL)		/* a stranger gets no further than RCPT */
		s->intake = intake_new(&p, c, &server_text_events, s);
	server_reply(s, 250, "2.1.0", "Ok");
}

static void
do_rcpt(struct server *s, const struct mail_command *c)
{
	struct mail_answer a;

	/* HARDENING I13: whatever the address looks like. */
	if (s->client == NULL) {
		mail_answer_set(&a, 550, "5.7.1", "client %s may not relay mail here", s->ip);
		server_reject(s, "RCPT", &a, c->path);
		return;
	}
	if (intake_rcpt(s->intake, c, &a) == -1) {
		server_reject(s, "RCPT", &a, c->path);
		return;
	}
	s->state = SERVER_RCPT;
	server_reply(s, 250, "2.1.5", "Ok");
}

static void
do_data(struct server *s, const struct mail_command *c)
{
	if (pipelined_badly(s, "DATA"))
		return;
	server_reply(s, 354, "", "end with <CR><LF>.<CR><LF>");
	server_text_begin(s);
}

/* ---- the rest ---- */

static void
do_rset(struct server *s, const struct mail_command *c)
{
	s->junk++;
	server_reset(s);
	server_reply(s, 250, "2.0.0", "Ok");
}

static void
do_noop(struct server *s, const struct mail_command *c)
{
	s->junk++;
	server_reply(s, 250, "2.0.0", "Ok");
}

static void
do_vrfy(struct server *s, const struct mail_command *c)
{
	s->junk++;
	server_reply(s, 252, "2.5.0", "send mail, and the delivery will be attempted");
}

static void
do_help(struct server *s, const struct mail_command *c)
{
	s->junk++;
	server_reply(s, 214, "2.0.0", "see RFC 5321");
}

static void
do_quit(struct server *s, const struct mail_command *c)
{
	server_close(s, 221, "2.0.0", "bye");
}

static void
do_not_here(struct server *s, const struct mail_command *c)
{
	s->errors++;
	server_reply(s, 502, "5.5.1", "not implemented");
}

/* RFC 3030 s2: its octets come in any state. */
static void
do_bdat(struct server *s, const struct mail_command *c)
{
	server_chunk_begin(s, c->chunk, c->last);
}

static void
do_foreign(struct server *s, const struct mail_command *c)
{
	server_close(s, 500, "5.5.1", "this is an SMTP server");
}

#define IN(id)		(1u << SERVER_##id)
#define GREETED_BY_NAME	(IN(READY) | IN(MAIL) | IN(RCPT) | IN(CHUNKS) | IN(SPOILT))
#define ALWAYS		(IN(GREETED) | GREETED_BY_NAME)

static const struct {
	verb_fn		*run;
	unsigned	 states;
	const char	*otherwise;	/* text of 503 */
} verbs[MAIL_VERB__COUNT] = {
	[MAIL_VERB_EHLO] = { do_ehlo, ALWAYS, "" },
	[MAIL_VERB_HELO] = { do_ehlo, ALWAYS, "" },
	[MAIL_VERB_STARTTLS] = { do_starttls, GREETED_BY_NAME, "send EHLO first" },
	[MAIL_VERB_MAIL] = { do_mail, IN(READY), "send EHLO first, and one MAIL at a time" },
	[MAIL_VERB_RCPT] = { do_rcpt, IN(MAIL) | IN(RCPT), 
	    "send MAIL first, and RCPT before the text" },
	[MAIL_VERB_DATA] = { do_data, IN(RCPT), "no valid recipients, or BDAT was used" },
	[MAIL_VERB_RSET] = { do_rset, ALWAYS, "" },
	[MAIL_VERB_NOOP] = { do_noop, ALWAYS, "" },
	[MAIL_VERB_VRFY] = { do_vrfy, ALWAYS, "" },
	[MAIL_VERB_HELP] = { do_help, ALWAYS, "" },
	[MAIL_VERB_QUIT] = { do_quit, ALWAYS, "" },
	[MAIL_VERB_BDAT] = { do_bdat, ALWAYS, "" },
	[MAIL_VERB_EXPN] = { do_not_here, ALWAYS, "" },
	[MAIL_VERB_AUTH] = { do_not_here, ALWAYS, "" },
	[MAIL_VERB_UNKNOWN] = { do_not_here, ALWAYS, "" },
	[MAIL_VERB_FOREIGN] = { do_foreign, ALWAYS, "" },
};

int
server_enough(struct server *s)
{
	const struct conf *conf = s->generation->conf;

	if (s->state == SERVER_CLOSING)
		return 1;
	if (s->draining && (s->state <= SERVER_RCPT || s->state == SERVER_SPOILT))
		server_close(s, 421, "4.3.2", "the relay is going down");
	else if (s->errors >= (unsigned)conf->limits.errors)
		server_close(s, 421, "4.7.0", "too many errors");
	else if (s->junk >= (unsigned)conf->limits.junk)
		server_close(s, 421, "4.7.0", "too many commands without a message");
	else
		return 0;
	return 1;
}

void
server_command(struct server *s, const char *line, size_t len)
{
	struct buf *in = io_stream_in(s->stream);
	struct mail_command cmd;
	struct mail_answer a;
	int rc = mail_command_parse(line, len, &cmd, &a);

	/* The line is read; handlers look at what follows it. */
	buf_drop(in, len + (line[len] == '\r') + 1);
	if (cmd.verb == MAIL_VERB_FOREIGN) {
		verbs[cmd.verb].run(s, &cmd);
	} else if (rc == -1 && cmd.verb == MAIL_VERB_BDAT) {
		/* Octets follow that are no commands, and nobody knows how many. */
		server_close(s, a.code, a.dsn, "%s", a.text);
	} else if (rc == -1) {
		s->errors++;
		server_answer(s, &a);
	} else if ((verbs[cmd.verb].states & 1u << s->state) == 0) {
		s->errors++;
		server_reply(s, 503, "5.5.1", "%s", verbs[cmd.verb].otherwise);
	} else {
		verbs[cmd.verb].run(s, &cmd);
	}
	server_enough(s);
}
