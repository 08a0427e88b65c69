/* SPDX-License-Identifier: ISC */
/*
 * ctl_queue_list: the verb `queue.list`: a line per recipient, in order of
 * arrival. Pages come from the store one by one, each when the asker has read
 * the one before.
 */
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/ctl_walk.h"

static const struct ctl_arg args[] = {
	CTL_SELECT_ARGS,
	{ .key = NULL },
};

struct list {
	struct ctl_walk	walk;
	int		begun;
};

static void
list_message(struct ctl_call *c, const struct store_message *m)
{
	struct list *l = c->state;

	l->walk.after = m->id;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (ctl_walk_wants(&l->walk, c, m, &m->rcpts[i])) {
			ctl_call_line(c, ctl_print_recipient(c->house->sched, m, &m->rcpts[i]));
			l->walk.count++;
		}
}

static void
on_page(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n, int more)
{
	struct list *l = c->state;
	int going = ctl_walk_page(&l->walk, c, why, n, more) == 0;

	for (size_t i = 0; i < n; i++) {
		if (going && ctl_walk_takes(&l->walk, msgs[i]))
			list_message(c, msgs[i]);
		store_message_free(&msgs[i]);
	}
	if (!going)
		return;
	if (ctl_walk_goes_on(&l->walk))
		ctl_call_next(c);
	else
		ctl_walk_end(&l->walk, c);
}

static void
list_step(struct ctl_call *c)
{
	struct list *l = c->state;

	if (!l->begun) {
		l->begun = 1;
		ctl_walk_begin(&l->walk, c);
	}
	ctl_walk_next(&l->walk, c, on_page);
}

static const struct ctl_merge merge = { .kind = CTL_ORDERED, .key = "id" };

const struct ctl_verb ctl_verb_queue_list = {
	.name = "queue.list", .args = args, .right = CTL_READ, .merge = &merge,
	.state_size = sizeof(struct list), .step = list_step,
};
