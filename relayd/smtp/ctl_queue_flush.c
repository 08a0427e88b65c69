/* SPDX-License-Identifier: ISC */
/*
 * ctl_queue_flush: the verb `queue.flush`: try now. Destinations lose their
 * back-off, and recipients whose own next try lies ahead become due: one
 * message, one destination, or everything. Held ones stay held.
 *
 * Rows change in the store first, then the scheduler is told to look. A
 * settlement of a delivery that ends meanwhile is as good: it either removes
 * the row or sets its own time.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/queue/id.h"
#include "lib/queue/key.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/sched.h"

#define PAGE	50	/* messages on their way at a time */

enum { FLUSH_ID, FLUSH_DOMAIN, FLUSH_ALL };
static const struct ctl_arg args[] = {
	[FLUSH_ID] = { .key = "id", .type = CTL_QID },
	[FLUSH_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN },
	[FLUSH_ALL] = { .key = "all", .type = CTL_FLAG },
	{ .key = NULL },
};

struct flush {
	int			 begun, more;
	uint64_t		 after, until, count;	/* mail behind until came later */
	struct store_message	*msgs[PAGE];	/* of this page, until their rows are written */
	size_t			 nmsgs, pending;
	struct why		 why;		/* the first failure */
};

static void
drop_page(struct flush *f)
{
	for (size_t i = 0; i < f->nmsgs; i++)
		store_message_free(&f->msgs[i]);
	f->nmsgs = 0;
}

static void
fini(void *state)
{
	drop_page(state);
}

static int
wanted(const struct ctl_call *c, const struct store_rcpt *r)
{
	return r->state == STORE_DUE &&
	    (!c->values[FLUSH_DOMAIN].given || queue_key_is(r->dest, c->values[FLUSH_DOMAIN].text));
}

static void
unblock_one(void *value, void *arg)
{
	if (queue_key_is(dest_name(value), arg))
		dest_unblock(value);
}

/* All queues of a domain, or one by its key. */
static void
unblock(struct sched *s, const char *name)
{
	char key[QUEUE_KEY_CAP];

	str_copy(key, name, sizeof key);
	map_each(s->dests, unblock_one, key);
}

/* ---- the page is written ---- */

static void
wake(struct ctl_call *c)
{
	struct flush *f = c->state;
	struct sched *s = c->house->sched;
	const char *last = "";

	for (size_t i = 0; i < f->nmsgs; i++)
		for (size_t j = 0; j < f->msgs[i]->nrcpts; j++) {
			const struct store_rcpt *r = &f->msgs[i]->rcpts[j];

			if (!wanted(c, r) || strcmp(r->dest, last) == 0)
				continue;
			last = r->dest;
			if (c->values[FLUSH_ID].given)
				unblock(s, r->dest);
			sched_on_disk(s, r->dest, 0, clock_queue_ms());
		}
}

static void
page_done(struct ctl_call *c)
{
	struct flush *f = c->state;

	wake(c);
	drop_page(f);
	if (why_is_set(&f->why))
		ctl_call_fail(c, &f->why);
	else if (f->more)
		ctl_call_next(c);
	else
		ctl_call_end(c, f->count, NULL);
}

static void
on_written(struct ctl_call *c, const struct why *why)
{
	struct flush *f = c->state;

	if (why_is_set(why) && !why_is_set(&f->why))
		f->why = *why;
	if (--f->pending == 0)
		page_done(c);
}

/* ---- a page to write ---- */

/* What is being settled is not overwritten with what was read before. */
static int
is_out(const struct ctl_call *c, const struct store_message *m, const struct store_rcpt *r)
{
	const struct dest *d = map_gets(c->house->sched->dests, r->dest);

	return d != NULL && dest_has_out(d, m->id, r->id);
}

static void
write_message(struct ctl_call *c, const struct store_message *m)
{
	struct flush *f = c->state;
	struct store_settle_rcpt *rows = must_calloc(m->nrcpts, sizeof *rows);
	struct store_settlement s = { .message = m->id, .rcpts = rows };
	int64_t now = clock_queue_ms();

	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct store_rcpt *r = &m->rcpts[i];

		if (!wanted(c, r))
			continue;
		f->count++;
		if (r->due > now && !is_out(c, m, r))
			rows[s.nrcpts++] = (struct store_settle_rcpt){
				.id = r->id, .fate = STORE_RETRY, .due = now, .tries = r->tries,
				.warned = r->warned, .last = r->last,
				.reason = r->reason,
			};
	}
	if (s.nrcpts > 0) {
		f->pending++;
		ctl_call_settle(c, &s, on_written);
	}
	free(rows);
}

static void
on_page(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n, int more)
{
	struct flush *f = c->state;

	MUST(n <= PAGE && f->nmsgs == 0);
	if (n > 0)
		memcpy(f->msgs, msgs, n * sizeof *msgs);
	f->nmsgs = n;
	f->more = more && !c->values[FLUSH_ID].given;
	f->why = *why;
	for (size_t i = 0; i < n; i++) {
		f->after = msgs[i]->id;
		if (f->after > f->until && !c->values[FLUSH_ID].given)
			f->more = 0;
		else
			write_message(c, msgs[i]);
	}
	if (n == 0 && f->more && !why_is_set(why))
		ctl_call_stuck(c);
	else if (f->pending == 0)
		page_done(c);
}

static int
check(struct ctl_call *c)
{
	const struct ctl_value *v = c->values;
	struct ctl_refusal r;

	if (v[FLUSH_ID].given + v[FLUSH_DOMAIN].given + (v[FLUSH_ALL].number == 1) == 1)
		return 0;
	(void)ctl_refuse(&r, CTL_USAGE, "relayctl queue flush QID | -d DOMAIN | all",
	    "what is to be tried now?");
	ctl_call_refuse(c, &r);
	return -1;
}

static void
begin(struct ctl_call *c)
{
	struct flush *f = c->state;

	f->begun = 1;
	f->until = queue_id_next();
	if (c->values[FLUSH_DOMAIN].given)
		unblock(c->house->sched, c->values[FLUSH_DOMAIN].text);
	else if (c->values[FLUSH_ALL].given)
		sched_flush(c->house->sched);
}

static void
flush_step(struct ctl_call *c)
{
	struct flush *f = c->state;

	if (!f->begun) {
		if (check(c) == -1)
			return;
		begin(c);
	}
	if (c->values[FLUSH_ID].given)
		ctl_call_fetch(c, c->values[FLUSH_ID].number, on_page);
	else
		ctl_call_list(c, f->after, PAGE, on_page);
}

static const struct ctl_merge merge = { .kind = CTL_SUMMED, .count = CTL_COUNT_SUM };

const struct ctl_verb ctl_verb_queue_flush = {
	.name = "queue.flush", .args = args, .right = CTL_CHANGE, .merge = &merge,
	.state_size = sizeof(struct flush), .step = flush_step, .fini = fini,
};
