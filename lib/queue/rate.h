/* SPDX-License-Identifier: ISC */
/*
 * rate: so many messages in a time. A bucket that holds tokens for one second
 * at most, so that a limit of 3600/h is one message a second and not 3600 at
 * once. A value without a clock of its own; all times are monotonic ms.
 */
#ifndef QUEUE_RATE_H
#define QUEUE_RATE_H

#include <stdint.h>

struct queue_rate {
	uint32_t	n;		/* 0: no limit */
	int64_t		per;		/* ms in which n are let through */
};

/* Zeroed: full. One bucket may be asked with another rate after a reload. */
struct queue_bucket {
	int64_t		full_at;	/* us: when it will be full again */
};

/* The ms at which one token is there; now or earlier: it is. */
int64_t	queue_bucket_ready(const struct queue_bucket *, const struct queue_rate *, int64_t now);
void	queue_bucket_take(struct queue_bucket *, const struct queue_rate *, int64_t now);
/* The last one taken was not used. */
void	queue_bucket_give_back(struct queue_bucket *, const struct queue_rate *);
/* us: no use of this rate alone makes full_at later than that. */
int64_t	queue_bucket_empty(const struct queue_rate *, int64_t now);
/* 1: nothing is to be remembered of it. */
int	queue_bucket_full(const struct queue_bucket *, int64_t now);

#endif
