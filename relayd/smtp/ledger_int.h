/* SPDX-License-Identifier: ISC */
/* ledger_int: what the files of the ledger share. Included nowhere else. */
#ifndef SMTP_LEDGER_INT_H
#define SMTP_LEDGER_INT_H

#include "lib/base/map.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/siblings.h"

#define LEDGER_DAY	((int64_t)86400 * 1000)
#define LEDGER_IDLE	(30 * LEDGER_DAY)	/* unused for so long: why is it there? */

struct event;

struct ledger_entry {
	struct ledger			*owner;
	char				 id[64];
	const struct conf_exception	*conf;		/* of the generation in force, else NULL */
	enum conf_allow			 allow;		/* as the last configuration with it says */
	struct ledger_counts		 counts;
	uint64_t			 reserved;
	int				 unknown;	/* the stored counts cannot be read */
	int				 unwritten;	/* the store could not take them yet */
	/* at the front: uses that other workers were granted; they are among counts.uses */
	uint64_t			 lent;
	uint32_t			 lent_to[SIBLINGS_MAX];
	/* at another worker, of one with max_uses */
	uint32_t			 leases, leased; /* granted: free, and among reserved */
	uint32_t			 asked;		/* the question that is out; 0 = none */
	uint64_t			 unreported[2];	/* uses that the front was away for: not needed, needed */
	int64_t				 over_until;	/* mono ms: the front says that there is none */
	uint64_t			 handed;	/* uses from before it had max_uses, on their way */
	/* what was said already */
	int				 said_days;	/* 30, 7, 1; 0 = nothing */
	int				 said_end, said_full;
	int64_t				 said_idle;	/* in LEDGER_IDLE */
	int64_t				 said_streak;	/* Unix ms */
};

struct ledger {
	struct event_base	*base;
	struct store		*store;
	struct generation	*generation;	/* in force; a reference */
	struct map		*entries;	/* by id */
	struct event		*ev_watch;
	struct ledger_leases	*leases;	/* NULL: there are no other workers */
	int			 loaded;
	void			(*done)(void *arg, const struct why *);
	void			*arg;
};

/* ledger.c */
struct ledger_entry *ledger_entry_of(const struct ledger *, const struct conf_exception *);
void	ledger_write(struct ledger_entry *);
/* The count as it is, to the store, once; done says whether it is there. */
void	ledger_note(struct ledger_entry *, void (*done)(void *arg, const struct why *), void *arg);
/* May it be used once more? Nothing is reserved. */
enum ledger_answer ledger_may_use(const struct ledger_entry *);
/* A use that is among counts.uses already: what else there is to note and to say. */
void	ledger_count(struct ledger_entry *, const char *relay, int needed);

/* ledger_lease.c; all but the first for one with max_uses, at a worker that is not the front */
int	ledger_borrows(const struct ledger *);
enum ledger_answer ledger_lease_take(struct ledger_entry *);
void	ledger_lease_used(struct ledger_entry *, int needed);
void	ledger_lease_return(struct ledger_entry *);
void	ledger_unshare(struct ledger *);
/* There is another configuration: what became limited is the front's to count. */
void	ledger_lease_reload(struct ledger *);

/* ledger_watch.c */
void	ledger_watch(struct ledger *);		/* says what has changed, sleeps until more can */
void	ledger_watch_again(struct ledger *);	/* as after a start: all of it is said again */
void	ledger_say_use(struct ledger_entry *, const char *relay, int needed);

#endif
