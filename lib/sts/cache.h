/* SPDX-License-Identifier: ISC */
/*
 * cache: fetched policies on disk (policy.db), owned by the policy process
 * through one connection. Writes are durable when they return (S30).
 * Rows are judged when they are read back (HARDENING F19): a row that is out
 * of range makes its domain BROKEN, a file that cannot be read makes all so.
 * Times are Unix seconds.
 */
#ifndef STS_CACHE_H
#define STS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/sts/policy.h"
#include "lib/sts/record.h"

struct sts_cache;

enum sts_cached {
	STS_CACHED_BROKEN,	/* unreadable: nothing is known (S30); *why */
	STS_CACHED_ABSENT,	/* not there, or expired */
	STS_CACHED_FOUND
};

struct sts_entry {
	char			domain[DNS_NAME_MAX];
	char			id[STS_ID_MAX];
	int64_t			fetched, expires, tried, used;
	struct sts_policy	policy;		/* owned */
};

/*
 * Opens or creates. Never NULL: if the file cannot be used, *why is set and
 * every get answers BROKEN; it is left as it is for the admin to look at.
 */
struct sts_cache *sts_cache_open(const char *path, struct why *);
void		  sts_cache_close(struct sts_cache **);
int		  sts_cache_ok(const struct sts_cache *);

/* Unexpired at now; fini the entry if FOUND. */
enum sts_cached	  sts_cache_get(struct sts_cache *, const char *domain, int64_t now,
		    struct sts_entry *, struct why *);
void		  sts_entry_fini(struct sts_entry *);
/* Replaces the domain's policy by this valid body. 0 when durable, or -1. */
int		  sts_cache_put(struct sts_cache *, const char *domain, const char *id,
		    const char *body, size_t len, int64_t now, struct why *);
/* Notes use (at most once an hour is written) and refresh attempts. */
void		  sts_cache_used(struct sts_cache *, const struct sts_entry *, int64_t now);
void		  sts_cache_tried(struct sts_cache *, const char *domain, int64_t now);

/* S17: a failure of (domain, id); id "" is the TXT look-up itself. */
void		  sts_cache_fail(struct sts_cache *, const char *domain, const char *id,
		    int64_t now, const struct why *);
/* 1 and *first, *last, *why if a failure of (domain, id) is noted; else 0. */
int		  sts_cache_failed(struct sts_cache *, const char *domain, const char *id,
		    int64_t *first, int64_t *last, struct why *);
void		  sts_cache_forgive(struct sts_cache *, const char *domain, const char *id);
/* The latest failure that is noted for the domain, of whatever id: 1, else 0. */
int		  sts_cache_failure(struct sts_cache *, const char *domain, char id[STS_ID_MAX],
		    int64_t *first, int64_t *last, struct why *);
/* Drops the policy and the failures of the domain. Rows that went, or -1 and *why. */
int		  sts_cache_forget(struct sts_cache *, const char *domain, struct why *);

/*
 * Domains whose policy was neither fetched nor tried since `before` (or for
 * half its life if that is shorter) and that were used since `used_since`.
 * At most max names; returns how many.
 */
size_t		  sts_cache_due(struct sts_cache *, int64_t now, int64_t before,
		    int64_t used_since, char (*domains)[DNS_NAME_MAX], size_t max);
/* Drops expired policies and old failures. */
void		  sts_cache_purge(struct sts_cache *, int64_t now);

#endif
