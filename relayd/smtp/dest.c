/* SPDX-License-Identifier: ISC */
/* dest: see dest.h. dest_run is the one place that decides what happens next. */
#include "relayd/smtp/dest.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/rand.h"
#include "lib/plan/decide.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/downgrade.h"
#include "relayd/smtp/outcome.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/wake.h"

/* ---- failure of the destination as a whole ---- */

int
dest_blocked(const struct dest *d)
{
	return clock_mono_ms() < queue_backoff_until(&d->backoff);
}

void
dest_settle(struct dest *d, struct job *j, const struct client *client)
{
	const struct delivlog_attempt a = {
		.client = client, .dest = d->key.domain,
		.plan = d->route != NULL ? &d->route->plan : NULL,
	};

	outcome_take(d->s->outcome, d, j, &a,
	    d->generation != NULL ? d->generation : d->s->generation);
}

void
dest_failed(struct dest *d, const struct why *why)
{
	struct job *j = dest_window_take(d);

	d->why = *why;
	if (j != NULL) {
		job_settle_open(j, JOB_DEFERRED, why, NULL);
		dest_settle(d, j, NULL);
	}
	dest_window_release(d, why);
	dest_sweep_run(d);
}

/* ---- the plan ---- */

/* No walk was made, but the probe is spent all the same. */
static void
refused_by_plan(struct dest *d)
{
	const struct conf_durations *retry = generation_retry(d->s->generation, d->key.domain);
	const struct plan *p = &d->route->plan;
	struct why why = p->why;

	for (size_t i = 0; i < p->ntargets; i++)
		if (!p->targets[i].usable)
			delivlog_host(d->key.domain, p->targets[i].host.name, &p->targets[i], NULL,
			    &p->targets[i].why);
	while (!dest_blocked(d)) {
		queue_backoff_started(&d->backoff);
		queue_backoff_failure(&d->backoff, retry->v, retry->n, clock_mono_ms(),
		    (uint32_t)rand_u64());
	}
	dest_failed(d, &why);
	route_unref(&d->route);
}

static void
on_evidence(void *arg, const struct plan_evidence *e)
{
	struct dest *d = arg;
	struct generation_exceptions exceptions;
	struct plan_rule rule;
	struct route *route = route_new();
	int64_t until;

	d->asking = NULL;
	generation_unref(&d->generation);
	d->generation = generation_ref(d->s->generation);
	until = generation_rule(d->generation, d->s->ledger, &d->key, &rule, &exceptions);
	plan_decide(e, &rule, clock_mono_ms(), &route->plan);
	if (rule.exception != NULL) {
		rule.exception = NULL;
		plan_decide(e, &rule, clock_mono_ms(), &route->bare);
	}
	downgrade_decided(&route->plan);
	if (route->plan.expires > until)
		route->plan.expires = until;
	route_unref(&d->route);
	d->route = route;
	dest_turn_limits(d);
	dest_lane_recheck(d);
	wake_planned(d);
	if (route->plan.verdict == PLAN_DEFER)
		refused_by_plan(d);
	dest_run(d);
}

static void
ask_policy(struct dest *d)
{
	const struct plan_via *via = generation_route(d->s->generation, d->key.domain);

	if (d->asking == NULL)
		d->asking = ask_domain(d->s->ask, d->key.domain, via, d->recheck, on_evidence, d);
}

int
dest_route_is_fresh(const struct dest *d)
{
	return d->route != NULL && d->generation == d->s->generation &&
	    clock_mono_ms() < d->route->plan.expires;
}

void
dest_reject(struct dest *d, const struct why *why)
{
	struct job *j;

	while ((j = dest_window_take(d)) != NULL) {
		job_settle_open(j, JOB_FAILED, why, NULL);
		dest_settle(d, j, NULL);
	}
}

/* ---- what happens next ---- */

static void
sleep_until(struct dest *d, int64_t mono)
{
	if (mono != DEST_NEVER)
		sched_wake_at(d->s, d, mono);
}

static int64_t
due_mono(const struct dest *d)
{
	int64_t wait;

	if (d->disk_due == DEST_NEVER)
		return DEST_NEVER;
	wait = d->disk_due - clock_queue_ms();
	return clock_mono_ms() + (wait > 0 ? wait : 0);
}

/* Until the next probe, or until a sender has to be told that mail waits. */
static void
wait_blocked(struct dest *d, int64_t until)
{
	int64_t now = clock_queue_ms(), mono = clock_mono_ms();

	if (d->sweep.at <= now || (d->sweep.more && d->nout == 0))
		dest_sweep_run(d);
	if (!d->sweep.running && d->sweep.at != DEST_NEVER && d->sweep.at - now < until - mono)
		until = mono + (d->sweep.at - now);
	sleep_until(d, until);
}

static int
idle(const struct dest *d)
{
	return d->nready == 0 && d->nout == 0 && d->nlanes == 0 && !d->loading && !d->sweep.running &&
	    d->asking == NULL;
}

