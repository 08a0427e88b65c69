/* SPDX-License-Identifier: ISC */
/* str: the few string helpers that glibc 2.36 lacks, and the one escaper. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stddef.h>
#include <stdint.h>

struct buf;

/* Truncating copy and append; always terminated; return what was wanted. */
size_t	str_copy(char *to, const char *from, size_t cap);
size_t	str_cat(char *to, const char *from, size_t cap);
/* printf into a fixed array; always terminated; returns 0, or -1 if cut. */
int	str_fmt(char *to, size_t cap, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* ASCII only, whatever the locale. */
static inline int
str_is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static inline int str_is_blank(char c) { return c == ' ' || c == '\t'; }

void	str_lower(char *);			/* ASCII only, in place */
int	str_eq_nocase(const char *, const char *);	/* ASCII only; 1 if equal */
int	str_starts_nocase(const char *s, const char *prefix);
/* Domain rules: ".suffix" matches any name below it, "*" all, else equality. */
int	str_domain_matches(const char *pattern, const char *domain);

/* Would this code point act on a terminal, or on the reader's eye, instead of showing? */
int	str_acts(uint32_t rune);
/*
 * Shows bytes from outside on one line: control bytes, DEL, C1, invalid
 * UTF-8, line and paragraph separators, bidi controls, what has no width, BOM
 * and tag characters as \xHH or \u{hex}, a backslash as \\, so that it can be
 * undone.  At most max bytes of output, cut whole.
 */
void	str_escape(struct buf *, const void *, size_t n, size_t max);
/* The same into a fixed array. */
void	str_escape_to(char *to, size_t cap, const void *, size_t n);
/* The inside of a JSON string (RFC 8259), invalid UTF-8 as U+FFFD; at most max bytes, cut whole. */
void	str_json_max(struct buf *, const void *, size_t n, size_t max);

/* Levenshtein distance, for "did you mean"; UINT_MAX if a name is over 127 bytes. */
unsigned str_distance(const char *, const char *);

#endif
