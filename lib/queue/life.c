/* SPDX-License-Identifier: ISC */
/* life: a wall clock that cannot be set. */
#include "lib/queue/life.h"

void
queue_life_init(struct queue_life *l, int64_t wall_ms, int64_t mono_ms, int64_t saved)
{
	l->wall = wall_ms;
	l->mono = mono_ms;
	l->now = wall_ms < 0 ? 0 : wall_ms;
	if (saved <= 0)
		return;
	if (l->now < saved)
		l->now = saved;
	else if (l->now - saved > QUEUE_LIFE_STEP_MS)
		l->now = saved + QUEUE_LIFE_STEP_MS;
}

int64_t
queue_life_tick(struct queue_life *l, int64_t wall_ms, int64_t mono_ms)
{
	int64_t elapsed = mono_ms - l->mono, jump = wall_ms - l->wall - elapsed;

	if (elapsed < 0)
		elapsed = 0;
	/* A suspended machine: the monotonic clock stands still or leaps, both are one step. */
	if (elapsed > QUEUE_LIFE_STEP_MS)
		elapsed = QUEUE_LIFE_STEP_MS;
	l->now += elapsed;
	l->wall = wall_ms;
	l->mono = mono_ms;
	return jump > QUEUE_LIFE_JUMP_MS || jump < -QUEUE_LIFE_JUMP_MS ? jump : 0;
}

int64_t
queue_life_now(const struct queue_life *l)
{
	return l->now;
}
