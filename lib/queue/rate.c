/* SPDX-License-Identifier: ISC */
/* rate: a token bucket kept as the time at which it is full (GCRA). */
#include "lib/queue/rate.h"

#define BURST_US	INT64_C(1000000)
#define FAR_US		(INT64_C(1000000) * 86400 * 366)

/* us from token to token; 0 without a limit. */
static int64_t
interval(const struct queue_rate *r)
{
	if (r->n == 0 || r->per <= 0)
		return 0;
	return (r->per > FAR_US / 1000 ? FAR_US : r->per * 1000) / r->n;
}

int64_t
queue_bucket_ready(const struct queue_bucket *b, const struct queue_rate *r, int64_t now)
{
	int64_t every = interval(r), room = BURST_US - every, at;

	if (every == 0)
		return now;
	at = b->full_at - (room > 0 ? room : 0);
	return at <= now * 1000 ? now : (at + 999) / 1000;
}

void
queue_bucket_take(struct queue_bucket *b, const struct queue_rate *r, int64_t now)
{
	if (b->full_at < now * 1000)
		b->full_at = now * 1000;
	b->full_at += interval(r);
}

void
queue_bucket_give_back(struct queue_bucket *b, const struct queue_rate *r)
{
	b->full_at -= interval(r);
}

int64_t
queue_bucket_empty(const struct queue_rate *r, int64_t now)
{
	int64_t every = interval(r);

	return now * 1000 + (every > BURST_US ? every : BURST_US);
}

int
queue_bucket_full(const struct queue_bucket *b, int64_t now)
{
	return b->full_at <= now * 1000;
}
