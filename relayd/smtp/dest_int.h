/* SPDX-License-Identifier: ISC */
/* dest_int: what the files of a destination share. Included nowhere else. */
#ifndef SMTP_DEST_INT_H
#define SMTP_DEST_INT_H

#include "lib/queue/backoff.h"
#include "lib/queue/key.h"
#include "relayd/smtp/deliver.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/limit.h"
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
	struct job_list		 ready;		/* to be given to a lane, oldest first */
	struct queue_fair	 turns;		/* the same, in the order in which they are given */
	struct job_list		 out;		/* with a lane, or being settled */
	size_t			 nready, nout;
	int64_t			 disk_due;	/* queue ms; rows not in memory may be due then */
	int			 loading;
	size_t			 asked;		/* loading: messages at most */
	int			 peeking;	/* loading, for others than this client */
	uint32_t		 peek_client;
	int64_t			 peeked;	/* mono ms */
	struct dest_sweep {
		int64_t		 at;		/* queue ms: a waiting sender may have to be told */
		int64_t		 next;		/* queue ms; no other one begins before */
		int		 running;
		int		 more;		/* pages are left behind mark */
		struct store_mark mark;
		unsigned	 pages;		/* of this sweep */
	}			 sweep;

	/* plan */
	struct route		*route;
	struct generation	*generation;	/* of the route */
	struct ask_wait		*asking;
	struct route		*last;		/* its last plan that named hosts (wake.c); NULL: none */
	unsigned		 changed;	/* the generation that changed its rule last (wake.c) */
	uint64_t		 plan_digest;	/* of the last one, 0 = none yet (wake.c) */
	enum why_reason		 planless;	/* why there was none when it was decided last */
	int			 recheck;	/* TLSA did not match: ask past all caches (RULES D27) */

	/* lanes */
	TAILQ_HEAD(, lane)	 lanes;
	unsigned		 nlanes, nwalking;
	unsigned		 messages;	/* a lane carries */
	struct limit		*domain, *site;	/* what they count against; site may be NULL */
	struct limit_turn	 turn, token;	/* for one more lane, for the next message */
	int			 wants_lane, wants_token;
	struct dest_pace {
		int64_t		 last;		/* mono ms: a message was given to a lane */
		int64_t		 every, setup;	/* ms from one to the next; to open a lane */
		unsigned	 steady;	/* of them, one close behind the other */
	}			 pace;
	struct walk_memory	*walk;		/* what walks have tried in vain; NULL: nothing */
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
/* The same, for a connection: no more recipients than one transaction takes. */
struct job *dest_window_take_some(struct dest *);
/* What an attempt put off is ready again, untried and first in line. */
void	dest_window_put_off(struct dest *, struct job *);
void	dest_window_put_back(struct dest *, struct job *);	/* from `out` to the front of ready */
void	dest_window_discard(struct dest *, struct job *);	/* frees a job that is in no list */
void	dest_window_heated(struct dest *, const struct job *);	/* its body came into memory */
void	dest_window_on_disk(struct dest *, int64_t due);
/* Drops what is ready; the store has it all. why: logged for those never tried. */
void	dest_window_release(struct dest *, const struct why *);
void	dest_window_load(struct dest *);	/* from the index, if it is time */
/* Rows in memory, sorted, n of them; caller frees. What is among them is taken out of m. */
int64_t	*dest_window_ids(const struct dest *, size_t *n);
void	dest_window_leave_out(struct store_message *m, const int64_t *ids, size_t n);
void	dest_window_keep_out(struct dest *, struct job *);	/* into `out` */

/* dest_sweep.c */
void	dest_sweep_run(struct dest *);	/* the next page, if it is time */
/* What its mail waits for, in words for senders. */
void	dest_sweep_reason(const struct dest *, struct why *);
void	dest_sweep_note(struct dest *, const struct store_message *, const struct why *);	/* it waits */
void	dest_sweep_remind(struct dest *, const struct job *);	/* it is settled */

/* dest_turn.c */
void	dest_turn_begin(struct dest *);
void	dest_turn_end(struct dest *);		/* gives up all that it waits for */
void	dest_turn_limits(struct dest *);	/* as configured and planned now */
int	dest_turn_lane(struct dest *);		/* 1: one more may be opened; 0: it waits for that */
int	dest_turn_spare(struct dest *);		/* the same, but waits for nothing */
int	dest_turn_token(struct dest *);		/* the same for the next message */
/* 1: what a connection counts against is what one would now, and not more than there may be. */
int	dest_turn_covers(const struct dest *, const struct limit_hold *);
void	dest_turn_drop_unwanted(struct dest *);
void	dest_turn_paced(struct dest *);		/* a message is given to a lane */
/* The next lane is opened so many messages before the open ones are used up. 0: mail does not
 * come steadily. */
unsigned dest_turn_ahead(const struct dest *);

/* dest_lane.c */
void	dest_lane_work(struct dest *);		/* gives ready jobs to lanes, opens lanes */
void	dest_lane_recheck(struct dest *);	/* a new route: idle lanes that do not fit end */
void	dest_lane_free_all(struct dest *);

#endif
