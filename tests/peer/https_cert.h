/* SPDX-License-Identifier: ISC */
/* https_cert: a CA of the test's own and its good and bad certificates. */
#ifndef PEER_HTTPS_CERT_H
#define PEER_HTTPS_CERT_H

#include <openssl/ssl.h>

#include "tests/peer/https_peer.h"

struct https_certs;

struct https_certs	*https_certs_new(const char *host);
void			 https_certs_free(struct https_certs *);
const char		*https_certs_ca(const struct https_certs *);
SSL_CTX			*https_certs_ctx(const struct https_certs *, enum https_cert);

#endif
