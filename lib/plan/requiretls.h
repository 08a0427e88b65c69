/* SPDX-License-Identifier: ISC */
/*
 * requiretls: what REQUIRETLS (RFC 8689 s4.2.1) asks of a walk over the hosts
 * of a plan; whether one connection may carry such a message is said by
 * plan_admits_requiretls (plan/admit.h). Pure.
 */
#ifndef PLAN_REQUIRETLS_H
#define PLAN_REQUIRETLS_H

#include "lib/plan/plan.h"

/*
 * Is the name of this host proven, by DNSSEC, by the domain's MTA-STS policy
 * or by being configured? 0, or -1 and *why: REQUIRETLS_NO_TLS, or
 * POLICY_UNAVAILABLE where a policy that might list it is not to be had now.
 */
int	plan_requiretls_name(const struct plan *, const struct plan_target *, struct why *);

/*
 * The hosts of a walk that would not do, one after the other. When there is
 * none left the message fails for good, unless one of them was left for a
 * reason that may pass: not reached, not looked up, cut.
 */
struct plan_requiretls_walk {
	struct why	passing;	/* of a host that may be good another time */
	struct why	unsupported;	/* of a host that was good but for the offer */
	struct why	no_tls;
};
void	plan_requiretls_begin(struct plan_requiretls_walk *);
void	plan_requiretls_refused(struct plan_requiretls_walk *, const char *host,
	    const struct why *);
/*
 * 1: the message fails, 5.7.30 if a host lacked nothing but the offer, else
 * 5.7.10. 0: it waits for this reason (NONE before any host was refused).
 */
int	plan_requiretls_over(const struct plan_requiretls_walk *, struct why *);

#endif
