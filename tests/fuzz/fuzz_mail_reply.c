/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_reply (F6): a stream of server replies. Same replies however the
 * stream is cut; memory stays within the limits; EHLO keywords of any of them.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/mail/reply.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_line(const char *s)
{
	for (; *s != '\0'; s++)
		MUST((unsigned char)*s >= 32 && *s != 127);
}

static void
note(const struct mail_reply *r, struct buf *log)
{
	struct mail_ehlo ehlo;

	MUST(r->code >= 100 && r->code <= 599 && r->nlines > 0);
	MUST(r->nlines <= MAIL_REPLY_LINES_MAX && r->lines_len <= MAIL_REPLY_MAX);
	MUST(r->dsn[0] == '\0' || r->dsn[0] - '0' == r->code / 100);
	check_line(r->text);
	mail_ehlo_parse(r, &ehlo);
	check_line(ehlo.domain);
	check_line(ehlo.auth);
	check_line(ehlo.mangled);
	MUST(!(ehlo.starttls && ehlo.starttls_mangled));
	buf_addf(log, "%d %s %s %u|", r->code, r->dsn, r->text, r->nlines);
	buf_add(log, r->lines, r->lines_len);
}

/* The replies of the stream as one text. */
static void
run(const uint8_t *data, size_t n, size_t step, struct buf *log)
{
	enum mail_reply_result result = MAIL_REPLY_MORE;
	struct mail_reply_parser p;
	struct mail_reply r;
	size_t used, at = 0;

	mail_reply_init(&p);
	while (at < n && result != MAIL_REPLY_BAD) {
		size_t len = step < n - at ? step : n - at;

		result = mail_reply_feed(&p, data + at, len, &used, &r, NULL);
		MUST(used <= len && (used > 0 || result == MAIL_REPLY_BAD));
		MUST(buf_len(&p.line) <= MAIL_REPLY_LINE_MAX + 2);
		MUST(buf_len(&p.lines) <= MAIL_REPLY_MAX);
		if (result == MAIL_REPLY_DONE)
			note(&r, log);
		at += used;
	}
	buf_addf(log, "%d", result == MAIL_REPLY_BAD);
	mail_reply_fini(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t steps[] = { 1, 2, 5 };
	struct buf whole, cut;

	buf_init(&whole);
	run(data, n, n, &whole);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		buf_init(&cut);
		run(data, n, steps[i], &cut);
		MUST(buf_len(&cut) == buf_len(&whole));
		MUST(memcmp(buf_data(&cut), buf_data(&whole), buf_len(&cut)) == 0);
		buf_fini(&cut);
	}
	buf_fini(&whole);
	return 0;
}
