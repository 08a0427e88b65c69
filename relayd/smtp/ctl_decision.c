/* SPDX-License-Identifier: ISC */
/* ctl_decision: see ctl_decision.h. How it is shown is in ctl_decision_show.c. */
#include "relayd/smtp/ctl_decision.h"

#include <string.h>

#include "lib/base/clock.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/sched.h"

static void
on_evidence(void *arg, const struct plan_evidence *e)
{
	struct ctl_decision *d = arg;
	const struct sched *s = d->call->house->sched;
	int64_t until;

	d->asking = NULL;
	plan_evidence_copy(&d->evidence, e);
	generation_unref(&d->generation);	/* a reload may have come between */
	d->generation = generation_ref(s->generation);
	until = generation_rule(d->generation, s->ledger, &d->key, &d->rule, &d->exceptions);
	d->route = route_new();
	plan_decide(&d->evidence, &d->rule, clock_mono_ms(), &d->route->plan);
	if (d->route->plan.expires > until)
		d->route->plan.expires = until;
	d->done(d->call);
}

void
ctl_decision_start(struct ctl_decision *d, struct ctl_call *c, const char *key, int fresh,
    void (*done)(struct ctl_call *))
{
	ctl_decision_fini(d);
	d->call = c;
	d->done = done;
	queue_key_parse(key, &d->key);
	d->generation = generation_ref(c->house->sched->generation);
	d->asking = ask_domain(c->house->sched->ask, d->key.domain,
	    generation_route(d->generation, d->key.domain), fresh, on_evidence, d);
}

void
ctl_decision_fini(struct ctl_decision *d)
{
	ask_cancel(&d->asking);
	plan_evidence_fini(&d->evidence);
	if (d->route != NULL)
		route_unref(&d->route);
	generation_unref(&d->generation);
	memset(d, 0, sizeof *d);
}
