/* SPDX-License-Identifier: ISC */
/* dest: see dest.h. dest_run is the one place that decides what happens next. */
#include "relayd/smtp/dest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "lib/plan/decide.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/deliver.h"
#include "relayd/smtp/outcome.h"
#include "relayd/smtp/route.h"
#include "relayd/smtp/sched.h"

#define NEVER		INT64_MAX
#define FIRST_LANES	5	/* once one connection has shown that the destination works */
#define LOAD_RETRY_MS	5000	/* after a store error */
#define GROW_PAUSE_MS	60000	/* after a refused extra connection */
#define SWEEP_MAX	100	/* waiting messages whose age is checked per failed probe */

enum lane_state { LANE_WALKING, LANE_IDLE, LANE_FETCHING, LANE_BUSY, LANE_ENDING };

struct lane {
	TAILQ_ENTRY(lane)	 link;
	struct fetch		*fetch;		/* FETCHING: the body that is on its way */
	struct dest		*dest;
	struct deliver		*deliver;
	enum lane_state		 state;
	unsigned		 carried;
};

struct dest {
	struct sched		*s;
	char			*name;
	struct heap_node	 timer;
	uint64_t		 count;		/* recipients in the queue, as far as known */
	int64_t			 disk_due;	/* Unix ms; rows not in memory may be due then */
	struct job_list		 ready;		/* to be given to a lane */
	struct job_list		 out;		/* with a lane, or being settled */
	size_t			 nready, nout;
	struct route		*route;
	struct generation	*generation;	/* of the route */
	struct ask_wait		*asking;
	int			 loading, sweeping, running, again;
	TAILQ_HEAD(, lane)	 lanes;
	unsigned		 nlanes, nwalking, allowed;
	unsigned		 failures;	/* in a row, of the destination as a whole */
	int64_t			 blocked_until;	/* mono ms */
	struct why		 why;		/* of the block */
	int64_t			 grow_after;	/* mono ms: no more lanes before */
};

static void	lane_free(struct dest *, struct lane *);
static const struct deliver_events lane_events;

/* ---- jobs in memory ---- */

static void
keep(struct dest *d, struct job *j)
{
	TAILQ_INSERT_TAIL(&d->ready, j, link);
	d->nready++;
}

static struct job *
take_ready(struct dest *d)
{
	struct job *j = TAILQ_FIRST(&d->ready);

	if (j == NULL)
		return NULL;
	TAILQ_REMOVE(&d->ready, j, link);
	d->nready--;
	TAILQ_INSERT_TAIL(&d->out, j, link);
	d->nout++;
	return j;
}

static uint64_t
hot_bytes(const struct job *j)
{
	return j->msg->body != NULL && j->msg->body->data != NULL ? j->msg->body->size : 0;
}

static void
discard(struct dest *d, struct job *j)
{
	d->s->jobs--;
	d->s->hot_bytes -= hot_bytes(j);
	job_free(&j);
}

/* The store has them all; what is not in progress can be loaded again. */
static void
release_window(struct dest *d, const struct why *why)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE(j, &d->ready, link, next) {
		TAILQ_REMOVE(&d->ready, j, link);
		if (why != NULL && j->msg->rcpts[0].tries == 0)
			delivlog_waiting(j, d->name, why);
		discard(d, j);
		d->disk_due = 0;
	}
	d->nready = 0;
}

static void
on_disk_from(struct dest *d, int64_t due)
{
	if (due < d->disk_due)
		d->disk_due = due;
}

