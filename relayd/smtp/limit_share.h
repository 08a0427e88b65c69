/* SPDX-License-Identifier: ISC */
/*
 * limit_share: one limit over several workers (lib/proc/commons). Each says what
 * it has and since when it waits for more. Who waits longest comes first: others
 * leave it what is free, for a while. Messages in a time are counted in one word.
 * Included by the files of limit only.
 */
#ifndef SMTP_LIMIT_SHARE_H
#define SMTP_LIMIT_SHARE_H

#include <stdint.h>

#include "lib/proc/commons.h"
#include "lib/queue/rate.h"

/* What this worker keeps beside its count. Zeroed, then id. */
struct limit_share {
	uint64_t	id;
	int64_t		waits;		/* mono ms: since then it waits for what others have; 0 */
	int64_t		yields;		/* mono ms: since then it leaves others what is free; 0 */
	int64_t		wrote;		/* us: what it moved the time to last */
};

struct limit_others {
	unsigned	used;
	unsigned	waiting;	/* workers that wait */
	unsigned	before;		/* of them: longer than we */
	unsigned	poorer;		/* of them: have so few that one of ours should be theirs */
};

/* commons NULL: there are no others. */
void	limit_share_look(const struct proc_commons *, const struct limit_share *, unsigned used,
	    struct limit_others *);
/* 0, or -1: it cannot be told, so that nothing may be taken. */
int	limit_share_say(struct proc_commons *, const struct limit_share *, unsigned used);
/* How many of max are free, and how many of them are for us. */
unsigned limit_share_free(const struct limit_others *, unsigned used, unsigned max);
unsigned limit_share_ours(const struct limit_share *, const struct limit_others *, unsigned free);
/* Now and then, while we wait: who does not come for what is free does not keep it. */
void	limit_share_patience(struct limit_share *, const struct limit_others *, unsigned free);

/* ---- messages in a time; as queue_bucket_* ---- */

int64_t	limit_share_ready(struct proc_commons *, struct limit_share *, const struct queue_rate *,
	    int64_t now);
/* 1: taken. */
int	limit_share_take(struct proc_commons *, struct limit_share *, const struct queue_rate *,
	    int64_t now);
void	limit_share_give_back(struct proc_commons *, struct limit_share *,
	    const struct queue_rate *, int64_t now);

#endif
