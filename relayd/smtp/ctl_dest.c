/* SPDX-License-Identifier: ISC */
/*
 * ctl_dest: the verbs `dest.list`, busiest destination first, and
 * `dest.show`, one destination with the plan that mail to it goes under.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/map.h"
#include "lib/plan/plan.h"
#include "lib/queue/key.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/sched.h"

#define DESTS_A_STEP	100

enum { LIST_BLOCKED };
static const struct ctl_arg list_args[] = {
	[LIST_BLOCKED] = { .key = "blocked", .type = CTL_FLAG },
	{ .key = NULL },
};

enum { SHOW_DOMAIN };
static const struct ctl_arg show_args[] = {
	[SHOW_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	{ .key = NULL },
};

/* ---- dest.list: names of the moment; destinations come and go while it is read ---- */

struct name {
	char		*name;
	uint64_t	 count;
};

struct list {
	struct name	*names;
	size_t		 n, at;
	int		 only_blocked;
};

static void
note_one(void *value, void *arg)
{
	struct list *l = arg;
	struct dest_view v;

	dest_look(value, &v);
	if (l->only_blocked && v.blocked_until == 0)
		return;
	l->names[l->n++] = (struct name){ must_strdup(dest_name(value)), v.count };
}

static int
compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void
list_begin(struct ctl_call *c)
{
	const struct map *dests = c->house->sched->dests;
	struct list *l = c->state;

	l->only_blocked = c->values[LIST_BLOCKED].number == 1;
	l->names = must_calloc(map_count(dests) + 1, sizeof *l->names);
	map_each((struct map *)(uintptr_t)dests, note_one, l);
	qsort(l->names, l->n, sizeof *l->names, compare);
}

static void
list_step(struct ctl_call *c)
{
	struct list *l = c->state;

	if (l->names == NULL)
		list_begin(c);
	for (size_t i = 0; i < DESTS_A_STEP && l->at < l->n; i++, l->at++) {
		const struct dest *d = map_gets(c->house->sched->dests, l->names[l->at].name);

		if (d != NULL)
			ctl_call_line(c, ctl_print_dest(d));
	}
	if (l->at < l->n)
		ctl_call_next(c);
	else
		ctl_call_end(c, l->n, NULL);
}

static void
list_fini(void *state)
{
	struct list *l = state;

	for (size_t i = 0; i < l->n; i++)
		free(l->names[i].name);
	free(l->names);
}

/* Each worker has a queue, back-off and connections of its own for a destination. */
static const struct ctl_field sums[] = {
	{ .key = "waits_for", .join = CTL_WITH, .by = "recipients" },
	{ .key = "recipients", .join = CTL_ADD }, { .key = "connections", .join = CTL_ADD },
	{ .key = "connections_now", .join = CTL_ADD },
	{ .key = "loaded", .join = CTL_ADD }, { .key = "delivering", .join = CTL_ADD },
	{ .key = "reason", .join = CTL_WITH, .by = "failures" },
	{ .key = "code", .join = CTL_WITH, .by = "failures" },
	{ .key = "why", .join = CTL_WITH, .by = "failures" },
	{ .key = "failures", .join = CTL_LATEST },
	{ .key = "blocked_until", .join = CTL_LATEST },
	{ .key = "next_due", .join = CTL_EARLIEST },
	{ .key = "asking_policy", .join = CTL_ANY },
	{ .key = "paused_by", .join = CTL_WITH, .by = "paused_since" },
	{ .key = "paused_why", .join = CTL_WITH, .by = "paused_since" },
	{ .key = "paused_since", .join = CTL_LATEST },
	{ .key = "paused", .join = CTL_ANY },
	{ .key = NULL },
};

static int
is_blocked(const struct ctl_call *c, const json_t *row)
{
	return c->values[LIST_BLOCKED].number == 0 ||
	    json_is_integer(json_object_get(row, "blocked_until"));
}

static const struct ctl_merge list_merge = {
	.kind = CTL_SUMMED, .key = "destination", .fields = sums, .order = CTL_BY_WEIGHT,
	.weight = "recipients", .filter = "blocked", .wanted = is_blocked,
};
static const struct ctl_merge show_merge = {
	.kind = CTL_SUMMED, .key = "destination", .fields = sums,
};

const struct ctl_verb ctl_verb_dest_list = {
	.name = "dest.list", .args = list_args, .right = CTL_READ, .merge = &list_merge,
	.state_size = sizeof(struct list), .step = list_step, .fini = list_fini,
};

/* ---- dest.show ---- */

struct show {
	struct ctl_call	*call;
	size_t		 n;
};

/* A domain has a queue for each kind of mail (lib/queue/key.h). */
static void
show_one(void *value, void *arg)
{
	const struct dest *d = value;
	struct show *s = arg;
	struct dest_view v;

	if (!queue_key_is(dest_name(d), s->call->values[SHOW_DOMAIN].text))
		return;
	s->n++;
	dest_look(d, &v);
	ctl_call_line(s->call, ctl_print_dest(d));
	if (v.plan == NULL)
		return;
	ctl_call_line(s->call, ctl_print_plan(v.plan));
	for (size_t i = 0; i < v.plan->ntargets; i++)
		ctl_call_line(s->call, ctl_print_target(&v.plan->targets[i]));
}

static void
show_step(struct ctl_call *c)
{
	struct show s = { .call = c };

	map_each(c->house->sched->dests, show_one, &s);
	ctl_call_end(c, s.n, NULL);
}

const struct ctl_verb ctl_verb_dest_show = {
	.name = "dest.show", .args = show_args, .right = CTL_READ, .merge = &show_merge,
	.step = show_step,
};
