/* SPDX-License-Identifier: ISC */
/*
 * sched: which destination may work when. It knows every destination that
 * has mail, holds a bounded window of jobs in memory (the rest stays in the
 * store's index) and wakes destinations when something of theirs is due.
 */
#ifndef SMTP_SCHED_H
#define SMTP_SCHED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/store/store.h"
#include "relayd/smtp/generation.h"

struct ask;
struct dest;
struct event_base;
struct job;
struct ledger;
struct outcome;
struct pauses;
struct tally;

#define SCHED_WINDOW_DEST	400		/* jobs of one destination in memory */
#define SCHED_WINDOW_ALL	10000		/* of all */
#define SCHED_HOT_BYTES		(64u << 20)	/* bodies kept between commit and delivery */

/* A destination's place in the line for a connection while all of them are in use. */
struct sched_turn {
	TAILQ_ENTRY(sched_turn)	 link;
	struct dest		*dest;
	int			 waits;
};

/* A connection that is kept for nothing in particular: it ends when somebody needs its place. */
struct sched_idle {
	TAILQ_ENTRY(sched_idle)	 link;
	void			(*end)(struct sched_idle *);
	int			 listed;
};

struct sched {
	struct event_base	*base;
	struct store		*store;
	struct ask		*ask;
	struct outcome		*outcome;
	struct ledger		*ledger;	/* borrowed; NULL: no exception holds */
	struct generation	*generation;	/* the current one; a reference */
	struct tally		*tally;		/* borrowed; NULL: monitor mode is not counted */
	struct pauses		*pauses;	/* destinations that an administrator stopped */
	struct map		*dests;
	struct heap		 timers;	/* of destinations, mono ms */
	struct event		*ev_timer;
	size_t			 jobs;		/* in memory */
	uint64_t		 hot_bytes;
	unsigned		 lanes;		/* connections of all destinations */
	TAILQ_HEAD(, sched_turn) line;		/* who waits for one, first come first served */
	TAILQ_HEAD(, sched_idle) idle;		/* longest idle first */
	int			 draining;
};

struct sched	*sched_new(struct event_base *, struct store *, struct ask *, struct outcome *,
		    struct generation *);
void		 sched_free(struct sched **);
/* What the store holds from before; the callback comes when it is known. */
void		 sched_recover(struct sched *, void (*done)(void *arg, const struct why *), void *arg);
/* A message that is durable now (taken): its due recipients are spread over their destinations;
 * held ones stay with the store. */
void		 sched_add(struct sched *, struct store_message *);
/* Recipients of a destination that are in the store, the earliest due then (Unix ms). */
void		 sched_on_disk(struct sched *, const char *dest, uint64_t recipients, int64_t due);
/*
 * Moves the recipients of the first one's destination out of the message; they
 * are the caller's. The rest stays, perhaps none.
 */
struct store_message *sched_split(struct store_message *);
/* For an administrator, see dest_claim. NULL: one of them is being delivered now. */
struct job	*sched_claim(struct sched *, struct store_message **, struct dest **);
/* sched->pauses has changed for this domain. */
void		 sched_pause(struct sched *, const char *domain);
/* A new generation: routes are decided again. */
void		 sched_reload(struct sched *, struct generation *);
/* Starts nothing new; deliveries in progress go on. */
void		 sched_drain(struct sched *);
int		 sched_busy(const struct sched *);	/* deliveries or settlements in progress */
/* Wakes every destination now, whatever its back-off. */
void		 sched_flush(struct sched *);

/* for dest.c */
void		 sched_wake_at(struct sched *, struct dest *, int64_t mono_ms);
void		 sched_forget(struct sched *, struct dest *);
/* 1: one more connection is yours. 0: delivery.connections are in use; you are woken in turn. */
int		 sched_lane_take(struct sched *, struct sched_turn *);
void		 sched_lane_give_back(struct sched *);
int		 sched_lane_wanted(const struct sched *);	/* somebody waits: end idle ones */
void		 sched_lane_idle(struct sched *, struct sched_idle *, int idle);
void		 sched_lane_leave_line(struct sched *, struct sched_turn *);

#endif
