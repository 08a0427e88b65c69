/* SPDX-License-Identifier: ISC */
/* probe: see probe.h. */
#include "relayd/smtp/probe.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"

/* One address, while it is looked at. */
struct look {
	struct probe		*probe;
	struct client		*client;	/* NULL: this place is free */
	size_t			 target, address;
	int			 admitted, in_clear;
	int64_t			 began;
	struct event		 ev_deadline;
};

struct probe {
	const struct probe_events	*events;
	void				*arg;
	struct probe_param		 p;
	struct look			 looks[PROBE_AT_ONCE];
	size_t				 target, address;	/* the next to begin */
	size_t				 begun, open;
	int64_t				 until;		/* mono ms */
	int				 over;
	struct event			 ev_step;
};

static const char *const names[] = {
	[PROBE_ADMITTED] = "admitted", [PROBE_REFUSED] = "refused",
	[PROBE_UNREACHABLE] = "unreachable", [PROBE_UNTRIED] = "untried",
};

const char *
probe_verdict_name(enum probe_verdict v)
{
	return names[v];
}

static const struct plan *
plan_of(const struct probe *p)
{
	return &p->p.route->plan;
}

static void
step(struct probe *p)
{
	event_active(&p->ev_step, EV_TIMEOUT, 0);
}

/* ---- one address ---- */

static const struct plan_target *
target_of(const struct look *l)
{
	return &plan_of(l->probe)->targets[l->target];
}

/* What the network does, or a server that is busy, says nothing about security. */
static enum probe_verdict
verdict_of(const struct look *l, const struct why *why)
{
	if (l->admitted)
		return PROBE_ADMITTED;
	return why_tlsrpt(why->reason)[0] != '\0' ? PROBE_REFUSED : PROBE_UNREACHABLE;
}

static void
look_end(struct look *l, const struct why *why)
{
	const struct plan_target *t = target_of(l);
	struct probe *p = l->probe;
	struct probe_result r = {
		.target = t, .address = &t->host.addresses[l->address],
		.facts = client_facts(l->client), .in_clear = !client_facts(l->client)->encrypted,
		.ms = clock_mono_ms() - l->began, .verdict = verdict_of(l, why),
	};

	r.in_clear &= r.verdict == PROBE_ADMITTED;
	why_clear(&r.why);
	if (!l->admitted)
		r.why = *why;
	/* The plan's own word counts more than that its gate says no (plan/plan.h). */
	if (r.verdict == PROBE_REFUSED && why_is_set(&t->why) &&
	    why->reason == WHY_LEVEL_NOT_MET)
		r.why = t->why;
	p->events->result(p->arg, &r);
	event_del(&l->ev_deadline);
	client_free(&l->client);
	p->open--;
	step(p);
}

static void
on_ready(void *arg, struct client *c)
{
	struct look *l = arg;

	l->admitted = 1;
	client_quit(c);
}

static void
on_done(void *arg, struct client *c, struct job *job)
{
	MUST(!"a probe carries no mail");
}

static void	dial(struct look *);

/* As deliver does it: only where an exception allows plaintext, behind TLS that failed. */
static int
may_try_clear(const struct look *l, const struct why *why)
{
	return !l->admitted && !l->in_clear && why_tlsrpt(why->reason)[0] != '\0' &&
	    target_of(l)->requirement.level == PLAN_PLAINTEXT;
}

static void
on_ended(void *arg, struct client *c, const struct why *why)
{
	struct look *l = arg;

	if (may_try_clear(l, why)) {
		client_free(&l->client);
		l->in_clear = 1;
		dial(l);
		return;
	}
	look_end(l, why);
}

static const struct client_events client_events = {
	.ready = on_ready, .done = on_done, .ended = on_ended,
};

