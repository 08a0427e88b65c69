/* SPDX-License-Identifier: ISC */
/*
 * dest_window: the part of a destination's queue that is in memory. The store
 * has all of it, so whatever is not in progress may be dropped at any time.
 */
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/notice.h"

#define LOAD_RETRY_MS	5000	/* after a store error */
#define SWEEP_MAX	100	/* waiting messages whose age is checked at a time */
#define SWEEP_MS	3600000	/* at least so often while mail waits */

/* ---- jobs in memory ---- */

static uint64_t
hot_bytes(const struct job *j)
{
	return j->msg->body != NULL && j->msg->body->data != NULL ? j->msg->body->size : 0;
}

static void
keep(struct dest *d, struct job *j)
{
	TAILQ_INSERT_TAIL(&d->ready, j, link);
	d->nready++;
}

static void
keep_out(struct dest *d, struct job *j)
{
	TAILQ_INSERT_TAIL(&d->out, j, link);
	d->nout++;
}

struct job *
dest_window_take(struct dest *d)
{
	struct job *j = TAILQ_FIRST(&d->ready);

	if (j == NULL)
		return NULL;
	TAILQ_REMOVE(&d->ready, j, link);
	d->nready--;
	keep_out(d, j);
	return j;
}

void
dest_window_put_back(struct dest *d, struct job *j)
{
	TAILQ_REMOVE(&d->out, j, link);
	d->nout--;
	TAILQ_INSERT_HEAD(&d->ready, j, link);
	d->nready++;
}

void
dest_window_heated(struct dest *d, const struct job *j)
{
	d->s->hot_bytes += hot_bytes(j);
}

void
dest_window_discard(struct dest *d, struct job *j)
{
	d->s->jobs--;
	d->s->hot_bytes -= hot_bytes(j);
	job_free(&j);
}

/* The store has them all; what is not in progress can be loaded again. */
void
dest_window_release(struct dest *d, const struct why *why)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE(j, &d->ready, link, next) {
		TAILQ_REMOVE(&d->ready, j, link);
		if (why != NULL && j->msg->rcpts[0].tries == 0)
			delivlog_waiting(j, d->name, why);
		dest_window_discard(d, j);
		d->disk_due = 0;
	}
	d->nready = 0;
}

void
dest_window_on_disk(struct dest *d, int64_t due)
{
	if (due < d->disk_due)
		d->disk_due = due;
}

/* ---- loading from the index ---- */

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t
add_ids(const struct job_list *list, int64_t *ids, size_t n)
{
	const struct job *j;

	TAILQ_FOREACH(j, list, link)
		for (size_t i = 0; i < j->msg->nrcpts; i++)
			ids[n++] = j->msg->rcpts[i].id;
	return n;
}

/* The rows that are in memory already, sorted. */
static int64_t *
ids_in_memory(const struct dest *d, size_t *n)
{
	const struct job *j;
	size_t max = 0;
	int64_t *ids;

	TAILQ_FOREACH(j, &d->ready, link)
		max += j->msg->nrcpts;
	TAILQ_FOREACH(j, &d->out, link)
		max += j->msg->nrcpts;
	ids = must_calloc(max, sizeof *ids);
	*n = add_ids(&d->out, ids, add_ids(&d->ready, ids, 0));
	qsort(ids, *n, sizeof *ids, compare_ids);
	return ids;
}

/* What came into memory, or was claimed, while the store was reading is not taken twice. */
static void
leave_out(struct store_message *m, const int64_t *ids, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->nrcpts; i++) {
		if (n > 0 && bsearch(&m->rcpts[i].id, ids, n, sizeof *ids, compare_ids) != NULL)
			store_rcpt_fini(&m->rcpts[i]);
		else
			m->rcpts[kept++] = m->rcpts[i];
	}
	m->nrcpts = kept;
}

static void
on_loaded(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct dest *d = arg;
	int64_t *known;
	size_t nknown;

	d->loading = 0;
	if (why_is_set(why)) {
		log_err("%s: the queue cannot be read: %s", d->name, why->text);
		dest_window_on_disk(d, clock_queue_ms() + LOAD_RETRY_MS);
	}
	if (more)
		dest_window_on_disk(d, 0);
	else if (next_due != 0)
		dest_window_on_disk(d, next_due);
	known = ids_in_memory(d, &nknown);
	for (size_t i = 0; i < n; i++) {
		leave_out(msgs[i], known, nknown);
		if (msgs[i]->nrcpts == 0 || d->paused) {
			store_message_free(&msgs[i]);
			continue;
		}
		d->s->jobs++;
		keep(d, job_new(msgs[i]));
	}
	free(known);
	if (d->paused)
		dest_window_on_disk(d, 0);
	dest_run(d);
}

