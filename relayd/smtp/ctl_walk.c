/* SPDX-License-Identifier: ISC */
/* ctl_walk: see ctl_walk.h. */
#include "relayd/smtp/ctl_walk.h"

#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/mail/queue_id.h"
#include "lib/queue/id.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/sched.h"

void
ctl_walk_begin(struct ctl_walk *w, const struct ctl_call *c)
{
	const struct ctl_value *v = c->values;

	ctl_select_init(&w->select, v);
	w->after = v[CTL_SELECT_AFTER].number;
	w->until = queue_id_next();
	w->max = v[CTL_SELECT_MAX].given ? v[CTL_SELECT_MAX].number : UINT64_MAX;
}

void
ctl_walk_next(struct ctl_walk *w, struct ctl_call *c, ctl_loaded_fn *fn)
{
	if (w->select.ids != NULL)
		ctl_call_fetch(c, w->select.ids[w->at++], fn);
	else
		ctl_call_list(c, w->after, CTL_WALK_PAGE, fn);
}

int
ctl_walk_page(struct ctl_walk *w, struct ctl_call *c, const struct why *why, size_t n, int more)
{
	w->more = w->select.ids != NULL ? w->at < w->select.nids : more;
	if (why_is_set(why))
		ctl_call_fail(c, why);
	else if (n == 0 && w->more && w->select.ids == NULL)
		ctl_call_stuck(c);
	else
		return 0;
	return -1;
}

static int
is_full(const struct ctl_walk *w)
{
	return w->count >= w->max;
}

int
ctl_walk_takes(struct ctl_walk *w, const struct store_message *m)
{
	if (w->select.ids == NULL && m->id > w->until) {
		w->more = w->left;
		return 0;
	}
	if (is_full(w)) {
		w->more = w->left = 1;
		return 0;
	}
	return 1;
}

int
ctl_walk_wants(const struct ctl_walk *w, const struct ctl_call *c, const struct store_message *m,
    const struct store_rcpt *r)
{
	const struct sched *s = c->house->sched;
	const struct dest *d = map_gets(s->dests, r->dest);
	struct ctl_select_facts facts = { .now = clock_queue_ms(), .state = ctl_state_of(s, r) };
	struct dest_view v;

	if (d != NULL) {
		dest_look(d, &v);
		facts.block = v.blocked_until != 0 && facts.state != CTL_HELD ? v.why : NULL;
	}
	return ctl_select_matches(&w->select, m, r, &facts);
}

int
ctl_walk_goes_on(const struct ctl_walk *w)
{
	return w->more && !is_full(w);
}

/* "next" is where to go on, if there is more. */
void
ctl_walk_end(const struct ctl_walk *w, struct ctl_call *c)
{
	char id[MAIL_QUEUE_ID_LEN + 1];
	json_t *next = NULL;

	mail_queue_id_print(id, w->after);
	if (w->more && w->select.ids == NULL)
		next = json_pack("{s:s}", "next", id);
	ctl_call_end(c, w->count, next);
}
