/* SPDX-License-Identifier: ISC */
/* control: the plan of the test, seen from inside the daemon. */
#include "tests/torture/control.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char here;

void *
control_neighbour(const char *name, size_t *size)
{
	char path[4096];
	const char *slash;
	void *p = MAP_FAILED;
	struct stat st;
	Dl_info self;
	int fd;

	if (dladdr(&here, &self) == 0 || (slash = strrchr(self.dli_fname, '/')) == NULL)
		return NULL;
	(void)snprintf(
	    path, sizeof path, "%.*s/%s", (int)(slash - self.dli_fname), self.dli_fname, name);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	*size = (size_t)st.st_size;
	return p == MAP_FAILED ? NULL : p;
}

struct control *
control_map(void)
{
	size_t n = 0;
	void *p = control_neighbour("control", &n);

	return n < sizeof(struct control) ? NULL : p;
}

int
control_step(struct control *c, enum control_call call)
{
	int64_t left, run;

	if (c == NULL || (c->calls & INT64_C(1) << call) == 0)
		return 0;
	run = c->run;
	c->counted++;
	left = c->left--;
	if (left > 0 || left <= -run)
		return 0;
	c->failed++;
	return (int)c->error;
}
