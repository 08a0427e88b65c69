/* SPDX-License-Identifier: ISC */
/*
 * commons: a table in a memfd. A sheet has buckets of a few places; an id belongs
 * to one bucket and takes any place in it that its process does not use. Words
 * of time are in buckets as well, but all processes claim and change them: a word
 * has some bits of the id beside the time, so that it cannot change hands between
 * a look and a change.
 */
#include "lib/proc/commons.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/proc/shared.h"

#define ROWS_MAX	64
#define PLACES		8u
#define USED_BUCKETS	8192u
#define SENT_BUCKETS	4096u
#define TIME_BUCKETS	8192u

#define TIME_BITS	46		/* us: two years; compared in a circle */
#define TIME_MASK	((UINT64_C(1) << TIME_BITS) - 1)
#define STALE_US	INT64_C(1000000)	/* so long over: others may have its word */
#define FAR_US		(INT64_C(8) * 86400 * 1000000)	/* no rate is so slow: nobody meant that */

struct bucket {
	_Atomic uint64_t	id[PLACES];
	_Atomic int64_t		since[PLACES];
	_Atomic uint32_t	n[PLACES];
};

struct row {
	struct bucket	used[USED_BUCKETS];
	struct bucket	sent[SENT_BUCKETS];
	struct bucket	all;		/* for PROC_COMMONS_ALL alone */
};

struct times {
	_Atomic uint64_t	word[PLACES];	/* tag, us; 0 = never used */
};

struct table {
	uint8_t		key[16];	/* written once */
	struct times	times[TIME_BUCKETS];
	struct row	rows[];
};

struct proc_commons {
	struct table	*table;
	size_t		 size;
	uint8_t		 key[16];
	unsigned	 rows, own;
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "between processes");

uint64_t
proc_commons_id(const struct proc_commons *c, const char *name)
{
	uint64_t id = rand_siphash(c->key, name, strlen(name));

	return id != 0 ? id : 1;
}

unsigned proc_commons_rows(const struct proc_commons *c) { return c->rows; }
unsigned proc_commons_own(const struct proc_commons *c) { return c->own; }

/* ---- sheets ---- */

static struct bucket *
bucket_of(const struct proc_commons *c, enum proc_commons_sheet sheet, unsigned row, uint64_t id)
{
	struct row *r = &c->table->rows[row];

	if (sheet == PROC_COMMONS_SENT)
		return &r->sent[id % SENT_BUCKETS];
	if (id == PROC_COMMONS_ALL)
		return &r->all;
	return &r->used[id % USED_BUCKETS];
}

/* PLACES: it has none. */
static unsigned
place_of(const struct bucket *b, uint64_t id)
{
	unsigned i = 0;

	while (i < PLACES && atomic_load(&b->id[i]) != id)
		i++;
	return i;
}

static unsigned
free_place(const struct bucket *b)
{
	unsigned i = 0;

	while (i < PLACES && (atomic_load(&b->n[i]) != 0 || atomic_load(&b->since[i]) != 0))
		i++;
	return i;
}

int
proc_commons_set(struct proc_commons *c, enum proc_commons_sheet sheet, uint64_t id,
    struct proc_commons_entry e)
{
	struct bucket *b;
	unsigned i;

	MUST(c->own < c->rows);
	b = bucket_of(c, sheet, c->own, id);
	i = place_of(b, id);
	if (i == PLACES && e.n == 0 && e.since == 0)
		return 0;
	if (i == PLACES && (i = free_place(b)) == PLACES)
		return -1;
	/* Nothing is counted for either id while it changes. */
	if (atomic_load(&b->id[i]) != id)
		atomic_store(&b->id[i], id);
	atomic_store(&b->since[i], e.since);
	atomic_store(&b->n[i], e.n);
	return 0;
}

struct proc_commons_entry
proc_commons_get(const struct proc_commons *c, enum proc_commons_sheet sheet, unsigned row,
    uint64_t id)
{
	struct proc_commons_entry e = { 0 };
	const struct bucket *b;
	unsigned i;

	MUST(row < c->rows);
	b = bucket_of(c, sheet, row, id);
	i = place_of(b, id);
	if (i < PLACES) {
		e.since = atomic_load(&b->since[i]);
		e.n = atomic_load(&b->n[i]);
	}
	return e;
}

