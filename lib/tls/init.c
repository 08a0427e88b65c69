/* SPDX-License-Identifier: ISC */
/* init: library start without configuration, and what all contexts share. */
#include "lib/tls/init.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/base/bug.h"
#include "lib/tls/tls_int.h"

void
tls_init(void)
{
	/* Later calls that would load openssl.cnf find that this was decided. */
	MUST(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
}

int
tls_init_error(struct why *why, enum why_reason reason, const char *doing)
{
	unsigned long e = ERR_get_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return why_set(why, reason, "%s: %s", doing, text ? text : "no reason given");
}

int
tls_init_no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1;
}

int
tls_init_context(SSL_CTX *ctx, struct why *why)
{
	static char groups[] = "X25519:P-256:P-384:P-521";	/* the macro drops const */

	/*
	 * A resumed session shows no certificate, so there are none: no cache,
	 * no tickets (HARDENING C8, C9). No renegotiation in either role.
	 */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_max_cert_list(ctx, TLS_CERT_LIST_MAX);
	SSL_CTX_set_security_level(ctx, TLS_LEVEL_HANDSHAKE);
	if (!SSL_CTX_set_cipher_list(ctx, "HIGH:!aNULL:!eNULL:!PSK:!SRP:!DSS") ||
	    !SSL_CTX_set1_groups_list(ctx, groups) ||
	    !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
		return tls_init_error(why, WHY_POLICY_UNAVAILABLE, "TLS context");
	return 0;
}
