/* SPDX-License-Identifier: ISC */
/* server: life of a session; lines and replies. Commands are in server_cmd.c. */
#include "relayd/smtp/server.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/listener.h"
#include "lib/meter/count.h"
#include "lib/proc/fd.h"
#include "relayd/smtp/server_int.h"

#define STRESSED_MS	10000	/* idle time while nearly all sessions are taken (HARDENING I7) */
#define HANDSHAKE_MS	60000

static struct server *
server_of(void *arg)
{
	struct server *s = arg;

	MUST(s != NULL && s->magic == SERVER_MAGIC);
	return s;
}

/* ---- replies ---- */

void
server_answer(struct server *s, const struct mail_answer *a)
{
	mail_answer_print(io_stream_out(s->stream), a);
	io_stream_push(s->stream);
}

void
server_reply(struct server *s, int code, const char *dsn, const char *fmt, ...)
{
	struct mail_answer a;
	va_list ap;

	va_start(ap, fmt);
	mail_answer_setv(&a, code, dsn, fmt, ap);
	va_end(ap);
	server_answer(s, &a);
}

static void
over(struct server *s)
{
	s->state = SERVER_CLOSING;
	intake_free(&s->intake);
	io_stream_finish(&s->stream);
	/* Callers up the stack still look at it: it is freed when the loop turns. */
	TAILQ_REMOVE(&s->house->live, s, link);
	TAILQ_INSERT_TAIL(&s->house->over, s, link);
}

void
server_close(struct server *s, int code, const char *dsn, const char *fmt, ...)
{
	struct mail_answer a;
	va_list ap;

	va_start(ap, fmt);
	mail_answer_setv(&a, code, dsn, fmt, ap);
	va_end(ap);
	server_answer(s, &a);
	log_msg(code == 221 ? LOG_LVL_DEBUG : LOG_LVL_INFO, "%s: session ended: %d %s", s->text,
	    code, a.text);
	over(s);
}

/* Our replies say it in a status code; what has no row is about the command. */
static enum why_reason
reason_of(const char *dsn)
{
	static const struct {
		const char	*dsn;
		enum why_reason	 reason;
	} rows[] = {
		{ "4.3.0", WHY_LOCAL_STORAGE }, { "4.3.1", WHY_LOCAL_SPACE },
		{ "4.3.2", WHY_LOCAL_SHUTDOWN }, { "4.5.3", WHY_LIMIT }, { "4.7.0", WHY_LIMIT },
		{ "5.1.1", WHY_BAD_ADDRESS }, { "5.1.3", WHY_BAD_ADDRESS },
		{ "5.1.7", WHY_BAD_ADDRESS }, { "5.3.4", WHY_MESSAGE_TOO_BIG },
		{ "5.4.6", WHY_LOOP }, { "5.6.0", WHY_BAD_CONTENT },
		{ "5.6.7", WHY_BAD_ADDRESS }, { "5.7.0", WHY_LEVEL_NOT_MET },
		{ "5.7.1", WHY_CLIENT_NOT_PERMITTED }, { "5.7.10", WHY_REQUIRETLS_NO_TLS },
	};

	for (size_t i = 0; i < LENGTH(rows); i++)
		if (strcmp(rows[i].dsn, dsn) == 0)
			return rows[i].reason;
	return WHY_PROTOCOL_ERROR;
}

void
server_reject(struct server *s, const char *verb, const struct mail_answer *a, const char *rcpt)
{
	char text[900], code[8];
	const struct log_kv kv[] = {
		LOG_STR("client", s->text), LOG_STR("verb", verb), LOG_STR("code", code),
		LOG_STR("dsn", a->dsn), LOG_STR("text", a->text), LOG_STR("to", rcpt),
		LOG_STR("proto", server_protocol(s)), LOG_STR("helo", s->helo),
	};

	str_fmt(code, sizeof code, "%d", a->code);
	str_fmt(text, sizeof text, "NOQUEUE: reject: %s from %s: %d %s %s; to=<%s> proto=%s helo=<%s>",
	    verb, s->text, a->code, a->dsn, a->text, rcpt != NULL ? rcpt : "", server_protocol(s),
	    s->helo);
	log_event(LOG_LVL_INFO, "smtpd", "reject", text, kv, LENGTH(kv));
	meter_count(METER_REJECTED, meter_label_of(METER_STAGE, verb), reason_of(a->dsn));
	if (a->code >= 500)
		s->errors++;
	server_answer(s, a);
}

