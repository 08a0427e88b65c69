/* SPDX-License-Identifier: ISC */
/*
 * range: addresses that a recipient domain may not make us connect to
 * (HARDENING P8). For MX hosts: loopback, unspecified, link-local, multicast,
 * broadcast and reserved ones, and our own. For policy hosts also private,
 * shared (CGNAT), unique-local, documentation and benchmark ones. IPv6 forms
 * that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) are
 * judged by that address too. The allow list overrules all of it.
 */
#ifndef DNS_RANGE_H
#define DNS_RANGE_H

#include "lib/base/why.h"
#include "lib/dns/rr.h"

enum dns_range_use { DNS_RANGE_MX, DNS_RANGE_FETCH };

struct dns_range;

struct dns_range *dns_range_new(void);
void		  dns_range_free(struct dns_range **);
/* "127.0.0.0/8", "::1/128", "192.0.2.1". 0, or -1 and *why. */
int		  dns_range_allow(struct dns_range *, const char *network, struct why *);
/* An address of this machine's own: mail sent there would come back. */
void		  dns_range_own(struct dns_range *, const struct dns_address *);
/* Mail is taken in at this address and port; family with an ip of zeros: at every own address. */
void		  dns_range_listens(struct dns_range *, const struct dns_address *, uint16_t port);
/* 1: who connects there connects to this relay. The allow list changes nothing about it. */
int		  dns_range_is_ours(const struct dns_range *, const struct dns_address *,
		    uint16_t port);

/* 0: may be connected to. -1: refused, *why is ADDRESS_REFUSED. range may be NULL: no lists. */
int		  dns_range_check(const struct dns_range *, enum dns_range_use,
		    const struct dns_address *, struct why *);

#endif
