/* SPDX-License-Identifier: ISC */
/*
 * client: makes the TLS side of outgoing connections. One context serves all
 * connections; trust stores are named and given as PEM bytes in memory, so
 * that no file is read after the privileges are gone.
 *
 * A handshake always runs to its end, whatever certificate is shown: the
 * certificate is judged afterwards by tls_facts_read (lib/tls/facts.h), and
 * whether mail may go is said by plan_admits and nobody else.
 *
 * No session cache, no tickets, no renegotiation. Security levels are
 * explained in tls_int.h. RFC 7672 s8.1 (SNI), RFC 8461 s7.1.
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <stddef.h>

#include <openssl/ssl.h>

#include "lib/base/why.h"
#include "lib/tls/want.h"

struct tls_client;

/* NULL and *why if OpenSSL cannot give a context. */
struct tls_client *tls_client_new(struct why *);
/* Sessions that still run keep what they need. */
void	 tls_client_free(struct tls_client **);

/*
 * Adds every certificate of the PEM text to the store of that name ("" is
 * the default one), making it if need be. 0, or -1 and *why: no certificate
 * in it, or one that cannot be read (then nothing was added).
 */
int	 tls_client_add_store(struct tls_client *, const char *name, const void *pem, size_t len,
	    struct why *);

/*
 * Adds a client certificate: the leaf first, then its intermediates, and its
 * unencrypted key, both PEM. A session shows it if its want names it and the
 * server asks. A name that is there already stays as it is. 0, or -1 and *why.
 */
int	 tls_client_add_identity(struct tls_client *, const char *name, const void *certificate,
	    size_t certificate_len, const void *key, size_t key_len, struct why *);

/*
 * A client-side SSL, set up for *want, without BIO; the caller frees it.
 * NULL and *why: unknown trust store or identity, or a want that OpenSSL refuses.
 * A min_version below TLS 1.2 (weak-tls exception) also admits small DH
 * groups and SHA-1.
 */
SSL	*tls_client_session(struct tls_client *, const struct tls_want *, struct why *);

#endif
