/* SPDX-License-Identifier: ISC */
/*
 * families: IPv4 or IPv6 first? The preference of the configuration, and a
 * memory of IPv6 that does not work from here. It says in what order the
 * addresses of one host are tried, never which host, and never what is
 * asked of it: an address that comes last is tried all the same.
 *
 * Pure: no I/O, no clock but the one given.
 */
#ifndef SMTP_FAMILIES_H
#define SMTP_FAMILIES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dns/rr.h"

#define FAMILIES_HOSTS		3	/* so many in a row that cannot be reached say "broken" */
#define FAMILIES_LAST_MS	600000	/* IPv6 comes last for so long */
#define FAMILIES_PROBE_MS	60000	/* but for one walk so often */

/* What came of connecting to one address. */
enum families_reach {
	FAMILIES_NOT_TRIED,	/* or failed for a reason of our own */
	FAMILIES_REACHED,	/* connected, or refused: packets get there and back */
	FAMILIES_NO_ANSWER,	/* timeout, or somebody on the way says unreachable */
	FAMILIES_NO_ROUTE	/* this machine knows no way: it has no IPv6 */
};

enum families_change { FAMILIES_AS_BEFORE, FAMILIES_WELL, FAMILIES_BROKEN, FAMILIES_ABSENT };

enum families_prefer { FAMILIES_IPV6, FAMILIES_IPV4, FAMILIES_ANY };

struct families {
	uint64_t	hosts[FAMILIES_HOSTS];	/* that could not be reached over IPv6, in a row */
	size_t		nhosts;
	int		bad;		/* it was said that IPv6 does not work */
	int64_t		until;		/* mono ms: it comes last until then */
	int64_t		probe;		/* mono ms: the next walk that takes it as usual */
};

/* Of an IPv6 address; host: a number that stands for it. What is to be logged, once. */
enum families_change	families_note(struct families *, enum families_reach, uint64_t host,
			    int64_t now);
/* 1: IPv6 comes last in this walk. */
int			families_ipv6_last(struct families *, int64_t now);
/*
 * The order of n addresses: the families take turns, so that both are among the
 * first, beginning with the preferred one (ANY: with the one that odd says); or
 * all of IPv4 first. Within a family it stays as it is.
 */
void			families_order(const struct dns_address *, size_t n,
			    enum families_prefer, int odd, int ipv6_last, size_t *order);

#endif
