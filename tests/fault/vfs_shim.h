/* SPDX-License-Identifier: ISC */
/*
 * vfs_shim: a disk that can fail, under SQLite and under lib/store's files.
 * The real files are what programs see (the page cache). Beside them stands a
 * model of what would survive: per file the image as of its last sync and the
 * log of what was written since; per directory the names as of its last sync.
 * A sync that fails drops the log: the pages count as clean and are lost, as
 * on Linux. Nothing is really synced, so a run is fast.
 *
 * Counted operations: create, write, truncate, sync, directory sync, rename,
 * unlink. One process, one store at a time.
 */
#ifndef TESTS_FAULT_VFS_SHIM_H
#define TESTS_FAULT_VFS_SHIM_H

#include <stdint.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_EIO,		/* operation n fails, once */
	FAULT_ENOSPC,
	FAULT_EIO_ON,		/* from n on, for a while: four in a row */
	FAULT_CUT,		/* from n on everything fails, for good */
};

/* What becomes of what was not synced. */
enum fault_loss {
	FAULT_LOSE_ALL,
	FAULT_LOSE_NOTHING,
	FAULT_LOSE_TAIL,	/* a prefix of the operations survives */
	FAULT_LOSE_SECTORS,	/* any sectors of 512 bytes, any names */
	FAULT_LOSS__COUNT
};

void		fault_install(void);		/* default VFS and store_io; once */
void		fault_forget(void);		/* a fresh, empty disk */
/* Files may grow by so many bytes in all, then ENOSPC; FAULT_NO_LIMIT lifts it. */
#define FAULT_NO_LIMIT	UINT64_MAX
void		fault_room(uint64_t bytes);
void		fault_plan(enum fault_kind, unsigned long n);	/* and counts from 0 */
unsigned long	fault_count(void);
int		fault_hit(void);		/* did the planned one come? */
/* SQLite's n-th read from now (from 1) fails once with EIO, said as its "unix" files say it. */
void		fault_read(unsigned long n);
int		fault_read_hit(void);		/* did it come? */
/* The power goes: files become what survived. No file may be open. */
void		fault_power_cut(enum fault_loss, uint64_t seed);

#endif
