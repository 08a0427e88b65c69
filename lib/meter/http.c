/* SPDX-License-Identifier: ISC */
/* http: see http.h. */
#include "lib/meter/http.h"

#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"

#define TOKEN	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"

/* A line without its end. */
struct line {
	const char	*at;
	size_t		 n;
};

/* The next line of the head, past it in *p; 0: there is no whole one. */
static int
next_line(const char **p, const char *end, struct line *line)
{
	const char *lf = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;

	if (lf == NULL)
		return 0;
	line->at = *p;
	line->n = (size_t)(lf - *p);
	if (line->n > 0 && line->at[line->n - 1] == '\r')
		line->n--;
	*p = lf + 1;
	return 1;
}

/* What stands before the next space; -1: there is none. */
static int
word(struct line *rest, struct line *to)
{
	const char *space = memchr(rest->at, ' ', rest->n);

	if (space == NULL || space == rest->at)
		return -1;
	*to = (struct line){ rest->at, (size_t)(space - rest->at) };
	rest->n -= to->n + 1;
	rest->at = space + 1;
	return 0;
}

static int
is(const struct line *l, const char *text)
{
	return l->n == strlen(text) && memcmp(l->at, text, l->n) == 0;
}

static int
is_printable(const struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i] <= ' ' || l->at[i] == 0x7f)
			return 0;
	return 1;
}

static int
is_token(const struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i] == '\0' || strchr(TOKEN, l->at[i]) == NULL)
			return 0;
	return l->n > 0;
}

/* RFC 9112 s3. */
static enum meter_http
request_line(struct line rest)
{
	struct line method, target;
	const char *query;

	if (word(&rest, &method) == -1 || word(&rest, &target) == -1 || !is_token(&method) ||
	    !is_printable(&target) || !(is(&rest, "HTTP/1.1") || is(&rest, "HTTP/1.0")))
		return METER_HTTP_BAD;
	if (!is(&method, "GET"))
		return METER_HTTP_METHOD;
	query = memchr(target.at, '?', target.n);
	if (query != NULL)
		target.n = (size_t)(query - target.at);
	if (is(&target, "/metrics"))
		return METER_HTTP_METRICS;
	return is(&target, "/healthz") ? METER_HTTP_HEALTH : METER_HTTP_NOT_FOUND;
}

/* 0, or -1: it is no field, or tells of a body, which we would take for another request. */
static int
field(const struct line *l)
{
	static const char *const bodies[] = { "transfer-encoding", "content-length" };
	const char *colon = memchr(l->at, ':', l->n);
	struct line name = { l->at, colon != NULL ? (size_t)(colon - l->at) : 0 };

	if (colon == NULL || !is_token(&name))
		return -1;
	for (size_t i = 0; i < LENGTH(bodies); i++)
		if (name.n == strlen(bodies[i]) && strncasecmp(name.at, bodies[i], name.n) == 0)
			return -1;
	return 0;
}

enum meter_http
meter_http_request(const char *data, size_t n)
{
	const char *p = data, *end = data + (n > METER_HTTP_MAX ? METER_HTTP_MAX : n);
	enum meter_http what;
	struct line line;

	if (n == 0)
		return METER_HTTP_MORE;
	if (!next_line(&p, end, &line))
		return n >= METER_HTTP_MAX ? METER_HTTP_TOO_BIG : METER_HTTP_MORE;
	if ((what = request_line(line)) == METER_HTTP_BAD)
		return what;
	while (next_line(&p, end, &line)) {
		if (line.n == 0)
			return what;
		/* Of a method that we do not have any body is refused with it. */
		if (field(&line) == -1 && what != METER_HTTP_METHOD)
			return METER_HTTP_BAD;
	}
	return n >= METER_HTTP_MAX ? METER_HTTP_TOO_BIG : METER_HTTP_MORE;
}

static const char *
reason(int code)
{
	static const struct {
		int		 code;
		const char	*text;
	} rows[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 431, "Request Header Fields Too Large" }, { 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++)
		if (rows[i].code == code)
			return rows[i].text;
	return "Unknown";
}

void
meter_http_answer(struct buf *b, int code, const char *text, size_t n)
{
	buf_addf(b, "HTTP/1.1 %d %s\r\n", code, reason(code));
	/* The version is that of Prometheus's format; nobody else looks at it. */
	buf_addf(b, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n%s\r\n", n,
	    code == 405 ? "Allow: GET\r\n" : "");
	buf_add(b, text, n);
}
