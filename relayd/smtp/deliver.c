/* SPDX-License-Identifier: ISC */
/* deliver: the walk over hosts and addresses. See deliver.h. */
#include "relayd/smtp/deliver.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rand.h"
#include "lib/plan/requiretls.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/downgrade.h"
#include "relayd/smtp/reach.h"

/*
 * How an address is tried: as the plan asks; in monitor mode behind the
 * gate's refusal as an opportunistic MTA would; and, where that or an
 * exception allows plaintext, in clear once TLS has failed. Each is a
 * connection of its own.
 */
enum rung { RUNG_PLAN, RUNG_MONITOR, RUNG_CLEAR };

struct deliver {
	const struct deliver_events	*events;
	void				*arg;
	struct deliver_param		 p;
	struct client			*client;
	size_t				 order[PLAN_HOSTS_MAX];
	size_t				 at, address;	/* position of the walk */
	size_t				 addresses[PLAN_ADDRESSES_MAX];	/* of this host, in order */
	struct reach_turn		 turn;
	int				 full;		/* at this address a session was full */
	enum rung			 rung;
	struct why			 refused;	/* monitor mode: what the gate said */
	int				 was_ready;
	struct why			 why;		/* the reason that says most so far */
	struct walk			 walk;
	struct event			 ev_step, ev_late;
};

static const struct plan *
plan_of(const struct deliver *d)
{
	return &d->p.route->plan;
}

/* By preference as decided; hosts of one preference change places (RFC 5321 s5.1). */
static void
shuffle(struct deliver *d)
{
	const struct plan *p = plan_of(d);
	size_t from = 0, n = p->ntargets;

	for (size_t i = 0; i < n; i++)
		d->order[i] = i;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && p->targets[i].host.preference == p->targets[from].host.preference)
			continue;
		rand_shuffle(d->order + from, i - from, sizeof d->order[0]);
		from = i;
	}
}

/* Such a host was not tried: what happened to another says more. */
static int
is_about_us(enum why_reason reason)
{
	return reason == WHY_SOURCE_ADDRESS || reason == WHY_OWN_ADDRESS;
}

/* One about security says more than one about the network, a later one more than an earlier. */
static void
remember(struct deliver *d, const char *host, const struct why *why)
{
	plan_requiretls_refused(&d->walk.now.refused, host, why);
	if (is_about_us(why->reason) && why_is_set(&d->why))
		return;
	if (why_tlsrpt(d->why.reason)[0] != '\0' && why_tlsrpt(why->reason)[0] == '\0')
		return;
	d->why = *why;
}

static const struct dns_address *
address_of(const struct deliver *d)
{
	const struct plan_target *t = &plan_of(d)->targets[d->order[d->at]];

	return &t->host.addresses[d->addresses[d->address]];
}

/* What stands for one address under the terms of its target: others are another chance. */
static uint64_t
address_key(const struct deliver *d)
{
	const struct plan_target *t = &plan_of(d)->targets[d->order[d->at]];
	uint64_t parts[3] = { plan_requirement_key(&t->requirement),
		rand_hash(address_of(d), sizeof *address_of(d)), t->port };

	return rand_hash(parts, sizeof parts);
}

static void
step(struct deliver *d)
{
	event_active(&d->ev_step, EV_TIMEOUT, 0);
}

/* ---- one connection ---- */

/* All that can be done at this address was in vain. */
static void
next_address(struct deliver *d, const struct why *why)
{
	if (why->reason == WHY_SOURCE_ADDRESS)
		walk_skipped(&d->walk, address_key(d));
	else
		walk_tried(&d->walk, address_key(d), d->full);
	d->full = 0;
	d->address++;
}

/* Only a failure of security leads to a weaker connection, and only where the plan says so. */
static void
next_rung(struct deliver *d, const struct client *c, const struct why *why)
{
	int security = why_tlsrpt(why->reason)[0] != '\0';

	if (security && d->rung == RUNG_PLAN && plan_of(d)->monitor) {
		d->refused = *why;
		d->rung = RUNG_MONITOR;
	} else if (security && d->rung != RUNG_CLEAR && client_terms(c)->level == PLAN_PLAINTEXT) {
		d->rung = RUNG_CLEAR;
	} else {
		d->rung = RUNG_PLAN;
		why_clear(&d->refused);
		next_address(d, why);
	}
}

