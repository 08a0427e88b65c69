/* SPDX-License-Identifier: ISC */
/*
 * facts: what a finished client handshake showed. DANE and PKIX are both
 * always evaluated, each by itself, because one host can have to satisfy
 * both (RULES S40, HARDENING 9.1). RFC 7672 s3, RFC 8461 s4.2.
 *
 * *facts is overwritten. It stays "nothing is proven" where the handshake is
 * not finished, the peer showed no certificate or the store is unknown.
 * Dates are judged by clock_wall_ms.
 */
#ifndef TLS_FACTS_H
#define TLS_FACTS_H

#include <openssl/ssl.h>

#include "lib/tls/client.h"
#include "lib/tls/want.h"

void	tls_facts_read(SSL *, const struct tls_client *, const struct tls_want *,
	    struct tls_facts *);

#endif
