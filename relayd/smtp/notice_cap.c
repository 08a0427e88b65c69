/* SPDX-License-Identifier: ISC */
/* notice_cap: see notice_cap.h. */
#include "relayd/smtp/notice_cap.h"

#include <event2/event.h>
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
#include "lib/mail/address.h"
#include "lib/proc/commons.h"

#define HOUR_MS		((int64_t)60 * 60 * 1000)
#define SWEEP_MS	60000
#define ADDRESSES_MAX	100000	/* in an hour; those that come later are not limited */
#define SENT_MAX	1000000000
#define TRIES		3	/* for the last notice, of which another worker is after as well */
#define KEY_CAP		(STORE_NOTE_KEY_MAX - sizeof NOTICE_CAP_PREFIX + 2)

struct tally {
	char		 key[KEY_CAP];	/* lower case; of a very long address the start */
	int64_t		 since;		/* queue time of the first in this hour */
	uint64_t	 sent, suppressed;
	uint64_t	 elsewhere;	/* sent by others, when one was suppressed here last */
	TAILQ_ENTRY(tally) link;
	int		 changed;	/* and not noted yet */
};

struct notice_cap {
	struct map	*addresses;	/* key -> struct tally */
	struct store	*store;		/* may be NULL */
	struct proc_commons *commons;	/* borrowed; NULL: there are no other workers */
	TAILQ_HEAD(, tally) changed;
	struct event	*timer;		/* NULL without a base */
};

/* ---- over all workers: each says what it sent; by the clock that they have in common ---- */

struct elsewhere {
	uint64_t	sent;
	int64_t		since;		/* queue time of the first of them; INT64_MAX: there is none */
};

static uint64_t
id_of(const struct notice_cap *cap, const struct tally *t)
{
	char name[STORE_NOTE_KEY_MAX + 1];

	(void)str_fmt(name, sizeof name, NOTICE_CAP_PREFIX "%s", t->key);
	return proc_commons_id(cap->commons, name);
}

/* Where very many addresses have notices there is no place to say it: the others count less. */
static void
tell(struct notice_cap *cap, const struct tally *t, int64_t queue_ms)
{
	const struct proc_commons_entry e = { .n = (uint32_t)t->sent,
		.since = t->sent > 0 ? clock_mono_ms() - (queue_ms - t->since) : 0 };

	if (cap->commons != NULL)
		(void)proc_commons_set(cap->commons, PROC_COMMONS_SENT, id_of(cap, t), e);
}

static struct elsewhere
ask_others(const struct notice_cap *cap, const struct tally *t, int64_t queue_ms)
{
	struct elsewhere sum = { .since = INT64_MAX };
	int64_t now = clock_mono_ms();

	for (unsigned i = 0; cap->commons != NULL && i < proc_commons_rows(cap->commons); i++) {
		struct proc_commons_entry e;

		if (i == proc_commons_own(cap->commons))
			continue;
		e = proc_commons_get(cap->commons, PROC_COMMONS_SENT, i, id_of(cap, t));
		if (e.n == 0 || e.since > now || e.since <= now - HOUR_MS)
			continue;
		sum.sent += e.n;
		if (queue_ms - (now - e.since) < sum.since)
			sum.since = queue_ms - (now - e.since);
	}
	return sum;
}

/* Said first and looked at then, as with all that workers share. */
static int
count_one(struct notice_cap *cap, struct tally *t, unsigned max, int64_t queue_ms)
{
	for (int i = 0; i < TRIES && t->sent < max; i++) {
		t->sent++;
		tell(cap, t, queue_ms);
		if (t->sent + ask_others(cap, t, queue_ms).sent <= max)
			return 1;
		t->sent--;
		tell(cap, t, queue_ms);
		t->elsewhere = ask_others(cap, t, queue_ms).sent;
		if (t->sent + t->elsewhere >= max)
			return 0;
	}
	return 0;
}

/* ---- as a note: "1 SINCE SENT SUPPRESSED" ---- */

static void
on_noted(void *arg, const struct why *why)
{
	if (why_is_set(why))
		log_err("notices: a count is not noted: %s", why->text);
}

static void
note(const struct notice_cap *cap, const struct tally *t, int gone)
{
	char key[STORE_NOTE_KEY_MAX + 1], value[80];

	if (cap->store == NULL)
		return;
	(void)str_fmt(key, sizeof key, NOTICE_CAP_PREFIX "%s", t->key);
	(void)str_fmt(value, sizeof value, "1 %" PRId64 " %" PRIu64 " %" PRIu64, t->since, t->sent,
	    t->suppressed);
	cap->store->ops->note_put(cap->store, key, gone ? NULL : value, on_noted, NULL);
}

static void
noted(struct notice_cap *cap, struct tally *t)
{
	if (t->changed)
		TAILQ_REMOVE(&cap->changed, t, link);
	t->changed = 0;
}

static void
change(struct notice_cap *cap, struct tally *t)
{
	if (!t->changed)
		TAILQ_INSERT_TAIL(&cap->changed, t, link);
	t->changed = 1;
}

void
notice_cap_note(struct notice_cap *cap)
{
	struct tally *t;

	while ((t = TAILQ_FIRST(&cap->changed)) != NULL) {
		noted(cap, t);
		note(cap, t, 0);
	}
}

static int
parse(const char *value, struct tally *t)
{
	uint64_t n[4];
	char copy[80], *save, *word = NULL;
	size_t i = 0;

	if (str_copy(copy, value, sizeof copy) >= sizeof copy)
		return -1;
	for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		if (i == LENGTH(n) || num_u64(word, i == 1 ? INT64_MAX : SENT_MAX, &n[i]) == -1)
			return -1;
		i++;
	}
	if (i != LENGTH(n) || n[0] != 1)
		return -1;
	t->since = (int64_t)n[1];
	t->sent = n[2];
	t->suppressed = n[3];
	return 0;
}

