/* SPDX-License-Identifier: ISC */
/*
 * adopt_find: which shards have no worker any more. Those that still have the
 * name of their worker are renamed here: "3" becomes "left-3.1".
 */
#ifndef SMTP_ADOPT_FIND_H
#define SMTP_ADOPT_FIND_H

#include <stddef.h>

#define ADOPT_NAME_CAP	32

/*
 * Calls found for each left-over shard below DIRECTORY/shards, by its new
 * name. Shards with numbers below `workers` are not looked at. Returns how many
 * are still in use by a process on its way out.
 */
size_t	adopt_find(const char *directory, unsigned workers,
	    void (*found)(void *arg, const char *name), void *arg);

#endif
