/* SPDX-License-Identifier: ISC */
/*
 * manage: what an administrator does to recipients in the queue. What is
 * being delivered is never changed under the delivery: it is claimed first
 * (dest.h), and what cannot be claimed is refused in words. Every change is
 * logged, when it is durable, with the uid that asked for it.
 */
#ifndef SMTP_MANAGE_H
#define SMTP_MANAGE_H

#include <stdint.h>

#include "lib/base/why.h"

struct sched;
struct store_message;

enum manage_action {
	MANAGE_HOLD,		/* wait until released; never given up by age */
	MANAGE_RELEASE,		/* held ones are due now */
	MANAGE_DELETE,		/* gone, nobody is told */
	MANAGE_EXPIRE,		/* given up as if its time were over; the sender is told */
	MANAGE_BOUNCE,		/* returned to the sender */
	MANAGE_REDIRECT,	/* goes to another address under a new queue id */
	MANAGE__COUNT
};
const char	*manage_name(enum manage_action);	/* "hold" */

struct manage_order {
	enum manage_action	 action;
	uint32_t		 uid;
	const char		*reason;	/* one printable line, "" if none; copied */
	const char		*to, *to_domain; /* REDIRECT: address, its domain in A-labels; copied */
};

/* why is set if nothing of it happened. */
typedef void manage_done_fn(void *arg, const struct why *);

/*
 * Takes the message, whose recipients are those to change, all of one
 * destination. 0: done follows, from the loop. -1 and *why: nothing will be
 * done; reason LIMIT means "not now", because one of them is being delivered.
 */
int	manage_take(struct sched *, const struct manage_order *, struct store_message **,
	    manage_done_fn *, void *arg, struct why *);

#endif
