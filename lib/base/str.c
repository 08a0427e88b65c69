/* SPDX-License-Identifier: ISC */
/* str: small string helpers, and the one place that makes foreign bytes safe to show. */
#include "lib/base/str.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"

size_t
str_copy(char *to, const char *from, size_t cap)
{
	size_t n = strlen(from);

	if (cap > 0) {
		size_t fits = n < cap ? n : cap - 1;

		memcpy(to, from, fits);
		to[fits] = '\0';
	}
	return n;
}

size_t
str_cat(char *to, const char *from, size_t cap)
{
	size_t have = strnlen(to, cap);

	return have + str_copy(to + have, from, cap - have);
}

int
str_fmt(char *to, size_t cap, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to, cap, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < cap ? 0 : -1;
}

static unsigned char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : (unsigned char)c;
}

void
str_lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)lower(*s);
}

int
str_eq_nocase(const char *a, const char *b)
{
	for (; lower(*a) == lower(*b); a++, b++)
		if (*a == '\0')
			return 1;
	return 0;
}

int
str_starts_nocase(const char *s, const char *prefix)
{
	for (; *prefix != '\0'; s++, prefix++)
		if (lower(*s) != lower(*prefix))
			return 0;
	return 1;
}

int
str_domain_matches(const char *pattern, const char *domain)
{
	size_t np = strlen(pattern), nd = strlen(domain);

	if (strcmp(pattern, "*") == 0)
		return 1;
	if (pattern[0] != '.')
		return str_eq_nocase(pattern, domain);
	return np > 1 && nd > np && str_eq_nocase(pattern, domain + nd - np);
}

/*
 * One well-formed UTF-8 sequence (RFC 3629 s4: no overlong form, no surrogate,
 * nothing above U+10FFFF). Returns its length, or 0 if it is none.
 */
static size_t
decode(const uint8_t *p, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
	    p[0] < 0xf5 ? 4 : 0;

	if (len <= 1 || len > n) {
		*cp = p[0];
		return len == 1 ? 1 : 0;
	}
	*cp = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

int
str_acts(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) ||	/* C0, DEL, C1 */
	    cp == 0x61c || (cp >= 0x200b && cp <= 0x200f) ||	/* bidi marks, no width */
	    (cp >= 0x2028 && cp <= 0x202e) ||	/* line, paragraph separator, bidi embeddings */
	    (cp >= 0x2060 && cp <= 0x206f) ||	/* bidi isolates, invisible operators */
	    cp == 0xfeff || (cp >= 0xe0000 && cp <= 0xe007f);	/* invisible: BOM, tags */
}

/* Writes one input unit of `used` bytes (0: the byte *p is not UTF-8); returns the length. */
typedef int unit_fn(char to[16], const uint8_t *p, size_t used, uint32_t cp);

static int
unit_text(char to[16], const uint8_t *p, size_t used, uint32_t cp)
{
	if (used == 0 || (used == 1 && str_acts(cp)))
		return snprintf(to, 16, "\\x%02x", p[0]);
	if (cp == '\\')
		return snprintf(to, 16, "\\\\");
	if (str_acts(cp))
		return snprintf(to, 16, "\\u{%x}", cp);
	memcpy(to, p, used);
	return (int)used;
}

static int
unit_json(char to[16], const uint8_t *p, size_t used, uint32_t cp)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	if (used == 0)
		return snprintf(to, 16, "\xef\xbf\xbd");	/* U+FFFD */
	for (const char *l = letters; *l != '\0'; l += 2)
		if (cp == (uint8_t)*l)
			return snprintf(to, 16, "\\%c", l[1]);
	if (str_acts(cp) && cp > 0xffff)	/* RFC 8259 s7: a surrogate pair */
		return snprintf(to, 16, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
		    0xdc00 + ((cp - 0x10000) & 0x3ff));
	if (str_acts(cp))
		return snprintf(to, 16, "\\u%04x", cp);
	memcpy(to, p, used);
	return (int)used;
}

/* Renders whole units while they fit into cap; returns the length. */
static size_t
render(char *to, size_t cap, const uint8_t *p, size_t n, unit_fn *unit)
{
	char one[16];
	size_t len = 0;

	while (n > 0) {
		uint32_t cp;
		size_t used, wide;

		if (*p >= 0x20 && *p < 0x7f && *p != '\\' && *p != '"') {
			if (len == cap)
				break;
			to[len++] = (char)*p++;
			n--;
			continue;
		}
		used = decode(p, n, &cp);
		wide = (size_t)unit(one, p, used, cp);
		if (wide > cap - len)
			break;
		memcpy(to + len, one, wide);
		len += wide;
		p += used ? used : 1;
		n -= used ? used : 1;
	}
	return len;
}

static void
render_buf(struct buf *b, const void *p, size_t n, size_t max, unit_fn *unit)
{
	/* A control byte in JSON is the longest: six bytes for one. */
	size_t room = n < max / 6 ? n * 6 : max;

	if (n == 0 || max == 0)
		return;
	buf_commit(b, render(buf_reserve(b, room), room, p, n, unit));
}

void
str_escape(struct buf *b, const void *p, size_t n, size_t max)
{
	size_t most = n * 4;	/* "\xHH" */

	render_buf(b, p, n, max < most ? max : most, unit_text);
}

void
str_escape_to(char *to, size_t cap, const void *p, size_t n)
{
	MUST(cap > 0);
	to[render(to, cap - 1, p, n, unit_text)] = '\0';
}

void
str_json_max(struct buf *b, const void *p, size_t n, size_t max)
{
	size_t most = n * 6;

	render_buf(b, p, n, max < most ? max : most, unit_json);
}

unsigned
str_distance(const char *a, const char *b)
{
	unsigned row[128];
	size_t na = strlen(a), nb = strlen(b);

	if (na >= 128 || nb >= 128)
		return UINT_MAX;
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[nb];
}
