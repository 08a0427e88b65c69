/* SPDX-License-Identifier: ISC */
/*
 * dest_sweep: while a destination is blocked or paused nobody tries its mail,
 * but senders have to be told of the delay, and mail whose time ran out is given
 * up: page after page of the queue is looked through for these.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/notice.h"

#define SWEEP_MAX	100	/* waiting messages whose age is checked at a time */
#define SWEEP_RETRY_MS	5000	/* after a store error */
#define SWEEP_MS	3600000	/* at least so often while mail waits */
#define SWEEP_GAP_MS	10000	/* between sweeps for what was not due */
#define SWEEP_PAGE_MS	250	/* for each page of a sweep, until the next one */

/* What its mail waits for, in words for senders: not why an administrator wants it so. */
void
dest_sweep_reason(const struct dest *d, struct why *why)
{
	if (d->paused)
		(void)why_set(why, WHY_PAUSED, "delivery to %s is paused", d->key.domain);
	else
		*why = d->why;
}

/* When the first of its recipients has waited long enough. */
static int64_t
end_of(const struct dest *d, const struct store_message *m, const struct why *why, int64_t now)
{
	int64_t end = INT64_MAX;

	for (size_t i = 0; i < m->nrcpts; i++) {
		int64_t most = generation_max_age(d->s->generation, d->key.domain, why,
		    m->rcpts[i].reason, now - m->created, NULL);

		if (m->created + most < end)
			end = m->created + most;
	}
	return end;
}

/* Must something happen to this one though it is not tried? When will it have to? */
static int
is_overdue(struct dest *d, const struct store_message *m, const struct why *why, int64_t now)
{
	int64_t told = notice_delay_first(d->s->generation->conf, m, why);
	int64_t end = end_of(d, m, why, now);

	if (end < told)
		told = end;
	if (told > now && told < d->sweep.at)
		d->sweep.at = told;
	return told <= now;
}

void
dest_sweep_note(struct dest *d, const struct store_message *m, const struct why *why)
{
	(void)is_overdue(d, m, why, clock_queue_ms());
}

/* What was deferred is looked at when its sender has to be told (again), at the latest. */
void
dest_sweep_remind(struct dest *d, const struct job *j)
{
	int64_t now = clock_queue_ms(), at, end;

	for (size_t i = 0; i < j->msg->nrcpts; i++) {
		const struct why *why = &j->results[i].why;

		if (j->results[i].fate != JOB_DEFERRED)
			continue;
		at = notice_delay_after(d->s->generation->conf, j->msg->created, why, now);
		end = j->msg->created + generation_max_age(d->s->generation, d->key.domain, why,
		    j->msg->rcpts[i].reason, now - j->msg->created, NULL);
		if (end < at)
			at = end;
		if (at < d->sweep.at)
			d->sweep.at = at;
	}
}

/* The sender is told, or it is given up. */
static void
settle_waiting(struct dest *d, struct store_message *m, const struct why *why, int64_t now)
{
	struct job *j = job_new(m);

	j->waiting = 1;
	sched_jobs_add(d->s, j, 1);
	dest_window_keep_out(d, j);
	job_settle_open(j, JOB_DEFERRED, why, NULL);
	if (now < end_of(d, m, why, now))
		for (size_t i = 0; i < m->nrcpts; i++)
			delivlog_waiting(j, i, d->name, why);
	dest_settle(d, j, NULL);
}

/* Takes the messages. */
static void
sweep_page(struct dest *d, struct store_message **msgs, size_t n, int64_t now)
{
	struct why reason;
	size_t nknown;
	int64_t *known;

	dest_sweep_reason(d, &reason);
	known = dest_window_ids(d, &nknown);
	for (size_t i = 0; i < n; i++) {
		dest_window_leave_out(msgs[i], known, nknown);
		if (msgs[i]->nrcpts == 0 || !(d->paused || dest_blocked(d)) ||
		    !is_overdue(d, msgs[i], &reason, now))
			store_message_free(&msgs[i]);
		else
			settle_waiting(d, msgs[i], &reason, now);
	}
	free(known);
}

/* Where and when the next page is looked at. */
static void
sweep_on(struct dest *d, const struct store_mark *behind, int64_t next_due, int64_t now)
{
	if ((d->sweep.more = behind != NULL) != 0)
		d->sweep.mark = *behind;
	/* What is not due yet may be by then because its sender has to be told. */
	if (next_due != 0 && next_due < now + SWEEP_GAP_MS)
		next_due = now + SWEEP_GAP_MS;
	if (next_due != 0 && next_due < d->sweep.at)
		d->sweep.at = next_due;
	/* A long queue is looked through less often. */
	if (!d->sweep.more && d->sweep.pages > 1)
		d->sweep.next = now + d->sweep.pages * SWEEP_PAGE_MS;
	if (!d->sweep.more && d->sweep.at < d->sweep.next)
		d->sweep.at = d->sweep.next;
	dest_window_on_disk(d, 0);
}

static void
on_page(void *arg, const struct why *why, struct store_message **msgs, size_t n,
    const struct store_mark *behind, int64_t next_due)
{
	struct dest *d = arg;
	int64_t now = clock_queue_ms();

	d->sweep.running = 0;
	if (why_is_set(why) || d->sweep.pages++ == 0)
		d->sweep.at = why_is_set(why) ? now + SWEEP_RETRY_MS :
		    n > 0 ? now + SWEEP_MS : DEST_NEVER;
	sweep_page(d, msgs, n, now);
	sweep_on(d, behind, next_due, now);
	dest_run(d);
}

void
dest_sweep_run(struct dest *d)
{
	int64_t now = clock_queue_ms();

	if (d->sweep.running)
		return;
	if (!d->sweep.more && now < d->sweep.next) {
		d->sweep.at = d->sweep.next;
		return;
	}
	d->sweep.running = 1;
	if (!d->sweep.more) {
		d->sweep.mark = STORE_MARK_START;
		d->sweep.pages = 0;
	}
	d->s->store->ops->aged(d->s->store, d->name, now, SWEEP_MAX, &d->sweep.mark,
	    on_page, d);
}
