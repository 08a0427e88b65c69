/* SPDX-License-Identifier: ISC */
/*
 * crowd: a table of rows in a memfd. A row has buckets of a few places; an
 * address belongs to one bucket, told by a hash that is seeded at each start,
 * and takes any place in it that nobody uses.
 */
#include "lib/proc/crowd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/proc/shared.h"

#define ROWS_MAX	64
#define BUCKETS		2048u
#define PLACES		8u

struct place {
	_Atomic uint64_t	high, low;	/* the address; 0, 0 = never used */
	_Atomic int64_t		since;
	_Atomic uint32_t	sessions, recent;
};

struct row {
	_Atomic uint32_t	all;
	struct place		places[BUCKETS][PLACES];
};

struct table {
	uint64_t	seed[2];	/* odd; written once */
	struct row	rows[];
};

struct proc_crowd {
	struct table	*table;
	size_t		 size;
	unsigned	 rows, own;
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "between processes");

struct address {
	uint64_t	high, low;
};

static struct address
address_of(const uint8_t ip[16])
{
	struct address a;

	memcpy(&a.high, ip, 8);
	memcpy(&a.low, ip + 8, 8);
	return a;
}

static unsigned
bucket_of(const struct table *t, const struct address *a)
{
	uint64_t h = (a->high ^ a->low >> 29) * t->seed[0];

	h = (h ^ h >> 31 ^ a->low) * t->seed[1];
	return (unsigned)(h >> 40) % BUCKETS;
}

static int
is_at(struct place *p, const struct address *a)
{
	return atomic_load(&p->high) == a->high && atomic_load(&p->low) == a->low;
}

static int
is_recent(struct place *p, int64_t now)
{
	/* Another process wrote it: anything. */
	return atomic_load(&p->since) > now - PROC_CROWD_MINUTE;
}

static int
is_idle(struct place *p, int64_t now)
{
	return atomic_load(&p->sessions) == 0 && !is_recent(p, now);
}

/* Its place, or one that it may have; NULL: the bucket is full. */
static struct place *
find(struct place places[PLACES], const struct address *a, int64_t now)
{
	struct place *idle = NULL;

	for (unsigned i = 0; i < PLACES; i++) {
		if (is_at(&places[i], a))
			return &places[i];
		if (idle == NULL && is_idle(&places[i], now))
			idle = &places[i];
	}
	if (idle == NULL)
		return NULL;
	/* Nothing is counted for either address while it changes. */
	atomic_store(&idle->recent, 0);
	atomic_store(&idle->high, a->high);
	atomic_store(&idle->low, a->low);
	return idle;
}

void
proc_crowd_set(struct proc_crowd *c, const uint8_t ip[16], int64_t now,
    const struct proc_crowd_counts *counts)
{
	struct address a = address_of(ip);
	struct row *row;
	struct place *p;

	MUST(c->own < c->rows);
	row = &c->table->rows[c->own];
	atomic_store(&row->all, counts->all);
	if ((p = find(row->places[bucket_of(c->table, &a)], &a, now)) == NULL)
		return;
	atomic_store(&p->since, counts->since);
	atomic_store(&p->recent, counts->recent);
	atomic_store(&p->sessions, counts->sessions);
}

static void
add(uint32_t *to, uint32_t n)
{
	*to = n > UINT32_MAX - *to ? UINT32_MAX : *to + n;
}

void
proc_crowd_others(const struct proc_crowd *c, const uint8_t ip[16], int64_t now,
    struct proc_crowd_counts *sum)
{
	struct address a = address_of(ip);
	unsigned bucket = bucket_of(c->table, &a);

	memset(sum, 0, sizeof *sum);
	for (unsigned i = 0; i < c->rows; i++) {
		struct row *row = &c->table->rows[i];

		if (i == c->own)
			continue;
		add(&sum->all, atomic_load(&row->all));
		for (unsigned k = 0; k < PLACES; k++) {
			struct place *p = &row->places[bucket][k];

			if (!is_at(p, &a))
				continue;
			add(&sum->sessions, atomic_load(&p->sessions));
			if (is_recent(p, now))
				add(&sum->recent, atomic_load(&p->recent));
		}
	}
}

uint32_t
proc_crowd_least(const struct proc_crowd *c)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < c->rows; i++) {
		uint32_t n = i == c->own ? UINT32_MAX : atomic_load(&c->table->rows[i].all);

		least = n < least ? n : least;
	}
	return least;
}

void
proc_crowd_clear(struct proc_crowd *c, unsigned row)
{
	MUST(row < c->rows);
	memset(&c->table->rows[row], 0, sizeof c->table->rows[row]);
}

/* ---- life ---- */

static size_t
size_of(unsigned rows)
{
	return sizeof(struct table) + rows * sizeof(struct row);
}

int
proc_crowd_make(unsigned rows)
{
	uint64_t seed[2] = { rand_u64() | 1, rand_u64() | 1 };

	return proc_shared_make("relayd-crowd", size_of(rows), seed, sizeof seed);
}

struct proc_crowd *
proc_crowd_map(int fd, unsigned rows, unsigned own)
{
	struct proc_crowd *c;
	void *at = proc_shared_map(fd, rows <= ROWS_MAX ? size_of(rows) : 0, 1);

	if (at == NULL)
		return NULL;
	c = must_calloc(1, sizeof *c);
	c->table = at;
	c->size = size_of(rows);
	c->rows = rows;
	c->own = own;
	return c;
}

void
proc_crowd_free(struct proc_crowd **cp)
{
	struct proc_crowd *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	(void)munmap(c->table, c->size);
	free(c);
}
