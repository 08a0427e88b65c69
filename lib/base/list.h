/* SPDX-License-Identifier: ISC */
/* list: sys/queue.h and the safe walks that glibc's copy lacks. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <sys/queue.h>

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, tvar)			\
	for ((var) = TAILQ_FIRST(head);					\
	    (var) != NULL && ((tvar) = TAILQ_NEXT(var, field), 1);	\
	    (var) = (tvar))
#endif

#define LENGTH(array)	(sizeof (array) / sizeof (array)[0])

#endif
