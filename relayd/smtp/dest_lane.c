/* SPDX-License-Identifier: ISC */
/* dest_lane: the connections of a destination, and which job each of them carries. */
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/downgrade.h"

#define PERMIT_MS	100	/* other messages hold the last uses of an exception */
#define PATIENCE_MS	50	/* a message that waited so long deserves a connection of its own */

enum lane_state { LANE_WALKING, LANE_IDLE, LANE_FETCHING, LANE_BUSY, LANE_ENDING };

struct lane {
	TAILQ_ENTRY(lane)	 link;
	struct sched_idle	 idle;
	struct dest		*dest;
	struct deliver		*deliver;
	enum lane_state		 state;
	struct fetch		*fetch;		/* FETCHING: the body that is on its way */
	unsigned		 carried;
	char			 exception[64];	/* a use is reserved for the message it has, else "" */
};

static const struct deliver_events lane_events;

static void
lane_set(struct lane *l, enum lane_state state)
{
	l->state = state;
	sched_lane_idle(l->dest->s, &l->idle, state == LANE_IDLE);
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
	struct job *j = dest_window_take(d);

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
on_place_needed(struct sched_idle *i)
{
	lane_end(HEAP_OWNER(i, struct lane, idle));
}

static void
lane_open(struct dest *d)
{
	struct deliver_param p = {
		.base = d->s->base, .store = d->s->store, .generation = d->generation,
		.route = d->route, .requiretls = d->key.need == QUEUE_REQUIRETLS,
	};
	struct lane *l = must_calloc(1, sizeof *l);

	l->dest = d;
	l->idle.end = on_place_needed;
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
	sched_lane_idle(d->s, &l->idle, 0);
	d->nlanes--;
	sched_lane_give_back(d->s);
	if (l->state == LANE_WALKING)
		d->nwalking--;
	if (l->fetch != NULL)
		l->fetch->lane = NULL;
	lane_conclude(l, 0);
	deliver_free(&l->deliver);
	free(l);
}

/* A lane that may not go on: its connection is used up, or a newer plan asks for another. */
static int
worn_out(const struct dest *d, const struct lane *l)
{
	const struct conf *conf = d->s->generation->conf;

	return l->carried >= (unsigned)conf->delivery.messages_per_connection ||
	    d->route == NULL || !deliver_fits(l->deliver, &d->route->plan);
}

static void
on_lane_ready(void *arg, struct deliver *deliver)
{
	struct lane *l = arg;
	struct dest *d = l->dest;

	if (l->state == LANE_WALKING) {
		d->nwalking--;
		d->recheck = 0;
		queue_backoff_success(&d->backoff);
		downgrade_admitted(d->s->ask, deliver_client(deliver));
	}
	lane_set(l, LANE_IDLE);
	if (worn_out(d, l) || (d->nready == 0 && sched_lane_wanted(d->s)))
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

static void
on_lane_done(void *arg, struct deliver *deliver, struct job *j)
{
	struct lane *l = arg;
	struct dest *d = l->dest;

	lane_conclude(l, any_delivered(j));
	if (any_delivered(j))
		queue_backoff_success(&d->backoff);
	else
		queue_backoff_neutral(&d->backoff);
	if (j->results[0].fate == JOB_OPEN)
		dest_window_put_back(d, j);	/* the kept connection had been closed */
	else
		dest_settle(d, j, deliver_client(deliver));
	dest_run(d);
}

static void
on_lane_ended(void *arg, struct deliver *deliver, const struct why *reason, int was_ready)
{
	const struct conf_durations *retry;
	struct lane *l = arg;
	struct dest *d = l->dest;
	struct why why = *reason, verdict = *reason;
	int hopeless = deliver_hopeless(deliver, &verdict);

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
	} else if (!was_ready) {
		d->recheck = 0;
		retry = &d->s->generation->conf->queue.retry;
		queue_backoff_failure(&d->backoff, retry->v, retry->n, clock_mono_ms(),
		    (uint32_t)rand_u64());
		/* With other lanes at work it only wants fewer connections. */
		if (dest_blocked(d))
			dest_failed(d, &verdict);
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

/* 0, or -1: wait, or begin anew with another plan. */
static int
feed_lanes(struct dest *d, int64_t now)
{
	struct lane *l;
	int waits = 0;

	TAILQ_FOREACH(l, &d->lanes, link) {
		if (l->state != LANE_IDLE || d->nready == 0 ||
		    !queue_backoff_may_start(&d->backoff, now))
			continue;
		switch (lane_permit(l)) {
		case LEDGER_TAKEN:
			assign(d, l);
			break;
		case LEDGER_WAIT:
			waits = 1;
			break;
		case LEDGER_OVER:
			route_unref(&d->route);
			d->again = 1;
			return -1;
		}
	}
	if (waits)
		sched_wake_at(d->s, d, now + PERMIT_MS);
	return waits ? -1 : 0;
}

static unsigned
lanes_under(const struct dest *d, enum queue_need need, const char *client)
{
	const struct dest *other;
	char key[QUEUE_KEY_CAP];

	queue_key_print(key, d->key.domain, need, client);
	other = map_gets(d->s->dests, key);
	return other != NULL ? other->nlanes : 0;
}

/*
 * All queues of a domain share its connections (HARDENING C10: to its servers
 * they are one relay), but each may have one, so that none of them starves.
 */
static int
has_room(const struct dest *d)
{
	const struct conf *conf = d->s->generation->conf;
	unsigned n = lanes_under(d, QUEUE_ORDINARY, "") + lanes_under(d, QUEUE_REQUIRETLS, "") +
	    lanes_under(d, QUEUE_REQUIRETLS_NOTICE, "");

	for (size_t i = 0; i < conf->clients.n; i++)
		if (conf->clients.v[i].tls_required_no)
			n += lanes_under(d, QUEUE_TLS_OPTIONAL, conf->clients.v[i].name);
	return d->nlanes == 0 || n < (unsigned)conf->delivery.connections_per_destination;
}

void
dest_lane_work(struct dest *d)
{
	const struct conf *conf = d->s->generation->conf;
	int64_t now = clock_mono_ms();

	queue_backoff_set_max(&d->backoff, (unsigned)conf->delivery.connections_per_destination);
	if (feed_lanes(d, now) == -1)
		return;
	while (wants_lane(d, now) && d->nlanes < d->backoff.limit && has_room(d) &&
	    queue_backoff_may_start(&d->backoff, now) && sched_lane_take(d->s, &d->turn))
		lane_open(d);
	if (d->nready > d->nwalking && !d->turn.waits)
		sched_wake_at(d->s, d, now + PATIENCE_MS);
}

void
dest_lane_recheck(struct dest *d)
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->state == LANE_IDLE && !deliver_fits(l->deliver, &d->route->plan))
			lane_end(l);
}

void
dest_lane_free_all(struct dest *d)
{
	struct lane *l, *next;

	TAILQ_FOREACH_SAFE(l, &d->lanes, link, next)
		lane_free(d, l);
}
