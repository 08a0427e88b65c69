/* SPDX-License-Identifier: ISC */
/* beside: see beside.h. */
#include "tests/fault/beside.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char here;

void *
beside_map(const char *name, size_t least, size_t *size)
{
	void *p = MAP_FAILED;
	char path[PATH_MAX];
	const char *slash;
	struct stat st;
	Dl_info self;
	int fd;

	if (dladdr(&here, &self) == 0 || (slash = strrchr(self.dli_fname, '/')) == NULL)
		return NULL;
	(void)snprintf(path, sizeof path, "%.*s/%s", (int)(slash - self.dli_fname), self.dli_fname,
	    name);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size >= least) {
		*size = (size_t)st.st_size;
		p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}
