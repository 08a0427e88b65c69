/* SPDX-License-Identifier: ISC */
/* oom: memory runs out in the smtp process, at the call that the test names (LD_PRELOAD). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/control.h"

/* The C library's own, so that nothing has to be looked up. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static struct control *control;

static void __attribute__((constructor))
begin(int argc, char **argv, char **env)
{
	if (argc > 0 && strstr(argv[0], "smtp") != NULL)
		control = control_map();
}

static int
fails(void)
{
	int e = control_step(control, CALL_MEMORY);

	if (e != 0)
		errno = e;
	return e != 0;
}

void *
malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}
