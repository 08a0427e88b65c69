/* SPDX-License-Identifier: ISC */
/* dest_int: what the files of a destination share. Included nowhere else. */
#ifndef SMTP_DEST_INT_H
#define SMTP_DEST_INT_H

#include "lib/queue/backoff.h"
#include "lib/queue/key.h"
#include "relayd/smtp/deliver.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/route.h"
#include "relayd/smtp/sched.h"

#define DEST_NEVER	INT64_MAX

struct client;
struct lane;

struct dest {
	struct sched		*s;
	char			*name;		/* as in the queue */
	struct queue_key	 key;		/* the same, taken apart */
	struct heap_node	 timer;
	uint64_t		 count;		/* recipients in the queue, as far as known */

	/* window: the part of the queue that is in memory */
	struct job_list		 ready;		/* to be given to a lane */
	struct job_list		 out;		/* with a lane, or being settled */
	size_t			 nready, nout;
	int64_t			 disk_due;	/* Unix ms; rows not in memory may be due then */
	int			 loading, sweeping;
	int			 sweep_more;	/* when what it found is settled there may be more */
	int64_t			 sweep_at;	/* Unix ms: a waiting sender may have to be told then */

	/* plan */
	struct route		*route;
	struct generation	*generation;	/* of the route */
	struct ask_wait		*asking;
	int			 recheck;	/* TLSA did not match: ask past all caches (RULES D27) */

	/* lanes */
	TAILQ_HEAD(, lane)	 lanes;
	unsigned		 nlanes, nwalking;
	struct sched_turn	 turn;		/* for a connection, while all are in use */
	struct queue_backoff	 backoff;	/* a walk and a message on a lane count as deliveries */
	struct why		 why;		/* of the last failure as a whole */

	int			 running, again;
	int			 paused;	/* by an administrator, see pause.h */
};

/* dest.c */
int	dest_blocked(const struct dest *);
int	dest_route_is_fresh(const struct dest *);
/* Hands a job whose results are settled to outcome. client: NULL if there was none. */
void	dest_settle(struct dest *, struct job *, const struct client *);
/* The destination as a whole failed: one job is charged with it, the others wait. */
void	dest_failed(struct dest *, const struct why *);

/* What is ready fails for good. */
void	dest_reject(struct dest *, const struct why *);

/* dest_window.c */
struct job *dest_window_take(struct dest *);		/* the next ready job, now in `out`; NULL */
void	dest_window_put_back(struct dest *, struct job *);	/* from `out` to the front of ready */
void	dest_window_discard(struct dest *, struct job *);	/* frees a job that is in no list */
void	dest_window_heated(struct dest *, const struct job *);	/* its body came into memory */
void	dest_window_on_disk(struct dest *, int64_t due);
/* Drops what is ready; the store has it all. why: logged for those never tried. */
void	dest_window_release(struct dest *, const struct why *);
void	dest_window_load(struct dest *);	/* from the index, if it is time */
void	dest_window_sweep(struct dest *);	/* gives up waiting messages whose life is over */

/* dest_lane.c */
void	dest_lane_work(struct dest *);		/* gives ready jobs to lanes, opens lanes */
void	dest_lane_recheck(struct dest *);	/* a new route: idle lanes that do not fit end */
void	dest_lane_free_all(struct dest *);

#endif
