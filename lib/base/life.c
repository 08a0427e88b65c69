/* SPDX-License-Identifier: ISC */
/* life: a wall clock that cannot be set. */
#include "lib/base/life.h"

void
life_init(struct life *l, int64_t wall_ms, int64_t mono_ms, int64_t saved)
{
	l->wall = wall_ms;
	l->mono = mono_ms;
	l->now = wall_ms < 0 ? 0 : wall_ms;
	if (saved <= 0)
		return;
	if (l->now < saved)
		l->now = saved;
	else if (l->now - saved > LIFE_STEP_MS)
		l->now = saved + LIFE_STEP_MS;
}

/* How much more, or less, than the elapsed time passes. */
static int64_t
slew(const struct life *l, int64_t wall_ms, int64_t elapsed)
{
	int64_t behind = wall_ms - (l->now + elapsed), most = LIFE_STEP_MS - elapsed;

	if (most > elapsed)
		most = elapsed;
	if (behind > most)
		return most;
	return behind < -elapsed / 2 ? -elapsed / 2 : behind;
}

int64_t
life_tick(struct life *l, int64_t wall_ms, int64_t mono_ms)
{
	int64_t elapsed = mono_ms - l->mono, jump = wall_ms - l->wall - elapsed;

	if (elapsed < 0)
		elapsed = 0;
	/* A suspended machine: the monotonic clock stands still or leaps, both are one step. */
	if (elapsed > LIFE_STEP_MS)
		elapsed = LIFE_STEP_MS;
	l->now += elapsed + slew(l, wall_ms, elapsed);
	l->wall = wall_ms;
	l->mono = mono_ms;
	return jump > LIFE_JUMP_MS || jump < -LIFE_JUMP_MS ? jump : 0;
}
