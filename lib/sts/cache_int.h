/* SPDX-License-Identifier: ISC */
/* cache_int: what cache.c (rows) and cache_open.c (the file) share. */
#ifndef STS_CACHE_INT_H
#define STS_CACHE_INT_H

#include <sqlite3.h>

#include "lib/sts/cache.h"

struct sts_cache {
	sqlite3		*db;		/* NULL: broken, and why */
	struct why	 broken;
};

/* Reads the row that the statement stands on; e->domain is set. 0, or -1 and *why. */
int	sts_entry_read(sqlite3_stmt *, struct sts_entry *, struct why *);

#endif
