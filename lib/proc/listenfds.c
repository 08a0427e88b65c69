/* SPDX-License-Identifier: ISC */
/* listenfds: descriptors 3, 4, ... and their names. */
#include "lib/proc/listenfds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/proc/fd.h"

#define FIRST	3		/* SD_LISTEN_FDS_START */

/* How many are meant for us. */
static int
count(const char *fds, const char *pid, size_t max)
{
	uint64_t n, p;

	if (fds == NULL || pid == NULL)
		return 0;
	errno = EINVAL;
	if (num_u64(pid, INT32_MAX, &p) == -1)
		return -1;
	if ((pid_t)p != getpid())
		return 0;
	if (num_u64(fds, INT32_MAX - FIRST, &n) == -1)
		return -1;
	errno = E2BIG;
	return n > max ? -1 : (int)n;
}

/* The next of "a:b:c"; moves *names behind it. */
static void
take_name(char *to, size_t cap, const char **names)
{
	size_t n = *names == NULL ? 0 : strcspn(*names, ":");

	if (n == 0)
		str_copy(to, "unknown", cap);
	else
		str_escape_to(to, cap, *names, n);
	if (*names != NULL)
		*names = (*names)[n] == ':' ? *names + n + 1 : NULL;
}

static int
adopt(struct proc_listenfd *l, int fd, const char **names)
{
	int accepts = 0;
	socklen_t len = sizeof accepts;

	if (proc_fd_cloexec(fd, 1) == -1 || proc_fd_nonblock(fd, 1) == -1)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == -1)
		accepts = 0;
	l->fd = fd;
	l->listening = accepts != 0;
	take_name(l->name, sizeof l->name, names);
	return 0;
}

int
proc_listenfds_take(struct proc_listenfd *to, size_t max)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int n = count(getenv("LISTEN_FDS"), getenv("LISTEN_PID"), max), saved;

	for (int i = 0; i < n; i++)
		if (adopt(&to[i], FIRST + i, &names) == -1)
			n = -1;
	saved = errno;
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	errno = saved;
	return n;
}
