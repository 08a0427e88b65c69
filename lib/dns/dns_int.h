/* SPDX-License-Identifier: ISC */
/*
 * dns_int: what the look-ups of this area have in common: every handle
 * begins with a struct dns_query, which stands in its resolver's list until
 * it is answered or cancelled. A look-up that asks through others is opened
 * before them, so that the list, walked from its head, never drops a child
 * before its parent.
 */
#ifndef DNS_INT_H
#define DNS_INT_H

#include "lib/base/list.h"
#include "lib/dns/resolver.h"

#define DNS_QUERY_MAGIC	0x444e5351u

struct dns_query {
	unsigned		  magic;
	struct dns_resolver	 *resolver;
	void			(*drop)(struct dns_query *);	/* closes, cancels, frees */
	TAILQ_ENTRY(dns_query)	  link;
};

struct ub_ctx;

/* resolver_conf.c: 0, or -1 and *why. */
int	dns_resolver_configure(struct ub_ctx *, const struct dns_param *, struct why *);
int	dns_unbound_says(struct why *, const char *what, int error);	/* -1 */

void	dns_query_open(struct dns_resolver *, struct dns_query *, void (*drop)(struct dns_query *));
void	dns_query_close(struct dns_query *);	/* out of the list; the owner frees */

#endif