/* The destination remembers this, and nothing else. */
static void
keep(struct deliver *d, struct walk_memory *memory)
{
	free(*d->p.memory);
	*d->p.memory = memory;
}

static void
on_ready(void *arg, struct client *c)
{
	struct deliver *d = arg;

	if (!d->was_ready) {
		reach_note(c, address_of(d), clock_mono_ms());
		keep(d, NULL);
	}
	d->was_ready = 1;
	d->events->ready(d->arg, d);
}

static void
on_done(void *arg, struct client *c, struct job *job)
{
	struct deliver *d = arg;

	d->events->done(d->arg, d, job);
}

/*
 * A host that admits and then carries nothing, because the connection breaks or because it puts
 * off whatever it is offered, must not keep the ones behind it from a try.
 */
static void
go_on_behind(struct deliver *d, const struct why *why)
{
	next_address(d, why);
	walk_cut(&d->walk);
	keep(d, walk_end(&d->walk));
}

static void
on_ended(void *arg, struct client *c, const struct why *why)
{
	struct deliver *d = arg;

	if (d->was_ready) {
		d->why = *why;
		if ((why_is_set(why) && client_sent(c) == 0) || client_declined(c) > 0)
			go_on_behind(d, why);
		d->events->ended(d->arg, d, &d->why, 1);
		return;
	}
	reach_note(c, address_of(d), clock_mono_ms());
	d->full |= client_full(c);
	remember(d, client_target(c)->host.name, why);
	delivlog_host(plan_of(d)->domain, client_relay(c), client_target(c), client_facts(c), why);
	downgrade_refused(c, why);
	next_rung(d, c, why);
	client_free(&d->client);
	step(d);
}

static const struct client_events client_events = {
	.ready = on_ready, .done = on_done, .ended = on_ended,
};

static void
dial(struct deliver *d, size_t target)
{
	const struct plan_target *t = &plan_of(d)->targets[target];
	struct client_param p = {
		.base = d->p.base, .store = d->p.store, .generation = d->p.generation,
		.route = d->p.route, .target = target,
		.port = t->port, .address = *address_of(d),
		.connect_ms = reach_connect_ms(&t->host, address_of(d), d->p.generation->conf),
		.in_clear = d->rung == RUNG_CLEAR, .requiretls = d->p.requiretls,
	};

	/* The plan refuses this host altogether (plan/plan.h): only monitor mode goes on. */
	if (t->requirement.level == PLAN_NO_LEVEL && d->rung == RUNG_PLAN) {
		d->refused = t->why;
		d->rung = RUNG_MONITOR;
		delivlog_host(plan_of(d)->domain, t->host.name, t, NULL, &t->why);
	}
	if (why_is_set(&d->refused))
		p.refused = &d->refused;
	d->client = client_new(&p, &client_events, d);
}

/* May this target be connected to at all? 0, or -1 and *why. */
static int
eligible(const struct deliver *d, const struct plan_target *t, struct why *why)
{
	if (!t->usable) {
		*why = t->why;
		return -1;
	}
	return d->p.requiretls ? plan_requiretls_name(plan_of(d), t, why) : 0;
}

/* The walk is over and nobody admitted us. The owner frees the lane. */
static void
finish(struct deliver *d)
{
	const struct plan *p = plan_of(d);

	keep(d, walk_end(&d->walk));
	if (*d->p.memory != NULL)
		log_info("%s: this attempt ends after %zu addresses and %zu sessions; "
		    "the next goes on behind them", p->domain, d->walk.dialled,
		    d->walk.sessions);
	if (!why_is_set(&d->why))
		why_set(&d->why, WHY_NO_ADDRESS, "no host of %s could be tried", p->domain);
	event_del(&d->ev_late);
	d->events->ended(d->arg, d, &d->why, 0);
}

