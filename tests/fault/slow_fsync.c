/* SPDX-License-Identifier: ISC */
/*
 * slow_fsync: a disk whose every flush takes 5 ms longer, to be put before the
 * C library with LD_PRELOAD. What is flushed is flushed: only the time is added.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void
wait_first(void)
{
	struct timespec left = { .tv_nsec = 5000000 };

	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		continue;
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
