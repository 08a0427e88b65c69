/* SPDX-License-Identifier: ISC */
/*
 * clock: the only place that asks what time it is.  Milliseconds.
 * mono never jumps (timers, delays); wall is Unix time (rows, logs, dates).
 * Tests set a virtual clock, which stands still until it is moved.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t	clock_mono_ms(void);
int64_t	clock_mono_us(void);
int64_t	clock_wall_ms(void);

void	clock_virtual(int64_t mono_ms, int64_t wall_ms);	/* start or move */
void	clock_real(void);

/* "Sun, 22 Nov 2026 00:07:43 +0000", RFC 5322 s3.3. */
void	clock_rfc5322(char *to, unsigned long cap, int64_t wall_ms);
/* "2026-11-22T00:07:43.123Z", RFC 3339. */
void	clock_rfc3339(char *to, unsigned long cap, int64_t wall_ms);

#endif