void
proc_commons_clear(struct proc_commons *c, enum proc_commons_sheet sheet, unsigned row)
{
	struct row *r = &c->table->rows[row];

	MUST(row < c->rows);
	if (sheet == PROC_COMMONS_SENT) {
		memset(r->sent, 0, sizeof r->sent);
		return;
	}
	memset(r->used, 0, sizeof r->used);
	memset(&r->all, 0, sizeof r->all);
}

/* ---- times ---- */

static struct times *
times_of(const struct proc_commons *c, uint64_t id)
{
	return &c->table->times[(id >> 16) % TIME_BUCKETS];
}

static uint64_t
tag_of(uint64_t id)
{
	uint64_t tag = id >> TIME_BITS;

	return tag != 0 ? tag : 1;
}

static uint64_t
word_of(uint64_t id, int64_t time)
{
	return tag_of(id) << TIME_BITS | ((uint64_t)time & TIME_MASK);
}

/* Of all times that it may mean the one that is next to now. */
static int64_t
time_of(uint64_t word, int64_t now)
{
	uint64_t ahead = (word - (uint64_t)now) & TIME_MASK;
	int64_t d = (int64_t)ahead;

	if (ahead > TIME_MASK / 2)
		d -= (int64_t)TIME_MASK + 1;
	return now + d;
}

/* From `first` on; PLACES: there is none. */
static unsigned
find_word(struct times *t, uint64_t id, unsigned first)
{
	unsigned i = first;

	while (i < PLACES && atomic_load(&t->word[i]) >> TIME_BITS != tag_of(id))
		i++;
	return i;
}

int64_t
proc_commons_time(const struct proc_commons *c, uint64_t id, int64_t now)
{
	struct times *t = times_of(c, id);
	unsigned i = find_word(t, id, 0);

	return i < PLACES ? time_of(atomic_load(&t->word[i]), now) : 0;
}

static int
is_over(uint64_t word, int64_t now)
{
	int64_t time = time_of(word, now);

	return word == 0 || time < now - STALE_US || time > now + FAR_US;
}

/* Two who claim a word for the same id at once see each other, and both begin anew. */
static int
claim(struct times *t, uint64_t id, int64_t now, int64_t to)
{
	uint64_t word = 0, own = word_of(id, to);
	unsigned i = 0;

	while (i < PLACES && !is_over(word = atomic_load(&t->word[i]), now))
		i++;
	if (i == PLACES)
		return -1;
	if (!atomic_compare_exchange_strong(&t->word[i], &word, own))
		return 0;
	if (find_word(t, id, 0) == i && find_word(t, id, i + 1) == PLACES)
		return 1;
	return atomic_compare_exchange_strong(&t->word[i], &own, 0) ? 0 : 1;
}

int
proc_commons_move(struct proc_commons *c, uint64_t id, int64_t now, int64_t from, int64_t to)
{
	struct times *t = times_of(c, id);
	unsigned i = find_word(t, id, 0);
	uint64_t was = word_of(id, from);

	if (i < PLACES)
		return atomic_compare_exchange_strong(&t->word[i], &was, word_of(id, to));
	return from <= now ? claim(t, id, now, to) : 0;
}

/* ---- life ---- */

static size_t
size_of(unsigned rows)
{
	return sizeof(struct table) + rows * sizeof(struct row);
}

int
proc_commons_make(unsigned rows)
{
	uint64_t key[2] = { rand_u64(), rand_u64() };

	return proc_shared_make("relayd-commons", size_of(rows), key, sizeof key);
}

struct proc_commons *
proc_commons_map(int fd, unsigned rows, unsigned own)
{
	struct proc_commons *c;
	void *at = proc_shared_map(fd, rows <= ROWS_MAX ? size_of(rows) : 0, 1);

	if (at == NULL)
		return NULL;
	c = must_calloc(1, sizeof *c);
	c->table = at;
	c->size = size_of(rows);
	memcpy(c->key, c->table->key, sizeof c->key);
	c->rows = rows;
	c->own = own;
	return c;
}

void
proc_commons_free(struct proc_commons **cp)
{
	struct proc_commons *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	(void)munmap(c->table, c->size);
	free(c);
}
