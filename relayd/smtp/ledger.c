/* SPDX-License-Identifier: ISC */
/* ledger: counts and permission. What is announced is in ledger_watch.c. */
#include "relayd/smtp/ledger.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/meter/count.h"
#include "lib/store/store.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/ledger_int.h"

#define REWRITE_S	5	/* a count that the store did not take */

static struct ledger_entry *
entry_get(struct ledger *l, const char *id)
{
	struct ledger_entry *e = map_gets(l->entries, id);

	if (e == NULL) {
		e = must_calloc(1, sizeof *e);
		e->owner = l;
		str_copy(e->id, id, sizeof e->id);
		map_puts(l->entries, e->id, e);
	}
	return e;
}

struct ledger_entry *
ledger_entry_of(const struct ledger *l, const struct conf_exception *x)
{
	return l != NULL ? map_gets(l->entries, x->id) : NULL;
}

/* ---- as text, in the store: "1 uses passed streak seen first last needed" ---- */

#define FIELDS	8

static void
print(const struct ledger_counts *c, char *to, size_t cap)
{
	str_fmt(to, cap, "1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64
	    " %" PRId64, c->uses, c->passed, c->streak, c->seen, c->first, c->last, c->needed);
}

static int
parse(const char *text, struct ledger_counts *c)
{
	char copy[STORE_NOTE_MAX + 1], *save = NULL, *word;
	uint64_t v[FIELDS];
	size_t n = 0;

	str_copy(copy, text, sizeof copy);
	for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		if (n == FIELDS || num_u64(word, INT64_MAX, &v[n++]) == -1)
			return -1;
	if (n != FIELDS || v[0] != 1)
		return -1;
	*c = (struct ledger_counts){ .uses = v[1], .passed = v[2], .streak = v[3],
	    .seen = (int64_t)v[4], .first = (int64_t)v[5], .last = (int64_t)v[6],
	    .needed = (int64_t)v[7] };
	return 0;
}

static void
on_written(void *arg, const struct why *why)
{
	static const struct timeval again = { REWRITE_S, 0 };
	struct ledger_entry *e = arg;

	if (!why_is_set(why))
		return;
	/* What is in memory counts on; the watch tries again. */
	if (!e->unwritten)
		log_err("exception %s: its count cannot be written: %s", e->id, why->text);
	e->unwritten = 1;
	event_add(e->owner->ev_watch, &again);
}

void
ledger_note(struct ledger_entry *e, void (*done)(void *, const struct why *), void *arg)
{
	struct ledger *l = e->owner;
	char key[sizeof LEDGER_PREFIX + sizeof e->id], value[STORE_NOTE_MAX];

	str_fmt(key, sizeof key, LEDGER_PREFIX "%s", e->id);
	print(&e->counts, value, sizeof value);
	l->store->ops->note_put(l->store, key, value, done, arg);
}

void
ledger_write(struct ledger_entry *e)
{
	if (e->unknown)
		return;		/* let it be looked at */
	e->unwritten = 0;
	ledger_note(e, on_written, e);
}

static void
take_note(struct ledger *l, const struct store_note *note)
{
	const char *id = note->key + strlen(LEDGER_PREFIX);
	struct ledger_entry *e;

	if (*id == '\0' || strlen(id) >= sizeof e->id)
		return;
	e = entry_get(l, id);
	if (parse(note->value, &e->counts) == 0)
		return;
	e->unknown = 1;
	log_err("exception %s: its count in the queue database is damaged: it does not hold if its "
	    "uses are limited; give it another id", e->id);
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct ledger *l = arg;

	for (size_t i = 0; i < n; i++)
		take_note(l, &notes[i]);
	l->loaded = !why_is_set(why);
	if (l->loaded)
		ledger_watch_again(l);
	l->done(l->arg, why);
}

void
ledger_load(struct ledger *l, void (*done)(void *, const struct why *), void *arg)
{
	l->done = done;
	l->arg = arg;
	l->store->ops->notes(l->store, LEDGER_PREFIX, on_notes, l);
}

/* Of times, 0 = never. */
static int64_t
earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
ledger_join(struct ledger *l, const char *id, const char *note)
{
	struct ledger_entry *e;
	struct ledger_counts more;

	if (*id == '\0' || strlen(id) >= sizeof e->id)
		return;
	e = entry_get(l, id);
	if (parse(note, &more) == -1) {
		e->unknown = 1;
		log_err("exception %s: its count in an adopted queue is damaged", id);
		return;
	}
	e->counts = (struct ledger_counts){
		.uses = e->counts.uses + more.uses, .passed = e->counts.passed + more.passed,
		.streak = e->counts.streak + more.streak,
		.seen = earlier(e->counts.seen, more.seen),
		.first = earlier(e->counts.first, more.first),
		.last = later(e->counts.last, more.last),
		.needed = later(e->counts.needed, more.needed),
	};
	ledger_write(e);
}

/* ---- permission ---- */

static enum ledger_state
state(const struct ledger *l, const struct ledger_entry *e, const struct conf_exception *x)
{
	if (clock_wall_ms() >= x->expires)
		return LEDGER_ENDED;
	if (l == NULL || e == NULL || !l->loaded || (e->unknown && x->max_uses > 0))
		return LEDGER_UNKNOWN;
	if (x->max_uses > 0 && (ledger_borrows(l) ? clock_mono_ms() < e->over_until :
	    e->counts.uses - e->lent >= (uint64_t)x->max_uses))
		return LEDGER_USED_UP;
	return LEDGER_ACTIVE;
}

int
ledger_holds(const struct ledger *l, const struct conf_exception *x)
{
	return state(l, ledger_entry_of(l, x), x) == LEDGER_ACTIVE;
}

