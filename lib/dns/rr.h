/* SPDX-License-Identifier: ISC */
/* rr: the DNS values that other areas carry around. Pure data. */
#ifndef DNS_RR_H
#define DNS_RR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DNS_NAME_MAX	256	/* presentation form with NUL, no trailing dot, lower case */
#define DNS_TLSA_MAX	100	/* records kept of one RRset (HARDENING P2) */

/* What a look-up showed. RFC 7672 s2.1.1: BOGUS and FAILED are look-up errors, never absence. */
enum dns_status {
	DNS_FAILED,		/* timeout, SERVFAIL, over a limit: nothing is known */
	DNS_BOGUS,		/* DNSSEC validation failed */
	DNS_FOUND,
	DNS_NODATA,
	DNS_NXDOMAIN
};

/* An address without port. */
struct dns_address {
	int		family;		/* AF_INET, AF_INET6 */
	uint8_t		ip[16];		/* network order; 4 or 16 bytes used */
};

struct dns_tlsa {
	uint8_t		 usage, selector, mtype;	/* as published, maybe unusable */
	uint16_t	 len;
	uint8_t		*data;		/* malloc'd, owned by the set */
};

struct dns_tlsa_set {
	struct dns_tlsa	*rr;		/* malloc'd array */
	size_t		 n;
};

void	dns_tlsa_set_add(struct dns_tlsa_set *, uint8_t usage, uint8_t selector, uint8_t mtype,
	    const void *data, size_t len);	/* copies */
void	dns_tlsa_set_copy(struct dns_tlsa_set *to, const struct dns_tlsa_set *from);
void	dns_tlsa_set_fini(struct dns_tlsa_set *);
/* RFC 7672 s3.1: usage 2 or 3, selector 0 or 1, type 0..2, digest length right, key or certificate parses. */
int	dns_tlsa_usable(const struct dns_tlsa *);
/* "3 1 1 0a1b..." */
void	dns_tlsa_print(const struct dns_tlsa *, char *to, size_t cap);

/* "192.0.2.1", "2001:db8::1"; to holds INET6_ADDRSTRLEN. */
void	dns_address_print(const struct dns_address *, char *to, size_t cap);
int	dns_address_parse(const char *, struct dns_address *);	/* 0, -1 */
/* The IPv4 address that a mapped one is (RFC 4291 s2.5.5.2), else the address itself. */
struct dns_address dns_address_plain(const struct dns_address *);
/* Fills a sockaddr; returns its length. */
socklen_t dns_address_sockaddr(const struct dns_address *, uint16_t port, struct sockaddr_storage *);

#endif
