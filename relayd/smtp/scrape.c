/* SPDX-License-Identifier: ISC */
/* scrape: see scrape.h. */
#include "relayd/smtp/scrape.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/io/listener.h"
#include "lib/io/stream.h"
#include "lib/meter/http.h"
#include "lib/meter/line.h"
#include "lib/proc/fd.h"
#include "relayd/smtp/ctl_local.h"
#include "relayd/smtp/ctlserve.h"

#define CONN_MAGIC	0x5c4a9e01u
#define CONNS_MAX	16
#define DEADLINE_MS	10000	/* for the request, and again for the reader of the answer */

struct conn {
	unsigned		 magic;
	TAILQ_ENTRY(conn)	 link;
	struct scrape		*owner;
	struct io_stream	*stream;
	enum meter_http		 what;
	struct ctl_local	*question;	/* NULL: not asked yet */
};

struct scrape {
	struct event_base	*base;
	struct ctlserve		*ctl;		/* NULL: not yet */
	struct io_listener	*listener;
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

static void
conn_free(struct conn *c)
{
	TAILQ_REMOVE(&c->owner->conns, c, link);
	c->owner->nconns--;
	ctl_local_free(&c->question);
	io_stream_free(&c->stream);
	c->magic = 0;
	free(c);
}

static void
answer(struct conn *c, int code, const char *text, size_t n)
{
	meter_http_answer(io_stream_out(c->stream), code, text, n);
	io_stream_push(c->stream);
	io_stream_deadline(c->stream, DEADLINE_MS);
	io_stream_want_drain(c->stream);
}

static void
answer_line(struct conn *c, int code, const char *line)
{
	struct buf b;

	buf_init(&b);
	buf_addf(&b, "%s\n", line);
	answer(c, code, buf_data(&b), buf_len(&b));
	buf_fini(&b);
}

/* ---- what the relay says ---- */

/* NULL: that was the last one. */
static json_t *
next_line(struct buf *lines)
{
	const char *text = buf_data(lines);
	const char *end = buf_len(lines) == 0 ? NULL : memchr(text, '\n', buf_len(lines));
	json_t *line;

	if (end == NULL)
		return NULL;
	line = json_loadb(text, (size_t)(end - text), 0, NULL);
	buf_drop(lines, (size_t)(end - text) + 1);
	return line;
}

static void
tell_metrics(struct conn *c)
{
	struct buf b;
	json_t *line;

	buf_init(&b);
	while ((line = next_line(ctl_local_lines(c->question))) != NULL) {
		(void)meter_line_text(&b, line);	/* the last line is no family */
		json_decref(line);
	}
	if (buf_len(&b) > 0)
		answer(c, 200, buf_data(&b), buf_len(&b));
	else
		answer_line(c, 503, "the workers do not answer");
	buf_fini(&b);
}

/* In order of what matters most. */
static const struct ill {
	enum meter_family	 family;
	json_int_t		 value;		/* of its sample, if all is not well */
	const char		*text;
} ills[] = {
	{ METER_DRAINING, 1, "the relay is stopping" },
	{ METER_SPACE, 0, "no mail is taken: no space, or the queue cannot be written" },
	{ METER_POLICY_UP, 0, "the policy process is not connected: mail waits" },
};

static json_int_t
sample_of(const json_t *line)
{
	const json_t *first = json_array_get(json_object_get(line, "samples"), 0);

	return json_integer_value(json_object_get(first, "value"));
}

/* The place of the ill that this line tells of, or how many there are. */
static size_t
ill_of(const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "metric"));
	size_t i = 0;

	if (name == NULL)
		return LENGTH(ills);
	while (i < LENGTH(ills) && (strcmp(name, meter_family_name(ills[i].family)) != 0 ||
	    sample_of(line) != ills[i].value))
		i++;
	return i;
}

static void
tell_health(struct conn *c)
{
	size_t worst = LENGTH(ills), ill, families = 0;
	json_t *line;

	while ((line = next_line(ctl_local_lines(c->question))) != NULL) {
		ill = ill_of(line);
		worst = ill < worst ? ill : worst;
		families += json_object_get(line, "metric") != NULL;
		json_decref(line);
	}
	if (families == 0)
		answer_line(c, 503, "the workers do not answer");
	else if (worst < LENGTH(ills))
		answer_line(c, 503, ills[worst].text);
	else
		answer_line(c, 200, "ok");
}

static void
on_answer(void *arg)
{
	struct conn *c = conn_of(arg);

	if (c->what == METER_HTTP_METRICS)
		tell_metrics(c);
	else
		tell_health(c);
}

/* ---- the request ---- */

static void
on_input(void *arg)
{
	static const struct {
		int		 code;
		const char	*text;
	} refusals[] = {
		[METER_HTTP_NOT_FOUND] = { 404, "there is /metrics and /healthz" },
		[METER_HTTP_METHOD] = { 405, "only GET" },
		[METER_HTTP_TOO_BIG] = { 431, "the request is too large" },
		[METER_HTTP_BAD] = { 400, "this is no request without a body in HTTP/1.1" },
	};
	struct conn *c = conn_of(arg);
	struct buf *in = io_stream_in(c->stream);

	if (c->what != METER_HTTP_MORE)
		return;
	c->what = meter_http_request(buf_data(in), buf_len(in));
	if (c->what == METER_HTTP_MORE)
		return;
	io_stream_pause(c->stream);	/* one request a connection */
	if (c->what != METER_HTTP_METRICS && c->what != METER_HTTP_HEALTH) {
		answer_line(c, refusals[c->what].code, refusals[c->what].text);
	} else if (c->owner->ctl == NULL) {
		answer_line(c, 503, "the relay is starting: it reads its queue");
	} else {
		io_stream_deadline(c->stream, 0);
		c->question = ctlserve_ask(c->owner->ctl, "metrics", on_answer, c);
	}
}

static void
on_drained(void *arg)
{
	struct conn *c = conn_of(arg);

	io_stream_finish(&c->stream);
	conn_free(c);
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
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct scrape *s = arg;
	struct conn *c;

	/* Who watches is not more important than mail. */
	if (s->nconns >= CONNS_MAX || proc_fd_reserved(fd)) {
		close(fd);
		return;
	}
	c = must_calloc(1, sizeof *c);
	c->magic = CONN_MAGIC;
	c->owner = s;
	c->what = METER_HTTP_MORE;
	c->stream = io_stream_new(s->base, fd, &events, c);
	io_stream_input_max(c->stream, METER_HTTP_MAX);
	io_stream_deadline(c->stream, DEADLINE_MS);
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	s->nconns++;
}

struct scrape *
scrape_new(struct event_base *base, int fd)
{
	struct scrape *s = must_calloc(1, sizeof *s);

	s->base = base;
	TAILQ_INIT(&s->conns);
	s->listener = io_listener_new(base, fd, on_accept, s);
	return s;
}

void
scrape_ready(struct scrape *s, struct ctlserve *ctl)
{
	if (s != NULL)
		s->ctl = ctl;
}

void
scrape_free(struct scrape **sp)
{
	struct scrape *s = *sp;
	struct conn *c, *next;

	*sp = NULL;
	if (s == NULL)
		return;
	TAILQ_FOREACH_SAFE(c, &s->conns, link, next)
		conn_free(c);
	io_listener_free(&s->listener);
	free(s);
}
