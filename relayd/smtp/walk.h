/* SPDX-License-Identifier: ISC */
/*
 * walk: how far one attempt goes over the hosts and addresses of a plan
 * (HARDENING C6), and what it leaves for the next. An attempt that meets a
 * limit remembers what it has tried in vain, and the next one goes on behind
 * that: no host is out of reach for ever. Whatever was tried is tried again
 * once the round is complete, or after a connection was admitted.
 *
 * Pure: no I/O, no clock.
 */
#ifndef SMTP_WALK_H
#define SMTP_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/plan/requiretls.h"

#define WALK_ADDRESSES_PER_HOST	5	/* HARDENING C6 */
#define WALK_SESSIONS		2	/* that got as far as EHLO and failed, in one attempt */
#define WALK_TRIED_MAX		(PLAN_HOSTS_MAX * PLAN_ADDRESSES_MAX)

/* Of a destination, from one attempt to the next. */
struct walk_memory {
	uint64_t			 tried[WALK_TRIED_MAX];
	size_t				 n;
	struct plan_requiretls_walk	 refused;	/* what they said to REQUIRETLS */
};

/* Of one attempt. */
struct walk {
	struct walk_memory	 before;	/* what it goes on behind */
	struct walk_memory	 now;		/* the same and what was tried since */
	size_t			 on_host;	/* addresses of the present host that were tried */
	size_t			 dialled, sessions;
	int			 left;		/* a limit left something untried */
};

/* memory: NULL for a new round. */
void	walk_begin(struct walk *, const struct walk_memory *);
/* The walk has come to another host. */
void	walk_host(struct walk *);
/*
 * May this address be tried now? 1; 0: not in this attempt, look at the next.
 * -1: nothing more in this attempt.
 */
int	walk_may_try(struct walk *, uint64_t address);
/* It was tried in vain. sessions: whether a full session was among it. */
void	walk_tried(struct walk *, uint64_t address, int session);
/* It could not be tried from here: that counts for no limit. */
void	walk_skipped(struct walk *, uint64_t address);
/* The attempt is over before its end, for want of time. */
void	walk_cut(struct walk *);
/* 1: the attempt has dialled nobody because all were tried before; it starts a new round. */
int	walk_again(struct walk *);
/* What the next attempt has to know: malloc'd, or NULL if the round is complete. */
struct walk_memory *walk_end(const struct walk *);

#endif
