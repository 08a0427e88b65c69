/* SPDX-License-Identifier: ISC */
/*
 * listenfds: adopts sockets that the service manager opened for us,
 * sd_listen_fds(3) protocol, by hand.
 */
#ifndef PROC_LISTENFDS_H
#define PROC_LISTENFDS_H

#include <stddef.h>

struct proc_listenfd {
	int	fd;		/* close-on-exec, non-blocking, the caller's */
	int	listening;	/* a socket that accepts */
	char	name[64];	/* FileDescriptorName=, "unknown" if none */
};

/*
 * Fills at most max entries and takes LISTEN_FDS, LISTEN_PID and
 * LISTEN_FDNAMES out of the environment. Returns how many there are, 0 if none
 * are meant for this process, or -1 with errno: EINVAL for a malformed
 * variable, E2BIG for more than max, EBADF for a descriptor that is not open.
 */
int	proc_listenfds_take(struct proc_listenfd *, size_t max);

#endif
