/* SPDX-License-Identifier: ISC */
/*
 * ctl_policy: the verbs `policy.show`, `policy.refresh` and `policy.forget`:
 * what is kept of a domain's MTA-STS policy, and the plan that is in force. A
 * policy that was fetched or forgotten makes the plan be decided again.
 */

#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/ipc/ipc.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_replan.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/sched.h"

enum { ARG_DOMAIN };
static const struct ctl_arg args[] = {
	[ARG_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	{ .key = NULL },
};

struct state {
	struct ask_wait	*asking;
};

static void
fini(void *state)
{
	ask_cancel(&((struct state *)state)->asking);
}

static struct dest *
dest_of(struct ctl_call *c)
{
	return map_gets(c->house->sched->dests, c->values[ARG_DOMAIN].text);
}

static void
show_plan(struct ctl_call *c)
{
	const struct dest *d = dest_of(c);
	struct dest_view v;

	if (d == NULL)
		return;
	dest_look(d, &v);
	if (v.plan != NULL)
		ctl_call_line(c, ctl_print_plan(v.plan));
}

/* Asked once, answered once: the answer is the end. */
static void
show_cache(struct ctl_call *c, const struct ipc_cache *cache)
{
	ctl_call_line(c, ctl_print_cache(c->values[ARG_DOMAIN].text, cache));
}

static void
on_shown(void *arg, const struct ipc_cache *cache)
{
	struct ctl_call *c = arg;

	((struct state *)c->state)->asking = NULL;
	if (why_is_set(&cache->why)) {
		ctl_call_fail(c, &cache->why);
		return;
	}
	show_cache(c, cache);
	show_plan(c);
	ctl_call_end(c, (uint64_t)(cache->found || cache->failed || dest_of(c) != NULL), NULL);
}

static void
on_fetched(void *arg, const struct ipc_cache *cache)
{
	struct ctl_call *c = arg;

	((struct state *)c->state)->asking = NULL;
	show_cache(c, cache);
	ctl_replan(c->house, c->values[ARG_DOMAIN].text);
	if (why_is_set(&cache->why))
		ctl_call_fail(c, &cache->why);
	else
		ctl_call_end(c, (uint64_t)cache->found, NULL);
}

static void
on_forgotten(void *arg, const struct ipc_cache *cache)
{
	struct ctl_call *c = arg;

	((struct state *)c->state)->asking = NULL;
	if (why_is_set(&cache->why)) {
		ctl_call_fail(c, &cache->why);
		return;
	}
	show_cache(c, cache);
	ctl_replan(c->house, c->values[ARG_DOMAIN].text);
	ctl_call_end(c, cache->gone, NULL);
}

static void
ask(struct ctl_call *c, enum ipc_cache_verb verb, ask_cache_fn *fn)
{
	struct ipc_cache_ask question = { .verb = verb, .uid = c->uid };
	struct ctl_refusal r;

	if (c->values[ARG_DOMAIN].text[0] == '[') {
		(void)ctl_refuse(&r, CTL_USAGE, NULL, "an address has no MTA-STS policy");
		ctl_call_refuse(c, &r);
		return;
	}
	(void)str_copy(question.domain, c->values[ARG_DOMAIN].text, sizeof question.domain);
	((struct state *)c->state)->asking = ask_cache(c->house->sched->ask, &question, fn, c);
}

static void
show_step(struct ctl_call *c)
{
	ask(c, IPC_CACHE_SHOW, on_shown);
}

static void
refresh_step(struct ctl_call *c)
{
	ask(c, IPC_CACHE_REFRESH, on_fetched);
}

static void
forget_step(struct ctl_call *c)
{
	ask(c, IPC_CACHE_FORGET, on_forgotten);
}

const struct ctl_verb ctl_verb_policy_show = {
	.name = "policy.show", .args = args, .right = CTL_READ,
	.state_size = sizeof(struct state), .step = show_step, .fini = fini,
};

const struct ctl_verb ctl_verb_policy_refresh = {
	.name = "policy.refresh", .args = args, .right = CTL_CHANGE,
	.state_size = sizeof(struct state), .step = refresh_step, .fini = fini,
};

const struct ctl_verb ctl_verb_policy_forget = {
	.name = "policy.forget", .args = args, .right = CTL_CHANGE,
	.state_size = sizeof(struct state), .step = forget_step, .fini = fini,
};
