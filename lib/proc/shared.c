/* SPDX-License-Identifier: ISC */
/* shared: see shared.h. */
#include "lib/proc/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
proc_shared_make(const char *name, size_t size, const void *head, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (ftruncate(fd, (off_t)size) == 0 && pwrite(fd, head, len, 0) == (ssize_t)len &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

void *
proc_shared_map(int fd, size_t size, int writable)
{
	struct stat st;
	void *at = MAP_FAILED;

	if (fstat(fd, &st) == 0 && size > 0 && (size_t)st.st_size == size)
		at = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		    fd, 0);
	else
		errno = EINVAL;
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}
