/* SPDX-License-Identifier: ISC */
/*
 * stuck_flush: a disk whose flushes end only when they are let, to be put
 * before the C library with LD_PRELOAD. While the first octet of the file
 * beside it, NAME.so.stuck, is not 0, a flush waits, and says so by setting
 * the second; it is mapped at the start, since a role keeps no descriptors
 * that it does not know.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned char *stuck;

__attribute__((constructor)) static void
map_flag(void)
{
	static const char here;
	char path[PATH_MAX];
	Dl_info self;
	void *p;
	int fd;

	if (dladdr(&here, &self) == 0)
		return;
	(void)snprintf(path, sizeof path, "%s.stuck", self.dli_fname);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return;
	p = mmap(NULL, 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		stuck = p;
}

static int
flush(const char *name, int fd)
{
	/* ISO C has no cast from an object's address to a function's. */
	union { void *object; int (*function)(int); } real = { .object = dlsym(RTLD_NEXT, name) };
	struct timespec ms = { .tv_nsec = 1000000 };

	while (stuck != NULL && stuck[0] != 0) {
		stuck[1] = 1;
		(void)nanosleep(&ms, NULL);
	}
	if (real.object != NULL)
		return real.function(fd);
	errno = ENOSYS;
	return -1;
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
