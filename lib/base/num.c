/* SPDX-License-Identifier: ISC */
/* num: numbers with units, both ways, without a single silent truncation. */
#include "lib/base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/list.h"

struct unit {
	const char	*name;
	uint64_t	 worth;
};

/* From large to small: the printers take the first that divides. */
static const struct unit sizes[] = {
	{ "G", 1u << 30 }, { "M", 1u << 20 }, { "K", 1u << 10 }, { "B", 1 }, { "", 1 },
};
static const struct unit durations[] = {
	{ "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 },
};

/* Reads digits, moves *s behind them. */
static int
digits(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	if (p == *s)
		return -1;
	*s = p;
	*out = v;
	return 0;
}

static const struct unit *
find(const struct unit *units, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

int
num_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (digits(&s, &v) == -1 || *s != '\0' || v > max)
		return -1;
	*out = v;
	return 0;
}

int
num_size(const char *s, uint64_t *bytes)
{
	const struct unit *u;
	uint64_t v;

	if (digits(&s, &v) == -1 || (u = find(sizes, LENGTH(sizes), s)) == NULL)
		return -1;
	if (__builtin_mul_overflow(v, u->worth, &v))
		return -1;
	*bytes = v;
	return 0;
}

int
num_duration(const char *s, int64_t *ms)
{
	const struct unit *u;
	uint64_t v;

	if (strcmp(s, "0") == 0) {
		*ms = 0;
		return 0;
	}
	if (digits(&s, &v) == -1 || (u = find(durations, LENGTH(durations), s)) == NULL)
		return -1;
	if (__builtin_mul_overflow(v, u->worth, &v) || v > INT64_MAX)
		return -1;
	*ms = (int64_t)v;
	return 0;
}

int
num_rate(const char *s, uint64_t *count, int64_t *per_ms)
{
	const struct unit *u;
	uint64_t v;

	if (digits(&s, &v) == -1 || *s++ != '/')
		return -1;
	if ((u = find(durations, LENGTH(durations), s)) == NULL)
		return -1;
	*count = v;
	*per_ms = (int64_t)u->worth;
	return 0;
}

static void
print(char *to, size_t cap, const struct unit *u, uint64_t v)
{
	if (v == 0) {
		snprintf(to, cap, "0");
		return;
	}
	while (v % u->worth != 0)
		u++;		/* the last one is worth 1 */
	snprintf(to, cap, "%" PRIu64 "%s", v / u->worth, strcmp(u->name, "B") == 0 ? "" : u->name);
}

void
num_size_print(char *to, size_t cap, uint64_t bytes)
{
	print(to, cap, sizes, bytes);
}

void
num_duration_print(char *to, size_t cap, int64_t ms)
{
	print(to, cap, durations, ms > 0 ? (uint64_t)ms : 0);
}
