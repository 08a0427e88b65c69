/* SPDX-License-Identifier: ISC */
/*
 * fd: descriptors at the start of a process: the standard three are open, no
 * stranger is, and there may be as many as the administrator allows.
 */
#ifndef PROC_FD_H
#define PROC_FD_H

#include <stddef.h>

/* Opens /dev/null on each of 0, 1, 2 that is closed. 0, or -1 with errno. */
int	proc_fd_stdio(void);
/* 0, or -1 with errno. */
int	proc_fd_cloexec(int fd, int on);
int	proc_fd_nonblock(int fd, int on);
/* Raises RLIMIT_NOFILE to its hard limit; returns what holds now, at most INT_MAX. */
int	proc_fd_raise_limit(void);
/* 1: one of the last PROC_FD_RESERVE that the limit permits; strangers get none of these. */
#define PROC_FD_RESERVE	32
int	proc_fd_reserved(int fd);
/*
 * This file (made if need be), locked against other processes as long as it is open. -1 with
 * errno: EWOULDBLOCK if somebody has it.
 */
int	proc_fd_lock(const char *path);

#endif
