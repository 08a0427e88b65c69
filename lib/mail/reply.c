/* SPDX-License-Identifier: ISC */
/* reply: incremental reader of server replies, RFC 5321 s4.2. */
#include "lib/mail/reply.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/base/why.h"

#define CRLF_LEN	2
#define JOINED_MAX	2048	/* octets of text that are worth escaping */

void
mail_reply_init(struct mail_reply_parser *p)
{
	memset(p, 0, sizeof *p);
	buf_init(&p->line);
	buf_init(&p->lines);
}

void
mail_reply_fini(struct mail_reply_parser *p)
{
	buf_fini(&p->line);
	buf_fini(&p->lines);
}

void
mail_reply_reset(struct mail_reply_parser *p)
{
	buf_clear(&p->line);
	buf_clear(&p->lines);
	p->total = 0;
	p->nlines = 0;
	p->code = 0;
	p->dsn[0] = '\0';
	p->complete = 0;
}

static enum mail_reply_result
protocol_error(struct mail_reply_parser *p, struct why *why, const char *problem)
{
	const char *line = buf_data(&p->line);
	size_t n = buf_len(&p->line);

	p->bad = 1;
	why_set(why, WHY_PROTOCOL_ERROR, "%s: %.*s", problem, n > 80 ? 80 : (int)n,
	    line == NULL ? "" : line);
	return MAIL_REPLY_BAD;
}

static size_t
digits(const char *s, size_t n, size_t max)
{
	size_t i = 0;

	while (i < n && i < max && s[i] >= '0' && s[i] <= '9')
		i++;
	return i;
}

/* RFC 3463 s2: 1*3digit without a leading zero, or "0". */
static size_t
status_number(const char *s, size_t n)
{
	size_t len = digits(s, n, 3);

	return len > 1 && s[0] == '0' ? 0 : len;
}

/*
 * Octets of the enhanced status code at the start of a text, 0 if there is
 * none that may be used: its class must be that of the reply (RFC 2034 s4).
 */
static size_t
status_len(const char *s, size_t n, int code)
{
	size_t at = 2, len;
	int class = code / 100;

	if (n < 5 || s[0] != '0' + class || s[1] != '.' || class == 1 || class == 3)
		return 0;
	if ((len = status_number(s + at, n - at)) == 0)
		return 0;
	at += len;
	if (at >= n || s[at++] != '.')
		return 0;
	if ((len = status_number(s + at, n - at)) == 0)
		return 0;
	at += len;
	return at == n || s[at] == ' ' ? at : 0;
}

/* All lines, joined and escaped: for people, the log and the DSN. */
static void
join_text(const struct mail_reply *r, char *to, size_t cap)
{
	struct buf joined;
	const char *line = r->lines, *end = r->lines + r->lines_len, *stop;
	size_t skip;

	buf_init(&joined);
	for (; line < end && buf_len(&joined) < JOINED_MAX; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		skip = status_len(line, (size_t)(stop - line), r->code);
		if (skip > 0 && line[skip] == ' ')
			skip++;
		if (line + skip == stop)
			continue;
		if (buf_len(&joined) > 0)
			buf_addc(&joined, ' ');
		buf_add(&joined, line + skip, (size_t)(stop - line) - skip);
	}
	str_escape_to(to, cap, buf_str(&joined), buf_len(&joined));
	buf_fini(&joined);
}

static void
finish_reply(struct mail_reply_parser *p, struct mail_reply *r)
{
	memset(r, 0, sizeof *r);
	r->code = p->code;
	r->nlines = p->nlines;
	r->lines = buf_data(&p->lines);
	r->lines_len = buf_len(&p->lines);
	str_copy(r->dsn, p->dsn, sizeof r->dsn);
	join_text(r, r->text, sizeof r->text);
	p->complete = 1;
}

static void
keep_text(struct mail_reply_parser *p, const char *text, size_t n)
{
	size_t len;

	buf_add(&p->lines, text, n);
	buf_addc(&p->lines, '\n');
	p->nlines++;
	if (p->dsn[0] == '\0' && (len = status_len(text, n, p->code)) > 0) {
		memcpy(p->dsn, text, len);
		p->dsn[len] = '\0';
	}
}

/* The line with its CRLF is in p->line. */
static enum mail_reply_result
read_line(struct mail_reply_parser *p, struct mail_reply *r, struct why *why)
{
	const char *s = buf_data(&p->line);
	size_t n = buf_len(&p->line);
	int code;

	if (n < CRLF_LEN || s[n - 2] != '\r')
		return protocol_error(p, why, "reply line ends in a bare LF");
	n -= CRLF_LEN;
	if (memchr(s, '\r', n) != NULL || memchr(s, '\0', n) != NULL)
		return protocol_error(p, why, "reply line holds a bare CR or NUL");
	if (digits(s, n, 3) != 3 || s[0] < '1' || s[0] > '5')
		return protocol_error(p, why, "reply line without a code");
	if (n > 3 && s[3] != ' ' && s[3] != '-')
		return protocol_error(p, why, "reply line without a separator");
	code = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	if (p->nlines > 0 && code != p->code)
		return protocol_error(p, why, "code changes inside a reply");
	p->code = code;
	keep_text(p, n > 3 ? s + 4 : s + n, n > 3 ? n - 4 : 0);
	if (n > 3 && s[3] == '-')
		return MAIL_REPLY_MORE;
	finish_reply(p, r);
	return MAIL_REPLY_DONE;
}

static enum mail_reply_result
check_limits(struct mail_reply_parser *p, struct why *why)
{
	if (p->total > MAIL_REPLY_MAX)
		return protocol_error(p, why, "reply too long");
	if (p->nlines >= MAIL_REPLY_LINES_MAX)
		return protocol_error(p, why, "reply of too many lines");
	return MAIL_REPLY_MORE;
}

enum mail_reply_result
mail_reply_feed(struct mail_reply_parser *p, const void *data, size_t n, size_t *used,
    struct mail_reply *r, struct why *why)
{
	const char *s = data, *end = n > 0 ? s + n : s, *lf;
	enum mail_reply_result result;
	size_t take;

	*used = n;
	if (p->bad)
		return protocol_error(p, why, "reply after a protocol error");
	if (p->complete)
		mail_reply_reset(p);
	while (s < end) {
		lf = memchr(s, '\n', (size_t)(end - s));
		take = (size_t)((lf == NULL ? end : lf + 1) - s);
		/* A CR may still be waiting for its LF. */
		if (buf_len(&p->line) + take > MAIL_REPLY_LINE_MAX + CRLF_LEN - (lf == NULL))
			return protocol_error(p, why, "reply line too long");
		buf_add(&p->line, s, take);
		s += take;
		if (lf == NULL)
			break;
		p->total += buf_len(&p->line);
		if ((result = check_limits(p, why)) == MAIL_REPLY_MORE)
			result = read_line(p, r, why);
		if (result == MAIL_REPLY_DONE)
			*used = n - (size_t)(end - s);
		if (result != MAIL_REPLY_MORE)
			return result;
		buf_clear(&p->line);
	}
	return MAIL_REPLY_MORE;
}