const char *
server_protocol(const struct server *s)
{
	if (!s->esmtp)
		return "SMTP";
	return s->tls_text[0] != '\0' ? "ESMTPS" : "ESMTP";
}

void
server_reset(struct server *s)
{
	intake_free(&s->intake);
	if (s->state > SERVER_READY)
		s->state = SERVER_READY;
}

/* ---- input ---- */

static void
set_deadline(struct server *s)
{
	const struct conf *conf = s->generation->conf;
	int64_t ms = conf->limits.idle;
	int in_line = buf_len(io_stream_in(s->stream)) > 0;

	/* HARDENING I7: one deadline for a line, however many pieces it comes in. */
	if (in_line && s->in_line)
		return;
	s->in_line = in_line;
	if (in_line)
		ms = conf->limits.command;
	else if (admission_stressed(s->house->admission, conf))
		ms = STRESSED_MS;
	io_stream_deadline(s->stream, ms);
}

/* Takes one line; 0 if there is none yet. */
static int
next_line(struct server *s)
{
	struct buf *in = io_stream_in(s->stream);
	char *data = buf_data(in), *lf = NULL;
	size_t len;

	if (buf_len(in) > 0)
		lf = memchr(data, '\n', buf_len(in));
	if (lf == NULL) {
		if (buf_len(in) > MAIL_COMMAND_MAX + 2)
			server_close(s, 500, "5.5.2", "line too long");
		return 0;
	}
	len = (size_t)(lf - data);
	if (len > 0 && data[len - 1] == '\r')
		len--;			/* a bare LF ends a command, too: nothing follows from it */
	s->in_line = 0;
	server_command(s, data, len);
	return 1;
}

static void
on_input(void *arg)
{
	struct server *s = server_of(arg);
	struct buf *in = io_stream_in(s->stream);

	if (!s->spoke && mail_command_is_foreign(buf_data(in), buf_len(in))) {
		log_info("%s: this is not SMTP (TLS, HTTP or SSH on a plain SMTP port?)", s->text);
		server_close(s, 500, "5.5.1", "this is an SMTP server");
		return;
	}
	s->spoke = 1;
	while (s->state != SERVER_CLOSING) {
		if (s->state == SERVER_COMMIT || s->state == SERVER_HANDSHAKE)
			return;
		if (s->state == SERVER_TEXT || s->state == SERVER_CHUNK) {
			if (s->state == SERVER_TEXT)
				server_text_input(s);
			else
				server_chunk_input(s);
			if (s->state >= SERVER_TEXT && s->state <= SERVER_CHUNK)
				return;
		} else if (!next_line(s)) {
			break;
		}
	}
	if (s->state != SERVER_CLOSING)
		set_deadline(s);
}

static void
greet(struct server *s)
{
	server_reply(s, 220, "", "%s ESMTP relayd", s->generation->conf->hostname);
	set_deadline(s);
}

static void
on_secured(void *arg)
{
	struct server *s = server_of(arg);
	SSL *ssl = io_stream_ssl(s->stream);

	str_fmt(s->tls_text, sizeof s->tls_text, "%s %s", SSL_get_version(ssl),
	    SSL_get_cipher_name(ssl));
	/* RFC 3207 s4.2: what was said in clear is forgotten. */
	s->helo[0] = '\0';
	s->esmtp = 0;
	s->state = SERVER_GREETED;
	if (s->listen->tls == CONF_LISTEN_IMPLICIT)
		greet(s);
	else
		set_deadline(s);
}

static void
on_ended(void *arg, enum io_end how)
{
	struct server *s = server_of(arg);

	if (how == IO_TIMEOUT && s->state != SERVER_HANDSHAKE) {
		server_reply(s, 421, "4.4.2", "timeout");
		log_info("%s: timed out", s->text);
	} else if (how == IO_TLS_FAILED) {
		log_info("%s: TLS handshake failed", s->text);
	} else if (s->state > SERVER_READY) {
		log_info("%s: connection lost in the middle of a message", s->text);
	}
	over(s);
}

