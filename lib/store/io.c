/* SPDX-License-Identifier: ISC */
/* io: the POSIX side of the table, and the pointer to the one in force. */
#include "lib/store/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
posix_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

static int
posix_sync_dir(const char *path)
{
	int fd, rc, saved;

	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	rc = fsync(fd);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return rc;
}

const struct store_io store_io_posix = {
	.open = posix_open,
	.pwrite = pwrite,
	.fdatasync = fdatasync,
	.close = close,
	.rename = rename,
	.unlink = unlink,
	.sync_dir = posix_sync_dir,
};

static const struct store_io *in_force = &store_io_posix;

const struct store_io *
store_io(void)
{
	return in_force;
}

void
store_io_set(const struct store_io *io)
{
	in_force = io;
}

int
store_io_write_all(int fd, const void *data, size_t n, off_t at)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = in_force->pwrite(fd, p, n, at);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0) {
			errno = w == 0 ? ENOSPC : errno;
			return -1;
		}
		p += w;
		n -= (size_t)w;
		at += w;
	}
	return 0;
}
