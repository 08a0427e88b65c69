/* SPDX-License-Identifier: ISC */
/*
 * ledger_lease: max_uses is the relay's, however many workers it has. The
 * front has the count. Another worker asks it for each use; what it is granted
 * counts as used, durably, before it hears of it, until it is given back. A
 * worker that dies takes its leases along: used too seldom, never too often.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/chan.h"
#include "lib/ipc/sibling.h"
#include "relayd/smtp/ledger_int.h"
#include "relayd/smtp/siblings.h"

#define FRONT		0
#define OVER_MS		60000	/* what the front called used up is asked about again */
#define BACK_S		5	/* a lease that nobody took goes back */

struct ledger_leases {
	struct ledger	*ledger;
	struct siblings	*siblings;
	struct event	*ev_back;
	uint32_t	 number;		/* of the last question */
	uint32_t	 lives[SIBLINGS_MAX];	/* FRONT: how often each has come */
};

static void
tell_uses(struct ledger_leases *s, unsigned index, enum ipc_sibling type, const char *id,
    uint32_t number, enum ipc_lease_word word, uint64_t uses)
{
	struct ipc_lease l = { .word = word, .uses = uses };
	struct buf b;

	(void)str_copy(l.id, id, sizeof l.id);
	buf_init(&b);
	ipc_lease_put(&b, &l);
	(void)siblings_send(s->siblings, index, (uint16_t)type, number, buf_data(&b), buf_len(&b));
	buf_fini(&b);
}

static void
tell(struct ledger_leases *s, unsigned index, enum ipc_sibling type, uint32_t number,
    const char *id, enum ipc_lease_word word)
{
	tell_uses(s, index, type, id, number, word, 0);
}

/* ---- the front: it lends ---- */

struct grant {
	struct ledger_entry	*entry;
	unsigned		 worker;
	uint32_t		 number, life;
	uint64_t		 uses;		/* that it had before */
};

static void
take_back(struct ledger_entry *e, unsigned worker)
{
	e->lent--;
	e->lent_to[worker]--;
	e->counts.uses--;
}

static void
on_granted(void *arg, const struct why *why)
{
	struct grant g = *(struct grant *)arg;
	struct ledger_leases *s = g.entry->owner->leases;

	free(arg);
	if (s->lives[g.worker] != g.life)
		return;		/* it has died meanwhile: counts as used */
	if (why_is_set(why)) {
		log_err("exception %s: its count cannot be written: %s", g.entry->id, why->text);
		take_back(g.entry, g.worker);
	}
	tell(s, g.worker, IPC_LEASE, g.number, g.entry->id,
	    why_is_set(why) ? IPC_LEASE_WAIT : IPC_LEASE_TAKEN);
}

static void
lend(struct ledger_leases *s, struct ledger_entry *e, unsigned worker, uint32_t number)
{
	struct grant *g = must_calloc(1, sizeof *g);

	*g = (struct grant){ .entry = e, .worker = worker, .number = number,
	    .life = s->lives[worker] };
	e->counts.uses++;
	e->lent++;
	e->lent_to[worker]++;
	ledger_note(e, on_granted, g);
}

static int
take_ask(struct ledger_leases *s, unsigned worker, uint32_t number, const struct ipc_lease *l)
{
	struct ledger_entry *e = map_gets(s->ledger->entries, l->id);
	enum ledger_answer answer = LEDGER_OVER;

	if (e != NULL && e->conf != NULL)
		answer = ledger_may_use(e);
	if (answer == LEDGER_TAKEN)
		lend(s, e, worker, number);
	else
		tell(s, worker, IPC_LEASE, number, l->id,
		    answer == LEDGER_WAIT ? IPC_LEASE_WAIT : IPC_LEASE_OVER);
	return 0;
}

static int
take_used(struct ledger_leases *s, unsigned worker, uint32_t number, const struct ipc_lease *l)
{
	struct ledger_entry *e = map_gets(s->ledger->entries, l->id);

	if (e == NULL)
		return 0;	/* of a configuration that only the other one has */
	if (l->word == IPC_LEASE_OVER)
		return -1;
	if (e->lent_to[worker] > 0) {	/* else it was lent by a process before this one */
		e->lent--;
		e->lent_to[worker]--;
	}
	ledger_count(e, NULL, l->word == IPC_LEASE_TAKEN);
	return 0;
}

