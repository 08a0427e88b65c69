/* SPDX-License-Identifier: ISC */
/* why: the table of reasons and the value that carries one. */
#include "lib/base/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"

static const struct {
	const char	*token, *tlsrpt, *dsn, *words;
} reasons[WHY__COUNT] = {
#define REASON(id, token, tlsrpt, dsn, words)	[WHY_##id] = { token, tlsrpt, dsn, words },
#include "lib/base/why.def"
#undef REASON
};

/* One to three digits, then `end`; returns what is behind them, or NULL. */
static const char *
digits(const char *p, char end)
{
	size_t n = strspn(p, "0123456789");

	return n >= 1 && n <= 3 && p[n] == end ? p + n + 1 : NULL;
}

/* RFC 3463 s2: class "." subject "." detail. */
static int
is_status(const char *dsn)
{
	if (dsn == NULL || (dsn[0] != '2' && dsn[0] != '4' && dsn[0] != '5') || dsn[1] != '.')
		return 0;
	return (dsn = digits(dsn + 2, '.')) != NULL && digits(dsn, '\0') != NULL;
}

static void
fill(struct why *why, enum why_reason reason, const char *dsn, const char *fmt, va_list ap)
{
	char raw[1024];
	int n;

	MUST(reason < WHY__COUNT);
	if (why == NULL)
		return;
	n = vsnprintf(raw, sizeof raw, fmt, ap);
	MUST(n >= 0);
	/* The arguments may lie in *why itself, so nothing is written before this. */
	why->reason = reason;
	str_copy(why->dsn, dsn, sizeof why->dsn);
	str_escape_to(why->text, sizeof why->text, raw, strlen(raw));
}

int
why_set(struct why *why, enum why_reason reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(why, reason, why_dsn(reason), fmt, ap);
	va_end(ap);
	return -1;
}

int
why_set_dsn(struct why *why, enum why_reason reason, const char *dsn, const char *fmt, ...)
{
	char copy[12];
	va_list ap;

	str_copy(copy, is_status(dsn) ? dsn : why_dsn(reason), sizeof copy);
	va_start(ap, fmt);
	fill(why, reason, copy, fmt, ap);
	va_end(ap);
	return -1;
}

void
why_clear(struct why *why)
{
	memset(why, 0, sizeof *why);
	str_copy(why->dsn, why_dsn(WHY_NONE), sizeof why->dsn);
}

int
why_is_set(const struct why *why)
{
	return why->reason != WHY_NONE;
}

#define COLUMN(name)							\
const char *								\
why_##name(enum why_reason reason)					\
{									\
	MUST(reason < WHY__COUNT);					\
	return reasons[reason].name;					\
}
COLUMN(token)
COLUMN(tlsrpt)
COLUMN(dsn)
COLUMN(words)
#undef COLUMN

enum why_reason
why_reason_of(const char *token)
{
	enum why_reason r = WHY_NONE;

	while (r < WHY__COUNT && strcmp(reasons[r].token, token) != 0)
		r++;
	return r;
}
