/* SPDX-License-Identifier: ISC */
/* why: turns what OpenSSL says into this program's reasons. All return -1 and fill *why. */
#ifndef TLS_WHY_H
#define TLS_WHY_H

#include <openssl/ssl.h>

#include "lib/base/why.h"
#include "lib/tls/want.h"

/*
 * Why a handshake failed: ssl_error is SSL_get_error's answer, taken right
 * after the call; errno and OpenSSL's error queue must be untouched since.
 * Empties the queue.
 */
int	tls_why_handshake(SSL *, int ssl_error, struct why *);

/* Why the certificate does not do for PKIX, and for DANE (RFC 8460 s4.3). */
int	tls_why_certificate(const struct tls_facts *, struct why *);
int	tls_why_tlsa(const struct tls_facts *, struct why *);

#endif
