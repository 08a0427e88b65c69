/* SPDX-License-Identifier: ISC */
/*
 * life: the time by which queue ages are counted (HARDENING T1). It is the
 * wall clock as long as that behaves: it never goes back, follows the
 * monotonic clock within a run, and a gap between runs adds at most an hour.
 * So a wall clock that jumps by days bounces nothing. Where the two have come
 * apart it draws near again: behind the wall clock it runs twice as fast,
 * before it half as fast. ms, Unix epoch. A value; clock.h has the one in use.
 */
#ifndef BASE_LIFE_H
#define BASE_LIFE_H

#include <stdint.h>

#define LIFE_STEP_MS	(60 * 60 * 1000)	/* most that one step adds */
#define LIFE_JUMP_MS	(5 * 60 * 1000)		/* worth a loud line */

struct life {
	int64_t	now;		/* queue time at the last tick; worth keeping over restarts */
	int64_t	wall, mono;	/* at the last tick */
};

/* saved: `now` of the last run, 0 = unknown. */
void	life_init(struct life *, int64_t wall_ms, int64_t mono_ms, int64_t saved);
/* Returns how far the wall clock jumped against the monotonic one, 0 if within 5 minutes. */
int64_t	life_tick(struct life *, int64_t wall_ms, int64_t mono_ms);

#endif
