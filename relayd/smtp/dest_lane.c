/* SPDX-License-Identifier: ISC */
/* dest_lane: the connections of a destination, and which job each of them carries. */
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/downgrade.h"

#define PERMIT_MS	100	/* other messages hold the last uses of an exception */
#define SLICE_MS	300	/* others wait for a connection: time for it to change hands */
#define AWAY_MAX	2	/* times that a message is put back uncharged for a busy server */
#define DECLINED_MAX	3	/* recipients that a host puts off before another host's turn */
#define PATIENCE_MS	50	/* a message that waited so long deserves a connection of its own */

enum lane_state { LANE_WALKING, LANE_IDLE, LANE_FETCHING, LANE_BUSY, LANE_ENDING };

struct lane {
	TAILQ_ENTRY(lane)	 link;
	struct limit_hold	 hold;		/* what it counts against */
	struct dest		*dest;
	struct deliver		*deliver;
	enum lane_state		 state;
	struct fetch		*fetch;		/* FETCHING: the body that is on its way */
	unsigned		 carried;
	unsigned		 generation;	/* whose rules it goes by */
	int			 spent;		/* the server takes nothing more over it */
	int64_t			 opened, since;	/* mono ms: the walk began; its slice did */
	char			 exception[64];	/* a use is reserved for the message it has, else "" */
};

static const struct deliver_events lane_events;

static void
lane_set(struct lane *l, enum lane_state state)
{
	l->state = state;
	limit_hold_idle(&l->hold, state == LANE_IDLE);
}

/* ---- what goes out by an exception is counted before it goes (ledger.h) ---- */

/* May one more message go over this connection? */
static enum ledger_answer
lane_permit(struct lane *l)
{
	const char *id = client_terms(deliver_client(l->deliver))->exception;
	enum ledger_answer answer = LEDGER_TAKEN;

	if (id[0] != '\0')
		answer = ledger_reserve(l->dest->s->ledger, id);
	if (answer == LEDGER_TAKEN)
		str_copy(l->exception, id, sizeof l->exception);
	return answer;
}

static void
lane_conclude(struct lane *l, int delivered)
{
	const struct client *c = deliver_client(l->deliver);
	struct ledger *ledger = l->dest->s->ledger;

	if (l->exception[0] == '\0')
		return;
	if (delivered && c != NULL)
		ledger_used(ledger, l->exception, client_relay(c),
		    !route_admits_bare(client_route(c), client_target(c), client_facts(c)));
	else
		ledger_give_back(ledger, l->exception);
	l->exception[0] = '\0';
}

/* ---- jobs ---- */

static void
lane_give(struct lane *l, struct job *j)
{
	lane_set(l, LANE_BUSY);
	l->carried++;
	queue_backoff_started(&l->dest->backoff);
	deliver_give(l->deliver, j);
}

/* A body on its way from the store. The lane may end before it comes, the job stays in `out`. */
struct fetch {
	struct dest	*dest;
	struct lane	*lane;		/* NULL: ended meanwhile */
	struct job	*job;
};

static int	worn_out(const struct dest *, const struct lane *);
static void	lane_end(struct lane *);

/* The plan may have changed or run out while the body was on its way. */
static void
give_or_return(struct dest *d, struct lane *l, struct job *j)
{
	if (l != NULL && !d->paused && dest_route_is_fresh(d) && !worn_out(d, l)) {
		lane_give(l, j);
		return;
	}
	dest_window_put_back(d, j);
	if (l == NULL)
		return;
	lane_conclude(l, 0);
	if (worn_out(d, l))
		lane_end(l);
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct fetch f = *(struct fetch *)arg;
	struct dest *d = f.dest;

	free(arg);
	if (f.lane != NULL) {
		f.lane->fetch = NULL;
		lane_set(f.lane, LANE_IDLE);
	}
	if (body == NULL) {
		if (f.lane != NULL)
			lane_conclude(f.lane, 0);
		job_settle_open(f.job, JOB_DEFERRED, why, NULL);
		dest_settle(d, f.job, NULL);
	} else {
		f.job->msg->body = body;
		dest_window_heated(d, f.job);
		give_or_return(d, f.lane, f.job);
	}
	dest_run(d);
}

