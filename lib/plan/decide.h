/* SPDX-License-Identifier: ISC */
/*
 * decide: evidence + the admin's rule -> plan. Pure: no I/O, no clock but
 * the one given, no globals. The only function that turns policies into
 * requirements, per MX host (RULES P01): DANE where this host has secure
 * TLSA, else MTA-STS enforce, else the rule's level; held against what was
 * proven before (plan/ratchet.h). A rule may only raise;
 * only an exception lowers, and it goes below what the destination itself
 * publishes only if overrides_published (DESIGN 8); then what it publishes
 * does not matter, not even if it could not be looked up.
 *
 * MTA-STS enforce holds on DANE hosts too (RFC 8461 s5 makes no exception):
 * such a requirement has sts = 1 and both are judged. A TLSA match behind an
 * insecure MX satisfies `verify`, not more (HARDENING 9.1). `require = "sts"`
 * is also met by DANE, the stronger level.
 *
 * Without a route there is no mail for special names (dns/special.h). A host
 * that is this relay itself ends the list: neither it nor one that is not
 * preferred to it counts (RFC 5321 s5.1), and if none is left mail would loop.
 */
#ifndef PLAN_DECIDE_H
#define PLAN_DECIDE_H

#include "lib/plan/plan.h"

/*
 * An exception that may hold for this domain now; the ledger in `smtp` picks
 * them. For each host the first one that is for it holds. One that names the
 * host but not the domain lowers `verify` and no more (or a route's level):
 * an unsigned MX record of any domain may point to that host.
 */
struct plan_exception {
	char		id[64];
	enum plan_level	allow;			/* PLAN_PLAINTEXT or PLAN_ENCRYPT; else no effect */
	int		allow_weak_tls;		/* lowers min_version only; allow is void */
	int		overrides_published;
	const char	*const *hosts;		/* borrowed; for these MX hosts only */
	size_t		nhosts;			/* 0: for all */
	int		any_domain;		/* the domain is not named */
	const struct plan_exception *next;
};

/*
 * A route: the next hops that take the place of the domain's MX. Neither MX
 * nor MTA-STS of the recipient domain counts then (RULES S06, I19); the names
 * come from the admin, so they are as good as a signed MX record. The level
 * is `verify` at least, also where delivery.require is weaker (I51).
 */
struct plan_via {
	struct plan_hop		 hops[PLAN_HOPS_MAX];	/* in order of preference */
	size_t			 nhops;
	int			 implicit;	/* TLS from the first byte */
	char			 ca[256];	/* exclusive trust store, "" = default */
	struct dns_tlsa_set	 tlsa;		/* owned; takes the place of what DNS publishes */
	char			 identity[256];	/* client certificate, "" = none */
	uint64_t		 login;		/* digest of the credentials, 0 = none */
};

/* The configuration as far as it concerns one domain. */
struct plan_rule {
	enum plan_level			 level;		/* PLAN_ENCRYPT .. PLAN_DANE */
	int				 from_rule;	/* level comes from destinations[] */
	int				 monitor;
	int				 min_version;	/* TLS_V1_2 or above */
	uint16_t			 port;		/* delivery.port */
	char				 origin[128];
	const struct plan_exception	*exception;	/* the closest first; NULL if none */
	const struct plan_via		*via;		/* NULL: to the domain's MX */
	uint64_t			 source;	/* digest of the local addresses */
};

/* Always fills *plan (never fails); unknown evidence gives PLAN_DEFER. */
void	plan_decide(const struct plan_evidence *, const struct plan_rule *, int64_t now_mono_ms,
	    struct plan *);

#endif
