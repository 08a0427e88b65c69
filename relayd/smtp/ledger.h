/* SPDX-License-Identifier: ISC */
/*
 * ledger: the exceptions of the configuration and what became of them: how
 * often each was used, when it was last needed, whether it still holds. It
 * lives in `smtp`, beside the gate: what the policy process says can neither
 * make an exception nor stretch one (HARDENING P13).
 *
 * A use is one message delivered over a connection whose requirement names the
 * exception. It is reserved before the message goes to the connection and
 * counted or given back when that is over, so that max_uses holds however many
 * connections work at once. Counts are kept by id in the store, across
 * restarts and reloads, also of ids that a reload took away.
 *
 * Everything unknown means no: without a ledger, before the counts are read,
 * or where a limited count cannot be read, no exception holds.
 */
#ifndef SMTP_LEDGER_H
#define SMTP_LEDGER_H

#include <stdint.h>

#include "lib/base/why.h"
#include "lib/conf/conf.h"

#define LEDGER_PREFIX	"exception/"	/* of its notes; the id follows */

struct event_base;
struct generation;
struct ledger;
struct siblings;
struct store;

struct ledger	*ledger_new(struct event_base *, struct store *);
/* After the store is closed: it may still call back until then. */
void		 ledger_free(struct ledger **);
/*
 * With several workers: worker 0 has the counts of exceptions with max_uses,
 * the others ask it for each use. Before ledger_load; NULL is one worker.
 */
void		 ledger_share(struct ledger *, struct siblings *);
/* Reads the counts. Once, before the first delivery. */
void		 ledger_load(struct ledger *, void (*done)(void *arg, const struct why *), void *arg);
/* Adds what another ledger noted of an id, for good. Loaded before. */
void		 ledger_join(struct ledger *, const char *id, const char *note);
/* The configuration in force, taken by reference; what there is to say is said. */
void		 ledger_reload(struct ledger *, struct generation *);

/* 1: may be put into a plan now: not expired, not used up. */
int		 ledger_holds(const struct ledger *, const struct conf_exception *);

enum ledger_answer {
	LEDGER_TAKEN,		/* reserved: ledger_used or ledger_give_back has to follow */
	LEDGER_WAIT,		/* messages on their way may use up the rest; or the front is asked */
	LEDGER_OVER		/* expired, used up or gone: the plan has to be decided again */
};
enum ledger_answer ledger_reserve(struct ledger *, const char *id);
void		 ledger_give_back(struct ledger *, const char *id);
/*
 * A reserved use has happened. needed 0: the gate would have admitted the
 * connection without the exception. Called right before the settlement of the
 * message goes to the store, so that both become durable together.
 */
void		 ledger_used(struct ledger *, const char *id, const char *relay, int needed);

/* What there is to know about one; times are Unix ms, 0 = never. */
struct ledger_counts {
	uint64_t	uses;
	uint64_t	passed;		/* of these, not needed */
	uint64_t	streak;		/* not needed, since it was last needed */
	int64_t		seen;		/* first in the configuration */
	int64_t		first, last;	/* use */
	int64_t		needed;		/* last use that needed it */
};
enum ledger_state { LEDGER_ACTIVE, LEDGER_ENDED, LEDGER_USED_UP, LEDGER_UNKNOWN };
enum ledger_advice { LEDGER_FINE, LEDGER_ENDS_SOON, LEDGER_UNUSED, LEDGER_NOT_NEEDED };

enum ledger_state ledger_look(const struct ledger *, const struct conf_exception *,
		    struct ledger_counts *, enum ledger_advice *);
/* For one that holds; Unix ms. */
enum ledger_advice ledger_advise(const struct ledger_counts *, int64_t expires, int64_t now);
const char	*ledger_state_name(enum ledger_state);
const char	*ledger_advice_name(enum ledger_advice);	/* "" for LEDGER_FINE */

#endif
