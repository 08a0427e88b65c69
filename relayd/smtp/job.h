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
#include "lib/store/store.h"

/* EXPIRED: given up, whatever the age of the message. */
enum job_fate { JOB_OPEN, JOB_DELIVERED, JOB_DEFERRED, JOB_FAILED, JOB_EXPIRED };

struct job_result {
	enum job_fate	 fate;
	struct why	 why;		/* of DEFERRED and FAILED */
	char		 reply[256];	/* what the remote server said last, escaped; "" if nothing */
	int		 remote;	/* the why is the remote server's */
};

struct job {
	TAILQ_ENTRY(job)	 link;
	struct store_message	*msg;		/* owned; only recipients of this destination */
	struct job_result	*results;	/* one per recipient */
	/* delays=a/b/c/d of the delivery log, mono ms: loaded, given to a connection, transfer begun */
	int64_t			 queued, given, began;
	int			 waiting;	/* no attempt: it waits behind a blocked destination */
	/* Of one that was claimed (dest.h): it is settled and about to be freed. */
	void			(*settled)(void *arg);
	void			*settled_arg;
};
TAILQ_HEAD(job_list, job);

struct job	*job_new(struct store_message *);	/* takes the message */
void		 job_free(struct job **);
/* Sets every result that is still open. */
void		 job_settle_open(struct job *, enum job_fate, const struct why *, const char *reply);

#endif
