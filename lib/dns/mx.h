/* SPDX-License-Identifier: ISC */
/* mx: the mail exchangers of a domain. RFC 5321 s5.1, RFC 7505, RFC 7672 s2.2.1. */
#ifndef DNS_MX_H
#define DNS_MX_H

#include "lib/dns/resolver.h"

#define DNS_MX_MAX	20	/* the most preferred ones are kept (HARDENING P2) */

struct dns_mx_host {
	char		name[DNS_NAME_MAX];
	uint16_t	preference;
};

struct dns_mx {
	/*
	 * FOUND: hosts or null_mx. NODATA: the domain is there without MX, the
	 * caller's implicit MX. FAILED and BOGUS: defer, never fall to A (D03);
	 * FAILED also if not one record names a possible host.
	 */
	enum dns_status		status;
	int			secure;		/* with NODATA and NXDOMAIN: the denial is (D21) */
	int			null_mx;	/* RFC 7505: takes no mail */
	char			canonical[DNS_NAME_MAX];	/* after aliases, D16 */
	struct dns_mx_host	hosts[DNS_MX_MAX];	/* by preference, shuffled within one */
	size_t			nhosts;
	uint32_t		ttl;
	struct why		why;
};
typedef void	dns_mx_fn(void *arg, const struct dns_mx *);

struct dns_query *dns_mx_lookup(struct dns_resolver *, const char *domain, dns_mx_fn *, void *arg);
/* The pure half: what an answer means. */
void		  dns_mx_parse(struct dns_mx *, const struct dns_answer *);

#endif
