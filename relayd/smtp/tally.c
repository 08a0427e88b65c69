/* SPDX-License-Identifier: ISC */
/* tally: see tally.h. */
#include "relayd/smtp/tally.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/num.h"
#include "lib/base/str.h"

struct entry {
	TAILQ_ENTRY(entry)	 link;		/* all, longest unused first */
	TAILQ_ENTRY(entry)	 due;		/* unwritten */
	char			 domain[DNS_NAME_MAX];
	struct tally_counts	 counts;
	int64_t			 written;	/* mono ms */
	int			 dirty, ever;	/* on the list of the unwritten; written ever */
};
TAILQ_HEAD(entries, entry);

struct tally {
	struct store	*store;
	struct map	*by_domain;
	struct entries	 all, unwritten;
	uint64_t	 dropped;
	int		 failing;	/* said once, until a write succeeds */
	struct event	 ev_write;
	void		(*done)(void *arg, const struct why *);
	void		*arg;
};

/* ---- the value ---- */

static int64_t
last_of(const struct tally_counts *c)
{
	return c->passed_at > c->refused_at ? c->passed_at : c->refused_at;
}

int
tally_safe(const struct tally_counts *c, int64_t now)
{
	if (c->passed == 0)
		return 0;
	if (c->refused_at == 0)
		return 1;
	return c->passed_at > c->refused_at && now - c->refused_at >= TALLY_SAFE_MS;
}

void
tally_print(const struct tally_counts *c, char *to, size_t cap)
{
	(void)str_fmt(to, cap, "1 %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %s",
	    c->passed, c->refused, c->first, c->passed_at, c->refused_at,
	    c->reason[0] != '\0' ? c->reason : "-");
}

#define NUMBERS	6

int
tally_parse(const char *value, struct tally_counts *c)
{
	char copy[STORE_NOTE_MAX + 1], *save = NULL, *word;
	uint64_t v[NUMBERS];

	if (strlen(value) >= sizeof copy)
		return -1;
	(void)str_copy(copy, value, sizeof copy);
	word = strtok_r(copy, " ", &save);
	for (size_t i = 0; i < NUMBERS; i++, word = strtok_r(NULL, " ", &save))
		if (word == NULL || num_u64(word, INT64_MAX, &v[i]) == -1)
			return -1;
	if (v[0] != 1 || word == NULL || strlen(word) >= sizeof c->reason ||
	    strtok_r(NULL, " ", &save) != NULL)
		return -1;
	*c = (struct tally_counts){ .passed = v[1], .refused = v[2], .first = (int64_t)v[3],
	    .passed_at = (int64_t)v[4], .refused_at = (int64_t)v[5] };
	if (strcmp(word, "-") != 0)
		(void)str_copy(c->reason, word, sizeof c->reason);
	return 0;
}

/* ---- to the store ---- */

static void
on_written(void *arg, const struct why *why)
{
	struct tally *t = arg;

	if (why_is_set(why) && !t->failing)
		log_err("the counts of monitor mode cannot be written: %s", why->text);
	t->failing = why_is_set(why);
}

/* 0: the name is too long for a note, it is counted in memory only. */
static int
key_of(const char *domain, char *key, size_t cap)
{
	if (strlen(domain) + strlen(TALLY_PREFIX) >= cap)
		return 0;
	(void)str_fmt(key, cap, TALLY_PREFIX "%s", domain);
	return 1;
}

static void
clean(struct tally *t, struct entry *e)
{
	if (e->dirty)
		TAILQ_REMOVE(&t->unwritten, e, due);
	e->dirty = 0;
}

static void
write_note(struct tally *t, struct entry *e)
{
	char key[STORE_NOTE_KEY_MAX], value[STORE_NOTE_MAX];

	clean(t, e);
	e->written = clock_mono_ms();
	e->ever = 1;
	if (!key_of(e->domain, key, sizeof key))
		return;
	tally_print(&e->counts, value, sizeof value);
	t->store->ops->note_put(t->store, key, value, on_written, t);
}

void
tally_flush(struct tally *t)
{
	struct entry *e, *next;

	TAILQ_FOREACH_SAFE(e, &t->unwritten, due, next)
		write_note(t, e);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	tally_flush(arg);
}

/* At once if that was not done just now: so it is in the transaction of its message. */
static void
changed(struct tally *t, struct entry *e)
{
	static const struct timeval later = { TALLY_WRITE_MS / 1000, 0 };

	if (e->dirty)
		return;
	if (!e->ever || clock_mono_ms() - e->written >= TALLY_WRITE_MS) {
		write_note(t, e);
		return;
	}
	e->dirty = 1;
	TAILQ_INSERT_TAIL(&t->unwritten, e, due);
	if (!event_pending(&t->ev_write, EV_TIMEOUT, NULL))
		event_add(&t->ev_write, &later);
}

/* ---- in memory ---- */

static void
entry_free(struct tally *t, struct entry *e)
{
	clean(t, e);
	TAILQ_REMOVE(&t->all, e, link);
	map_removes(t->by_domain, e->domain);
	free(e);
}

static void
drop_oldest(struct tally *t)
{
	struct entry *e = TAILQ_FIRST(&t->all);
	char key[STORE_NOTE_KEY_MAX];

	if (t->dropped++ == 0)
		log_notice("monitor mode counts %d domains at most: those without mail for the "
		    "longest time are dropped from now on", TALLY_DOMAINS_MAX);
	if (key_of(e->domain, key, sizeof key))
		t->store->ops->note_put(t->store, key, NULL, on_written, t);
	entry_free(t, e);
}

