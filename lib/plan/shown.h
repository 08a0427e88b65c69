/* SPDX-License-Identifier: ISC */
/*
 * shown: which levels a connection has proven, whatever was asked of it. For
 * the TLS history, which is told about admitted connections only. Pure; it
 * permits nothing, that is plan_admits alone.
 */
#ifndef PLAN_SHOWN_H
#define PLAN_SHOWN_H

#include "lib/plan/plan.h"

/* proven[level] for every level on its own: DANE with a certificate of one's own is no PKIX. */
struct plan_shown {
	int	proven[PLAN_LEVELS];
};

/* The requirement is the one that applied to the connection. */
void		plan_shown(const struct plan *, const struct plan_requirement *,
		    const struct tls_facts *, struct plan_shown *);
/* The best of them, PLAN_NO_LEVEL without TLS. */
enum plan_level	plan_shown_best(const struct plan_shown *);

#endif
