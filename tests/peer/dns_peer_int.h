/* SPDX-License-Identifier: ISC */
/* dns_peer_int: the zones of a dns_peer and the answers out of them. */
#ifndef PEER_DNS_PEER_INT_H
#define PEER_DNS_PEER_INT_H

#include <stddef.h>
#include <stdint.h>

#include <ldns/ldns.h>

#include "tests/peer/dns_peer.h"

struct dns_zones;

struct dns_zones	*dns_zones_new(void);
void			 dns_zones_free(struct dns_zones *);
void			 dns_zones_put(struct dns_zones *, const char *origin, int is_signed,
			    const char *records);
void			 dns_zones_publish(struct dns_zones *);
char			*dns_zones_anchor(const struct dns_zones *);	/* malloc'd text */
/* Wire form, malloc'd. */
uint8_t			*dns_zones_answer(struct dns_zones *, const ldns_pkt *query,
			    enum dns_peer_act, int udp, size_t *len);

#endif