static struct entry *
entry_new(struct tally *t, const char *domain)
{
	struct entry *e;

	if (map_count(t->by_domain) >= TALLY_DOMAINS_MAX)
		drop_oldest(t);
	e = must_calloc(1, sizeof *e);
	(void)str_copy(e->domain, domain, sizeof e->domain);
	TAILQ_INSERT_TAIL(&t->all, e, link);
	map_puts(t->by_domain, e->domain, e);
	return e;
}

/* The entry of a domain that has mail now. */
static struct entry *
entry_use(struct tally *t, const char *domain)
{
	struct entry *e = map_gets(t->by_domain, domain);

	if (e == NULL) {
		e = entry_new(t, domain);
		e->counts.first = clock_wall_ms();
		return e;
	}
	TAILQ_REMOVE(&t->all, e, link);
	TAILQ_INSERT_TAIL(&t->all, e, link);
	return e;
}

void
tally_passed(struct tally *t, const char *domain)
{
	struct entry *e = entry_use(t, domain);

	e->counts.passed++;
	e->counts.passed_at = clock_wall_ms();
	changed(t, e);
}

void
tally_refused(struct tally *t, const char *domain, const char *reason, int again)
{
	struct entry *e = entry_use(t, domain);

	e->counts.refused += !again;
	e->counts.refused_at = clock_wall_ms();
	(void)str_copy(e->counts.reason, reason, sizeof e->counts.reason);
	changed(t, e);
}

void
tally_join(struct tally *t, const char *domain, const char *note)
{
	struct tally_counts more, *c;
	struct entry *e;

	if (*domain == '\0' || strlen(domain) >= DNS_NAME_MAX || tally_parse(note, &more) == -1)
		return;
	e = entry_use(t, domain);
	c = &e->counts;
	c->passed += more.passed;
	c->refused += more.refused;
	if (more.first != 0 && more.first < c->first)
		c->first = more.first;
	if (more.passed_at > c->passed_at)
		c->passed_at = more.passed_at;
	if (more.refused_at > c->refused_at) {
		c->refused_at = more.refused_at;
		(void)str_copy(c->reason, more.reason, sizeof c->reason);
	}
	write_note(t, e);
}

const struct tally_counts *
tally_of(const struct tally *t, const char *domain)
{
	const struct entry *e = map_gets(t->by_domain, domain);

	return e != NULL ? &e->counts : NULL;
}

void
tally_each(struct tally *t, void (*fn)(const char *, const struct tally_counts *, void *),
    void *arg)
{
	struct entry *e;

	TAILQ_FOREACH(e, &t->all, link)
		fn(e->domain, &e->counts, arg);
}

size_t
tally_count(const struct tally *t)
{
	return map_count(t->by_domain);
}

uint64_t
tally_dropped(const struct tally *t)
{
	return t->dropped;
}

int
tally_forget(struct tally *t, const char *domain)
{
	struct entry *e = map_gets(t->by_domain, domain);

	if (e == NULL)
		return 0;
	entry_free(t, e);
	return 1;
}

/* ---- from the store ---- */

static int
compare(const void *a, const void *b)
{
	int64_t x = last_of(&(*(struct entry *const *)a)->counts);
	int64_t y = last_of(&(*(struct entry *const *)b)->counts);

	return x < y ? -1 : x > y;
}

/* The notes come by name; the list is by age. */
static void
sort(struct tally *t)
{
	size_t n = map_count(t->by_domain), i = 0;
	struct entry **v = must_calloc(n + 1, sizeof *v), *e;

	TAILQ_FOREACH(e, &t->all, link)
		v[i++] = e;
	qsort(v, n, sizeof *v, compare);
	TAILQ_INIT(&t->all);
	for (i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&t->all, v[i], link);
	free(v);
}

static void
take_note(struct tally *t, const struct store_note *note)
{
	const char *domain = note->key + strlen(TALLY_PREFIX);
	struct tally_counts counts;

	if (*domain == '\0' || strlen(domain) >= DNS_NAME_MAX)
		return;
	if (tally_parse(note->value, &counts) == -1) {
		log_err("%s: its counts of monitor mode are damaged: they begin anew", domain);
		return;
	}
	entry_new(t, domain)->counts = counts;
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct tally *t = arg;

	for (size_t i = 0; i < n; i++)
		take_note(t, &notes[i]);
	sort(t);
	t->done(t->arg, why);
}

void
tally_load(struct tally *t, void (*done)(void *, const struct why *), void *arg)
{
	t->done = done;
	t->arg = arg;
	t->store->ops->notes(t->store, TALLY_PREFIX, on_notes, t);
}

/* ---- life ---- */

struct tally *
tally_new(struct event_base *base, struct store *store)
{
	struct tally *t = must_calloc(1, sizeof *t);

	t->store = store;
	t->by_domain = map_new();
	TAILQ_INIT(&t->all);
	TAILQ_INIT(&t->unwritten);
	event_assign(&t->ev_write, base, -1, 0, on_write, t);
	return t;
}

void
tally_free(struct tally **tp)
{
	struct tally *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	event_del(&t->ev_write);
	while (!TAILQ_EMPTY(&t->all))
		entry_free(t, TAILQ_FIRST(&t->all));
	map_free(&t->by_domain);
	free(t);
}