static void
assign(struct dest *d, struct lane *l)
{
	struct job *j = dest_window_take_some(d);

	limit_turn_used(&d->token);
	limit_hold_client(&l->hold, queue_fair_client_of(j->msg->flow));
	dest_turn_paced(d);
	if (j->msg->body != NULL) {
		lane_give(l, j);
		return;
	}
	lane_set(l, LANE_FETCHING);
	l->fetch = must_calloc(1, sizeof *l->fetch);
	*l->fetch = (struct fetch){ .dest = d, .lane = l, .job = j };
	d->s->store->ops->body(d->s->store, j->msg->id, on_body, l->fetch);
}

static void
lane_end(struct lane *l)
{
	lane_set(l, LANE_ENDING);
	deliver_quit(l->deliver);
}

static void
on_place_needed(struct limit_hold *h)
{
	lane_end(HEAP_OWNER(h, struct lane, hold));
}

static void
lane_open(struct dest *d)
{
	struct deliver_param p = {
		.base = d->s->base, .store = d->s->store, .generation = d->generation,
		.route = d->route, .requiretls = d->key.need == QUEUE_REQUIRETLS,
		.memory = &d->walk,
	};
	struct lane *l = must_calloc(1, sizeof *l);

	l->dest = d;
	l->hold.end = on_place_needed;
	l->opened = clock_mono_ms();
	l->generation = d->generation->number;
	limit_hold_take(&l->hold, &d->turn);
	TAILQ_INSERT_TAIL(&d->lanes, l, link);
	d->nlanes++;
	d->nwalking++;
	queue_backoff_started(&d->backoff);
	l->deliver = deliver_new(&p, &lane_events, l);
}

static void
lane_free(struct dest *d, struct lane *l)
{
	TAILQ_REMOVE(&d->lanes, l, link);
	d->nlanes--;
	if (l->state == LANE_WALKING)
		d->nwalking--;
	if (l->fetch != NULL)
		l->fetch->lane = NULL;
	lane_conclude(l, 0);
	deliver_free(&l->deliver);
	limit_hold_drop(&l->hold);	/* now it is closed: another worker may connect at once */
	free(l);
}

/* A lane that may not go on: its connection is used up, a newer plan asks for another, or a
 * reload left no room for it. */
static int
worn_out(const struct dest *d, const struct lane *l)
{
	return l->spent || l->carried >= d->messages || d->route == NULL ||
	    !deliver_fits(l->deliver, &d->route->plan) || !dest_turn_covers(d, &l->hold);
}

/* Somebody waits for its place, and it has nothing to carry or has carried for a while. */
static int
gives_way(const struct dest *d, const struct lane *l)
{
	int works = d->nready > 0 && d->token.at == NULL;

	if (works && clock_mono_ms() - l->since < SLICE_MS)
		return 0;
	return limit_hold_wanted(&l->hold, &d->turn);
}

static void
on_lane_ready(void *arg, struct deliver *deliver)
{
	struct lane *l = arg;
	struct dest *d = l->dest;

	if (l->state == LANE_WALKING) {
		d->nwalking--;
		d->recheck = 0;
		/* While it backs off, only a message tells whether it takes mail again. */
		if (d->backoff.failures > 0)
			queue_backoff_cancelled(&d->backoff);
		else
			queue_backoff_success(&d->backoff);
		downgrade_admitted(d->s->ask, deliver_client(deliver));
		l->since = clock_mono_ms();
		d->pace.setup = l->since - l->opened;
	}
	lane_set(l, LANE_IDLE);
	if (worn_out(d, l) || gives_way(d, l))
		lane_end(l);
	dest_run(d);
}

static int
any_delivered(const struct job *j)
{
	for (size_t i = 0; i < j->msg->nrcpts; i++)
		if (j->results[i].fate == JOB_DELIVERED)
			return 1;
	return 0;
}

/* The kept connection had been closed. */
static int
is_untried(const struct job *j)
{
	for (size_t i = 0; i < j->msg->nrcpts; i++)
		if (j->results[i].fate != JOB_OPEN || j->results[i].put_off)
			return 0;
	return 1;
}

/* ---- a server that takes nothing for now (421, 4.3.2): not about the message ---- */

