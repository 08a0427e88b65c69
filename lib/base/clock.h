/* SPDX-License-Identifier: ISC */
/*
 * clock: the only place that asks what time it is.  Milliseconds.
 * mono never jumps (timers, delays); wall is Unix time (logs, dates, expiry);
 * queue is Unix time that nobody can set (life.h): `created` and `due` of
 * messages and what is compared with them.
 * Tests set a virtual clock, which stands still until it is moved.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t	clock_mono_ms(void);
int64_t	clock_mono_us(void);
int64_t	clock_wall_ms(void);

int64_t	clock_queue_ms(void);
/* At a start: it goes on from this time of the last run (0 = unknown). */
void	clock_queue_start(int64_t saved);
/* For people: what the wall clock shows at this queue time. 0 stays 0. */
int64_t	clock_queue_to_wall(int64_t queue_ms);
/* How far the wall clock has jumped since this was asked last; 0: by less than 5 minutes. */
int64_t	clock_queue_jump(void);

void	clock_virtual(int64_t mono_ms, int64_t wall_ms);	/* start or move */
void	clock_real(void);

/* "Sun, 22 Nov 2026 00:07:43 +0000", RFC 5322 s3.3. */
void	clock_rfc5322(char *to, unsigned long cap, int64_t wall_ms);
/* "2026-11-22T00:07:43.123Z", RFC 3339. */
void	clock_rfc3339(char *to, unsigned long cap, int64_t wall_ms);

#endif
