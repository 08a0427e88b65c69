/* SPDX-License-Identifier: ISC */
/*
 * dest: the queue of one destination: its plan, its lanes, its back-off. A
 * destination that fails as a whole costs one probe at a time, however much
 * mail waits for it, and never delays another one.
 */
#ifndef SMTP_DEST_H
#define SMTP_DEST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/heap.h"
#include "lib/base/why.h"
#include "relayd/smtp/job.h"

struct dest;
struct limit;
struct pause;
struct plan;
struct sched;

struct dest	*dest_new(struct sched *, const char *name);
void		 dest_free(struct dest **);
const char	*dest_name(const struct dest *);
struct heap_node *dest_timer(struct dest *);
struct dest	*dest_of_timer(struct heap_node *);
/* Taken. It is worked on now, or left to the store's index if the window is full. */
void		 dest_add(struct dest *, struct job *);
/* Recipients that the index holds, the earliest due at this time (queue ms). */
void		 dest_on_disk(struct dest *, uint64_t recipients, int64_t due);
/* Does whatever can be done now. May free the destination. */
void		 dest_run(struct dest *);
void		 dest_reload(struct dest *);
void		 dest_unblock(struct dest *);
/* Its plan is decided again, now. */
void		 dest_replan(struct dest *);
int		 dest_busy(const struct dest *);
/* 1: this recipient is being delivered or settled; what was read of it may be outdated. */
int		 dest_has_out(const struct dest *, uint64_t message, int64_t rcpt);
/*
 * An administrator's hand: these recipients, all of this destination and of
 * one message, are taken out of the way of delivery until their settlement.
 * NULL if one of them is being delivered, settled or changed now; the message
 * is taken otherwise. The job ends by outcome_take (dest_give_up) or by
 * dest_settled, where gone are those that stop waiting for delivery: held
 * ones count as waiting from here on.
 */
struct job	*dest_claim(struct dest *, struct store_message **);
/* Results of a claimed job are set: it goes to outcome. */
void		 dest_give_up(struct dest *, struct job *);
/* Its domain was paused or resumed (pause.h): paused it takes mail and delivers none. */
void		 dest_pause(struct dest *);
/* For relayctl; pointers are borrowed until the loop turns. */
struct dest_view {
	uint64_t		 count;		/* recipients known */
	size_t			 nready, nout;	/* messages in memory: waiting, with a lane */
	unsigned		 nlanes, failures;
	int64_t			 blocked_until;	/* mono ms, 0 = not blocked */
	int64_t			 disk_due;	/* queue ms, INT64_MAX = nothing there */
	const struct why	*why;		/* of the block */
	const struct plan	*plan;		/* NULL: none now */
	int			 asking;	/* the policy worker has the question */
	const struct pause	*pause;		/* by an administrator; NULL: none */
	unsigned		 connections;	/* at once, as it goes now */
	const struct limit	*domain, *site;	/* what they count against; site may be NULL */
	const struct limit	*waits_for;	/* NULL: for none of its limits */
};
void		 dest_look(const struct dest *, struct dest_view *);

/* From outcome: the settlement of a job is durable. gone: recipients that left the queue. */
void		 dest_settled(struct dest *, struct job *, size_t gone, int64_t next_due);

#endif
