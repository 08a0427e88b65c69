/* SPDX-License-Identifier: ISC */
/* id: a clock that only goes forward. */
#include "lib/queue/id.h"

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/rand.h"

#define EPOCH_MS	INT64_C(1577836800000)	/* 2020-01-01 00:00:00 UTC */
#define COUNT_BITS	20
#define WORKER_BITS	6
#define MS_MAX		(INT64_MAX >> COUNT_BITS >> 1)

_Static_assert(QUEUE_ID_WORKERS == 1 << WORKER_BITS, "each has its own");

static uint64_t given;
static unsigned own;

uint64_t
queue_id_after(uint64_t last, int64_t wall_ms, uint32_t random, unsigned worker)
{
	/* A clock centuries ahead or behind must not use up the ids. */
	int64_t ms = wall_ms < EPOCH_MS ? 0 : wall_ms - EPOCH_MS > MS_MAX ? MS_MAX : wall_ms - EPOCH_MS;

	if ((uint64_t)ms <= last >> COUNT_BITS)
		return ((last >> WORKER_BITS) + 1) << WORKER_BITS | worker;
	/* Half of the room is left for counting on within the millisecond. */
	random &= (1u << (COUNT_BITS - WORKER_BITS - 1)) - 1;
	return (uint64_t)ms << COUNT_BITS | random << WORKER_BITS | worker;
}

uint64_t
queue_id_next(void)
{
	given = queue_id_after(given, clock_wall_ms(), (uint32_t)rand_u64(), own);
	return given;
}

void
queue_id_worker(unsigned worker)
{
	MUST(worker < QUEUE_ID_WORKERS);
	own = worker;
}

void
queue_id_floor(uint64_t floor)
{
	if (floor > given && floor < INT64_MAX / 2)
		given = floor;
}
