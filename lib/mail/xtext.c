/* SPDX-License-Identifier: ISC */
/* xtext: RFC 3461 s4 hex escapes and RFC 6533 s3 address escapes. */
#include "lib/mail/xtext.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/mail/utf8.h"

/* xchar: RFC 3461 s4. */
static int
is_xchar(char c)
{
	return c >= 33 && c <= 126 && c != '+' && c != '=';
}

/* RFC 3461 s4: hexchar uses upper case only. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One decoded octet from s; how many were read, or 0. */
static size_t
decode_one(const char *s, size_t n, char *c)
{
	int high, low;

	if (is_xchar(s[0])) {
		*c = s[0];
		return 1;
	}
	if (s[0] != '+' || n < 3)
		return 0;
	high = hex_value(s[1]);
	low = hex_value(s[2]);
	if (high < 0 || low < 0)
		return 0;
	*c = (char)(high << 4 | low);
	return *c >= 32 && *c <= 126 ? 3 : 0;
}

int
mail_xtext_decode(const char *s, size_t len, char *to, size_t cap)
{
	size_t out = 0, step;

	for (size_t i = 0; i < len; i += step) {
		if (out + 1 >= cap || (step = decode_one(s + i, len - i, &to[out])) == 0)
			return -1;
		out++;
	}
	if (cap == 0)
		return -1;
	to[out] = '\0';
	return 0;
}

void
mail_xtext_encode(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (is_xchar(*s))
			buf_addc(out, *s);
		else
			buf_addf(out, "+%02X", (unsigned)(unsigned char)*s);
	}
}

/* Length of an EmbeddedUnicodeChar at s, 0 if there is none. */
static size_t
escaped_char(const char *s, size_t n)
{
	size_t i = 3;

	if (n < 5 || memcmp(s, "\\x{", 3) != 0)
		return 0;
	while (i < n && i < 9 && hex_value(s[i]) >= 0)
		i++;
	return i > 3 && i < n && s[i] == '}' ? i + 1 : 0;
}

void
mail_xtext_encode_utf8(struct buf *out, const char *s)
{
	size_t n = strlen(s), step;
	uint32_t rune;

	for (; n > 0; s += step, n -= step) {
		if ((is_xchar(*s) && *s != '\\')) {
			step = 1;
			buf_addc(out, *s);
		} else if ((step = escaped_char(s, n)) > 0) {
			buf_add(out, s, step);
		} else if ((step = mail_utf8_char(s, n, &rune)) > 0) {
			buf_addf(out, "\\x{%X}", (unsigned)rune);
		} else {
			step = 1;
			buf_adds(out, "\\x{FFFD}");
		}
	}
}