enum ledger_answer
ledger_may_use(const struct ledger_entry *e)
{
	if (state(e->owner, e, e->conf) != LEDGER_ACTIVE)
		return LEDGER_OVER;
	return e->conf->max_uses > 0 &&
	    e->counts.uses + e->reserved >= (uint64_t)e->conf->max_uses ? LEDGER_WAIT :
	    LEDGER_TAKEN;
}

enum ledger_answer
ledger_reserve(struct ledger *l, const char *id)
{
	struct ledger_entry *e = l != NULL ? map_gets(l->entries, id) : NULL;
	enum ledger_answer answer;

	if (e == NULL || e->conf == NULL || state(l, e, e->conf) != LEDGER_ACTIVE)
		return LEDGER_OVER;
	if (e->conf->max_uses > 0 && ledger_borrows(l))
		return ledger_lease_take(e);
	answer = ledger_may_use(e);
	if (answer == LEDGER_TAKEN)
		e->reserved++;
	return answer;
}

static struct ledger_entry *
unreserve(struct ledger *l, const char *id)
{
	struct ledger_entry *e = map_gets(l->entries, id);

	MUST(e != NULL && e->reserved > 0);
	e->reserved--;
	return e;
}

void
ledger_give_back(struct ledger *l, const char *id)
{
	struct ledger_entry *e = unreserve(l, id);

	if (e->leased > 0)
		ledger_lease_return(e);
}

void
ledger_used(struct ledger *l, const char *id, const char *relay, int needed)
{
	struct ledger_entry *e = unreserve(l, id);

	meter_count(METER_EXCEPTION_USED, e->allow, needed != 0);
	if (e->leased > 0) {
		ledger_lease_used(e, needed);
		return;
	}
	e->counts.uses++;
	ledger_count(e, relay, needed);
}

void
ledger_count(struct ledger_entry *e, const char *relay, int needed)
{
	struct ledger_counts *c = &e->counts;
	int64_t now = clock_wall_ms();

	c->last = now;
	if (c->first == 0)
		c->first = now;
	if (needed) {
		c->needed = now;
		c->streak = 0;
	} else {
		c->passed++;
		c->streak++;
	}
	ledger_write(e);
	ledger_say_use(e, relay, needed);
}

/* ---- for relayctl ---- */

enum ledger_advice
ledger_advise(const struct ledger_counts *c, int64_t expires, int64_t now)
{
	int64_t busy = c->last > c->seen ? c->last : c->seen;

	if (c->streak > 0)
		return LEDGER_NOT_NEEDED;
	if (busy != 0 && now - busy >= LEDGER_IDLE)
		return LEDGER_UNUSED;
	return expires - now <= 30 * LEDGER_DAY ? LEDGER_ENDS_SOON : LEDGER_FINE;
}

enum ledger_state
ledger_look(const struct ledger *l, const struct conf_exception *x, struct ledger_counts *c,
    enum ledger_advice *a)
{
	const struct ledger_entry *e = ledger_entry_of(l, x);
	enum ledger_state s = state(l, e, x);

	*c = e != NULL ? e->counts : (struct ledger_counts){ 0 };
	*a = s == LEDGER_ACTIVE ? ledger_advise(c, x->expires, clock_wall_ms()) : LEDGER_FINE;
	return s;
}

const char *
ledger_state_name(enum ledger_state s)
{
	static const char *const names[] = {
		[LEDGER_ACTIVE] = "active", [LEDGER_ENDED] = "ended",
		[LEDGER_USED_UP] = "used-up", [LEDGER_UNKNOWN] = "unknown",
	};

	return names[s];
}

const char *
ledger_advice_name(enum ledger_advice a)
{
	static const char *const names[] = {
		[LEDGER_FINE] = "", [LEDGER_ENDS_SOON] = "ends-soon",
		[LEDGER_UNUSED] = "unused", [LEDGER_NOT_NEEDED] = "not-needed",
	};

	return names[a];
}

/* ---- life ---- */

static void
forget_conf(void *value, void *arg)
{
	struct ledger_entry *e = value;

	e->conf = NULL;
	e->over_until = 0;
}

static void
entry_found(struct ledger_entry *e, const struct conf_exception *conf)
{
	_Static_assert(CONF_ALLOW_PLAINTEXT == (int)METER_PLAINTEXT &&
	    CONF_ALLOW_ENCRYPT == (int)METER_ENCRYPT &&
	    CONF_ALLOW_WEAK_TLS == (int)METER_WEAK_TLS, "allow= is the label");

	e->conf = conf;
	e->allow = conf->allow;
}

void
ledger_reload(struct ledger *l, struct generation *g)
{
	struct generation *old = l->generation;

	l->generation = generation_ref(g);
	map_each(l->entries, forget_conf, NULL);
	for (size_t i = 0; i < g->conf->exceptions.n; i++)
		entry_found(entry_get(l, g->conf->exceptions.v[i].id), &g->conf->exceptions.v[i]);
	generation_unref(&old);
	ledger_watch_again(l);
	ledger_lease_reload(l);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	ledger_watch(arg);
}

struct ledger *
ledger_new(struct event_base *base, struct store *store)
{
	struct ledger *l = must_calloc(1, sizeof *l);

	l->base = base;
	l->store = store;
	l->entries = map_new();
	l->ev_watch = evtimer_new(base, on_watch, l);
	MUST(l->ev_watch != NULL);
	return l;
}

static void
free_one(void *value, void *arg)
{
	free(value);
}

void
ledger_free(struct ledger **lp)
{
	struct ledger *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	ledger_unshare(l);
	event_free(l->ev_watch);
	map_each(l->entries, free_one, NULL);
	map_free(&l->entries);
	generation_unref(&l->generation);
	free(l);
}