static int
take_lease_back(struct ledger_leases *s, unsigned worker, uint32_t number,
    const struct ipc_lease *l)
{
	struct ledger_entry *e = map_gets(s->ledger->entries, l->id);

	if (e != NULL && e->lent_to[worker] > 0) {
		take_back(e, worker);
		ledger_write(e);
	}
	return 0;
}

/* Should this be lost on the way back, they are counted twice: too seldom, not too often. */
static void
on_had(void *arg, const struct why *why)
{
	struct grant g = *(struct grant *)arg;
	struct ledger_leases *s = g.entry->owner->leases;

	free(arg);
	if (!why_is_set(why) && s->lives[g.worker] == g.life)
		tell_uses(s, g.worker, IPC_LEASE_NOTED, g.entry->id, 0, IPC_LEASE_TAKEN, g.uses);
}

static int
take_had(struct ledger_leases *s, unsigned worker, uint32_t number, const struct ipc_lease *l)
{
	struct ledger_entry *e = map_gets(s->ledger->entries, l->id);
	struct grant *g;

	if (e == NULL)
		return 0;
	if (e->counts.uses > INT64_MAX - l->uses)
		return -1;
	g = must_calloc(1, sizeof *g);
	*g = (struct grant){ .entry = e, .worker = worker, .life = s->lives[worker],
	    .uses = l->uses };
	e->counts.uses += l->uses;
	ledger_note(e, on_had, g);
	return 0;
}

struct lost {
	struct ledger_leases	*leases;
	unsigned		 worker;
};

static void
forget_lent(void *value, void *arg)
{
	struct ledger_entry *e = value;
	const struct lost *l = arg;

	e->lent -= e->lent_to[l->worker];
	e->lent_to[l->worker] = 0;
}

/* ---- another worker: it borrows ---- */

static int
take_answer(struct ledger_leases *s, unsigned worker, uint32_t number, const struct ipc_lease *l)
{
	static const struct timeval tv = { BACK_S, 0 };
	struct ledger_entry *e = map_gets(s->ledger->entries, l->id);

	if (e == NULL || e->asked == 0 || e->asked != number)
		return -1;
	e->asked = 0;
	switch (l->word) {
	case IPC_LEASE_TAKEN:
		e->leases++;
		event_add(s->ev_back, &tv);
		break;
	case IPC_LEASE_WAIT:
		break;
	case IPC_LEASE_OVER:
		e->over_until = clock_mono_ms() + OVER_MS;
		break;
	}
	return 0;
}

static void
report(struct ledger_entry *e, int needed)
{
	struct ledger_leases *s = e->owner->leases;

	if (siblings_is_up(s->siblings, FRONT))
		tell(s, FRONT, IPC_LEASE_USED, 0, e->id, needed ? IPC_LEASE_TAKEN : IPC_LEASE_WAIT);
	else
		e->unreported[needed]++;
}

enum ledger_answer
ledger_lease_take(struct ledger_entry *e)
{
	struct ledger_leases *s = e->owner->leases;

	if (e->leases > 0) {
		e->leases--;
		e->leased++;
		e->reserved++;
		return LEDGER_TAKEN;
	}
	if (e->asked == 0 && siblings_is_up(s->siblings, FRONT)) {
		e->asked = ++s->number != 0 ? s->number : ++s->number;
		tell(s, FRONT, IPC_LEASE_ASK, e->asked, e->id, IPC_LEASE_TAKEN);
	}
	return LEDGER_WAIT;
}

void
ledger_lease_used(struct ledger_entry *e, int needed)
{
	e->leased--;
	report(e, needed != 0);
}

void
ledger_lease_return(struct ledger_entry *e)
{
	static const struct timeval tv = { BACK_S, 0 };

	e->leased--;
	e->leases++;
	event_add(e->owner->leases->ev_back, &tv);
}

static void
return_leases(void *value, void *arg)
{
	struct ledger_entry *e = value;

	for (; e->leases > 0; e->leases--)
		tell(arg, FRONT, IPC_LEASE_BACK, 0, e->id, IPC_LEASE_TAKEN);
}

/* It had no limit before, and was counted here. */
static void
hand_over(void *value, void *arg)
{
	struct ledger_entry *e = value;

	if (e->conf == NULL || e->conf->max_uses == 0 || e->counts.uses == 0 || e->handed != 0)
		return;
	e->handed = e->counts.uses;
	tell_uses(arg, FRONT, IPC_LEASE_HAD, e->id, 0, IPC_LEASE_TAKEN, e->handed);
}

