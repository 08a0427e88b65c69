/* SPDX-License-Identifier: ISC */
/*
 * addr: the addresses of a host (A and AAAA), and what must be known about
 * its aliases before TLSA may be asked. RFC 7672 s2.1.2, s2.2.2; RULES D06-D08.
 */
#ifndef DNS_ADDR_H
#define DNS_ADDR_H

#include "lib/dns/resolver.h"

#define DNS_ADDR_MAX	10	/* HARDENING P2; both families have their share */

struct dns_addr {
	/*
	 * FOUND if one family has addresses, even if the other one failed (D07).
	 * NODATA or NXDOMAIN only if both families say so; else FAILED or BOGUS.
	 */
	enum dns_status		status;
	int			secure;		/* the whole alias chain and the addresses are */
	int			origin_secure;	/* the name as asked lies in a signed zone (D08) */
	int			alias;		/* the name is a CNAME */
	char			name[DNS_NAME_MAX];
	char			canonical[DNS_NAME_MAX];	/* end of the aliases */
	struct dns_address	addresses[DNS_ADDR_MAX];	/* shuffled; v6, v4, v6 ... */
	size_t			naddresses;
	uint32_t		ttl;
	struct why		why;		/* also set if FOUND and one family failed */
};
typedef void	dns_addr_fn(void *arg, const struct dns_addr *);

struct dns_query *dns_addr_lookup(struct dns_resolver *, const char *host, dns_addr_fn *,
		    void *arg);
/* The pure half: two answers (A, AAAA) into one value; origin_secure as far as they tell. */
void		  dns_addr_parse(struct dns_addr *, const struct dns_answer *a,
		    const struct dns_answer *aaaa);

#endif
