/* SPDX-License-Identifier: ISC */
/* limit_share: see limit_share.h. */
#include "relayd/smtp/limit_share.h"

#include <string.h>

#include "lib/base/clock.h"

#define YIELD_MS	150	/* who waits looks several times in it */
#define COURTESY_MS	3	/* whoever had the last message lets the others ask first */
#define SLACK_US	1000000	/* not everybody looked at the clock at the same time */
#define TRIES		100

/* ---- counts ---- */

static int
is_before(const struct limit_share *own, unsigned own_row, unsigned row, int64_t since)
{
	return own->waits == 0 || since < own->waits || (since == own->waits && row < own_row);
}

/* Who has none gets the last one of another, in turn; else nothing changes hands for nothing. */
static int
is_poorer(uint32_t n, unsigned own)
{
	return n == 0 ? own > 0 : own > 1 && n < own - 1;
}

void
limit_share_look(const struct proc_commons *c, const struct limit_share *own, unsigned used,
    struct limit_others *to)
{
	memset(to, 0, sizeof *to);
	for (unsigned i = 0; c != NULL && i < proc_commons_rows(c); i++) {
		struct proc_commons_entry e;

		if (i == proc_commons_own(c))
			continue;
		e = proc_commons_get(c, PROC_COMMONS_USED, i, own->id);
		to->used = e.n > UINT32_MAX - to->used ? UINT32_MAX : to->used + e.n;
		if (e.since == 0)
			continue;
		to->waiting++;
		to->poorer += is_poorer(e.n, used) ? 1 : 0;
		to->before += is_before(own, proc_commons_own(c), i, e.since) ? 1 : 0;
	}
}

int
limit_share_say(struct proc_commons *c, const struct limit_share *own, unsigned used)
{
	const struct proc_commons_entry e = { .n = used, .since = own->waits };

	return c != NULL ? proc_commons_set(c, PROC_COMMONS_USED, own->id, e) : 0;
}

unsigned
limit_share_free(const struct limit_others *o, unsigned used, unsigned max)
{
	unsigned left = used < max ? max - used : 0;

	return o->used < left ? left - o->used : 0;
}

unsigned
limit_share_ours(const struct limit_share *own, const struct limit_others *o, unsigned free)
{
	if (own->yields != 0 && clock_mono_ms() - own->yields >= YIELD_MS)
		return free;
	return o->before < free ? free - o->before : 0;
}

void
limit_share_patience(struct limit_share *own, const struct limit_others *o, unsigned free)
{
	if (free == 0 || o->before < free)
		own->yields = 0;
	else if (own->yields == 0)
		own->yields = clock_mono_ms();
}

/* ---- messages in a time ---- */

/*
 * The word as a bucket. Further ahead than this rate ever goes it may be of
 * another rate, before a reload, or of nobody: it is brought back.
 */
static struct queue_bucket
look_at_time(struct proc_commons *c, const struct limit_share *own, const struct queue_rate *r,
    int64_t now)
{
	struct queue_bucket b = { .full_at = proc_commons_time(c, own->id, now * 1000) };
	int64_t most = queue_bucket_empty(r, now), was = b.full_at;

	if (was > most + SLACK_US) {
		b.full_at = most;
		(void)proc_commons_move(c, own->id, now * 1000, was, most);
	}
	return b;
}

int64_t
limit_share_ready(struct proc_commons *c, struct limit_share *own, const struct queue_rate *r,
    int64_t now)
{
	struct queue_bucket b;

	if (r->n == 0)
		return now;
	b = look_at_time(c, own, r, now);
	/* Whether more than one waits is not known. */
	if (b.full_at == own->wrote)
		return queue_bucket_ready(&b, r, now - COURTESY_MS) + COURTESY_MS;
	return queue_bucket_ready(&b, r, now);
}

int
limit_share_take(struct proc_commons *c, struct limit_share *own, const struct queue_rate *r,
    int64_t now)
{
	for (int i = 0; r->n > 0 && i < TRIES; i++) {
		struct queue_bucket b = look_at_time(c, own, r, now);
		int64_t was = b.full_at;

		if (queue_bucket_ready(&b, r, now) > now)
			return 0;
		queue_bucket_take(&b, r, now);
		own->wrote = b.full_at;
		switch (proc_commons_move(c, own->id, now * 1000, was, b.full_at)) {
		case 1:
			return 1;
		case -1:
			return 0;
		default:
			break;
		}
	}
	return r->n == 0;
}

void
limit_share_give_back(struct proc_commons *c, struct limit_share *own, const struct queue_rate *r,
    int64_t now)
{
	for (int i = 0; r->n > 0 && i < TRIES; i++) {
		struct queue_bucket b = { .full_at = proc_commons_time(c, own->id, now * 1000) };
		int64_t was = b.full_at;

		if (was <= now * 1000)
			return;
		queue_bucket_give_back(&b, r);
		if (proc_commons_move(c, own->id, now * 1000, was, b.full_at) == 1)
			return;
	}
}
