/* SPDX-License-Identifier: ISC */
/*
 * dest_window: the part of a destination's queue that is in memory. The store
 * has all of it, so whatever is not in progress may be dropped at any time.
 */
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/queue/said.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/flight.h"

#define LOAD_RETRY_MS	5000	/* after a store error */
#define PEEK_MS		1000	/* at most so often one client's window is looked behind */
#define PEEK_MAX	50
#define RCPTS_MAX	100	/* of a transaction (RFC 5321 s4.5.3.1.8) */

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
	queue_fair_add(&d->turns, &j->turn, j->msg->flow);
	d->nready++;
}

static void
unkeep(struct dest *d, struct job *j)
{
	TAILQ_REMOVE(&d->ready, j, link);
	queue_fair_remove(&d->turns, &j->turn);
	d->nready--;
}

void
dest_window_keep_out(struct dest *d, struct job *j)
{
	TAILQ_INSERT_TAIL(&d->out, j, link);
	d->nout++;
}

struct job *
dest_window_take(struct dest *d)
{
	struct queue_fair_node *n = queue_fair_next(&d->turns, NULL, NULL);
	struct job *j;

	if (n == NULL)
		return NULL;
	j = HEAP_OWNER(n, struct job, turn);
	unkeep(d, j);
	dest_window_keep_out(d, j);
	return j;
}

static void
keep_first(struct dest *d, struct job *j)
{
	sched_jobs_add(d->s, j, 1);
	d->s->hot_bytes += hot_bytes(j);
	TAILQ_INSERT_HEAD(&d->ready, j, link);
	queue_fair_add_first(&d->turns, &j->turn, j->msg->flow);
	d->nready++;
}

struct job *
dest_window_take_some(struct dest *d)
{
	struct job *j = dest_window_take(d);

	if (j != NULL && j->msg->nrcpts > RCPTS_MAX)
		keep_first(d, job_split(j, RCPTS_MAX));
	return j;
}

void
dest_window_put_off(struct dest *d, struct job *j)
{
	struct job *rest = job_split_put_off(j);

	if (rest != NULL)
		keep_first(d, rest);
}

void
dest_window_put_back(struct dest *d, struct job *j)
{
	flight_end(d->s->store, j);
	TAILQ_REMOVE(&d->out, j, link);
	d->nout--;
	TAILQ_INSERT_HEAD(&d->ready, j, link);
	queue_fair_add_first(&d->turns, &j->turn, j->msg->flow);
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
	sched_jobs_add(d->s, j, -1);
	d->s->hot_bytes -= hot_bytes(j);
	job_free(&j);
}

/* Once of each, until the reason is another one. */
static void
say_waiting(struct dest *d, const struct job *j, const struct why *why)
{
	for (size_t i = 0; i < j->msg->nrcpts; i++) {
		const struct store_rcpt *r = &j->msg->rcpts[i];

		if (!queue_said_again(d->s->said, j->msg->id, r->id, why->reason))
			delivlog_waiting(j, i, d->name, why);
	}
}

/* The store has them all; what is not in progress can be loaded again. */
void
dest_window_release(struct dest *d, const struct why *why)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE(j, &d->ready, link, next) {
		unkeep(d, j);
		if (why != NULL && j->msg->rcpts[0].tries == 0)
			say_waiting(d, j, why);
		dest_window_discard(d, j);
		d->disk_due = 0;
	}
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
int64_t *
dest_window_ids(const struct dest *d, size_t *n)
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
void
dest_window_leave_out(struct store_message *m, const int64_t *ids, size_t n)
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

/* Its client has the window already. */
static int
is_of_burst(const struct dest *d, const struct store_message *m)
{
	return d->peeking && queue_fair_client_of(m->flow) == d->peek_client;
}

static void
on_loaded(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct dest *d = arg;
	int64_t *known;
	size_t nknown;

	d->loading = 0;
	d->s->asked -= d->asked;
	if (d->peeking && n > 0)
		more = 1;
	if (why_is_set(why)) {
		log_err("%s: the queue cannot be read: %s", d->name, why->text);
		dest_window_on_disk(d, clock_queue_ms() + LOAD_RETRY_MS);
	}
	if (more)
		dest_window_on_disk(d, 0);
	else if (next_due != 0)
		dest_window_on_disk(d, next_due);
	known = dest_window_ids(d, &nknown);
	for (size_t i = 0; i < n; i++) {
		struct job *j;

		dest_window_leave_out(msgs[i], known, nknown);
		if (msgs[i]->nrcpts == 0 || d->paused || is_of_burst(d, msgs[i])) {
			store_message_free(&msgs[i]);
			continue;
		}
		j = job_new(msgs[i]);
		sched_jobs_add(d->s, j, 1);
		keep(d, j);
	}
	d->peeking = 0;
	free(known);
	if (d->paused)
		dest_window_on_disk(d, 0);
	dest_run(d);
}

