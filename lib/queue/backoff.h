/* SPDX-License-Identifier: ISC */
/*
 * backoff: how hard one destination may be tried. A value without a clock of
 * its own; its owner tells it what starts and how it ended.
 *
 * Healthy: up to `limit` deliveries at once. The limit grows by one for each
 * round of successes (as many as the limit) up to max, and is halved by a
 * failure (additive increase, multiplicative decrease).
 * Backing off: reached when a delivery fails at limit 1. Nothing starts before
 * `until`, then exactly one probe, however many messages wait (HARDENING C10).
 * The probe's success makes it healthy with limit 1; its failure waits for
 * the next step.
 *
 * A failure is one of the destination: it could not be reached, did not meet
 * the policy, spoke nonsense. A refused message is not.
 */
#ifndef QUEUE_BACKOFF_H
#define QUEUE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

struct queue_backoff {
	unsigned	max;		/* deliveries at once, as configured */
	unsigned	limit;		/* as of now, 1..max */
	unsigned	active;		/* deliveries under way */
	unsigned	round;		/* successes since the limit last changed */
	unsigned	failures;	/* failed in a row while backing off; 0 = healthy */
	int64_t		until;		/* ms; nothing starts before, while backing off */
};

void	queue_backoff_init(struct queue_backoff *, unsigned initial, unsigned max);
void	queue_backoff_set_max(struct queue_backoff *, unsigned max);	/* reload */

/* May one more delivery start now? Then call started. */
int	queue_backoff_may_start(const struct queue_backoff *, int64_t now);
void	queue_backoff_started(struct queue_backoff *);
/* The earliest time at which asking makes sense: 0 = any time. */
int64_t	queue_backoff_until(const struct queue_backoff *);

/* Exactly one of these ends a delivery that started. */
void	queue_backoff_success(struct queue_backoff *);
/* It was reached, but this message or this attempt says nothing about its health. */
void	queue_backoff_neutral(struct queue_backoff *);
/* It is taken back: nothing was learnt. */
void	queue_backoff_cancelled(struct queue_backoff *);
/* It asked for fewer connections (421, 4.3.2, 4.7.x "too many"): halves, no pause. */
void	queue_backoff_crowded(struct queue_backoff *);
/* It takes nothing now, from nobody: pauses whatever the limit. steps as for queue_next_try. */
void	queue_backoff_refused(struct queue_backoff *, const int64_t *steps, size_t n, int64_t now,
	    uint32_t jitter);
/* steps as for queue_next_try. */
void	queue_backoff_failure(struct queue_backoff *, const int64_t *steps, size_t n, int64_t now,
	    uint32_t jitter);

/* An administrator wants a try now. */
void	queue_backoff_kick(struct queue_backoff *);

#endif
