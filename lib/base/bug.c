/* SPDX-License-Identifier: ISC */
/* bug: abort on our own mistakes, exit where the program cannot run. */
#include "lib/base/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"

_Noreturn void
bug_abort(const char *file, int line, const char *func, const char *cond)
{
	log_last_words();
	fprintf(stderr, "relayd: bug: %s:%d: %s: %s\n", file, line, func, cond);
	fflush(stderr);
	abort();
}

_Noreturn void
fatal(int code, const char *fmt, ...)
{
	char text[600];
	int n = snprintf(text, sizeof text, "fatal: ");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	va_end(ap);
	log_last_line(text);	/* in the background nobody hears stderr */
	fprintf(stderr, "relayd: %s\n", text);
	fflush(stderr);
	_Exit(code);
}

void *
must_calloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (p == NULL)
		fatal(EX_OSERR, "out of memory (%zu x %zu)", n, size);
	return p;
}

void *
must_realloc(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n ? n : 1, size ? size : 1);

	if (p == NULL)
		fatal(EX_OSERR, "out of memory (%zu x %zu)", n, size);
	return p;
}

char *
must_strdup(const char *s)
{
	return must_strndup(s, strlen(s));
}

char *
must_strdup_null(const char *s)
{
	return s == NULL ? NULL : must_strdup(s);
}

char *
must_strndup(const char *s, size_t n)
{
	char *p = strndup(s, n);

	if (p == NULL)
		fatal(EX_OSERR, "out of memory (%zu)", n);
	return p;
}
