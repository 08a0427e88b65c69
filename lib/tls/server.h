/* SPDX-License-Identifier: ISC */
/*
 * server: the TLS side of a listener: one certificate chain and its key,
 * given as PEM bytes. TLS 1.2 or later, no tickets, no session cache, no
 * client certificates. Reload makes a new one; sessions keep the old.
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "lib/base/why.h"

struct tls_server;

/*
 * certificate: the leaf first, then its intermediates. key: unencrypted.
 * NULL and *why: unreadable, too weak, or key and certificate differ.
 */
struct tls_server *tls_server_new(const void *certificate, size_t certificate_len,
	    const void *key, size_t key_len, struct why *);
void	 tls_server_free(struct tls_server **);

/* A server-side SSL without BIO; the caller frees it. NULL if memory is short. */
SSL	*tls_server_session(struct tls_server *);

#endif
