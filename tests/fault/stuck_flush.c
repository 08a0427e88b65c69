/* SPDX-License-Identifier: ISC */
/*
 * stuck_flush: a disk whose flushes end only when they are let. While the
 * first octet of the file "stuck" (beside.h) is not 0, a flush waits, and says so
 * by setting the second.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/beside.h"

static volatile unsigned char *stuck;

__attribute__((constructor)) static void
map_stuck(void)
{
	size_t size;

	stuck = beside_map("stuck", 2, &size);
}

static void
wait_first(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	while (stuck != NULL && stuck[0] != 0) {
		stuck[1] = 1;
		(void)nanosleep(&ms, NULL);
	}
}

int
fsync(int fd)
{
	wait_first();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	wait_first();
	return (int)syscall(SYS_fdatasync, fd);
}