static const struct io_stream_events stream_events = {
	.input = on_input, .secured = on_secured, .ended = on_ended,
};

/* ---- life ---- */

static void
turn_away(int fd, const char *text, const struct mail_answer *a)
{
	struct buf b;

	buf_init(&b);
	mail_answer_print(&b, a);
	log_info("%s: turned away: %d %s", text, a->code, a->text);
	meter_count(METER_TURNED_AWAY, 0, 0);
	/* A fresh socket takes a line without blocking, or the client does without. */
	(void)!send(fd, buf_data(&b), buf_len(&b), MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_fini(&b);
	close(fd);
}

/* HARDENING I5: who talks before the greeting does not listen to us either. */
static int
spoke_too_soon(const struct server *s)
{
	char peek;

	if (s->client != NULL && s->client->profile == CONF_PROFILE_APPLIANCE)
		return 0;
	return recv(io_stream_fd(s->stream), &peek, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void
begin(struct server *s)
{
	SSL *ssl;

	if (s->listen->tls != CONF_LISTEN_IMPLICIT) {
		if (spoke_too_soon(s))
			server_close(s, 554, "5.5.0", "nothing may be sent before the greeting");
		else
			greet(s);
		return;
	}
	ssl = tls_server_session(s->tls);
	s->state = SERVER_HANDSHAKE;
	io_stream_deadline(s->stream, HANDSHAKE_MS);
	if (ssl == NULL || io_stream_tls(s->stream, ssl, 1) == -1)
		over(s);
}

void
server_open(struct server_house *house, struct generation *g, unsigned listener, int fd,
    const struct sockaddr *sa)
{
	struct server *s = must_calloc(1, sizeof *s);
	struct mail_answer answer;

	MUST(listener < g->conf->listen.n);
	s->magic = SERVER_MAGIC;
	s->house = house;
	io_address_print(sa, s->ip, sizeof s->ip, 0);
	str_fmt(s->text, sizeof s->text, "unknown[%s]", s->ip);
	/* HARDENING E4: the last descriptors are for deliveries, the queue and the control socket. */
	if (proc_fd_reserved(fd))
		mail_answer_set(&answer, 421, "4.3.2", "too many connections, try again later");
	else
		s->slot = admission_enter(house->admission, g->conf, s->ip, &answer);
	if (s->slot == NULL) {
		turn_away(fd, s->text, &answer);
		free(s);
		return;
	}
	s->generation = generation_ref(g);
	s->listen = &g->conf->listen.v[listener];
	s->tls = g->servers[listener];
	s->client = admission_client(g->conf, sa);
	s->stream = io_stream_new(house->base, fd, &stream_events, s);
	TAILQ_INSERT_TAIL(&house->live, s, link);
	begin(s);
}

static void
destroy(struct server_list *list, struct server *s)
{
	TAILQ_REMOVE(list, s, link);
	intake_free(&s->intake);
	io_stream_free(&s->stream);
	admission_leave(&s->slot);
	generation_unref(&s->generation);
	s->magic = 0;
	free(s);
}

/* ---- all of them ---- */

void
server_house_init(struct server_house *h, struct event_base *base, struct store *store,
    struct admission *admission, const struct intake_sink *sink)
{
	h->base = base;
	h->store = store;
	h->admission = admission;
	h->sink = *sink;
	TAILQ_INIT(&h->live);
	TAILQ_INIT(&h->over);
}

void
server_house_sweep(struct server_house *h)
{
	while (!TAILQ_EMPTY(&h->over))
		destroy(&h->over, TAILQ_FIRST(&h->over));
}

void
server_house_drain(struct server_house *h)
{
	struct server *s, *next;

	TAILQ_FOREACH_SAFE(s, &h->live, link, next) {
		s->draining = 1;
		if (s->state < SERVER_TEXT || s->state == SERVER_SPOILT ||
		    s->state == SERVER_HANDSHAKE)
			server_close(s, 421, "4.3.2", "the relay is going down");
	}
}

int
server_house_empty(const struct server_house *h)
{
	return TAILQ_EMPTY(&h->live);
}

void
server_house_fini(struct server_house *h)
{
	server_house_sweep(h);
	while (!TAILQ_EMPTY(&h->live))
		destroy(&h->live, TAILQ_FIRST(&h->live));
}
