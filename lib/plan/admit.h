/* SPDX-License-Identifier: ISC */
/*
 * admit: may this connection carry mail under this plan?
 * Pure: no I/O, no clock, no config. The only function in the program that
 * turns a plan and TLS facts into permission to send MAIL FROM.
 * RFC 7672 s2.2 + s3 (DANE), RFC 8461 s4.1-4.2 + s5 (MTA-STS), RFC 8689 s4.2.1 (REQUIRETLS).
 *
 * plan_admits: 0 = send, *why is cleared; -1 = do not, *why is filled (never empty).
 * The requirement must be that of one of the plan's targets; the facts are
 * those of this very connection (zeroed if there was no handshake).
 * The default for anything unknown is -1.
 */
#ifndef PLAN_ADMIT_H
#define PLAN_ADMIT_H

#include "lib/plan/plan.h"

int	plan_admits(const struct plan *, const struct plan_requirement *,
	    const struct tls_facts *, struct why *);

/*
 * The same question about a plan that is not in force, for the record: 1 if it
 * would have let this connection through, with nothing that weak-tls permits.
 * Nobody gets through by it.
 */
int	plan_would_admit(const struct plan *, const struct plan_requirement *,
	    const struct tls_facts *);

/*
 * May the credentials of this requirement be sent (RULES P13)? Asked behind
 * plan_admits, with the target's own requirement: neither an exception nor
 * monitor mode lowers it. TLS 1.2 at least, and the certificate verified.
 * 0, or -1 and *why (AUTH_FAILED).
 */
int	plan_admits_login(const struct plan *, const struct plan_requirement *,
	    const struct tls_facts *, struct why *);

/*
 * May a REQUIRETLS message go to this target of the plan over this connection
 * (RFC 8689 s4.2.1, HARDENING C11)? Asked behind plan_admits, which it never
 * replaces; neither an exception nor monitor mode lowers it. The name of the
 * host has to be proven and its certificate verified under TLS 1.2 at least.
 * offered: REQUIRETLS stood in the reply to the EHLO under TLS.
 * 0, or -1 and *why: REQUIRETLS_NO_TLS (5.7.10), REQUIRETLS_UNSUPPORTED
 * (5.7.30) or POLICY_UNAVAILABLE (temporary).
 */
int	plan_admits_requiretls(const struct plan *, const struct plan_target *,
	    const struct tls_facts *, int offered, struct why *);

#endif
