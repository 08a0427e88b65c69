/* SPDX-License-Identifier: ISC */
/*
 * wake: who need not wait any longer. A reload, or a plan that is not what it
 * was, makes exactly that mail due now which waited for a reason that the
 * change can cure; all other mail keeps its time, and a destination whose
 * rule did not change keeps its back-off.
 *
 *	changed for the destination		due now
 *	level, mode, oldest TLS, trust store,	what waits for a reason of TLS or policy
 *	  an exception that holds
 *	next hops, port, source address		what waits for any reason of reaching the host
 *	the plan (policy fetched, TLSA rolled)	what waits for a reason of TLS or policy
 *	there is a plan again			what waited for the reason why there was none
 *	an administrator resumes it		what waited because it was paused
 *
 * What was under way then and fails is tried again at once: a message (job.cure), or the
 * search for a host (dest.changed).
 * An exception that names hosts only concerns destinations whose last plan has
 * one of them, and those whose plan is not known.
 */
#ifndef SMTP_WAKE_H
#define SMTP_WAKE_H

#include "lib/base/why.h"

struct dest;
struct generation;
struct sched;

/* What a change cures: reasons of TLS and policy; these and all others of reaching the host. */
enum wake_cure { WAKE_NOTHING, WAKE_POLICY, WAKE_REACH };
int	wake_cures(enum wake_cure, enum why_reason);

/* sched->generation is the new one; the exceptions are those of the new one, too. */
void	wake_reload(struct sched *, const struct generation *old);
/* Its plan was decided just now. */
void	wake_planned(struct dest *);
/* The domain is not paused any more. */
void	wake_resumed(struct sched *, const char *domain);

#endif
