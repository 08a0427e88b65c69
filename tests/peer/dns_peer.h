/* SPDX-License-Identifier: ISC */
/*
 * dns_peer: an authoritative DNS server inside the test, on loopback, UDP
 * and TCP on one port. It serves every zone it is given, the root included,
 * signs them when told to, and lies on request. Libraries: ldns, libevent.
 *
 *	p = dns_peer_new(base);
 *	dns_peer_zone(p, ".", 1, "");
 *	dns_peer_zone(p, "example.", 1, "example. 60 MX 10 mx.example.\n...");
 *	dns_peer_publish(p);
 *	forward to dns_peer_address(p), anchor dns_peer_anchor(p)
 */
#ifndef PEER_DNS_PEER_H
#define PEER_DNS_PEER_H

#include <stdint.h>

struct event_base;
struct dns_peer;

enum dns_peer_act {
	DNS_PEER_HONEST,
	DNS_PEER_DROP,		/* no answer at all */
	DNS_PEER_SERVFAIL,
	DNS_PEER_REFUSED,
	DNS_PEER_BADSIG,	/* RRSIGs are spoilt */
	DNS_PEER_UNSIGNED,	/* RRSIGs and NSECs are left out */
	DNS_PEER_TRUNCATE,	/* TC over UDP, the truth over TCP */
	DNS_PEER_GARBAGE	/* header, then noise */
};

struct dns_peer	*dns_peer_new(struct event_base *);
void		 dns_peer_free(struct dns_peer **);

/*
 * Adds a zone or replaces its records; one record a line, absolute names,
 * TTL optional. SOA, NS and the cut in the parent zone are added. A zone
 * keeps its key when it is replaced.
 */
void		 dns_peer_zone(struct dns_peer *, const char *origin, int is_signed,
		    const char *records);
void		 dns_peer_publish(struct dns_peer *);	/* signs; after every dns_peer_zone */

/* What to do with a question; type 0: all types of that name. */
void		 dns_peer_act(struct dns_peer *, const char *name, uint16_t type,
		    enum dns_peer_act);
unsigned	 dns_peer_asked(const struct dns_peer *, const char *name, uint16_t type);

uint16_t	 dns_peer_port(const struct dns_peer *);
const char	*dns_peer_address(const struct dns_peer *);	/* "127.0.0.1:PORT" */
const char	*dns_peer_anchor(const struct dns_peer *);	/* DNSKEY of the root as text */

#endif
