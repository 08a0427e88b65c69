/* SPDX-License-Identifier: ISC */
/*
 * flight: see flight.h. A slot has three parts, each valid by a sum of its
 * own that is written last: the transaction, its dot, its acceptance. The
 * sums of the later parts include that of the first, so that they count for
 * this transaction alone; a kill in the middle of a part leaves those before
 * it as they were.
 */
#include "lib/store/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"

#define MAGIC	0x32746867696c4672u	/* "rFlight2" */
#define CRASH	0x4853415243u

struct slot {
	_Atomic uint64_t	sum;		/* 0: empty */
	uint64_t		message;
	uint64_t		nrcpts;
	int64_t			rcpts[STORE_FLIGHT_RCPTS];
	char			relay[128];
	struct store_flight_set	sent;
	_Atomic uint64_t	dot_sum;
	struct store_flight_set	taken;
	char			reply[256];
	uint64_t		reports;	/* 0 or 1 */
	_Atomic uint64_t	accepted_sum;
};
_Static_assert(sizeof(struct slot) <= STORE_FLIGHT_SLOT, "fits");

struct head {
	uint64_t		magic;
	_Atomic uint64_t	crash;
};

struct store_flight {
	unsigned char			*map;
	int				 fd;
	unsigned			 free[STORE_FLIGHT_SLOTS], nfree;
	struct store_flight_entry	*found;
	unsigned			*found_at;
	size_t				 nfound, damaged;
	int				 crashed;
};

/* ---- sums ---- */

/* Against accidents: who can write the file can write the queue as well. */
static uint64_t
sum_of(uint64_t base, const void *data, size_t n)
{
	uint8_t key[16] = "relayd flight";
	uint64_t h;

	memcpy(key + 8, &base, sizeof base);
	h = rand_siphash(key, data, n);
	return h != 0 ? h : 1;
}

/* From `message` to what is used of it; with the number, so that it counts in its place only. */
static uint64_t
sum_begun(const struct slot *s, unsigned number)
{
	uint64_t h = sum_of(number, &s->message, sizeof s->message + sizeof s->nrcpts);

	h = sum_of(h, s->rcpts, (size_t)s->nrcpts * sizeof s->rcpts[0]);
	return sum_of(h, s->relay, sizeof s->relay);
}

static uint64_t
sum_dot(const struct slot *s, uint64_t sum)
{
	return sum_of(sum, &s->sent, sizeof s->sent);
}

static uint64_t
sum_accepted(const struct slot *s, uint64_t sum)
{
	uint64_t h = sum_of(sum, &s->taken, sizeof s->taken);

	return sum_of(sum_of(h, s->reply, sizeof s->reply), &s->reports, sizeof s->reports);
}

/* ---- sets ---- */

void
store_flight_set_add(struct store_flight_set *set, size_t place)
{
	if (place < STORE_FLIGHT_RCPTS)
		set->bits[place / 64] |= UINT64_C(1) << place % 64;
}

static int
has(const struct store_flight_set *set, size_t place)
{
	return (set->bits[place / 64] >> place % 64 & 1) != 0;
}

/* ---- reading ---- */

static void
take_text(char *to, size_t cap, const char *from, size_t room)
{
	str_escape_to(to, cap, from, strnlen(from, room));
}

int
store_flight_read(const void *bytes, unsigned number, struct store_flight_entry *e)
{
	struct slot s;
	const struct store_flight_set *which = NULL;
	uint64_t sum, dot, accepted;

	memcpy(&s, bytes, sizeof s);
	sum = atomic_load(&s.sum);
	dot = atomic_load(&s.dot_sum);
	accepted = atomic_load(&s.accepted_sum);
	if (sum == 0)
		return 0;
	if (s.nrcpts == 0 || s.nrcpts > STORE_FLIGHT_RCPTS || s.message == 0 ||
	    s.message > INT64_MAX || sum_begun(&s, number) != sum)
		return -1;
	memset(e, 0, sizeof *e);
	e->message = s.message;
	e->state = STORE_FLIGHT_BEGUN;
	take_text(e->relay, sizeof e->relay, s.relay, sizeof s.relay);
	if (dot != 0 && sum_dot(&s, sum) == dot) {
		e->state = STORE_FLIGHT_DOT;
		which = &s.sent;
	}
	if (which != NULL && accepted != 0 && sum_accepted(&s, sum) == accepted) {
		e->state = STORE_FLIGHT_ACCEPTED;
		which = &s.taken;
		take_text(e->reply, sizeof e->reply, s.reply, sizeof s.reply);
		e->reports = s.reports != 0;
	}
	for (size_t i = 0; i < s.nrcpts; i++)
		if (s.rcpts[i] > 0 && (which == NULL || has(which, i)))
			e->rcpts[e->nrcpts++] = s.rcpts[i];
	return 1;
}

/* ---- the file ---- */

static struct head *
head(const struct store_flight *f)
{
	return (struct head *)(void *)f->map;
}

static struct slot *
slot(const struct store_flight *f, unsigned handle)
{
	MUST(handle >= 1 && handle <= STORE_FLIGHT_SLOTS);
	return (struct slot *)(void *)(f->map + (size_t)handle * STORE_FLIGHT_SLOT);
}

