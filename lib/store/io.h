/* SPDX-License-Identifier: ISC */
/*
 * io: the few file operations that decide about durability outside SQLite,
 * as a table, so that a test can fail each one or cut the power after it.
 * Semantics and errno as in POSIX; path names are whole.
 */
#ifndef STORE_IO_H
#define STORE_IO_H

#include <stddef.h>
#include <sys/types.h>

struct store_io {
	int	(*open)(const char *path, int flags, mode_t);
	ssize_t	(*pwrite)(int fd, const void *, size_t, off_t);
	int	(*fdatasync)(int fd);
	int	(*close)(int fd);
	int	(*rename)(const char *from, const char *to);
	int	(*unlink)(const char *path);
	int	(*sync_dir)(const char *path);	/* makes names in it durable */
};

extern const struct store_io	store_io_posix;

const struct store_io *store_io(void);
void	store_io_set(const struct store_io *);	/* for tests, before a store opens */

/* The whole of it, or -1 and errno. */
int	store_io_write_all(int fd, const void *, size_t, off_t);

#endif
