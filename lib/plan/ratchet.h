/* SPDX-License-Identifier: ISC */
/*
 * ratchet: is a host held against what was proven before? Pure. Part of
 * plan_decide, which asks it behind DANE and MTA-STS and before the rule's
 * level (RULES P01). The TLS history that it judges by comes with the evidence.
 *
 * dane is held against the host that proved it; sts against every host of the
 * domain, because a policy holds for all of them; and the best of the domain
 * against a host that nothing is remembered of, an MX that was replaced, unless
 * another host of the domain still publishes DANE or MTA-STS. These cannot be
 * demanded of a host that does not publish them: such a host is not used.
 * verify, remembered of a host, can be: it is raised to.
 *
 * What the owner switched off in an orderly way is forgotten before the
 * evidence gets here (lib/history/recall.h). Next hops of a route and address
 * literals have no history.
 */
#ifndef PLAN_RATCHET_H
#define PLAN_RATCHET_H

#include "lib/plan/evidence.h"

/*
 * published: the level that the host's own publication gives it now. 0, or -1
 * and *why (DOWNGRADE; POLICY_UNAVAILABLE if the history cannot be read,
 * then only dane goes, because nothing is above it).
 */
int		plan_ratchet(const struct plan_evidence *, const struct plan_host *,
		    enum plan_level published, struct why *);
/* The level that plan_ratchet found missing. */
enum plan_level	plan_ratchet_had(const struct plan_evidence *, const struct plan_host *);
/* PLAN_VERIFY where the host has shown a certificate that verifies, else PLAN_NO_LEVEL. */
enum plan_level	plan_ratchet_floor(const struct plan_evidence *, const struct plan_host *);

#endif
