/* SPDX-License-Identifier: ISC */
/* sqlite_schema: the settings a connection must have, and the tables. */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include <stdint.h>
#include <sqlite3.h>

#include "lib/base/why.h"

#define STORE_PAGE_SIZE		4096	/* measured: cheapest for 4 KiB bodies */
#define STORE_SCHEMA_VERSION	3	/* PRAGMA user_version */
#define STORE_APPLICATION_ID	0x724c7964	/* "rLyd" */

/* Sets and reads back every pragma; makes the tables in an empty file, brings an older
 * schema up to date; refuses a newer or foreign one untouched. 0, or -1 and *why. */
int	store_schema_prepare(sqlite3 *, struct why *);
/* The tables alone, in a new file. */
int	store_schema_create(sqlite3 *, struct why *);
/* 0: it is a queue of this version. */
int	store_schema_is_current(sqlite3 *, struct why *);
/* The first recipient id that no row bears and none was ever promised. */
int	store_schema_next_rcpt(sqlite3 *, int64_t *, struct why *);
/* The highest id of a message, 0 if there is none. */
uint64_t store_schema_newest(sqlite3 *);

/*
 * SQLite says "malformed" of a page that the disk did not give (EIO). The errno of the last
 * read that failed since this connection was opened, if it was of that kind; 0 if none was.
 */
int	store_schema_unread(sqlite3 *);
/* 1: what failed was a write beyond a quota, which SQLite calls an I/O error (of ENOSPC it says
 * SQLITE_FULL). */
int	store_schema_over_quota(sqlite3 *);

#endif
