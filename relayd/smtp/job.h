/* SPDX-License-Identifier: ISC */
/*
 * job: one message's due recipients at one destination, while it is in
 * memory, and what became of each of them in this attempt.
 */
#ifndef SMTP_JOB_H
#define SMTP_JOB_H

#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/why.h"
#include "lib/queue/fair.h"
#include "lib/store/store.h"
#include "relayd/smtp/wake.h"

/* EXPIRED: given up, whatever the age of the message. */
enum job_fate { JOB_OPEN, JOB_DELIVERED, JOB_DEFERRED, JOB_FAILED, JOB_EXPIRED };

struct job_result {
	enum job_fate	 fate;
	struct why	 why;		/* of DEFERRED and FAILED */
	char		 reply[256];	/* what the remote server said last, escaped; "" if nothing */
	int		 remote;	/* the why is the remote server's */
	int64_t		 wait;		/* ms after which it wants to be asked again; 0: not said */
	int		 put_off;	/* open: too many recipients for this transaction */
};

struct job {
	TAILQ_ENTRY(job)	 link;
	struct queue_fair_node	 turn;		/* while it is ready */
	unsigned		 turned_away;	/* times that it was put back for a busy server */
	struct store_message	*msg;		/* owned; only recipients of this destination */
	struct job_result	*results;	/* one per recipient */
	/* delays=a/b/c/d of the delivery log, mono ms: loaded, given to a connection, transfer begun */
	int64_t			 queued, given, began;
	unsigned		 flight;	/* its slot in the journal (flight.h), 0 none */
	enum wake_cure		 cure;		/* what changed while it was under way */
	int			 waiting;	/* no attempt: it waits behind a blocked destination */
	int			 held;		/* no attempt: it is held and stays so (held.h) */
	/* Of one that was claimed (dest.h): it is settled and about to be freed. */
	void			(*settled)(void *arg);
	void			(*abandoned)(void *arg);	/* instead, at the end of the process; or NULL */
	void			*settled_arg;
};
TAILQ_HEAD(job_list, job);

/* Moves the recipients that wanted names into a message of its own, with the same body.
 * NULL: none. */
struct store_message *job_take_out(struct store_message *,
	    int (*wanted)(const struct store_rcpt *, const void *), const void *arg);

struct job	*job_new(struct store_message *);	/* takes the message */
/* Moves the recipients behind the first n into a job of their own; there are more than n. */
struct job	*job_split(struct job *, size_t n);
/* The same for those that were put off; NULL: none. */
struct job	*job_split_put_off(struct job *);
void		 job_free(struct job **);
void		 job_abandon(struct job **);	/* frees it; it will not be settled any more */
void		 job_reopen(struct job *);	/* forgets what became of it: nothing was tried */
/* Sets every result that is still open. */
void		 job_settle_open(struct job *, enum job_fate, const struct why *, const char *reply);

#endif