static void
run(struct dest *d)
{
	if (d->s->draining)
		return;
	if (d->paused)
		dest_window_release(d, NULL);	/* what came back, for the sweep to see it */
	if (d->paused || dest_blocked(d)) {
		wait_blocked(d, d->paused ? DEST_NEVER : queue_backoff_until(&d->backoff));
		return;
	}
	dest_window_load(d);
	if (d->nready == 0) {
		if (!d->loading)
			sleep_until(d, due_mono(d));
		return;
	}
	if (!dest_route_is_fresh(d)) {
		ask_policy(d);
		return;
	}
	if (d->route->plan.verdict == PLAN_REJECT)
		dest_reject(d, &d->route->plan.why);
	else
		dest_lane_work(d);
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
		d->again = d->wants_lane = d->wants_token = 0;
		run(d);
	} while (d->again);
	dest_turn_drop_unwanted(d);
	d->running = 0;
	if (idle(d) && d->count == 0 && !dest_blocked(d) && !d->paused) {
		sched_forget(d->s, d);
		dest_free(&d);
	}
}

void
dest_settled(struct dest *d, struct job *j, size_t gone, int64_t next_due)
{
	void (*settled)(void *) = j->settled;
	void *arg = j->settled_arg;

	d->count -= gone < d->count ? gone : d->count;
	TAILQ_REMOVE(&d->out, j, link);
	d->nout--;
	if (!j->held)
		dest_sweep_remind(d, j);
	dest_window_discard(d, j);
	if (next_due != 0)
		dest_window_on_disk(d, next_due);
	dest_run(d);
	if (settled != NULL)
		settled(arg);
}

void
dest_give_up(struct dest *d, struct job *j)
{
	dest_settle(d, j, NULL);
}

/* What is in progress ends by itself. */
void
dest_pause(struct dest *d)
{
	int paused = pause_of(d->s->pauses, d->key.domain) != NULL;

	if (paused == d->paused)
		return;
	d->paused = paused;
	if (paused) {
		dest_window_release(d, NULL);
		d->sweep.at = 0;
	}
	sched_wake_at(d->s, d, clock_mono_ms());
}

void
dest_reload(struct dest *d)
{
	/* A route of another generation is not fresh: the plan is decided again. What is being
	 * looked up may be the wrong hosts by now. */
	ask_cancel(&d->asking);
	dest_turn_limits(d);
	sched_wake_at(d->s, d, clock_mono_ms());
}

void
dest_unblock(struct dest *d)
{
	queue_backoff_kick(&d->backoff);
	sched_wake_at(d->s, d, clock_mono_ms());
}

void
dest_replan(struct dest *d)
{
	ask_cancel(&d->asking);
	route_unref(&d->route);
	if (d->plan_digest == 0 && d->planless == WHY_NONE)
		dest_unblock(d);
	else
		ask_policy(d);		/* wake.c knows what it may change */
}

/* ---- life ---- */

struct dest *
dest_new(struct sched *s, const char *name)
{
	struct dest *d = must_calloc(1, sizeof *d);

	d->s = s;
	d->name = must_strdup(name);
	queue_key_parse(name, &d->key);
	d->disk_due = d->sweep.at = DEST_NEVER;
	d->paused = pause_of(s->pauses, d->key.domain) != NULL;
	if (d->paused)
		d->sweep.at = 0;
	queue_backoff_init(&d->backoff, 1, 1);
	dest_turn_begin(d);
	TAILQ_INIT(&d->ready);
	queue_fair_init(&d->turns);
	TAILQ_INIT(&d->out);
	TAILQ_INIT(&d->lanes);
	return d;
}

void
dest_free(struct dest **dp)
{
	struct dest *d = *dp;
	struct job *j, *next;

	*dp = NULL;
	if (d == NULL)
		return;
	dest_lane_free_all(d);
	dest_turn_end(d);
	queue_fair_fini(&d->turns);
	TAILQ_FOREACH_SAFE(j, &d->ready, link, next)
		job_free(&j);
	ask_cancel(&d->asking);
	route_unref(&d->route);
	route_unref(&d->last);
	generation_unref(&d->generation);
	free(d->walk);
	free(d->name);
	free(d);
}

const char *dest_name(const struct dest *d) { return d->name; }
struct heap_node *dest_timer(struct dest *d) { return &d->timer; }
struct dest *dest_of_timer(struct heap_node *n) { return HEAP_OWNER(n, struct dest, timer); }
int dest_busy(const struct dest *d) { return d->nout > 0; }

void
dest_look(const struct dest *d, struct dest_view *v)
{
	*v = (struct dest_view){
		.count = d->count, .nready = d->nready, .nout = d->nout, .nlanes = d->nlanes,
		.failures = d->backoff.failures, .why = &d->why, .disk_due = d->disk_due,
		.blocked_until = dest_blocked(d) ? queue_backoff_until(&d->backoff) : 0,
		.plan = d->route != NULL ? &d->route->plan : NULL, .asking = d->asking != NULL,
		.pause = pause_of(d->s->pauses, d->key.domain),
		.connections = d->backoff.limit, .domain = d->domain, .site = d->site,
		.waits_for = d->turn.at != NULL ? d->turn.at : d->token.at,
	};
}