static void
add_note(struct notice_cap *cap, const struct store_note *n)
{
	struct tally *t = must_calloc(1, sizeof *t);

	(void)str_copy(t->key, n->key + strlen(NOTICE_CAP_PREFIX), sizeof t->key);
	if (parse(n->value, t) == -1 || map_count(cap->addresses) >= ADDRESSES_MAX) {
		log_err("notices: the count for <%s> is damaged and begins anew", t->key);
		note(cap, t, 1);
		free(t);
		return;
	}
	free(map_puts(cap->addresses, t->key, t));
	tell(cap, t, clock_queue_ms());
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct notice_cap *cap = arg;

	/* What a worker before this one counted and did not note, it did not send. */
	if (cap->commons != NULL)
		proc_commons_clear(cap->commons, PROC_COMMONS_SENT,
		    proc_commons_own(cap->commons));
	if (why_is_set(why))
		log_err("notices: the counts cannot be read and begin anew: %s", why->text);
	for (size_t i = 0; i < n; i++)
		add_note(cap, &notes[i]);
}

/* ---- an hour is over ---- */

struct pass {
	struct notice_cap	*cap;
	int64_t			 now;
};

static void
say(const struct tally *t)
{
	char text[STORE_NOTE_KEY_MAX + 160];
	const struct log_kv kv[] = {
		LOG_STR("to", t->key), LOG_NUM("suppressed", (int64_t)t->suppressed),
		LOG_NUM("sent", (int64_t)(t->sent + t->elsewhere)),
	};

	(void)str_fmt(text, sizeof text, "warning: suppressed %" PRIu64 " notices to <%s> within an "
	    "hour, after %" PRIu64 " that were sent", t->suppressed, t->key, t->sent + t->elsewhere);
	log_event(LOG_LVL_WARNING, "bounce", "notices-suppressed", text, kv, LENGTH(kv));
}

static void
end_hour(struct notice_cap *cap, struct tally *t, int64_t now)
{
	if (t->suppressed > 0)
		say(t);
	t->sent = t->suppressed = t->elsewhere = 0;
	tell(cap, t, now);
}

/* The hour is that of the first notice from any worker. */
static void
begin_hour(struct notice_cap *cap, struct tally *t, int64_t now)
{
	int64_t since = ask_others(cap, t, now).since;

	t->since = since < now ? since : now;
}

static void
end_one(void *value, void *arg)
{
	const struct pass *p = arg;
	struct tally *t = value;

	if (p->now - t->since < HOUR_MS)
		return;
	end_hour(p->cap, t, p->now);
	noted(p->cap, t);
	note(p->cap, t, 1);
	map_removes(p->cap->addresses, t->key);
	free(t);
}

void
notice_cap_sweep(struct notice_cap *cap, int64_t queue_ms)
{
	struct pass p = { cap, queue_ms };

	map_each(cap->addresses, end_one, &p);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	notice_cap_sweep(arg, clock_queue_ms());
}

/* ---- one more ---- */

/* NULL: there are too many of them. */
static struct tally *
tally_of(struct notice_cap *cap, const char *address, int64_t now)
{
	struct tally *t, wanted = { .since = 0 };

	(void)str_copy(wanted.key, address, sizeof wanted.key);
	for (char *c = wanted.key; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	t = map_gets(cap->addresses, wanted.key);
	if (t != NULL || map_count(cap->addresses) >= ADDRESSES_MAX)
		return t;
	t = must_calloc(1, sizeof *t);
	*t = wanted;
	begin_hour(cap, t, now);
	map_puts(cap->addresses, t->key, t);
	return t;
}

int
notice_cap_take(struct notice_cap *cap, const char *address, unsigned max, int64_t queue_ms,
    uint64_t *suppressed)
{
	struct tally *t;
	int good;

	*suppressed = 0;
	if (max == 0)
		return 1;
	t = tally_of(cap, address, queue_ms);
	if (t == NULL)
		return 1;
	if (queue_ms - t->since >= HOUR_MS) {
		end_hour(cap, t, queue_ms);
		begin_hour(cap, t, queue_ms);
	}
	good = count_one(cap, t, max, queue_ms);
	if (!good)
		*suppressed = ++t->suppressed;
	change(cap, t);
	return good;
}

/* ---- life ---- */

void
notice_cap_share(struct notice_cap *cap, struct proc_commons *commons)
{
	cap->commons = commons;
}

struct notice_cap *
notice_cap_new(struct event_base *base, struct store *store)
{
	static const struct timeval every = { SWEEP_MS / 1000, 0 };
	struct notice_cap *cap = must_calloc(1, sizeof *cap);

	cap->addresses = map_new();
	TAILQ_INIT(&cap->changed);
	cap->store = store;
	if (store != NULL)
		store->ops->notes(store, NOTICE_CAP_PREFIX, on_notes, cap);
	if (base == NULL)
		return cap;
	cap->timer = event_new(base, -1, EV_PERSIST, on_timer, cap);
	MUST(cap->timer != NULL);
	event_add(cap->timer, &every);
	return cap;
}

static void
free_one(void *value, void *arg)
{
	free(value);
}

void
notice_cap_free(struct notice_cap **capp)
{
	struct notice_cap *cap = *capp;

	*capp = NULL;
	if (cap == NULL)
		return;
	map_each(cap->addresses, free_one, NULL);
	map_free(&cap->addresses);
	if (cap->timer != NULL)
		event_free(cap->timer);
	free(cap);
}
