/* SPDX-License-Identifier: ISC */
/* held: see held.h. */
#include "relayd/smtp/held.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/queue/id.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/job.h"
#include "relayd/smtp/sched.h"

#define LOOK_MS		2000		/* between two looks; most find nothing */
#define RETRY_MS	60000		/* after a store error */
#define COUNT_MS	60000
#define DAY_MS		((int64_t)24 * 60 * 60 * 1000)
#define PAGE		100

struct held {
	struct sched		*sched;
	struct event		*timer;
	struct store_mark	 mark;
	int			 going;		/* there are pages behind the mark */
	size_t			 pending;	/* settlements of this page */
	uint64_t		 all, aged;
	int64_t			 counted, said;	/* mono ms, 0 = never */
};

static void	look(struct held *);

static void
arm(struct held *h, int64_t ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(h->timer, &tv);
}

/* ---- how much there is ---- */

static void
say(struct held *h, int64_t now)
{
	char text[200];
	const struct log_kv kv[] = {
		LOG_NUM("held", (int64_t)h->all), LOG_NUM("aged", (int64_t)h->aged),
	};

	if (h->aged == 0 || (h->said != 0 && now - h->said < DAY_MS))
		return;
	h->said = now;
	(void)str_fmt(text, sizeof text, "warning: %llu of %llu held recipients wait for more than "
	    "a day to be released, returned or deleted", (unsigned long long)h->aged,
	    (unsigned long long)h->all);
	log_event(LOG_LVL_WARNING, "qmgr", "held-aged", text, kv, LENGTH(kv));
}

static void
on_count(void *arg, const struct why *why, uint64_t all, uint64_t aged)
{
	struct held *h = arg;
	int64_t now = clock_mono_ms();

	if (why_is_set(why))
		return;
	h->all = all;
	h->aged = aged;
	say(h, now);
}

static void
count(struct held *h)
{
	struct store *store = h->sched->store;
	int64_t now = clock_mono_ms();

	if (h->counted != 0 && now - h->counted < COUNT_MS)
		return;
	h->counted = now;
	store->ops->held(store, queue_id_after(0, clock_wall_ms() - DAY_MS, 0, 0), on_count, h);
}

void
held_counts(const struct held *h, uint64_t *all, uint64_t *aged)
{
	*all = h->all;
	*aged = h->aged;
}

/* ---- those whose time has come ---- */

static void
page_done(struct held *h)
{
	if (h->pending > 0)
		return;
	if (h->going && !h->sched->draining) {
		look(h);
		return;
	}
	count(h);
	arm(h, LOOK_MS);
}

static void
on_settled(void *arg)
{
	struct held *h = arg;

	h->pending--;
	page_done(h);
}

static void
settle(struct held *h, struct store_message *m)
{
	struct dest *dest;
	struct job *j = sched_claim(h->sched, &m, &dest);

	/* An administrator's hand is on it: it is looked at again. */
	if (j == NULL) {
		store_message_free(&m);
		return;
	}
	j->held = j->waiting = 1;
	j->settled = on_settled;
	j->settled_arg = h;
	for (size_t i = 0; i < j->msg->nrcpts; i++) {
		const char *reason = j->msg->rcpts[i].reason;
		int damaged = reason != NULL && strcmp(reason, why_token(WHY_CORRUPT)) == 0;

		j->results[i].fate = JOB_DEFERRED;
		(void)why_set(&j->results[i].why, damaged ? WHY_CORRUPT : WHY_HELD,
		    "it is kept without a limit of time");
	}
	h->pending++;
	dest_give_up(dest, j);
}

static void
on_page(void *arg, const struct why *why, struct store_message **msgs, size_t n,
    const struct store_mark *behind, int64_t next_due)
{
	struct held *h = arg;

	if (why_is_set(why)) {
		log_err("held mail cannot be looked through: %s", why->text);
		arm(h, RETRY_MS);
		return;
	}
	if (n > 0)
		h->counted = 0;
	h->going = behind != NULL;
	if (h->going)
		h->mark = *behind;
	h->pending++;		/* so that the page is not over before it is taken */
	for (size_t i = 0; i < n; i++) {
		while (msgs[i]->nrcpts > 0 && !h->sched->draining)
			settle(h, sched_split(msgs[i]));
		store_message_free(&msgs[i]);
	}
	on_settled(h);
}

static void
look(struct held *h)
{
	struct store *store = h->sched->store;

	store->ops->aged(store, NULL, clock_queue_ms(), PAGE, &h->mark, on_page, h);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;

	if (h->sched->draining)
		return;
	h->mark = STORE_MARK_START;
	look(h);
}

/* ---- life ---- */

struct held *
held_new(struct event_base *base, struct sched *sched)
{
	struct held *h = must_calloc(1, sizeof *h);

	h->sched = sched;
	h->timer = evtimer_new(base, on_timer, h);
	MUST(h->timer != NULL);
	arm(h, 0);
	return h;
}

void
held_free(struct held **hp)
{
	struct held *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	event_free(h->timer);
	free(h);
}
