/* SPDX-License-Identifier: ISC */
/*
 * lookup: gathers the evidence about one domain: MX, the addresses and TLSA
 * records of its hosts, MTA-STS, all at once where they do not depend on each
 * other. What does not come within the deadline stays unknown. Special names
 * are not asked for (dns/special.h).
 */
#ifndef POLICY_LOOKUP_H
#define POLICY_LOOKUP_H

#include <stdint.h>

#include "lib/dns/range.h"
#include "lib/dns/resolver.h"
#include "lib/plan/evidence.h"
#include "lib/sts/engine.h"

struct event_base;
struct lookup;

struct lookup_tools {
	struct event_base	*base;
	struct dns_resolver	*resolver;
	struct sts_engine	*sts;
	struct dns_range	*range;
	int64_t			 timeout_ms;
	uint16_t		 port;		/* of delivery, for the TLSA owner name (RULES D09);
						 * and with range, to tell ourselves (RFC 5321 s5.1) */
};

/* Borrowed for the call. */
typedef void lookup_fn(void *arg, const struct plan_evidence *);

/*
 * The callback comes once, from the event loop. domain: A-labels or an
 * address literal. With next hops (nhops > 0) these hosts are looked up and
 * nothing is asked about the domain: neither MX nor MTA-STS.
 */
struct lookup	*lookup_start(const struct lookup_tools *, const char *domain,
		    const struct plan_hop *hops, size_t nhops, lookup_fn *, void *arg);
void		 lookup_cancel(struct lookup **);

#endif
