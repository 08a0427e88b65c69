/* SPDX-License-Identifier: ISC */
/*
 * name: one spelling for every domain name: presentation form, lower case,
 * absolute without its trailing dot, letters, digits, hyphens and
 * underscores only, labels of 1..63 octets, 253 octets in all (RFC 1035
 * s2.3.4). Names that differ from that do not enter this program.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stddef.h>

#include "lib/dns/rr.h"

/* Fills to (DNS_NAME_MAX); one trailing dot is dropped. 0, or -1: not such a name, to is "". */
int	dns_name_normalize(const char *from, size_t len, char *to);

/* "_mta-sts" + "example.com" -> "_mta-sts.example.com". 0, or -1: too long or invalid. */
int	dns_name_prefix(const char *prefix, const char *name, char *to);

/* Uncompressed wire form, as in RDATA; "." becomes "". 0, or -1. */
int	dns_name_from_wire(const void *wire, size_t len, char *to);

#endif
