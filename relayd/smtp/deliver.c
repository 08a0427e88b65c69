/* SPDX-License-Identifier: ISC */
/* deliver: the walk over hosts and addresses. See deliver.h. */
#include "relayd/smtp/deliver.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/plan/requiretls.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/downgrade.h"

#define ADDRESSES_PER_HOST	5	/* HARDENING C6 */

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
	enum rung			 rung;
	struct why			 refused;	/* monitor mode: what the gate said */
	int				 was_ready;
	struct why			 why;		/* the reason that says most so far */
	struct plan_requiretls_walk	 walk;		/* of a requiretls lane */
	struct event			 ev_step;
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

/* A reason about security says more than one about the network, a later one more than an earlier. */
static void
remember(struct deliver *d, const char *host, const struct why *why)
{
	plan_requiretls_refused(&d->walk, host, why);
	if (why_tlsrpt(d->why.reason)[0] != '\0' && why_tlsrpt(why->reason)[0] == '\0')
		return;
	d->why = *why;
}

static void
step(struct deliver *d)
{
	event_active(&d->ev_step, EV_TIMEOUT, 0);
}

/* ---- one connection ---- */

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
		d->address++;
	}
}

static void
on_ready(void *arg, struct client *c)
{
	struct deliver *d = arg;

	d->was_ready = 1;
	d->events->ready(d->arg, d);
}

static void
on_done(void *arg, struct client *c, struct job *job)
{
	struct deliver *d = arg;

	d->events->done(d->arg, d, job);
}

static void
on_ended(void *arg, struct client *c, const struct why *why)
{
	struct deliver *d = arg;

	if (d->was_ready) {
		d->why = *why;
		d->events->ended(d->arg, d, &d->why, 1);
		return;
	}
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
	struct client_param p = {
		.base = d->p.base, .store = d->p.store, .generation = d->p.generation,
		.route = d->p.route, .target = target,
		.port = plan_of(d)->targets[target].port,
		.address = plan_of(d)->targets[target].host.addresses[d->address],
		.in_clear = d->rung == RUNG_CLEAR, .requiretls = d->p.requiretls,
	};
	const struct plan_target *t = &plan_of(d)->targets[target];

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

/* Advances to the next address that may be tried, or ends the lane. */
static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *d = arg;
	const struct plan *p = plan_of(d);

	for (; d->at < p->ntargets; d->at++, d->address = 0) {
		const struct plan_target *t = &p->targets[d->order[d->at]];

		struct why why;

		if (eligible(d, t, &why) == -1) {
			remember(d, t->host.name, &why);
			delivlog_host(p->domain, t->host.name, t, NULL, &why);
			continue;
		}
		if (d->address < t->host.naddresses && d->address < ADDRESSES_PER_HOST) {
			dial(d, d->order[d->at]);
			return;
		}
	}
	if (!why_is_set(&d->why))
		why_set(&d->why, WHY_NO_ADDRESS, "no host of %s could be tried", p->domain);
	d->events->ended(d->arg, d, &d->why, 0);
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
	plan_requiretls_begin(&d->walk);
	event_assign(&d->ev_step, p->base, -1, 0, on_step, d);
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
	return d->p.requiretls && !d->was_ready && plan_requiretls_over(&d->walk, why);
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
