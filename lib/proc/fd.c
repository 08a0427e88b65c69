/* SPDX-License-Identifier: ISC */
/* fd: housekeeping of descriptors. */
#include "lib/proc/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

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
