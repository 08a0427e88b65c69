/* SPDX-License-Identifier: ISC */
/*
 * bug: the two ways in which this program ends itself.
 *
 * MUST(cond): a bug of ours; always compiled in, prints the site and aborts,
 * and the parent restarts the role.  Never applied to bytes from outside.
 *
 * fatal(code, ...): cannot run (configuration, out of memory).  Prints one
 * line and exits with a sysexits(3) code.  Only before READY, in the parent,
 * and for memory that is gone after size caps were applied (EX_OSERR).
 */
#ifndef BASE_BUG_H
#define BASE_BUG_H

#include <stddef.h>
#include <sysexits.h>

#define MUST(cond)							\
	do {								\
		if (__builtin_expect(!(cond), 0))			\
			bug_abort(__FILE__, __LINE__, __func__, #cond);	\
	} while (0)

_Noreturn void	bug_abort(const char *file, int line, const char *func,
		    const char *cond);
_Noreturn void	fatal(int code, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

/* Allocation that does not come back empty-handed: exits 71 (EX_OSERR). */
void	*must_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void	*must_realloc(void *, size_t n, size_t size) __attribute__((returns_nonnull));
char	*must_strdup(const char *) __attribute__((malloc, returns_nonnull));
char	*must_strdup_null(const char *);	/* NULL stays NULL */
char	*must_strndup(const char *, size_t) __attribute__((malloc, returns_nonnull));

#endif
