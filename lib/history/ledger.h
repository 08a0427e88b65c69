/* SPDX-License-Identifier: ISC */
/*
 * ledger: the TLS history on disk (history.db), owned by the policy process
 * through one connection: which levels the connections to a host of a domain
 * have proven, when and how often, a row for each level, and what an
 * administrator accepted.
 *
 * Proofs gather in a transaction until history_ledger_sync; they are read
 * back at once. What is forgotten or accepted is durable when the call
 * returns. Rows are judged when they are read (HARDENING F19): one that is
 * out of range makes its domain unknown, a file that cannot be read makes all
 * domains so; it is left as it is. Times are Unix seconds.
 *
 * A file that was lost looks like one in which nothing was ever proven.
 */
#ifndef HISTORY_LEDGER_H
#define HISTORY_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/rr.h"
#include "lib/plan/level.h"
#include "lib/plan/shown.h"

#define HISTORY_ROWS_MAX	400	/* of one domain; the oldest make room */
#define HISTORY_TIME_MAX	253402300799	/* the end of the year 9999 */
#define HISTORY_REASON_MAX	201	/* octets with NUL */

struct history_ledger;

struct history_row {
	char		domain[DNS_NAME_MAX];
	char		host[DNS_NAME_MAX];	/* "": a line over all hosts */
	enum plan_level	level;			/* PLAN_ENCRYPT .. PLAN_DANE */
	int64_t		first, last;
	uint32_t	count;
};

struct history_accepted {
	char		domain[DNS_NAME_MAX];
	int64_t		at;
	uint32_t	uid;			/* who asked for it */
	enum plan_level	had;			/* the best level that was forgotten */
	char		reason[HISTORY_REASON_MAX];
};

/* Opens or creates. Never NULL: if the file cannot be used, *why is set and every call fails. */
struct history_ledger	*history_ledger_open(const char *path, struct why *);
void			 history_ledger_close(struct history_ledger **);	/* syncs */
int			 history_ledger_ok(const struct history_ledger *);

/* All of these: 0 (or a number), or -1 and *why. */
int	history_ledger_note(struct history_ledger *, const char *domain, const char *host,
	    const struct plan_shown *, int64_t now, struct why *);
int	history_ledger_sync(struct history_ledger *, struct why *);
/* What is known of a domain, best level first; at most max rows. Returns how many. */
int	history_ledger_rows(struct history_ledger *, const char *domain, struct history_row *,
	    size_t max, struct why *);
/* The best level of each domain behind `after` (in order), proven since then. */
int	history_ledger_list(struct history_ledger *, const char *after, int64_t since,
	    struct history_row *, size_t max, struct why *);
/* The owner withdrew a level of a host, of all hosts if "". Returns how many rows went. */
int	history_ledger_forget(struct history_ledger *, const char *domain, const char *host,
	    enum plan_level, struct why *);
/* Forgets all of the domain; it is noted who accepted that. Returns how many rows went. */
int	history_ledger_accept(struct history_ledger *, const struct history_accepted *,
	    struct why *);
/* The latest first. */
int	history_ledger_acceptances(struct history_ledger *, const char *domain,
	    struct history_accepted *, size_t max, struct why *);
/* Drops what was last proven before then. */
int	history_ledger_purge(struct history_ledger *, int64_t before, struct why *);

#endif
