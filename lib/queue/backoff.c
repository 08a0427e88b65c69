/* SPDX-License-Identifier: ISC */
/* backoff: additive increase, multiplicative decrease, one probe. */
#include "lib/queue/backoff.h"

#include <string.h>

#include "lib/base/bug.h"
#include "lib/queue/next.h"

void
queue_backoff_init(struct queue_backoff *b, unsigned initial, unsigned max)
{
	memset(b, 0, sizeof *b);
	b->max = max == 0 ? 1 : max;
	b->limit = initial == 0 ? 1 : initial < b->max ? initial : b->max;
}

void
queue_backoff_set_max(struct queue_backoff *b, unsigned max)
{
	b->max = max == 0 ? 1 : max;
	if (b->limit > b->max)
		b->limit = b->max;
}

int
queue_backoff_may_start(const struct queue_backoff *b, int64_t now)
{
	if (b->failures > 0)
		return b->active == 0 && now >= b->until;
	return b->active < b->limit;
}

void
queue_backoff_started(struct queue_backoff *b)
{
	b->active++;
}

int64_t
queue_backoff_until(const struct queue_backoff *b)
{
	return b->failures > 0 ? b->until : 0;
}

static void
ended(struct queue_backoff *b)
{
	MUST(b->active > 0);
	b->active--;
}

static void
alive(struct queue_backoff *b)
{
	if (b->failures == 0)
		return;
	b->failures = 0;
	b->until = 0;
	b->limit = 1;
	b->round = 0;
}

static void
halve(struct queue_backoff *b)
{
	b->limit = b->limit > 1 ? b->limit / 2 : 1;
	b->round = 0;
}

void
queue_backoff_success(struct queue_backoff *b)
{
	ended(b);
	if (b->failures > 0) {
		alive(b);
		return;
	}
	if (++b->round >= b->limit && b->limit < b->max) {
		b->limit++;
		b->round = 0;
	}
}

void
queue_backoff_neutral(struct queue_backoff *b)
{
	ended(b);
	alive(b);
}

void
queue_backoff_cancelled(struct queue_backoff *b)
{
	ended(b);
}

void
queue_backoff_crowded(struct queue_backoff *b)
{
	ended(b);
	alive(b);
	halve(b);
}

void
queue_backoff_failure(struct queue_backoff *b, const int64_t *steps, size_t n, int64_t now,
    uint32_t jitter)
{
	ended(b);
	/* Stragglers of the same outage do not lengthen the pause. */
	if (b->failures > 0 && now < b->until)
		return;
	if (b->failures == 0 && b->limit > 1) {
		halve(b);
		return;
	}
	b->failures++;
	b->limit = 1;
	b->round = 0;
	b->until = queue_next_try(steps, n, b->failures, now, jitter);
}

void
queue_backoff_refused(struct queue_backoff *b, const int64_t *steps, size_t n, int64_t now,
    uint32_t jitter)
{
	b->limit = 1;
	queue_backoff_failure(b, steps, n, now, jitter);
}

void
queue_backoff_kick(struct queue_backoff *b)
{
	b->until = 0;
}
