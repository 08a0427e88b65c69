/* SPDX-License-Identifier: ISC */
/*
 * shared: a piece of memory that several processes see: the parent makes it and
 * passes its descriptor, which nobody can shrink under the others' feet.
 */
#ifndef PROC_SHARED_H
#define PROC_SHARED_H

#include <stddef.h>

/* size octets: what is in head, then zeros. name is for /proc. The descriptor, -1 with errno. */
int	 proc_shared_make(const char *name, size_t size, const void *head, size_t len);
/*
 * Takes fd. writable: else it can only be read here. munmap ends it. NULL with errno; EINVAL if it
 * is not of this size.
 */
void	*proc_shared_map(int fd, size_t size, int writable);

#endif
