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
struct held;
struct oldest;
struct job;
struct limit;
struct limits;
struct ledger;
struct outcome;
struct pauses;
struct proc_commons;
struct queue_said;
struct tally;

#define SCHED_WINDOW_DEST	400		/* jobs of one destination in memory */
#define SCHED_WINDOW_ALL	10000		/* of all */
#define SCHED_WINDOW_LEAST	50		/* of one that is at work, when there are too many */
#define SCHED_HOT_BYTES		(64u << 20)	/* bodies kept between commit and delivery */

struct sched {
	struct event_base	*base;
	struct store		*store;
	struct ask		*ask;
	struct outcome		*outcome;
	struct ledger		*ledger;	/* borrowed; NULL: no exception holds */
	struct generation	*generation;	/* the current one; a reference */
	struct tally		*tally;		/* borrowed; NULL: monitor mode is not counted */
	struct held		*held;		/* borrowed; NULL: nobody looks at held mail */
	struct oldest		*oldest;	/* borrowed; may be NULL */
	struct pauses		*pauses;	/* destinations that an administrator stopped */
	struct map		*dests;
	struct heap		 timers;	/* of destinations, mono ms */
	struct event		*ev_timer;
	size_t			 jobs;		/* in memory */
	size_t			 asked;		/* that the store may bring yet */
	struct queue_said	*said;		/* why what waits does so */
	uint64_t		 hot_bytes;
	struct limits		*limits;	/* of domains, sites and of all together */
	struct limit		*all;
	int			 draining, ending;
};

/* commons: what is shared with other workers; borrowed; NULL: there are none. */
struct sched	*sched_new(struct event_base *, struct store *, struct ask *, struct outcome *,
		    struct generation *, struct proc_commons *);
void		 sched_free(struct sched **);
/* What the store holds from before; the callback comes when it is known. */
void		 sched_recover(struct sched *, void (*done)(void *arg, const struct why *), void *arg);
/* A message that is durable now (taken): its due recipients are spread over their destinations;
 * held ones stay with the store. */
void		 sched_add(struct sched *, struct store_message *);
/* Recipients of a destination that are in the store, the earliest due then (queue ms). */
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
/* Jobs in memory, by client. */
void		 sched_jobs_add(struct sched *, const struct job *, int n);
int		 sched_jobs_room(const struct sched *, const struct job *);	/* for one more of its client */

#endif
