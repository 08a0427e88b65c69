/* SPDX-License-Identifier: ISC */
/*
 * wall_clock: a wall clock that jumps, to be put before the C library with
 * LD_PRELOAD. By how many seconds stands in the file beside it, NAME.so.offset
 * (eight octets of this machine); it is mapped at the start, since a role keeps
 * no descriptors that it does not know. Other clocks are as they are.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void
map_offset(void)
{
	static const char here;
	char path[PATH_MAX];
	Dl_info self;
	void *p;
	int fd;

	if (dladdr(&here, &self) == 0)
		return;
	(void)snprintf(path, sizeof path, "%s.offset", self.dli_fname);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	p = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		offset = p;
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
