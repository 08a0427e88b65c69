/* SPDX-License-Identifier: ISC */
/*
 * init: OpenSSL without openssl.cnf and without environment variables.
 * Whoever touches OpenSSL by itself calls this first; tls_client_new and
 * tls_server_new do. May be called any number of times, from any thread.
 */
#ifndef TLS_INIT_H
#define TLS_INIT_H

void	tls_init(void);

#endif