static void
dial(struct look *l)
{
	const struct probe_param *p = &l->probe->p;
	const struct plan_target *t = target_of(l);
	struct client_param param = {
		.base = p->base, .store = p->store, .generation = p->generation,
		.route = p->route, .target = l->target, .port = t->port,
		.address = t->host.addresses[l->address], .in_clear = l->in_clear, .probing = 1,
	};

	l->client = client_new(&param, &client_events, l);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct look *l = arg;
	struct why why;

	why_clear(&why);
	if (!l->admitted)		/* else it only has not said goodbye */
		why_set(&why, client_spoke(l->client) ? WHY_TIMEOUT : WHY_CONNECT_TIMEOUT,
		    "not done within %d s", PROBE_ADDRESS_MS / 1000);
	look_end(l, &why);
}

static void
look_begin(struct look *l, size_t target, size_t address)
{
	struct probe *p = l->probe;
	int64_t left = p->until - clock_mono_ms();
	int64_t ms = left < PROBE_ADDRESS_MS ? left : PROBE_ADDRESS_MS;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	l->target = target;
	l->address = address;
	l->admitted = l->in_clear = 0;
	l->began = clock_mono_ms();
	p->open++;
	p->begun++;
	event_add(&l->ev_deadline, &tv);
	dial(l);
}

/* ---- all of them ---- */

static void
skip(struct probe *p, const struct plan_target *t, const struct dns_address *a,
    const struct why *why)
{
	static const struct tls_facts nothing;
	struct probe_result r = {
		.target = t, .address = a, .verdict = PROBE_UNTRIED, .facts = &nothing,
	};

	r.why = *why;
	p->events->result(p->arg, &r);
}

static struct look *
free_look(struct probe *p)
{
	for (size_t i = 0; i < PROBE_AT_ONCE; i++)
		if (p->looks[i].client == NULL)
			return &p->looks[i];
	return NULL;
}

static int
out_of_bounds(const struct probe *p, struct why *why)
{
	if (clock_mono_ms() >= p->until)
		return why_set(why, WHY_TIMEOUT, "no time was left for it");
	if (p->begun >= PROBE_ADDRESSES_MAX)
		return why_set(why, WHY_TIMEOUT, "only %d addresses are tried",
		    PROBE_ADDRESSES_MAX);
	return 0;
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	const struct plan *plan = plan_of(p);
	struct look *l;
	struct why why;

	while (p->target < plan->ntargets && (l = free_look(p)) != NULL) {
		const struct plan_target *t = &plan->targets[p->target];

		if (p->address >= t->host.naddresses) {
			if (t->host.naddresses == 0)
				skip(p, t, NULL, &t->why);
			p->target++;
			p->address = 0;
		} else if (out_of_bounds(p, &why) == -1) {
			skip(p, t, &t->host.addresses[p->address++], &why);
		} else {
			look_begin(l, p->target, p->address++);
		}
	}
	if (p->target >= plan->ntargets && p->open == 0 && !p->over) {
		p->over = 1;
		p->events->done(p->arg);
	}
}

struct probe *
probe_new(const struct probe_param *param, const struct probe_events *events, void *arg)
{
	struct probe *p = must_calloc(1, sizeof *p);

	p->events = events;
	p->arg = arg;
	p->p = *param;
	generation_ref(p->p.generation);
	route_ref(p->p.route);
	p->until = clock_mono_ms() + PROBE_ALL_MS;
	event_assign(&p->ev_step, param->base, -1, 0, on_step, p);
	for (size_t i = 0; i < PROBE_AT_ONCE; i++) {
		p->looks[i].probe = p;
		event_assign(&p->looks[i].ev_deadline, param->base, -1, 0, on_deadline,
		    &p->looks[i]);
	}
	step(p);
	return p;
}

void
probe_free(struct probe **pp)
{
	struct probe *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	event_del(&p->ev_step);
	for (size_t i = 0; i < PROBE_AT_ONCE; i++) {
		event_del(&p->looks[i].ev_deadline);
		client_free(&p->looks[i].client);
	}
	route_unref(&p->p.route);
	generation_unref(&p->p.generation);
	free(p);
}
