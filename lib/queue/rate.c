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

/* A token is taken when there is one: what is farther off than that allows was taken by another
 * rate, which counts no more. Then one is there at once. */
static int64_t
full_at(const struct queue_bucket *b, int64_t every, int64_t now)
{
	int64_t most = now * 1000 + (every > BURST_US ? every : BURST_US);

	return b->full_at > most + 1000 ? most - every : b->full_at;
}

int64_t
queue_bucket_ready(const struct queue_bucket *b, const struct queue_rate *r, int64_t now)
{
	int64_t every = interval(r), room = BURST_US - every, at;

	if (every == 0)
		return now;
	at = full_at(b, every, now) - (room > 0 ? room : 0);
	return at <= now * 1000 ? now : (at + 999) / 1000;
}

void
queue_bucket_take(struct queue_bucket *b, const struct queue_rate *r, int64_t now)
{
	b->full_at = full_at(b, interval(r), now);
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
