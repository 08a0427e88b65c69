/* SPDX-License-Identifier: ISC */
/*
 * source: the local addresses that connections come from, and the name that
 * is said there. What a destination has of its own wins (its next hop may
 * know us by that address), then what the sender's domain has (sources[]; the
 * mail waits under a key of its own, queue/key.h), then delivery.source.
 *
 * Part of a generation, from whose configuration everything is borrowed. The
 * digest goes through rule, plan and requirement, so that a connection from
 * other addresses is another connection (HARDENING C7).
 */
#ifndef SMTP_SOURCE_H
#define SMTP_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/conf/conf.h"
#include "lib/dns/rr.h"
#include "lib/queue/key.h"

struct source {
	uint64_t			 digest;	/* of addresses and hostname; never 0 */
	const char			*origin;	/* who says so: "news", "relayd.conf:7" */
	const char			*hostname;	/* in EHLO */
	const struct conf_addresses	*addresses;
	int				 only;		/* a family without one is not used */
};

struct sources {
	struct source	*v;		/* delivery.source, sources[], destinations[] */
	size_t		 n;
};

void			 sources_make(struct sources *, const struct conf *);
void			 sources_fini(struct sources *);
/* For mail under this key. A name that the configuration does not know (any more) is none. */
const struct source	*sources_for(const struct sources *, const struct conf *,
			    const struct queue_key *);
/* The one with this digest; else delivery.source. NULL of an empty list only. */
const struct source	*sources_of(const struct sources *, uint64_t digest);
/*
 * The address to connect from to one of this family: 1 and *from; 0: any. -1 and *why: there is
 * none. source may be NULL: any.
 */
int			 source_address(const struct source *, int family,
			    struct dns_address *from, struct why *);

#endif
