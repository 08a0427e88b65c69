/* SPDX-License-Identifier: ISC */
/*
 * dest_turn: what a destination may take of what is limited: connections and
 * messages in a time, of its domain, of the servers that it shares with other
 * domains, of the relay (limit.h); and for whom it asks.
 */
#include "lib/base/clock.h"
#include "relayd/smtp/dest_int.h"
#include "relayd/smtp/site.h"

#define STEADY		4	/* messages, each close behind the last, before a lane is opened ahead */

static void
on_wake_lane(struct limit_turn *t)
{
	struct dest *d = HEAP_OWNER(t, struct dest, turn);

	sched_wake_at(d->s, d, clock_mono_ms());
}

static void
on_wake_token(struct limit_turn *t)
{
	struct dest *d = HEAP_OWNER(t, struct dest, token);

	sched_wake_at(d->s, d, clock_mono_ms());
}

void
dest_turn_limits(struct dest *d)
{
	struct generation_limits own;
	struct limit *before = d->site;

	generation_limits(d->s->generation, d->key.domain, &own);
	limit_set(d->domain, own.connections, own.rate);
	queue_backoff_set_max(&d->backoff, own.connections);
	d->messages = own.messages_per_connection;
	if (d->route == NULL)
		return;
	d->site = site_of(d->s->limits, d->s->generation, &d->route->plan);
	limit_unref(&before);
}

/*
 * All queues of a domain share its connections (HARDENING C10: to its servers
 * they are one relay).
 */
void
dest_turn_begin(struct dest *d)
{
	d->domain = limit_get(d->s->limits, d->key.domain, 0);
	d->turn.kind = LIMIT_PLACE;
	d->turn.wake = on_wake_lane;
	d->token.kind = LIMIT_TOKEN;
	d->token.wake = on_wake_token;
	dest_turn_limits(d);
}

void
dest_turn_end(struct dest *d)
{
	limit_turn_drop(&d->turn);
	limit_turn_drop(&d->token);
	limit_unref(&d->domain);
	limit_unref(&d->site);
}

static struct limit_way
way_of(const struct dest *d)
{
	struct limit_way w = { .v = { d->domain }, .n = 1 };

	if (d->site != NULL)
		w.v[w.n++] = d->site;
	w.v[w.n++] = d->s->all;
	return w;
}

int
dest_turn_covers(const struct dest *d, const struct limit_hold *h)
{
	const struct limit_way w = way_of(d);

	for (unsigned i = 0; i < h->has.n; i++) {
		const struct limit *l = h->has.v[i];

		if (i >= w.n || l != w.v[i])
			return 0;
		if (limit_used(l) > limit_max(l) && (l != d->domain || d->nlanes > 1))
			return 0;
	}
	return h->has.n == w.n;
}

/* ---- for whom: the client with the fewest connections of those whose mail waits ---- */

struct poorest {
	const struct limits	*limits;
	uint32_t		 client;
	size_t			 lanes;
};

static void
see_client(void *arg, uint32_t client, size_t n)
{
	struct poorest *p = arg;
	size_t lanes = limits_lanes(p->limits, client);

	if (lanes < p->lanes) {
		p->lanes = lanes;
		p->client = client;
	}
}

static uint32_t
poorest_client(const struct dest *d)
{
	struct poorest p = { .limits = d->s->limits, .lanes = SIZE_MAX };

	queue_fair_each(&d->turns, see_client, &p);
	return p.client;
}

int
dest_turn_lane(struct dest *d)
{
	const struct limit_way w = way_of(d);

	d->wants_lane = 1;
	return limit_take(&d->turn, &w, poorest_client(d));
}

int
dest_turn_spare(struct dest *d)
{
	const struct limit_way w = way_of(d);

	return limit_take_now(&d->turn, &w, d->turn.client);
}

int
dest_turn_token(struct dest *d)
{
	const struct limit_way w = way_of(d);

	d->wants_token = 1;
	return limit_take(&d->token, &w, poorest_client(d));
}

void
dest_turn_drop_unwanted(struct dest *d)
{
	if (!d->wants_lane)
		limit_turn_drop(&d->turn);
	if (!d->wants_token)
		limit_turn_drop(&d->token);
}

/* ---- how fast messages come ---- */

void
dest_turn_paced(struct dest *d)
{
	struct dest_pace *p = &d->pace;
	int64_t now = clock_mono_ms(), gap = now - p->last;

	p->last = now;
	if (gap > d->s->generation->conf->delivery.idle) {
		p->steady = 0;
		p->every = gap;
		return;
	}
	p->every = (7 * p->every + gap) / 8;
	p->steady += p->steady < STEADY;
}

unsigned
dest_turn_ahead(const struct dest *d)
{
	const struct dest_pace *p = &d->pace;
	int64_t ahead = 1 + 2 * p->setup / (p->every > 0 ? p->every : 1);

	if (p->steady < STEADY)
		return 0;
	return ahead < d->messages ? (unsigned)ahead : d->messages;
}
