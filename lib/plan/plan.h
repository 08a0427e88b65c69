/* SPDX-License-Identifier: ISC */
/*
 * plan: where the mail for one destination may go, and under what condition.
 * A pure value: made by plan_decide, read by delivery, the log and relayctl.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/rr.h"
#include "lib/plan/evidence.h"
#include "lib/plan/level.h"
#include "lib/tls/want.h"

/* What made a host's level what it is. */
enum plan_proof {
	PLAN_BY_DEFAULT,	/* delivery.require */
	PLAN_BY_RULE,		/* destinations[].require */
	PLAN_BY_STS,
	PLAN_BY_DANE,
	PLAN_BY_TLSA,		/* insecure MX, secure TLSA (HARDENING 9.1) */
	PLAN_BY_EXCEPTION,
	PLAN_BY_ROUTE,		/* destinations[].via */
	PLAN_BY_HISTORY,	/* proven before (plan/ratchet.h) */
	PLAN_BY_MONITOR		/* after a refusal in monitor mode (plan/monitor.h) */
};

struct plan_requirement {
	enum plan_level	 level;
	enum plan_proof	 proof;
	int		 sts;			/* 1: MTA-STS enforce holds too */
	int		 tlsa;			/* 1: a TLSA match is mandatory */
	int		 trust;			/* 1: the chain and name are mandatory beside TLSA */
	uint64_t	 login;			/* digest of the credentials for AUTH, 0 = none */
	uint64_t	 source;		/* digest of the local addresses */
	char		 exception[64];		/* id if one changed anything here, else "" */
	struct tls_want	 want;			/* owned */
};

struct plan_target {
	struct plan_host	 host;		/* name, preference, addresses (no TLSA inside) */
	uint16_t		 port;
	int			 implicit;	/* TLS from the first byte (RFC 8314), no STARTTLS */
	int			 usable;	/* 0: skip, and why says so */
	int			 named;		/* the name is proven: DNSSEC, MTA-STS, or a route */
	struct plan_requirement	 requirement;	/* owned */
	enum plan_level		 had;		/* why is DOWNGRADE: the level that was proven */
	/*
	 * Set where usable is 0. In monitor mode also where usable is 1: then
	 * the level is PLAN_NO_LEVEL, plan_admits refuses, and this says why
	 * the host would have been skipped.
	 */
	struct why		 why;
};

enum plan_verdict {
	PLAN_DEFER,		/* nothing may be tried now; why (class 4) */
	PLAN_REJECT,		/* permanent: null MX, no such domain; why (class 5) */
	PLAN_GO			/* walk the targets in order */
};

struct plan {
	char			 domain[DNS_NAME_MAX];
	enum plan_verdict	 verdict;
	struct why		 why;
	int			 monitor;	/* deliver anyway: plan/monitor.h */
	struct plan_target	*targets;	/* owned */
	size_t			 ntargets;
	enum plan_sts_state	 sts_state;
	char			 sts_id[33];
	int			 mx_secure;
	int			 routed;	/* to next hops of the configuration, not to an MX */
	char			 origin[128];	/* rule that won: "relayd.conf:12" or "default" */
	int64_t			 expires;	/* clock_mono_ms: ask again after it */
	uint16_t		 port;		/* of an MX; each target has its own */
};

void		 plan_fini(struct plan *);
void		 plan_requirement_fini(struct plan_requirement *);
const char	*plan_level_name(enum plan_level);		/* "verify" */
enum plan_level	 plan_level_of(const char *);			/* PLAN_NO_LEVEL if unknown */
const char	*plan_proof_name(enum plan_proof);

/* Digest over everything that RULES P07 / HARDENING C7 name in a target's
 * requirement: two connections may serve each other's mail only if equal.
 * TLSA records count as a set. Valid within this process only. */
uint64_t	 plan_requirement_key(const struct plan_requirement *);
/* 1: both mean the same server, reached the same way: host, port, kind of TLS. */
int		 plan_target_same(const struct plan_target *, const struct plan_target *);

#endif
