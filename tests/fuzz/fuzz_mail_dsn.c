/* SPDX-License-Identifier: ISC */
/*
 * fuzz_mail_dsn (F15): a notification from arbitrary strings (the input, cut
 * at NULs). The result has only CRLF, three parts, the same number of fields
 * as with harmless strings, and no octet beyond ASCII unless it says so.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/mail/dsn.h"

#define STRINGS	16

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Strings from the input, one behind the other. */
struct source {
	char	*strings[STRINGS];
	size_t	 n, next;
};

static void
cut(struct source *src, const uint8_t *data, size_t n)
{
	size_t len;

	memset(src, 0, sizeof *src);
	for (; n > 0 && src->n < STRINGS; data += len, n -= len) {
		len = strnlen((const char *)data, n);
		src->strings[src->n++] = must_strndup((const char *)data, len);
		if (len < n)
			len++;
	}
}

static const char *
take(struct source *src)
{
	return src->n == 0 ? "" : src->strings[src->next++ % src->n];
}

static void
check_octets(const struct buf *out, const struct mail_dsn_made *made)
{
	const char *s = buf_data(out);

	for (size_t i = 0; i < buf_len(out); i++) {
		MUST(s[i] != '\0');
		MUST(s[i] != '\r' || (i + 1 < buf_len(out) && s[i + 1] == '\n'));
		MUST(s[i] != '\n' || (i > 0 && s[i - 1] == '\r'));
		MUST(made->eightbit || (unsigned char)s[i] < 0x80);
	}
}

/* Where the k-th delimiter line of the message starts. */
static const char *
delimiter(struct buf *out, int k)
{
	const char *s = buf_str(out), *boundary = strstr(s, "\r\n\tboundary=\""), *end;
	char text[96] = "\r\n--";

	MUST(boundary != NULL);
	boundary += strlen("\r\n\tboundary=\"");
	end = strchr(boundary, '"');
	MUST(end != NULL && end - boundary < 80);
	memcpy(text + 4, boundary, (size_t)(end - boundary));
	for (s = strstr(s, text); s != NULL && k > 0; k--)
		s = strstr(s + 1, text);
	return s;
}

static void
check_parts(struct buf *out, size_t groups)
{
	const char *status = delimiter(out, 1), *end = delimiter(out, 2), *p;
	size_t blank = 0;

	MUST(delimiter(out, 0) != NULL && status != NULL && end != NULL);
	MUST(delimiter(out, 3) != NULL && delimiter(out, 4) == NULL);
	/* Behind the part header, in front of each recipient and of the delimiter. */
	for (p = status; (p = strstr(p + 1, "\r\n\r\n")) != NULL && p < end;)
		blank++;
	MUST(blank == 2 + groups);
	MUST(strstr(buf_str(out), "\nX-Evil") == NULL);
}

/* For a server without 8BITMIME: what was made with 8 bits, and anything at all. */
static void
check_ascii(const struct buf *whole, const struct mail_dsn_made *made, const uint8_t *data,
    size_t n)
{
	struct buf plain;

	buf_init(&plain);
	if (mail_dsn_to_ascii(&plain, (const char *)data, n) == -1)
		MUST(buf_len(&plain) == 0);
	buf_clear(&plain);
	MUST((mail_dsn_to_ascii(&plain, buf_data(whole), buf_len(whole)) == 0) ==
	    (made->eightbit && !made->utf8));
	if (buf_len(&plain) > 0) {
		check_octets(&plain, &(struct mail_dsn_made){ 0 });
		MUST(delimiter(&plain, 3) != NULL && delimiter(&plain, 4) == NULL);
	}
	buf_fini(&plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct mail_dsn_rcpt rcpts[2];
	struct mail_dsn_made made;
	struct source src;
	struct mail_dsn d;
	struct buf out;

	cut(&src, data, n);
	for (size_t i = 0; i < 2; i++)
		rcpts[i] = (struct mail_dsn_rcpt){
			.final = take(&src), .orcpt = take(&src), .status = take(&src),
			.words = take(&src), .token = take(&src), .why = take(&src),
			.remote_mta = take(&src), .diagnostic = take(&src),
			.action = (enum mail_dsn_action)((n + i) % MAIL_DSN__COUNT),
			.last_attempt = 1, .retry_until = 2,
		};
	d = (struct mail_dsn){
		.host = take(&src), .queue_id = take(&src), .own_id = take(&src),
		.sender = take(&src), .envid = take(&src), .received_from = take(&src),
		.arrival = 1, .now = 2, .smtputf8 = n % 2, .ret = MAIL_RET_HDRS,
		.original = "A: b\r\n\r\n", .original_len = 8, .whole = 1,
		.rcpts = rcpts, .nrcpts = 2,
	};
	buf_init(&out);
	mail_dsn_compose(&out, &d, &made);
	check_octets(&out, &made);
	check_parts(&out, d.nrcpts);
	/* And with the input itself as the message. */
	buf_clear(&out);
	d.original = (const char *)data;
	d.original_len = n;
	d.ret = MAIL_RET_FULL;
	mail_dsn_compose(&out, &d, &made);
	check_octets(&out, &made);
	MUST(delimiter(&out, 3) != NULL && delimiter(&out, 4) == NULL);
	check_ascii(&out, &made, data, n);
	buf_fini(&out);
	for (size_t i = 0; i < src.n; i++)
		free(src.strings[i]);
	return 0;
}
