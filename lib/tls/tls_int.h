/* SPDX-License-Identifier: ISC */
/* tls_int: what the files of lib/tls share. Included nowhere else but in its tests. */
#ifndef TLS_TLS_INT_H
#define TLS_TLS_INT_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "lib/base/why.h"
#include "lib/tls/client.h"
#include "lib/tls/want.h"

#define TLS_CERT_LIST_MAX	65536	/* octets of a peer's Certificate message (HARDENING C12) */
#define TLS_CHAIN_DEPTH_MAX	10	/* intermediates between leaf and anchor */

/*
 * Security levels (SSL_CTX_set_security_level(3)), RULES D24:
 * HANDSHAKE 112 bits for protocol, ciphers and key exchange; it does not look
 *	at certificates, because verification happens after the handshake.
 * PKIX	112 bits: RSA >= 2048, no SHA-1 signatures, as in the web's PKI.
 * DANE	80 bits: the DNS vouches for the key; RSA-1024 is the receiver's choice.
 * WEAK	what a weak-tls exception accepts: old protocols, small DH, SHA-1.
 */
enum tls_level {
	TLS_LEVEL_WEAK = 0,
	TLS_LEVEL_DANE = 1,
	TLS_LEVEL_PKIX = 2,
	TLS_LEVEL_HANDSHAKE = 2
};

/* What client and server have in common. 0, or -1 and *why. */
int	 tls_init_context(SSL_CTX *, struct why *);
/* Sets reason and text from the first error in OpenSSL's queue, empties it, returns -1. */
int	 tls_init_error(struct why *, enum why_reason, const char *doing);
/* Refuses instead of asking for a passphrase on the terminal. */
int	 tls_init_no_passphrase(char *buf, int size, int writing, void *arg);

/* The named store, NULL if there is none. */
X509_STORE *tls_client_store(const struct tls_client *, const char *name);

/* Fill the pkix_ or dane_ facts (and matched_name) for a leaf and what came with it. */
void	 tls_judge_pkix(X509_STORE *, X509 *leaf, STACK_OF(X509) *, const struct tls_want *,
	    struct tls_facts *);
void	 tls_judge_dane(SSL *, X509_STORE *, X509 *leaf, STACK_OF(X509) *, struct tls_facts *);

#endif