void
dest_window_load(struct dest *d)
{
	int64_t now = clock_queue_ms(), *ids;
	size_t n, window = d->backoff.failures > 0 ? 1 : SCHED_WINDOW_DEST / 2;

	if (d->loading || d->disk_due > now || d->nready > SCHED_WINDOW_DEST / 4 ||
	    (d->backoff.failures > 0 && d->nready > 0))
		return;
	if (d->s->jobs + window > SCHED_WINDOW_ALL && d->nready > 0)
		return;
	d->loading = 1;
	d->disk_due = DEST_NEVER;
	ids = ids_in_memory(d, &n);
	d->s->store->ops->load(d->s->store, d->name, now, window, ids, n, on_loaded, d);
	free(ids);
}

/* Must something happen to this one though it is not tried? When will it have to? */
static int
is_overdue(struct dest *d, const struct store_message *m, int64_t now)
{
	const struct conf *conf = d->s->generation->conf;
	int64_t told = notice_delay_first(conf, m, &d->why);

	if (told > now && told < d->sweep_at)
		d->sweep_at = told;
	return told <= now || now - m->created >= generation_max_age(d->s->generation, &d->why);
}

/*
 * While the destination is blocked, messages whose time ran out are given up, too, and
 * senders are told of the delay. What was settled is due later than what was not looked
 * at yet, so page after page is.
 */
static void
on_sweep(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct dest *d = arg;
	int64_t now = clock_queue_ms(), *known;
	size_t nknown, found = 0;

	d->sweeping = 0;
	d->sweep_at = why_is_set(why) ? now + LOAD_RETRY_MS : n > 0 ? now + SWEEP_MS : DEST_NEVER;
	known = ids_in_memory(d, &nknown);
	for (size_t i = 0; i < n; i++) {
		struct job *j;

		leave_out(msgs[i], known, nknown);
		if (msgs[i]->nrcpts == 0 || d->paused || !is_overdue(d, msgs[i], now)) {
			store_message_free(&msgs[i]);
			continue;
		}
		found++;
		j = job_new(msgs[i]);
		j->waiting = 1;
		d->s->jobs++;
		keep_out(d, j);
		job_settle_open(j, JOB_DEFERRED, &d->why, NULL);
		if (now - j->msg->created < generation_max_age(d->s->generation, &d->why))
			delivlog_waiting(j, d->name, &d->why);
		dest_settle(d, j, NULL);
	}
	free(known);
	d->sweep_more = more && found > 0;
	dest_window_on_disk(d, 0);
	dest_run(d);
}

void
dest_window_sweep(struct dest *d)
{
	size_t n;
	int64_t *ids;

	if (d->sweeping || d->paused)
		return;
	d->sweeping = 1;
	ids = ids_in_memory(d, &n);
	d->s->store->ops->load(d->s->store, d->name,
	    clock_queue_ms(), SWEEP_MAX, ids, n, on_sweep, d);
	free(ids);
}

void
dest_add(struct dest *d, struct job *j)
{
	struct sched *s = d->s;

	int blocked = !d->paused && dest_blocked(d);

	d->count += j->msg->nrcpts;
	if (blocked) {
		delivlog_waiting(j, d->name, &d->why);
		(void)is_overdue(d, j->msg, clock_queue_ms());	/* sweep_at */
	}
	if (blocked || d->paused || d->nready >= SCHED_WINDOW_DEST ||
	    s->jobs >= SCHED_WINDOW_ALL) {
		dest_window_on_disk(d, j->msg->rcpts[0].due);
		job_free(&j);
	} else {
		if (s->hot_bytes + hot_bytes(j) > SCHED_HOT_BYTES)
			store_body_unref(&j->msg->body);
		s->hot_bytes += hot_bytes(j);
		s->jobs++;
		keep(d, j);
	}
	dest_run(d);
}

void
dest_on_disk(struct dest *d, uint64_t recipients, int64_t due)
{
	d->count += recipients;
	dest_window_on_disk(d, due);
	dest_run(d);
}

/* ---- claims ---- */

/* 1 if a job of this message has one of the recipients of m; ids ascend in both. */
static int
shares(const struct job *j, const struct store_message *m)
{
	size_t a = 0, b = 0;

	while (j->msg->id == m->id && a < j->msg->nrcpts && b < m->nrcpts) {
		int64_t x = j->msg->rcpts[a].id, y = m->rcpts[b].id;

		if (x == y)
			return 1;
		a += x < y;
		b += y < x;
	}
	return 0;
}

struct job *
dest_claim(struct dest *d, struct store_message **mp)
{
	struct store_message *m = *mp;
	struct job *j, *next;

	TAILQ_FOREACH(j, &d->out, link)
		if (shares(j, m))
			return NULL;
	TAILQ_FOREACH_SAFE(j, &d->ready, link, next)
		if (shares(j, m)) {
			TAILQ_REMOVE(&d->ready, j, link);
			d->nready--;
			dest_window_discard(d, j);
			d->disk_due = 0;
		}
	*mp = NULL;
	for (size_t i = 0; i < m->nrcpts; i++)
		d->count += m->rcpts[i].state == STORE_HELD;
	d->s->jobs++;
	j = job_new(m);
	keep_out(d, j);
	return j;
}
