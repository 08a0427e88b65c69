/* SPDX-License-Identifier: ISC */
/*
 * count: the counters of this process and, in memory that they share, of all
 * the others of the relay. Each process has a row that it alone writes; who
 * sums reads all rows. The parent makes the memory and keeps it, so a row
 * outlives its process: the next one of the same number goes on where it was,
 * and no sum falls while relayd runs.
 *
 * Counting is one addition in memory, never fails, and works before
 * meter_count_open, too (nobody sees it then but this process).
 *
 * What other processes wrote is only ever added up: one that lies can make a
 * figure wrong, nothing else. Processes that are trusted less get a table of
 * their own, which the others only read: they can add to a sum, not lower it.
 */
#ifndef METER_COUNT_H
#define METER_COUNT_H

#include <stdint.h>

#include "lib/meter/family.h"

/* The descriptor of a new table for so many rows; -1 with errno. */
int		 meter_count_make(unsigned rows);
/* From now on this process counts in row `own`. Takes fd. 0, or -1 with errno: it stays alone. */
int		 meter_count_open(int fd, unsigned rows, unsigned own);
/* A table of others belongs to all sums, too; one at most. Takes fd. 0, or -1 with errno. */
int		 meter_count_watch(int fd, unsigned rows);
void		 meter_count_close(void);	/* alone again, from 0 */

/* Of a counter. a, b: values of its labels; 0 where it has none. */
void		 meter_count(enum meter_family, unsigned a, unsigned b);
void		 meter_count_add(enum meter_family, unsigned a, unsigned b, uint64_t n);
/* Of a histogram; below 0 (a clock was set) counts as 0. */
void		 meter_count_time(enum meter_family, int64_t ms);

/* Sums over all rows that this process sees. */
uint64_t	 meter_count_sum(enum meter_family, unsigned a, unsigned b);
/* When the table was made, Unix ms; 0: this process is alone. */
int64_t		 meter_count_started(void);
struct meter_times {
	uint64_t	counts[METER_BOUNDS + 1];	/* each bucket by itself; the last: +Inf */
	uint64_t	ms;				/* of all */
};
void		 meter_count_times(enum meter_family, struct meter_times *);

#endif
