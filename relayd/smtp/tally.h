/* SPDX-License-Identifier: ISC */
/*
 * tally: monitor mode in numbers. Per domain: how many messages went as
 * enforcing would have let them go, how many it would have held, and why the
 * last of these; from that, whether the domain is safe to enforce.
 *
 * Kept as notes with the queue. A count reaches the disk with the settlement
 * of its message, or at most TALLY_WRITE_MS later where a domain gets much
 * mail: so much of it can be lost to a crash. Nothing is decided by it.
 */
#ifndef SMTP_TALLY_H
#define SMTP_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dns/name.h"
#include "lib/store/store.h"

#define TALLY_PREFIX		"monitor/"
#define TALLY_DOMAINS_MAX	10000
#define TALLY_WRITE_MS		10000	/* between two writes of one domain */
#define TALLY_SAFE_MS		(INT64_C(7) * 86400 * 1000)
#define TALLY_REASON_CAP	48

struct event_base;
struct tally;

/* ---- the value ---- */

/* Times are Unix ms, 0 = never. */
struct tally_counts {
	uint64_t	passed, refused;	/* messages */
	int64_t		first;
	int64_t		passed_at, refused_at;	/* the last of each */
	char		reason[TALLY_REASON_CAP];	/* of the last refusal, "" = none */
};

/* The last message went, and none would have been held for TALLY_SAFE_MS. */
int		 tally_safe(const struct tally_counts *, int64_t now);
/* As it is noted: "1 PASSED REFUSED FIRST PASSED_AT REFUSED_AT REASON". */
void		 tally_print(const struct tally_counts *, char *to, size_t cap);
int		 tally_parse(const char *value, struct tally_counts *);	/* 0 or -1 */

/* ---- all of them ---- */

struct tally	*tally_new(struct event_base *, struct store *);
/* After the store is closed: it may still call back until then. */
void		 tally_free(struct tally **);
/* Reads the notes. Once, before the first delivery. */
void		 tally_load(struct tally *, void (*done)(void *arg, const struct why *), void *arg);
/* Adds what another tally noted of a domain, for good. Loaded before. */
void		 tally_join(struct tally *, const char *domain, const char *note);
/* Writes what is not written; before the store is closed. */
void		 tally_flush(struct tally *);

void		 tally_passed(struct tally *, const char *domain);
/* again: this message was counted at an earlier try; only reason and time are taken. */
void		 tally_refused(struct tally *, const char *domain, const char *reason, int again);

/* NULL: nothing is known. */
const struct tally_counts *tally_of(const struct tally *, const char *domain);
/* In no order. */
void		 tally_each(struct tally *, void (*)(const char *domain,
		    const struct tally_counts *, void *arg), void *arg);
size_t		 tally_count(const struct tally *);
/* Domains that gave way to others since the start. */
uint64_t	 tally_dropped(const struct tally *);
/* In memory only: the note is the caller's. 0: there was none. */
int		 tally_forget(struct tally *, const char *domain);

#endif
