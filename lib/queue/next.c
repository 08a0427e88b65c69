/* SPDX-License-Identifier: ISC */
/* next: the retry schedule. */
#include "lib/queue/next.h"

#define STEP_MAX	(INT64_C(1000) * 60 * 60 * 24 * 366)

int64_t
queue_next_jitter(int64_t d, uint32_t jitter)
{
	int64_t span = d / 100 * 2 * QUEUE_JITTER_PERCENT;

	/* jitter / 2^32 of the span; d is at most a year, so 20 bits of it fit. */
	return d - span / 2 + (int64_t)((uint64_t)span * (jitter >> 12) >> 20);
}

int64_t
queue_next_try(const int64_t *steps, size_t n, uint32_t tries, int64_t now, uint32_t jitter)
{
	int64_t step = 60 * 60 * 1000;

	if (n > 0)
		step = steps[tries == 0 ? 0 : tries - 1 < n ? tries - 1 : n - 1];
	if (step < 0)
		step = 0;
	if (step > STEP_MAX)
		step = STEP_MAX;
	step = queue_next_jitter(step, jitter);
	return now > INT64_MAX - step ? INT64_MAX : now + step;
}
