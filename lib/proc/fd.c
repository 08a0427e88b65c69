/* SPDX-License-Identifier: ISC */
/* fd: housekeeping of descriptors. */
#include "lib/proc/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/bug.h"

int
proc_fd_stdio(void)
{
	int fd;

	/* open(2) gives the lowest, so the gaps fill up from below. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static int
limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return 1024;
	return r.rlim_cur > INT_MAX ? INT_MAX : (int)r.rlim_cur;
}

/* Both ends included. A kernel or sandbox without close_range(2) gets the long way. */
static void
close_between(unsigned first, unsigned last)
{
	if (first > last || close_range(first, last, 0) == 0)
		return;
	for (unsigned fd = first, end = (unsigned)limit(); fd <= last && fd < end; fd++)
		close((int)fd);
}

static int
by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

void
proc_fd_close_from(int lowest, const int *keep, size_t nkeep)
{
	int *sorted = must_calloc(nkeep, sizeof *sorted);
	unsigned next;

	MUST(lowest >= 0);
	next = (unsigned)lowest;
	if (nkeep > 0)
		memcpy(sorted, keep, nkeep * sizeof *keep);
	qsort(sorted, nkeep, sizeof *sorted, by_value);
	for (size_t i = 0; i < nkeep; i++) {
		if (sorted[i] < 0 || (unsigned)sorted[i] < next)
			continue;
		if ((unsigned)sorted[i] > next)
			close_between(next, (unsigned)sorted[i] - 1);
		next = (unsigned)sorted[i] + 1;
	}
	close_between(next, UINT_MAX);
	free(sorted);
}

int
proc_fd_cloexec(int fd, int on)
{
	int flags = fcntl(fd, F_GETFD);

	return flags == -1 ? -1 :
	    fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC);
}

int
proc_fd_nonblock(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 ? -1 :
	    fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int
proc_fd_raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	return limit();
}

int
proc_fd_reserved(int fd)
{
	return fd >= limit() - PROC_FD_RESERVE;
}

int
proc_fd_lock(const char *path)
{
	int err, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}
