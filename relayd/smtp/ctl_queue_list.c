/* SPDX-License-Identifier: ISC */
/*
 * ctl_queue_list: the verb `queue.list`: a line per recipient, in order of
 * arrival. Pages come from the store one by one, each when the asker has read
 * the one before.
 */
#include <string.h>

#include "lib/base/bug.h"
#include "lib/mail/queue_id.h"
#include "lib/queue/key.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"

#define PAGE	50	/* messages; each may have a thousand recipients */

enum { LIST_DOMAIN, LIST_STATE, LIST_AFTER, LIST_MAX };
static const struct ctl_arg args[] = {
	[LIST_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN },
	[LIST_STATE] = { .key = "state", .type = CTL_WORD, .words = ctl_state_names },
	[LIST_AFTER] = { .key = "after", .type = CTL_QID },
	[LIST_MAX] = { .key = "max", .type = CTL_NUMBER },
	{ .key = NULL },
};

struct list {
	uint64_t	after, count;
	int		begun;
};

static int
wanted(const struct ctl_call *c, const struct store_rcpt *r)
{
	const struct ctl_value *v = c->values;

	return (!v[LIST_DOMAIN].given || queue_key_is(r->dest, v[LIST_DOMAIN].text)) &&
	    (!v[LIST_STATE].given ||
	    v[LIST_STATE].number == (uint64_t)ctl_state_of(c->house->sched, r));
}

static void
list_message(struct ctl_call *c, const struct store_message *m)
{
	struct list *l = c->state;

	l->after = m->id;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (wanted(c, &m->rcpts[i])) {
			ctl_call_line(c, ctl_print_recipient(c->house->sched, m, &m->rcpts[i]));
			l->count++;
		}
}

static int
is_full(const struct ctl_call *c)
{
	const struct list *l = c->state;

	return c->values[LIST_MAX].given && l->count >= c->values[LIST_MAX].number;
}

/* A page that was full ends behind a whole message; "next" is where to go on. */
static void
end_full(struct ctl_call *c)
{
	const struct list *l = c->state;
	char id[MAIL_QUEUE_ID_LEN + 1];

	mail_queue_id_print(id, l->after);
	ctl_call_end(c, l->count, json_pack("{s:s}", "next", id));
}

static void
on_page(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n, int more)
{
	struct list *l = c->state;
	size_t shown = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_full(c)) {
			list_message(c, msgs[i]);
			shown++;
		}
		store_message_free(&msgs[i]);
	}
	if (why_is_set(why))
		ctl_call_fail(c, why);
	else if (is_full(c) && (more || shown < n))
		end_full(c);
	else if (more && n == 0)
		ctl_call_stuck(c);
	else if (more)
		ctl_call_next(c);
	else
		ctl_call_end(c, l->count, NULL);
}

static void
list_step(struct ctl_call *c)
{
	struct list *l = c->state;

	if (!l->begun) {
		l->begun = 1;
		l->after = c->values[LIST_AFTER].number;
	}
	ctl_call_list(c, l->after, PAGE, on_page);
}

const struct ctl_verb ctl_verb_queue_list = {
	.name = "queue.list", .args = args, .right = CTL_READ,
	.state_size = sizeof(struct list), .step = list_step,
};
