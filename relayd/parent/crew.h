/* SPDX-License-Identifier: ISC */
/*
 * crew: the child processes: the smtp workers by number, and policy. Makes
 * the channels between them, anew whenever one of the two ends is new:
 *
 *	policy <-> every worker		questions and evidence
 *	worker 0 <-> every other	what relayctl asks of the whole relay
 */
#ifndef PARENT_CREW_H
#define PARENT_CREW_H

#include <stdint.h>
#include <sys/types.h>

struct child;
struct child_events;
struct crew;
struct event_base;

struct crew	*crew_new(struct event_base *, unsigned workers, const struct child_events *, void *arg);
/* What did not end by then loses its channel with us and goes by itself. */
void		 crew_free(struct crew **);
void		 crew_start(struct crew *);
void		 crew_introduce(struct crew *, struct child *fresh);
/* Tells a worker who it is; its first frames. What the workers share, or -1 (proc/crowd,
 * proc/commons); taken. */
void		 crew_number(struct crew *, struct child *, int crowd, int commons);
/*
 * The counters (lib/meter) in memory that outlives the processes: a table of the workers, in which
 * worker k has row k and the parent the last, and one of policy, which parses what comes from the
 * network and shall not write in the other. The front reads both.
 */
void		 crew_count(struct crew *);
/* Gives a fresh process what it needs of that. */
void		 crew_lend_counts(struct crew *, struct child *);

unsigned	 crew_workers(const struct crew *);
struct child	*crew_worker(const struct crew *, unsigned index);
struct child	*crew_policy(const struct crew *);
void		 crew_each(struct crew *, void (*)(struct child *, void *arg), void *arg);

int		 crew_ready(const struct crew *);	/* all of them */
int		 crew_answers(const struct crew *, int64_t ms);
unsigned	 crew_working(const struct crew *);	/* smtp processes that run */
void		 crew_reap(struct crew *, pid_t, int status);

#endif