void
dest_add(struct dest *d, struct job *j)
{
	struct sched *s = d->s;

	d->count += j->msg->nrcpts;
	if (clock_mono_ms() < d->blocked_until)
		delivlog_waiting(j, d->name, &d->why);
	if (clock_mono_ms() < d->blocked_until || d->nready >= SCHED_WINDOW_DEST ||
	    s->jobs >= SCHED_WINDOW_ALL) {
		on_disk_from(d, j->msg->rcpts[0].due);
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
	on_disk_from(d, due);
	dest_run(d);
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

static void
on_loaded(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct dest *d = arg;

	d->loading = 0;
	if (why_is_set(why)) {
		log_err("%s: the queue cannot be read: %s", d->name, why->text);
		on_disk_from(d, clock_wall_ms() + LOAD_RETRY_MS);
	}
	if (more)
		on_disk_from(d, 0);
	else if (next_due != 0)
		on_disk_from(d, next_due);
	for (size_t i = 0; i < n; i++) {
		d->s->jobs++;
		keep(d, job_new(msgs[i]));
	}
	dest_run(d);
}

static void
load(struct dest *d)
{
	int64_t now = clock_wall_ms(), *ids;
	size_t n, window = d->failures > 0 ? 1 : SCHED_WINDOW_DEST / 2;

	if (d->loading || d->disk_due > now || d->nready > SCHED_WINDOW_DEST / 4 ||
	    (d->failures > 0 && d->nready > 0))
		return;
	if (d->s->jobs + window > SCHED_WINDOW_ALL && d->nready > 0)
		return;
	d->loading = 1;
	d->disk_due = NEVER;
	ids = ids_in_memory(d, &n);
	d->s->store->ops->load(d->s->store, d->name, now, window, ids, n, on_loaded, d);
	free(ids);
}

/* ---- failure of the destination as a whole ---- */

static void
settle(struct dest *d, struct job *j, const struct client *client)
{
	const struct delivlog_attempt a = {
		.client = client, .dest = d->name,
		.plan = d->route != NULL ? &d->route->plan : NULL,
	};

	outcome_take(d->s->outcome, d, j, &a,
	    d->generation != NULL ? d->generation : d->s->generation);
}

/* Messages whose time ran out while the destination was blocked are given up, too. */
static void
on_sweep(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct dest *d = arg;
	int64_t now = clock_wall_ms(), max_age = d->s->generation->conf->queue.max_age;

	d->sweeping = 0;
	for (size_t i = 0; i < n; i++) {
		struct job *j = job_new(msgs[i]);

		d->s->jobs++;
		if (now - j->msg->created < max_age) {
			discard(d, j);
			continue;
		}
		TAILQ_INSERT_TAIL(&d->out, j, link);
		d->nout++;
		job_settle_open(j, JOB_DEFERRED, &d->why, NULL);
		settle(d, j, NULL);
	}
	on_disk_from(d, 0);
	dest_run(d);
}

static void
sweep(struct dest *d)
{
	size_t n;
	int64_t *ids;

	if (d->sweeping)
		return;
	d->sweeping = 1;
	ids = ids_in_memory(d, &n);
	d->s->store->ops->load(d->s->store, d->name,
	    clock_wall_ms(), SWEEP_MAX, ids, n, on_sweep, d);
	free(ids);
}

static int64_t
backoff(const struct dest *d)
{
	const struct conf_durations *retry = &d->s->generation->conf->queue.retry;
	size_t i = d->failures > retry->n ? retry->n - 1 : d->failures - 1;

	return rand_jitter(retry->v[i], 10);
}

static void
block(struct dest *d, const struct why *why)
{
	struct job *j = take_ready(d);

	if (clock_mono_ms() >= d->blocked_until) {
		d->failures++;
		d->blocked_until = clock_mono_ms() + backoff(d);
		d->allowed = 1;
	}
	d->why = *why;
	if (j != NULL) {
		job_settle_open(j, JOB_DEFERRED, why, NULL);
		settle(d, j, NULL);
	}
	release_window(d, why);
	sweep(d);
}

/* ---- the plan ---- */

static void
adopt(struct dest *d, struct route *route)
{
	struct lane *lane;

	route_unref(&d->route);
	d->route = route;
	/* A kept connection serves on only if the new plan asks the same of its host. */
	TAILQ_FOREACH(lane, &d->lanes, link)
		if (lane->state == LANE_IDLE && !deliver_fits(lane->deliver, &route->plan)) {
			lane->state = LANE_ENDING;
			deliver_quit(lane->deliver);
		}
}

static void
on_evidence(void *arg, const struct plan_evidence *e)
{
	struct dest *d = arg;
	struct plan_exception exception;
	struct plan_rule rule;
	struct route *route = route_new();
	int64_t until;

	d->asking = NULL;
	generation_unref(&d->generation);
	d->generation = generation_ref(d->s->generation);
	until = generation_rule(d->generation, d->name, &rule, &exception);
	plan_decide(e, &rule, clock_mono_ms(), &route->plan);
	if (route->plan.expires > until)
		route->plan.expires = until;
	adopt(d, route);
	if (route->plan.verdict == PLAN_DEFER) {
		struct why why = route->plan.why;

		for (size_t i = 0; i < route->plan.ntargets; i++)
			if (!route->plan.targets[i].usable)
				delivlog_host(d->name, route->plan.targets[i].host.name,
				    &route->plan.targets[i], NULL, &route->plan.targets[i].why);
		block(d, &why);
		route_unref(&d->route);
	}
	dest_run(d);
}

static int
route_is_fresh(const struct dest *d)
{
	return d->route != NULL && d->generation == d->s->generation &&
	    clock_mono_ms() < d->route->plan.expires;
}

static void
reject_ready(struct dest *d)
{
	struct job *j;

	while ((j = take_ready(d)) != NULL) {
		job_settle_open(j, JOB_FAILED, &d->route->plan.why, NULL);
		settle(d, j, NULL);
	}
}

/* ---- lanes ---- */

static void
lane_give(struct lane *l, struct job *j)
{
	l->state = LANE_BUSY;
	l->carried++;
	deliver_give(l->deliver, j);
}

/* A body on its way from the store. The lane may end before it comes, the job stays in `out`. */
struct fetch {
	struct dest	*dest;
	struct lane	*lane;		/* NULL: ended meanwhile */
	struct job	*job;
};

static void
put_back(struct dest *d, struct job *j)
{
	TAILQ_REMOVE(&d->out, j, link);
	d->nout--;
	TAILQ_INSERT_HEAD(&d->ready, j, link);
	d->nready++;
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct fetch f = *(struct fetch *)arg;
	struct dest *d = f.dest;

	free(arg);
	if (f.lane != NULL) {
		f.lane->fetch = NULL;
		f.lane->state = LANE_IDLE;
	}
	if (body == NULL) {
		job_settle_open(f.job, JOB_DEFERRED, why, NULL);
		settle(d, f.job, NULL);
	} else {
		f.job->msg->body = body;
		d->s->hot_bytes += hot_bytes(f.job);
		if (f.lane != NULL)
			lane_give(f.lane, f.job);
		else
			put_back(d, f.job);
	}
	dest_run(d);
}

static void
assign(struct dest *d, struct lane *l)
{
	struct job *j = take_ready(d);

	if (j->msg->body != NULL) {
		lane_give(l, j);
		return;
	}
	l->state = LANE_FETCHING;
	l->fetch = must_calloc(1, sizeof *l->fetch);
	*l->fetch = (struct fetch){ .dest = d, .lane = l, .job = j };
	d->s->store->ops->body(d->s->store, j->msg->id, on_body, l->fetch);
}

static void
lane_open(struct dest *d)
{
	struct deliver_param p = {
		.base = d->s->base, .store = d->s->store, .generation = d->generation,
		.route = d->route,
	};
	struct lane *l = must_calloc(1, sizeof *l);

	l->dest = d;
	TAILQ_INSERT_TAIL(&d->lanes, l, link);
	d->nlanes++;
	d->nwalking++;
	d->s->lanes++;
	l->deliver = deliver_new(&p, &lane_events, l);
}

static void
lane_free(struct dest *d, struct lane *l)
{
	TAILQ_REMOVE(&d->lanes, l, link);
	d->nlanes--;
	d->s->lanes--;
	if (l->state == LANE_WALKING)
		d->nwalking--;
	if (l->fetch != NULL)
		l->fetch->lane = NULL;
	deliver_free(&l->deliver);
	free(l);
}

static void
on_lane_ready(void *arg, struct deliver *deliver)
{
	struct lane *l = arg;
	struct dest *d = l->dest;

	if (l->state == LANE_WALKING) {
		d->nwalking--;
		d->failures = 0;
		d->blocked_until = 0;
		if (d->allowed < FIRST_LANES)
			d->allowed = FIRST_LANES;
	}
	l->state = LANE_IDLE;
	if (l->carried >= (unsigned)d->s->generation->conf->delivery.messages_per_connection ||
	    d->route == NULL || !deliver_fits(deliver, &d->route->plan)) {
		l->state = LANE_ENDING;
		deliver_quit(deliver);
	}
	dest_run(d);
}

static void
on_lane_done(void *arg, struct deliver *deliver, struct job *j)
{
	struct lane *l = arg;
	struct dest *d = l->dest;

	if (j->results[0].fate == JOB_OPEN) {
		put_back(d, j);		/* nothing was tried: the kept connection had been closed */
	} else {
		if (clock_mono_ms() >= d->grow_after)
			d->allowed++;
		settle(d, j, deliver_client(deliver));
	}
	dest_run(d);
}

static void
on_lane_ended(void *arg, struct deliver *deliver, const struct why *reason, int was_ready)
{
	struct lane *l = arg;
	struct dest *d = l->dest;
	struct why why = *reason;

	lane_free(d, l);
	if (!was_ready && d->nlanes > d->nwalking) {
		/* Others work: the destination wants no more connections than it has. */
		d->allowed = d->nlanes;
		d->grow_after = clock_mono_ms() + GROW_PAUSE_MS;
	} else if (!was_ready) {
		block(d, &why);
	}
	dest_run(d);
}

static const struct deliver_events lane_events = {
	.ready = on_lane_ready, .done = on_lane_done, .ended = on_lane_ended,
};

static void
work(struct dest *d)
{
	const struct conf *conf = d->s->generation->conf;
	unsigned most = (unsigned)conf->delivery.connections_per_destination;
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->state == LANE_IDLE && d->nready > 0)
			assign(d, l);
	if (d->allowed > most)
		d->allowed = most;
	while (d->nready > d->nwalking && d->nlanes < d->allowed &&
	    d->s->lanes < (unsigned)conf->delivery.connections)
		lane_open(d);
}

/* ---- what happens next ---- */

static void
sleep_until(struct dest *d, int64_t mono)
{
	if (mono != NEVER)
		sched_wake_at(d->s, d, mono);
}

static int64_t
due_mono(const struct dest *d)
{
	int64_t wait;

	if (d->disk_due == NEVER)
		return NEVER;
	wait = d->disk_due - clock_wall_ms();
	return clock_mono_ms() + (wait > 0 ? wait : 0);
}

static int
idle(const struct dest *d)
{
	return d->nready == 0 && d->nout == 0 && d->nlanes == 0 && !d->loading && !d->sweeping &&
	    d->asking == NULL;
}

static void
run(struct dest *d)
{
	int64_t now = clock_mono_ms();

	if (d->s->draining)
		return;
	if (now < d->blocked_until) {
		sleep_until(d, d->blocked_until);
		return;
	}
	load(d);
	if (d->nready == 0) {
		if (!d->loading)
			sleep_until(d, due_mono(d));
		return;
	}
	if (!route_is_fresh(d)) {
		if (d->asking == NULL)
			d->asking = ask_domain(d->s->ask, d->name, 0, on_evidence, d);
		return;
	}
	if (d->route->plan.verdict == PLAN_REJECT)
		reject_ready(d);
	else
		work(d);
	if (d->s->lanes >= (unsigned)d->s->generation->conf->delivery.connections)
		sleep_until(d, now + 1000);	/* all connections are in use */
}

void
dest_run(struct dest *d)
{
	if (d->running) {
		d->again = 1;
		return;
	}
	d->running = 1;
	do {
		d->again = 0;
		run(d);
	} while (d->again);
	d->running = 0;
	if (idle(d) && d->count == 0 && clock_mono_ms() >= d->blocked_until) {
		sched_forget(d->s, d);
		dest_free(&d);
	}
}

void
dest_settled(struct dest *d, struct job *j, size_t gone, int64_t next_due)
{
	d->count -= gone < d->count ? gone : d->count;
	TAILQ_REMOVE(&d->out, j, link);
	d->nout--;
	discard(d, j);
	if (next_due != 0)
		on_disk_from(d, next_due);
	dest_run(d);
}

void
dest_reload(struct dest *d)
{
	/* Held connections end when they have nothing to do; the plan is asked for again. */
	dest_unblock(d);
}

void
dest_unblock(struct dest *d)
{
	if (d->blocked_until != 0 && d->failures > 0) {
		d->failures--;
		d->blocked_until = 0;
	}
	sched_wake_at(d->s, d, clock_mono_ms());
}

/* ---- life ---- */

struct dest *
dest_new(struct sched *s, const char *name)
{
	struct dest *d = must_calloc(1, sizeof *d);

	d->s = s;
	d->name = must_strdup(name);
	d->disk_due = NEVER;
	d->allowed = 1;
	TAILQ_INIT(&d->ready);
	TAILQ_INIT(&d->out);
	TAILQ_INIT(&d->lanes);
	return d;
}

void
dest_free(struct dest **dp)
{
	struct dest *d = *dp;
	struct lane *l, *next_lane;
	struct job *j, *next;

	*dp = NULL;
	if (d == NULL)
		return;
	TAILQ_FOREACH_SAFE(l, &d->lanes, link, next_lane)
		lane_free(d, l);
	TAILQ_FOREACH_SAFE(j, &d->ready, link, next)
		job_free(&j);
	ask_cancel(&d->asking);
	route_unref(&d->route);
	generation_unref(&d->generation);
	free(d->name);
	free(d);
}

const char *dest_name(const struct dest *d) { return d->name; }
struct heap_node *dest_timer(struct dest *d) { return &d->timer; }
struct dest *dest_of_timer(struct heap_node *n) { return HEAP_OWNER(n, struct dest, timer); }
int dest_busy(const struct dest *d) { return d->nout > 0; }
uint64_t dest_count(const struct dest *d) { return d->count; }

const struct why *
dest_why(const struct dest *d, int64_t *until)
{
	*until = d->blocked_until;
	return &d->why;
}