/* The next address of this host: 1, d->address is it; 0: another host's turn; -1: enough. */
static int
find_address(struct deliver *d, const struct plan_host *h)
{
	int may = 0;

	if (d->address == 0) {
		walk_host(&d->walk);
		reach_order(&d->turn, h, d->p.generation->conf, clock_mono_ms(), d->addresses);
	}
	for (; d->address < h->naddresses; d->address++)
		if ((may = walk_may_try(&d->walk, address_key(d))) != 0)
			return may;
	return 0;
}

/* The next address that may be tried, from here to the end of the plan: 1, else 0. */
static int
find(struct deliver *d)
{
	const struct plan *p = plan_of(d);
	struct why why;
	int found;

	for (; d->at < p->ntargets; d->at++, d->address = 0) {
		const struct plan_target *t = &p->targets[d->order[d->at]];

		if (eligible(d, t, &why) == -1) {
			remember(d, t->host.name, &why);
			delivlog_host(p->domain, t->host.name, t, NULL, &why);
		} else if ((found = find_address(d, &t->host)) != 0) {
			return found == 1;
		}
	}
	return 0;
}

/* Advances to the next address that may be tried, or ends the lane. */
static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;

	if (find(d)) {
		dial(d, d->order[d->at]);
	} else if (walk_again(&d->walk)) {
		d->at = d->address = 0;
		step(d);
	} else {
		finish(d);
	}
}

/* HARDENING C6: the whole attempt has a measure, however patient each step of it is. */
static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;
	const struct plan_target *t;
	struct why why;

	if (d->was_ready)
		return;
	if (d->client != NULL) {
		t = client_target(d->client);
		why_set(&why, WHY_TIMEOUT, "the attempt was not over within %lld s",
		    (long long)d->p.generation->conf->delivery.attempt_timeout / 1000);
		remember(d, t->host.name, &why);
		delivlog_host(plan_of(d)->domain, client_relay(d->client), t,
		    client_facts(d->client), &why);
		next_address(d, &why);
		client_free(&d->client);
	}
	event_del(&d->ev_step);
	walk_cut(&d->walk);
	finish(d);
}

static void
bound_attempt(struct deliver *d)
{
	int64_t ms = d->p.generation->conf->delivery.attempt_timeout;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(&d->ev_late, &tv);
}

/* ---- the lane ---- */

struct deliver *
deliver_new(const struct deliver_param *p, const struct deliver_events *events, void *arg)
{
	struct deliver *d = must_calloc(1, sizeof *d);

	d->events = events;
	d->arg = arg;
	d->p = *p;
	generation_ref(d->p.generation);
	route_ref(d->p.route);
	why_clear(&d->why);
	why_clear(&d->refused);
	walk_begin(&d->walk, *p->memory);
	event_assign(&d->ev_step, p->base, -1, 0, on_step, d);
	event_assign(&d->ev_late, p->base, -1, 0, on_late, d);
	bound_attempt(d);
	shuffle(d);
	step(d);
	return d;
}

void
deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	event_del(&d->ev_step);
	event_del(&d->ev_late);
	client_free(&d->client);
	route_unref(&d->p.route);
	generation_unref(&d->p.generation);
	free(d);
}

void
deliver_give(struct deliver *d, struct job *job)
{
	MUST(d->client != NULL);
	client_give(d->client, job);
}

void
deliver_quit(struct deliver *d)
{
	if (d->client != NULL)
		client_quit(d->client);
}

int
deliver_hopeless(const struct deliver *d, struct why *why)
{
	return d->p.requiretls && !d->was_ready && !d->walk.left &&
	    plan_requiretls_over(&d->walk.now.refused, why);
}

const struct client *
deliver_client(const struct deliver *d)
{
	return d->was_ready ? d->client : NULL;
}

int
deliver_fits(const struct deliver *d, const struct plan *p)
{
	const struct client *c = deliver_client(d);

	if (c == NULL)
		return 0;
	for (size_t i = 0; i < p->ntargets; i++) {
		const struct plan_target *t = &p->targets[i];

		if (t->usable && plan_target_same(t, client_target(c)))
			return plan_requirement_key(&t->requirement) == client_key(c) &&
			    (t->named || !d->p.requiretls) &&
			    (client_refused(c) == NULL || p->monitor);
	}
	return 0;
}
