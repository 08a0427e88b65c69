/* SPDX-License-Identifier: ISC */
/*
 * wall_clock: a wall clock that jumps, by the seconds in the file "offset"
 * (beside.h; eight octets of this machine). Other clocks are as they are.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/beside.h"

static const volatile int64_t *offset;

__attribute__((constructor)) static void
map_offset(void)
{
	size_t size;

	offset = beside_map("offset", sizeof *offset, &size);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) == -1)
		return -1;
	if (id == CLOCK_REALTIME && offset != NULL)
		ts->tv_sec += *offset;
	return 0;
}
