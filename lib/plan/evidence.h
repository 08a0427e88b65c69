/* SPDX-License-Identifier: ISC */
/*
 * evidence: what DNS and HTTPS showed about one destination. Made by the
 * policy worker, carried over IPC, judged by plan_decide in `smtp`. It holds
 * no decision and no configuration, so a lying worker can claim facts about
 * the world but can invent neither a rule nor an exception (HARDENING P13).
 *
 * The zero value of every state means "not known" and makes the plan defer.
 */
#ifndef PLAN_EVIDENCE_H
#define PLAN_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/rr.h"
#include "lib/plan/level.h"

#define PLAN_HOSTS_MAX		20	/* HARDENING P2 */
#define PLAN_ADDRESSES_MAX	10
#define PLAN_PATTERNS_MAX	64
#define PLAN_HOPS_MAX		8

/* A next hop that the configuration names (destinations[].via): a host, never an MX domain. */
struct plan_hop {
	char		 host[DNS_NAME_MAX];	/* A-labels, or an address literal "[192.0.2.1]" */
	uint16_t	 port;
};

enum plan_mx {
	PLAN_MX_UNKNOWN,	/* look-up failed or bogus: defer (RULES D03) */
	PLAN_MX_FOUND,
	PLAN_MX_IMPLICIT,	/* no MX: the domain itself (RFC 5321 s5.1) */
	PLAN_MX_NULL,		/* RFC 7505 */
	PLAN_MX_NO_DOMAIN,	/* NXDOMAIN */
	PLAN_MX_ROUTE		/* not looked up: the hosts are the next hops that were asked for */
};

enum plan_addresses {
	PLAN_ADDRESSES_UNKNOWN,	/* look-up error: host unusable this time */
	PLAN_ADDRESSES_NONE,
	PLAN_ADDRESSES_REFUSED,	/* all in refused ranges */
	PLAN_ADDRESSES_FOUND,
	PLAN_ADDRESSES_OURS	/* one of them is where this relay listens (RFC 5321 s5.1) */
};

enum plan_tlsa {
	PLAN_TLSA_UNKNOWN,	/* look-up error or bogus: host unusable this time (RULES D04) */
	PLAN_TLSA_NONE,		/* secure denial, insecure answer or addresses (D06, D10) */
	PLAN_TLSA_SECURE	/* secure and non-empty (D11); maybe all unusable (D12) */
};

enum plan_sts_state {
	PLAN_STS_UNKNOWN,	/* not settled or cache unreadable: defer (S30) */
	PLAN_STS_NONE,		/* no record, or mode none (S39) */
	PLAN_STS_TESTING,
	PLAN_STS_ENFORCE,
	PLAN_STS_FAILED		/* record there, policy not usable, nothing cached (S09) */
};

/* From the TLS history: the best level that connections proved, and how often. */
struct plan_past {
	enum plan_level	 level;		/* PLAN_NO_LEVEL: none is remembered */
	int64_t		 last;		/* Unix seconds */
	uint32_t	 count;
};

struct plan_host {
	char			 name[DNS_NAME_MAX];	/* MX name, A-labels */
	uint16_t		 preference;
	enum plan_addresses	 addresses_state;
	int			 addresses_secure;	/* D06, D07 */
	struct dns_address	 addresses[PLAN_ADDRESSES_MAX];
	size_t			 naddresses;
	enum plan_tlsa		 tlsa_state;
	char			 tlsa_base[DNS_NAME_MAX];	/* D08; SNI, first reference */
	struct dns_tlsa_set	 tlsa;		/* owned */
	int			 tlsa_denied;	/* NONE, and a signed denial proves it */
	struct plan_past	 past;		/* of this host for this domain */
	struct why		 why;		/* set where a state is not the good one */
};

struct plan_sts {
	enum plan_sts_state	 state;
	char			 id[33];
	char			 (*patterns)[DNS_NAME_MAX];	/* owned array, "mx" lines */
	size_t			 npatterns;
	int			 withdrawn;	/* NONE: the domain's policy says mode none (S26) */
	int			 from_cache;	/* S08: the cached policy applies */
	int64_t			 expires;	/* Unix seconds, end of max_age */
	struct why		 why;		/* of a failure, even if from_cache */
};

struct plan_evidence {
	char			 domain[DNS_NAME_MAX];	/* next-hop domain, A-labels, lower case */
	enum plan_mx		 mx;
	int			 mx_secure;
	char			 canonical[DNS_NAME_MAX];	/* after secure CNAMEs, else "" */
	struct plan_host	*hosts;		/* owned; sorted by preference, random within one */
	size_t			 nhosts;
	struct plan_sts		 sts;
	int			 past_known;	/* 0: the TLS history could not be read */
	struct plan_past	 past;		/* the best of all hosts that the domain had */
	struct plan_past	 past_sts;	/* sts, whether it is the best or not: it holds for all hosts */
	uint32_t		 ttl;		/* seconds for which this may be used */
	struct why		 why;		/* of an MX failure */
};

void	plan_evidence_fini(struct plan_evidence *);
/* Overwrites *to (which holds nothing yet). */
void	plan_evidence_copy(struct plan_evidence *to, const struct plan_evidence *from);

#endif
