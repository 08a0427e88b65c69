/* SPDX-License-Identifier: ISC */
/*
 * next: when a recipient is tried again, from the configured steps. Pure.
 * RFC 5321 s4.5.4.1 (retry strategies: the first ones soon, then hours).
 */
#ifndef QUEUE_NEXT_H
#define QUEUE_NEXT_H

#include <stddef.h>
#include <stdint.h>

#define QUEUE_JITTER_PERCENT	10

/*
 * After `tries` failed tries (1 = the first has failed) the step tries - 1,
 * or the last one, is waited; jitter, any 32 random bits, moves it by up to
 * 10 percent, so that what failed together does not come back together.
 * All times in ms. With n = 0 an hour is waited.
 */
int64_t	queue_next_try(const int64_t *steps, size_t n, uint32_t tries, int64_t now, uint32_t jitter);

/* d ms moved by -10 to +10 percent. */
int64_t	queue_next_jitter(int64_t d, uint32_t jitter);

#endif