/* In memory, or on its way there: at a start all destinations ask at once. */
static size_t
taken(const struct dest *d)
{
	return d->s->jobs + d->s->asked;
}

/*
 * Beyond the bound of all together: those at work go on. The others get the less, the farther it
 * is left behind, down to one message, so that ten thousand of them do not fill the memory.
 */
static size_t
window_least(const struct dest *d, size_t all)
{
	size_t over = all > SCHED_WINDOW_ALL ? all - SCHED_WINDOW_ALL : 0;

	if (d->nlanes > 0)
		return SCHED_WINDOW_LEAST;
	return over < SCHED_WINDOW_ALL ?
	    SCHED_WINDOW_LEAST - SCHED_WINDOW_LEAST * over / SCHED_WINDOW_ALL : 1;
}

/* How much at a time: all of them together stay within bounds, but nobody gets nothing. */
static size_t
window_of(const struct dest *d)
{
	size_t all = taken(d), left = all < SCHED_WINDOW_ALL ? SCHED_WINDOW_ALL - all : 0;

	if (d->backoff.failures > 0)
		return 1;
	if (left < SCHED_WINDOW_LEAST)
		return window_least(d, all);
	return left < SCHED_WINDOW_DEST / 2 ? left : SCHED_WINDOW_DEST / 2;
}

/*
 * One client's mail fills the window, and what others have on disk would wait
 * until it is gone: once in a while some is loaded, fairly, and theirs kept.
 */
static int
peeks(struct dest *d)
{
	int64_t now = clock_mono_ms();

	if (now - d->peeked < PEEK_MS || !queue_fair_alone(&d->turns, &d->peek_client))
		return 0;
	d->peeked = now;
	d->peeking = 1;
	return 1;
}

void
dest_window_load(struct dest *d)
{
	int64_t now = clock_queue_ms(), *ids;
	size_t n, window = window_of(d);

	if (d->loading || d->disk_due > now || (d->backoff.failures > 0 && d->nready > 0))
		return;
	if (d->nready > SCHED_WINDOW_DEST / 4) {
		if (!peeks(d))
			return;
		window = PEEK_MAX;
	} else if (taken(d) + window > SCHED_WINDOW_ALL && d->nready > 0) {
		return;
	}
	d->loading = 1;
	d->asked = window;
	d->s->asked += window;
	d->disk_due = DEST_NEVER;
	ids = dest_window_ids(d, &n);
	d->s->store->ops->load(d->s->store, d->name, now, window, ids, n, on_loaded, d);
	free(ids);
}

/* Somebody's burst leaves room for those who have few (queue_fair_share). */
static int
has_room(const struct dest *d, const struct job *j)
{
	size_t own = queue_fair_waiting(&d->turns, queue_fair_client_of(j->msg->flow));

	return queue_fair_share(own, d->nready, SCHED_WINDOW_DEST) && sched_jobs_room(d->s, j);
}

void
dest_add(struct dest *d, struct job *j)
{
	struct sched *s = d->s;
	int waits = d->paused || dest_blocked(d);

	d->count += j->msg->nrcpts;
	if (waits) {
		struct why why;

		dest_sweep_reason(d, &why);
		say_waiting(d, j, &why);
		dest_sweep_note(d, j->msg, &why);
	}
	if (waits || !has_room(d, j)) {
		dest_window_on_disk(d, j->msg->rcpts[0].due);
		job_free(&j);
	} else {
		if (s->hot_bytes + hot_bytes(j) > SCHED_HOT_BYTES)
			store_body_unref(&j->msg->body);
		s->hot_bytes += hot_bytes(j);
		sched_jobs_add(s, j, 1);
		keep(d, j);
	}
	dest_run(d);
}

void
dest_on_disk(struct dest *d, uint64_t recipients, int64_t due)
{
	d->count += recipients;
	dest_window_on_disk(d, due);
	if (d->paused)
		d->sweep.at = 0;	/* how old it is, is not known */
	dest_run(d);
}

/* ---- claims ---- */

int
dest_has_out(const struct dest *d, uint64_t message, int64_t rcpt)
{
	const struct job *j;

	TAILQ_FOREACH(j, &d->out, link)
		for (size_t i = 0; j->msg->id == message && i < j->msg->nrcpts; i++)
			if (j->msg->rcpts[i].id == rcpt)
				return 1;
	return 0;
}

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
			unkeep(d, j);
			dest_window_discard(d, j);
			d->disk_due = 0;
		}
	*mp = NULL;
	for (size_t i = 0; i < m->nrcpts; i++)
		d->count += m->rcpts[i].state == STORE_HELD;
	j = job_new(m);
	sched_jobs_add(d->s, j, 1);
	dest_window_keep_out(d, j);
	return j;
}