static unsigned
others_at_work(const struct dest *d, const struct lane *l)
{
	const struct lane *other;
	unsigned n = 0;

	TAILQ_FOREACH(other, &d->lanes, link)
		n += other != l && !other->spent &&
		    (other->state == LANE_IDLE || other->state == LANE_FETCHING ||
		    other->state == LANE_BUSY);
	return n;
}

static int
is_turned_away(const struct job *j)
{
	for (size_t i = 0; i < j->msg->nrcpts; i++)
		if (j->results[i].fate != JOB_DEFERRED ||
		    j->results[i].why.reason != WHY_REMOTE_BUSY)
			return 0;
	return 1;
}

/* Nothing more is tried before a probe; what waits is not charged. */
static void
pause_busy(struct dest *d, const struct why *why)
{
	const struct conf_durations *retry = generation_retry(d->s->generation, d->key.domain);

	d->why = *why;
	queue_backoff_refused(&d->backoff, retry->v, retry->n, clock_mono_ms(),
	    (uint32_t)rand_u64());
}

/*
 * Fewer connections, while others are at work or this one had carried mail
 * before: then the message goes first over another one. A fresh connection
 * that is turned away, with no other at work, is the answer for all.
 */
static void
turned_away(struct lane *l, struct job *j)
{
	struct dest *d = l->dest;
	const struct client *c = deliver_client(l->deliver);
	const struct why why = j->results[0].why;
	int others = others_at_work(d, l) > 0, go_on = others || client_sent(c) > 0;

	l->spent = 1;
	delivlog_host(d->key.domain, client_relay(c), client_target(c), client_facts(c), &why);
	if (go_on)
		queue_backoff_crowded(&d->backoff);
	else
		pause_busy(d, &why);
	if (go_on && j->turned_away < AWAY_MAX) {
		j->turned_away++;
		job_reopen(j);
		dest_window_put_back(d, j);
		return;
	}
	dest_settle(d, j, c);
	if (!go_on) {
		dest_window_release(d, &why);
		dest_sweep_run(d);
	}
}

/* RFC 5321 s5.1: fail-over is of use where there is somewhere to go. */
static int
has_other_host(const struct dest *d)
{
	return d->route != NULL && d->route->plan.ntargets > 1;
}

static void
on_lane_done(void *arg, struct deliver *deliver, struct job *j)
{
	struct lane *l = arg;
	struct dest *d = l->dest;

	lane_conclude(l, any_delivered(j));
	if (is_turned_away(j)) {
		turned_away(l, j);
		dest_run(d);
		return;
	}
	if (has_other_host(d) && deliver_client(deliver) != NULL &&
	    client_declined(deliver_client(deliver)) >= DECLINED_MAX)
		l->spent = 1;
	if (any_delivered(j))
		queue_backoff_success(&d->backoff);
	else
		queue_backoff_neutral(&d->backoff);
	if (is_untried(j)) {
		dest_window_put_back(d, j);
	} else {
		dest_window_put_off(d, j);
		dest_settle(d, j, deliver_client(deliver));
	}
	dest_run(d);
}

/* A walk ended without a connection. */
static void
walk_failed(struct dest *d, const struct why *verdict)
{
	const struct conf_durations *retry = generation_retry(d->s->generation, d->key.domain);
	int busy = verdict->reason == WHY_REMOTE_BUSY;

	d->recheck = 0;
	if (busy && others_at_work(d, NULL) > 0)
		queue_backoff_crowded(&d->backoff);
	else if (busy)
		pause_busy(d, verdict);
	else
		queue_backoff_failure(&d->backoff, retry->v, retry->n, clock_mono_ms(),
		    (uint32_t)rand_u64());
	/* With other lanes at work it only wants fewer connections. */
	if (dest_blocked(d))
		dest_failed(d, verdict);
}

