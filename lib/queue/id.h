/* SPDX-License-Identifier: ISC */
/*
 * id: queue ids. 63 bits: milliseconds since 2020 (wall clock), then 14 bits
 * that start at random in every millisecond and count on, then 6 bits for the
 * worker that gave it. Sorting by id is sorting by time of arrival. An id is
 * not given twice: workers differ in their own bits; if the clock jumps back,
 * ids count on from the last one, after a start from the highest one in the
 * queue; one that is still in the queue is refused by the store.
 */
#ifndef QUEUE_ID_H
#define QUEUE_ID_H

#include <stdint.h>

#define QUEUE_ID_WORKERS	64

/* Which worker this process is, 0 if nothing is said; before its first id. */
void		queue_id_worker(unsigned);
/* The next id of this process, by the wall clock. */
uint64_t	queue_id_next(void);
/* At a start: no id up to this one will be given. */
void		queue_id_floor(uint64_t);

/* The rule behind it, pure: what follows `last` at this time from this worker. 1..INT64_MAX. */
uint64_t	queue_id_after(uint64_t last, int64_t wall_ms, uint32_t random, unsigned worker);

#endif
