/* SPDX-License-Identifier: ISC */
/*
 * slow_fsync: a disk whose every flush takes 5 ms longer, to be put before the
 * C library with LD_PRELOAD. What is flushed is flushed: only the time is added.
 */
#include <dlfcn.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

static void
wait_first(void)
{
	struct timespec left = { .tv_nsec = 5000000 };

	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		continue;
}

static int
flush(const char *name, int fd)
{
	/* ISO C has no cast from an object's address to a function's. */
	union { void *object; int (*function)(int); } real = { .object = dlsym(RTLD_NEXT, name) };

	if (real.object == NULL) {
		errno = ENOSYS;
		return -1;
	}
	wait_first();
	return real.function(fd);
}

int
fsync(int fd)
{
	return flush("fsync", fd);
}

int
fdatasync(int fd)
{
	return flush("fdatasync", fd);
}
