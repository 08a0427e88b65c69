/* SPDX-License-Identifier: ISC */
/*
 * resolver: DNS questions with DNSSEC validated in this process (libunbound
 * on our event loop). Iterates from the root, or asks the forwarders; the
 * AD bit of a forwarder is never believed (RULES D02). After _new it opens
 * no file, so it works in a chroot; it reads neither resolv.conf nor hosts.
 *
 * A forwarder may be a recursing resolver that passes DNSSEC records on, or,
 * in a private internet, an authoritative server that serves the root and
 * every zone below it: answers with AA and without RA are taken as they are,
 * and aliases that leave a zone are followed by asking again.
 *
 * RFC 4033-4035, RFC 7672 s2.1.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/rr.h"

#define DNS_CNAME_MAX	8	/* aliases in a row (HARDENING P2) */

struct event_base;
struct dns_resolver;
struct dns_query;

struct dns_param {
	const char *const	*forward;	/* "ip", "ip:port", "[v6]:port"; none: iterate */
	size_t			 nforward;
	const char		*anchors;	/* text of DS or DNSKEY lines, ";" comments */
	int64_t			 timeout_ms;	/* per question; 0: 30 s */
	size_t			 cache_bytes;	/* 0: 64 MiB */
};

/* One question answered. Borrowed: gone when the callback returns. */
struct dns_answer {
	enum dns_status	 status;
	int		 secure;	/* FOUND, NODATA, NXDOMAIN: proven by DNSSEC */
	uint16_t	 type;
	char		 name[DNS_NAME_MAX];		/* that was asked */
	char		 canonical[DNS_NAME_MAX];	/* at the end of the aliases */
	unsigned	 naliases;
	uint32_t	 ttl;		/* seconds, smallest of what the answer rests on */
	size_t		 nrr;		/* records of the type asked, in answer order */
	const struct dns_rdata {
		const uint8_t	*data;	/* names inside are not compressed */
		size_t		 len;
	}		*rr;
	struct why	 why;		/* set if FAILED or BOGUS */
};
typedef void	dns_answer_fn(void *arg, const struct dns_answer *);

/* NULL and *why: a forwarder or an anchor does not parse, no anchor at all, libunbound fails. */
struct dns_resolver	*dns_resolver_new(struct event_base *, const struct dns_param *,
			    struct why *);
/* Open queries end without their callbacks; their handles must not be used after. */
void			 dns_resolver_free(struct dns_resolver **);

/*
 * Asks for name (see name.h; always absolute) and an RR type. fn is called
 * exactly once from the event loop, never from in here, unless the query is
 * cancelled before. The handle ends with the call of fn or with the cancel.
 */
struct dns_query	*dns_query(struct dns_resolver *, const char *name, uint16_t type,
			    dns_answer_fn *, void *arg);
/* For the handles of all look-ups of this area; nulls the handle. NULL is fine. */
void			 dns_query_cancel(struct dns_query **);

/* "found", "nodata", ... */
const char		*dns_status_name(enum dns_status);

#endif
