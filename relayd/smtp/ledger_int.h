/* SPDX-License-Identifier: ISC */
/* ledger_int: what the files of the ledger share. Included nowhere else. */
#ifndef SMTP_LEDGER_INT_H
#define SMTP_LEDGER_INT_H

#include "lib/base/map.h"
#include "relayd/smtp/ledger.h"

#define LEDGER_DAY	((int64_t)86400 * 1000)
#define LEDGER_IDLE	(30 * LEDGER_DAY)	/* unused for so long: why is it there? */

struct event;

struct ledger_entry {
	struct ledger			*owner;
	char				 id[64];
	const struct conf_exception	*conf;		/* of the generation in force, else NULL */
	struct ledger_counts		 counts;
	uint64_t			 reserved;
	int				 unknown;	/* the stored counts cannot be read */
	int				 unwritten;	/* the store could not take them yet */
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
	int			 loaded;
	void			(*done)(void *arg, const struct why *);
	void			*arg;
};

/* ledger.c */
struct ledger_entry *ledger_entry_of(const struct ledger *, const struct conf_exception *);
void	ledger_write(struct ledger_entry *);

/* ledger_watch.c */
void	ledger_watch(struct ledger *);		/* says what has changed, sleeps until more can */
void	ledger_watch_again(struct ledger *);	/* as after a start: all of it is said again */
void	ledger_say_use(struct ledger_entry *, const char *relay, int needed);

#endif