static int
take_noted(struct ledger_leases *s, unsigned worker, uint32_t number, const struct ipc_lease *l)
{
	struct ledger_entry *e = map_gets(s->ledger->entries, l->id);

	if (e == NULL || e->handed == 0 || l->uses != e->handed)
		return -1;
	e->counts.uses -= e->handed;
	e->handed = 0;
	ledger_write(e);
	return 0;
}

void
ledger_lease_reload(struct ledger *l)
{
	if (ledger_borrows(l) && l->loaded && siblings_is_up(l->leases->siblings, FRONT))
		map_each(l->entries, hand_over, l->leases);
}

/* While the front is away they stay here, and may be used. */
static void
on_back(evutil_socket_t fd, short what, void *arg)
{
	struct ledger_leases *s = arg;

	if (siblings_is_up(s->siblings, FRONT))
		map_each(s->ledger->entries, return_leases, s);
}

static void
forget_asked(void *value, void *arg)
{
	struct ledger_entry *e = value;

	e->asked = 0;
	e->handed = 0;
}

static void
report_late(void *value, void *arg)
{
	struct ledger_entry *e = value;

	for (int needed = 0; needed < 2; needed++)
		for (; e->unreported[needed] > 0; e->unreported[needed]--)
			report(e, needed);
}

/* ---- both ---- */

static void
on_came(void *arg, unsigned worker)
{
	static const struct timeval tv = { BACK_S, 0 };
	struct ledger_leases *s = arg;

	s->lives[worker]++;
	if (worker != FRONT)
		return;
	map_each(s->ledger->entries, report_late, s);
	ledger_lease_reload(s->ledger);
	event_add(s->ev_back, &tv);
}

static void
on_went(void *arg, unsigned worker)
{
	struct ledger_leases *s = arg;
	struct lost l = { s, worker };

	s->lives[worker]++;
	if (worker == FRONT)
		map_each(s->ledger->entries, forget_asked, NULL);
	else
		map_each(s->ledger->entries, forget_lent, &l);
}

static void
on_frame(void *arg, unsigned worker, const struct io_frame *f)
{
	static const struct {
		int	(*take)(struct ledger_leases *, unsigned, uint32_t, const struct ipc_lease *);
		int	 to_front;
	} takers[IPC_SIBLING__COUNT] = {
		[IPC_LEASE_ASK] = { take_ask, 1 }, [IPC_LEASE_USED] = { take_used, 1 },
		[IPC_LEASE_BACK] = { take_lease_back, 1 }, [IPC_LEASE_HAD] = { take_had, 1 },
		[IPC_LEASE] = { take_answer, 0 }, [IPC_LEASE_NOTED] = { take_noted, 0 },
	};
	struct ledger_leases *s = arg;
	struct ipc_lease l;

	if (takers[f->type].take == NULL || takers[f->type].to_front != (worker != FRONT) ||
	    ipc_lease_get(f->data, f->len, &l) == -1 ||
	    takers[f->type].take(s, worker, f->request, &l) == -1)
		siblings_drop(s->siblings, worker, "a lease that makes no sense");
}

static const struct siblings_events events = {
	.came = on_came, .went = on_went, .frame = on_frame,
};

int
ledger_borrows(const struct ledger *l)
{
	return l->leases != NULL && siblings_self(l->leases->siblings) != FRONT;
}

void
ledger_share(struct ledger *l, struct siblings *siblings)
{
	if (siblings == NULL)
		return;
	MUST(!l->loaded && l->leases == NULL);
	l->leases = must_calloc(1, sizeof *l->leases);
	l->leases->ledger = l;
	l->leases->siblings = siblings;
	l->leases->ev_back = evtimer_new(l->base, on_back, l->leases);
	MUST(l->leases->ev_back != NULL);
	siblings_join(siblings, SIBLINGS_LEASES, &events, l->leases);
}

void
ledger_unshare(struct ledger *l)
{
	if (l->leases == NULL)
		return;
	siblings_join(l->leases->siblings, SIBLINGS_LEASES, NULL, NULL);
	event_free(l->leases->ev_back);
	free(l->leases);
	l->leases = NULL;
}
