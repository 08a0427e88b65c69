/* SPDX-License-Identifier: ISC */
/*
 * outcome: from the results of an attempt to the queue: done, try again, or
 * give up; the log record; the notice to the sender, durable in the same
 * transaction (RFC 5321 s6.1, RFC 3464). A settlement that the store could
 * not write is repeated until it is durable, so that nothing that was
 * delivered is sent again.
 */
#ifndef SMTP_OUTCOME_H
#define SMTP_OUTCOME_H

#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/job.h"

struct aftermath;
struct dest;
struct event_base;
struct generation;
struct notice_cap;
struct outcome;
struct store;
struct tally;

struct outcome_events {
	void	(*settled)(void *arg, struct dest *, struct job *, size_t gone, int64_t next_due);
	/* Notices for dest are in the store now, due at this time (queue ms). */
	void	(*notice)(void *arg, const char *dest, uint64_t recipients, int64_t due);
};

struct outcome	*outcome_new(struct event_base *, struct store *, const struct outcome_events *,
		    void *arg);
/* Where monitor mode is counted, borrowed; without it, it is not. */
void		 outcome_tally(struct outcome *, struct tally *);
/* Who may have a copy already, and what a crash was about; borrowed, may be NULL. */
void		 outcome_aftermath(struct outcome *, struct aftermath *);
struct notice_cap *outcome_cap(struct outcome *);	/* borrowed */
void		 outcome_free(struct outcome **);
/*
 * Every result of the job is settled. The job stays with the caller's list
 * until `settled` hands it back. generation gives schedule, ages and host.
 */
void		 outcome_take(struct outcome *, struct dest *, struct job *,
		    const struct delivlog_attempt *, struct generation *);
unsigned	 outcome_pending(const struct outcome *);

#endif
