/* SPDX-License-Identifier: ISC */
/*
 * spool: body files. While it arrives a body is DIR/in.<n>; when all is there
 * it is synced, renamed to DIR/<message id, 16 hex digits> and the directory
 * is synced, and only then may a row name it (D10). A crash leaves either an
 * in.* file, which no row can name and which is removed at the next start, or
 * a named file without a row, which is swept after 36 hours.
 * Store thread only, but for new and free.
 */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"

#define SPOOL_SLICE		(1 << 20)	/* work per turn on long reads */
#define SPOOL_ORPHAN_SECONDS	(36 * 3600)

struct sqlite_store;
struct store_spool;
struct store_verify;
struct store_sweep;

/* SHA-256 with a context that is kept. */
struct store_hash;
struct store_hash *store_hash_new(void);
void	store_hash_free(struct store_hash **);
void	store_hash_add(struct store_hash *, const void *, size_t);
void	store_hash_end(struct store_hash *, uint8_t digest[32]);	/* and begins anew */

struct store_spool *store_spool_new(struct sqlite_store *, const char *dir, uint64_t n);
void	store_spool_free(struct store_spool **);	/* memory and descriptor */
struct sqlite_store *store_spool_owner(const struct store_spool *);
void	store_spool_mark_aborted(struct store_spool *);		/* loop: no callbacks any more */
int	store_spool_aborted(const struct store_spool *);
/* 0, or -1 with LOCAL_STORAGE or LOCAL_SPACE; a spool that failed stays failed. */
int	store_spool_append(struct store_spool *, const void *, size_t, struct why *);
/* Synced, named, directory synced. Doing it again does nothing. */
int	store_spool_finish(struct store_spool *, uint64_t message, uint8_t digest[32],
	    uint64_t *size, struct why *);
void	store_spool_unlink(struct store_spool *);	/* under whichever name it has */

void	store_spool_path(char *to, size_t cap, const char *dir, uint64_t message);
/* Up to n bytes at offset; the count or -1 and *why: CORRUPT if there are fewer than size. */
int64_t	store_spool_read(const char *dir, uint64_t message, uint64_t offset, void *, size_t n,
	    uint64_t size, struct why *);

/* Reads a body file through in slices. 1 = more to do, 0 = it is sound, -1 and *why. */
struct store_verify *store_verify_new(const char *dir, uint64_t message, uint64_t size,
	    const uint8_t digest[32], struct why *);
void	store_verify_free(struct store_verify **);
int	store_verify_step(struct store_verify *, struct why *);

/*
 * Walks the spool directory in slices: 1 = more to do, 0 = through. known
 * says whether a row names the file (1 yes, 0 no, -1 not to be told).
 */
struct store_sweep *store_sweep_new(const char *dir);
void	store_sweep_free(struct store_sweep **);
int	store_sweep_step(struct store_sweep *, int (*known)(void *, uint64_t), void *arg,
	    int64_t wall_ms, unsigned *removed);
/* Before the first spool: what was still arriving when the daemon died. */
void	store_sweep_arrivals(const char *dir);

#endif
