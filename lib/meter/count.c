/* SPDX-License-Identifier: ISC */
/* count: a table of cells in a memfd, rows of processes, places of family.def. */
#include "lib/meter/count.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/proc/shared.h"

#define ROWS_MAX	128

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "between processes");

/* ---- places ---- */

/* In a struct each family has as many cells as it needs, and its offset is known. */
struct row {
#define COUNTER(id, name, a, b, help)						\
	_Atomic uint64_t	id[METER_COUNT_##a * METER_COUNT_##b];
#define HISTOGRAM(id, name, bounds, help)					\
	_Atomic uint64_t	id[METER_BOUNDS + 2];	/* buckets, +Inf, sum */
#define GAUGE(id, name, help)
#include "lib/meter/family.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
};

#define CELL		sizeof(_Atomic uint64_t)
#define SUM_OF_TIMES	(METER_BOUNDS + 1)

static const struct {
	size_t	at, n;		/* cells; a gauge has none */
} places[METER__FAMILIES] = {
#define COUNTER(id, name, a, b, help)						\
	[METER_##id] = { offsetof(struct row, id) / CELL, METER_COUNT_##a * METER_COUNT_##b },
#define HISTOGRAM(id, name, bounds, help)					\
	[METER_##id] = { offsetof(struct row, id) / CELL, METER_BOUNDS + 2 },
#define GAUGE(id, name, help)
#include "lib/meter/family.def"
#undef COUNTER
#undef HISTOGRAM
#undef GAUGE
};

struct shared {
	int64_t		started;	/* written once */
	struct row	rows[];
};

static struct row alone;
static struct table {
	struct shared	*shared;	/* NULL: none */
	struct row	*all;
	unsigned	 rows;
} mine = { NULL, &alone, 1 }, watched;
static unsigned own;

static size_t
size_of(unsigned rows)
{
	return sizeof(struct shared) + rows * sizeof(struct row);
}

static _Atomic uint64_t *
cell(const struct table *t, unsigned row, enum meter_family f, size_t i)
{
	MUST(f < METER__FAMILIES && i < places[f].n);
	return (_Atomic uint64_t *)&t->all[row] + places[f].at + i;
}

static size_t
index_of(enum meter_family f, unsigned a, unsigned b)
{
	unsigned n = meter_label_count(meter_family_label(f, 1));

	MUST(a < meter_label_count(meter_family_label(f, 0)) && b < n);
	return (size_t)a * n + b;
}

/* ---- counting ---- */

static void
add(enum meter_family f, size_t i, uint64_t n)
{
	atomic_fetch_add_explicit(cell(&mine, own, f, i), n, memory_order_relaxed);
}

void
meter_count_add(enum meter_family f, unsigned a, unsigned b, uint64_t n)
{
	add(f, index_of(f, a, b), n);
}

void
meter_count(enum meter_family f, unsigned a, unsigned b)
{
	meter_count_add(f, a, b, 1);
}

void
meter_count_time(enum meter_family f, int64_t ms)
{
	const int64_t *bounds = meter_family_bounds(f);
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (i < METER_BOUNDS && ms > bounds[i])
		i++;
	add(f, i, 1);
	add(f, SUM_OF_TIMES, (uint64_t)ms);
}

/* ---- sums ---- */

static uint64_t
sum_of(const struct table *t, enum meter_family f, size_t i)
{
	uint64_t n = 0;

	for (unsigned row = 0; row < t->rows; row++)
		n += atomic_load_explicit(cell(t, row, f, i), memory_order_relaxed);
	return n;
}

static uint64_t
sum(enum meter_family f, size_t i)
{
	return sum_of(&mine, f, i) + sum_of(&watched, f, i);
}

uint64_t
meter_count_sum(enum meter_family f, unsigned a, unsigned b)
{
	return sum(f, index_of(f, a, b));
}

void
meter_count_times(enum meter_family f, struct meter_times *t)
{
	MUST(meter_family_type(f) == METER_HISTOGRAM);
	for (size_t i = 0; i <= METER_BOUNDS; i++)
		t->counts[i] = sum(f, i);
	t->ms = sum(f, SUM_OF_TIMES);
}

int64_t
meter_count_started(void)
{
	return mine.shared != NULL ? mine.shared->started : 0;
}

/* ---- life ---- */

int
meter_count_make(unsigned rows)
{
	int64_t started = clock_wall_ms();

	return proc_shared_make("relayd-meter", size_of(rows), &started, sizeof started);
}

/* Takes fd. 0, or -1 with errno: it is no table for so many rows. */
static int
map(struct table *t, int fd, unsigned rows, int writable)
{
	void *at = proc_shared_map(fd, rows > 0 && rows <= ROWS_MAX ? size_of(rows) : 0, writable);

	if (at == NULL)
		return -1;
	*t = (struct table){ at, ((struct shared *)at)->rows, rows };
	return 0;
}

static void
unmap(struct table *t)
{
	if (t->shared != NULL)
		(void)munmap(t->shared, size_of(t->rows));
	*t = (struct table){ NULL, NULL, 0 };
}

int
meter_count_open(int fd, unsigned rows, unsigned row)
{
	struct table t;

	if (row >= rows) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	if (map(&t, fd, rows, 1) == -1)
		return -1;
	unmap(&mine);
	mine = t;
	own = row;
	return 0;
}

int
meter_count_watch(int fd, unsigned rows)
{
	struct table t;

	if (map(&t, fd, rows, 0) == -1)
		return -1;
	unmap(&watched);
	watched = t;
	return 0;
}

void
meter_count_close(void)
{
	unmap(&mine);
	unmap(&watched);
	memset(&alone, 0, sizeof alone);
	mine = (struct table){ NULL, &alone, 1 };
	own = 0;
}