/* Room is claimed here: a store to a page for which the disk has none would end the process. */
static int
open_file(struct store_flight *f, const char *dir, struct why *why)
{
	char path[4096];
	struct stat st;
	int rc;

	if (str_fmt(path, sizeof path, "%s/flight", dir) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "directory name too long");
	f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd == -1 || fstat(f->fd, &st) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_set(why, WHY_LOCAL_STORAGE, "%s is not a file", path);
	if ((rc = posix_fallocate(f->fd, 0, STORE_FLIGHT_SIZE)) != 0)
		return why_set(why, rc == ENOSPC ? WHY_LOCAL_SPACE : WHY_LOCAL_STORAGE, "%s: %s",
		    path, strerror(rc));
	f->map = mmap(NULL, STORE_FLIGHT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	    f->fd, 0);
	if (f->map == MAP_FAILED) {
		f->map = NULL;
		return why_set(why, WHY_LOCAL_STORAGE, "%s: mmap: %s", path, strerror(errno));
	}
	return 0;
}

static void
note_found(struct store_flight *f, unsigned handle, const struct store_flight_entry *e)
{
	if ((f->nfound & (f->nfound - 1)) == 0) {
		size_t cap = f->nfound == 0 ? 1 : 2 * f->nfound;

		f->found = must_realloc(f->found, cap, sizeof *f->found);
		f->found_at = must_realloc(f->found_at, cap, sizeof *f->found_at);
	}
	f->found_at[f->nfound] = handle;
	f->found[f->nfound++] = *e;
}

static void
read_all(struct store_flight *f)
{
	struct store_flight_entry e;

	if (head(f)->magic != MAGIC) {	/* new, or of a format that we do not know */
		memset(f->map, 0, STORE_FLIGHT_SIZE);
		head(f)->magic = MAGIC;
	}
	f->crashed = atomic_exchange(&head(f)->crash, 0) == CRASH;
	for (unsigned i = STORE_FLIGHT_SLOTS; i >= 1; i--)
		switch (store_flight_read(slot(f, i), i, &e)) {
		case 1:
			note_found(f, i, &e);
			continue;
		case -1:
			f->damaged++;
			memset(slot(f, i), 0, sizeof(struct slot));
			f->free[f->nfree++] = i;
			continue;
		default:
			f->free[f->nfree++] = i;
			continue;
		}
}

struct store_flight *
store_flight_open(const char *dir, struct why *why)
{
	struct store_flight *f = must_calloc(1, sizeof *f);

	f->fd = -1;
	if (open_file(f, dir, why) == -1) {
		store_flight_close(&f);
		return NULL;
	}
	read_all(f);
	return f;
}

void
store_flight_close(struct store_flight **fp)
{
	struct store_flight *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	if (f->map != NULL)
		(void)munmap(f->map, STORE_FLIGHT_SIZE);
	if (f->fd != -1)
		(void)close(f->fd);
	free(f->found);
	free(f->found_at);
	free(f);
}

size_t
store_flight_found(const struct store_flight *f, const struct store_flight_entry **found)
{
	*found = f != NULL ? f->found : NULL;
	return f != NULL ? f->nfound : 0;
}

size_t
store_flight_damaged(const struct store_flight *f)
{
	return f != NULL ? f->damaged : 0;
}

int
store_flight_crashed(const struct store_flight *f)
{
	return f != NULL && f->crashed;
}

void
store_flight_forget(struct store_flight *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->nfound; i++)
		store_flight_clear(f, f->found_at[i]);
	f->nfound = 0;
}

/* ---- writing ---- */

static void
put_text(char *to, size_t room, const char *from)
{
	memset(to, 0, room);
	(void)str_copy(to, from, room);
}

unsigned
store_flight_begin(struct store_flight *f, uint64_t message, const int64_t *rcpts, size_t n,
    const char *relay)
{
	unsigned handle;
	struct slot *s;

	if (f == NULL || f->nfree == 0 || n == 0)
		return 0;
	handle = f->free[--f->nfree];
	s = slot(f, handle);
	s->message = message;
	s->nrcpts = n < STORE_FLIGHT_RCPTS ? n : STORE_FLIGHT_RCPTS;
	memcpy(s->rcpts, rcpts, (size_t)s->nrcpts * sizeof *rcpts);
	put_text(s->relay, sizeof s->relay, relay);
	atomic_store(&s->dot_sum, 0);
	atomic_store(&s->accepted_sum, 0);
	atomic_store(&s->sum, sum_begun(s, handle));
	return handle;
}

void
store_flight_dot(struct store_flight *f, unsigned handle, const struct store_flight_set *sent)
{
	struct slot *s;

	if (f == NULL || handle == 0)
		return;
	s = slot(f, handle);
	s->sent = *sent;
	atomic_store(&s->dot_sum, sum_dot(s, atomic_load(&s->sum)));
}

void
store_flight_accepted(struct store_flight *f, unsigned handle, const struct store_flight_set *taken,
    const char *reply, int reports)
{
	struct slot *s;

	if (f == NULL || handle == 0)
		return;
	s = slot(f, handle);
	s->taken = *taken;
	put_text(s->reply, sizeof s->reply, reply);
	s->reports = reports != 0;
	atomic_store(&s->accepted_sum, sum_accepted(s, atomic_load(&s->sum)));
}

void
store_flight_clear(struct store_flight *f, unsigned handle)
{
	if (f == NULL || handle == 0)
		return;
	atomic_store(&slot(f, handle)->sum, 0);
	MUST(f->nfree < STORE_FLIGHT_SLOTS);
	f->free[f->nfree++] = handle;
}

void
store_flight_crashing(struct store_flight *f)
{
	atomic_store(&head(f)->crash, CRASH);
}