static void
on_lane_ended(void *arg, struct deliver *deliver, const struct why *reason, int was_ready)
{
	struct lane *l = arg;
	struct dest *d = l->dest;
	struct why why = *reason, verdict = *reason;
	int hopeless = deliver_hopeless(deliver, &verdict);
	int outdated = l->generation < d->changed;

	lane_free(d, l);
	if (!was_ready && why.reason == WHY_TLSA_MISMATCH && !d->recheck) {
		/* RULES D27: a key roll-over may be newer than what the resolver remembers. */
		queue_backoff_cancelled(&d->backoff);
		d->recheck = 1;
		route_unref(&d->route);
	} else if (hopeless && d->nlanes > 0) {
		queue_backoff_crowded(&d->backoff);	/* others found a host: use these */
	} else if (hopeless) {
		/* RFC 8689 s4.2.1: no host is left to try, and the message does not wait. */
		d->recheck = 0;
		queue_backoff_neutral(&d->backoff);
		dest_reject(d, &verdict);
	} else if (!was_ready && outdated) {
		queue_backoff_cancelled(&d->backoff);	/* it went by a rule that holds no more */
	} else if (!was_ready) {
		walk_failed(d, &verdict);
	}
	dest_run(d);
}

static const struct deliver_events lane_events = {
	.ready = on_lane_ready, .done = on_lane_done, .ended = on_lane_ended,
};

/*
 * Another connection costs a handshake: it is worth one when each lane has a
 * message waiting behind it, or when a message has waited for a while (a slow
 * server, a long message).
 */
static int
wants_lane(const struct dest *d, int64_t now)
{
	const struct job *oldest = TAILQ_FIRST(&d->ready);

	if (d->nready <= d->nwalking)
		return 0;
	return d->nready > d->nlanes || now - oldest->queued >= PATIENCE_MS;
}

static struct lane *
idle_lane(const struct dest *d)
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->state == LANE_IDLE)
			return l;
	return NULL;
}

/*
 * Gives what is ready to lanes that are free, no message without its token,
 * and keeps the token for the next one. 0, or -1: it waits.
 */
static int
feed_lanes(struct dest *d, int64_t now)
{
	struct lane *l;

	while (d->nready > 0) {
		if (!dest_turn_token(d))
			return -1;
		l = idle_lane(d);
		if (l == NULL || !queue_backoff_may_start(&d->backoff, now))
			return 0;
		switch (lane_permit(l)) {
		case LEDGER_TAKEN:
			assign(d, l);
			break;
		case LEDGER_WAIT:
			sched_wake_at(d->s, d, now + PERMIT_MS);
			return -1;
		case LEDGER_OVER:
			route_unref(&d->route);
			d->again = 1;
			return -1;
		}
	}
	return 0;
}

/* Will the open connections carry enough until another one is there? */
static int
runs_short(const struct dest *d)
{
	unsigned ahead = dest_turn_ahead(d), left = 0;
	const struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link) {
		if (left > ahead)
			break;
		if (l->state != LANE_ENDING && !worn_out(d, l))
			left += d->messages - l->carried;
	}
	return left <= ahead;
}

/* Where mail comes steadily the next connection is there before the last one is used up. */
static void
open_ahead(struct dest *d, int64_t now)
{
	if (d->nwalking == 0 && d->nlanes > 0 && d->backoff.failures == 0 &&
	    queue_backoff_may_start(&d->backoff, now) && d->turn.at == NULL &&
	    dest_turn_ahead(d) > 0 && runs_short(d) && dest_turn_spare(d))
		lane_open(d);
}

/* It waits for a message to be due, and others wait for what it keeps meanwhile. */
static void
give_way(struct dest *d)
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->state == LANE_IDLE && gives_way(d, l))
			lane_end(l);
}

void
dest_lane_work(struct dest *d)
{
	int64_t now = clock_mono_ms();

	if (feed_lanes(d, now) == -1) {
		give_way(d);
		return;
	}
	while (wants_lane(d, now) && d->nlanes < d->backoff.limit &&
	    queue_backoff_may_start(&d->backoff, now) && dest_turn_lane(d))
		lane_open(d);
	open_ahead(d, now);
	/* What has waited long enough waits for a lane or a place to be free, not for the clock. */
	if (d->nready > d->nwalking && !wants_lane(d, now))
		sched_wake_at(d->s, d, TAILQ_FIRST(&d->ready)->queued + PATIENCE_MS);
}

void
dest_lane_recheck(struct dest *d)
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->state == LANE_IDLE && worn_out(d, l))
			lane_end(l);
}

void
dest_lane_free_all(struct dest *d)
{
	struct lane *l, *next;

	TAILQ_FOREACH_SAFE(l, &d->lanes, link, next)
		lane_free(d, l);
}
