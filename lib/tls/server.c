/* SPDX-License-Identifier: ISC */
/* server: one SSL_CTX from a certificate chain and a key in memory. */
#include "lib/tls/server.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/bug.h"
#include "lib/tls/init.h"
#include "lib/tls/tls_int.h"

struct tls_server {
	SSL_CTX	*ctx;
};

static BIO *
memory(const void *p, size_t len)
{
	return len <= INT_MAX ? BIO_new_mem_buf(p, (int)len) : NULL;
}

static X509 *
certificate_next(BIO *bio)
{
	return PEM_read_bio_X509(bio, NULL, tls_init_no_passphrase, NULL);
}

/* The leaf, then whatever follows as its chain, up to a clean end. */
static int
load_chain(SSL_CTX *ctx, BIO *bio, struct why *why)
{
	X509 *cert = bio == NULL ? NULL : certificate_next(bio);
	int ok = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	if (!ok)
		return tls_init_error(why, WHY_CERT_INVALID, "listener certificate");
	while ((cert = certificate_next(bio)) != NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, cert) == 1)
			continue;
		X509_free(cert);
		return tls_init_error(why, WHY_CERT_INVALID, "listener certificate chain");
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return tls_init_error(why, WHY_CERT_INVALID, "listener certificate chain");
	ERR_clear_error();
	return 0;
}

static int
load_key(SSL_CTX *ctx, BIO *bio, struct why *why)
{
	EVP_PKEY *key = NULL;
	int ok;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, tls_init_no_passphrase, NULL);
	if (key == NULL)
		return tls_init_error(why, WHY_CERT_INVALID,
		    "listener key (must be PEM without passphrase)");
	ok = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	if (!ok)
		return tls_init_error(why, WHY_CERT_INVALID,
		    "listener key does not belong to the certificate");
	return 0;
}

struct tls_server *
tls_server_new(const void *certificate, size_t certificate_len, const void *key, size_t key_len,
    struct why *why)
{
	struct tls_server *s = must_calloc(1, sizeof *s);
	BIO *cert_bio, *key_bio;

	tls_init();
	ERR_clear_error();
	cert_bio = memory(certificate, certificate_len);
	key_bio = memory(key, key_len);
	if ((s->ctx = SSL_CTX_new(TLS_server_method())) == NULL) {
		tls_init_error(why, WHY_CERT_INVALID, "TLS server context");
		tls_server_free(&s);
	} else if (tls_init_context(s->ctx, why) == -1 ||
	    load_chain(s->ctx, cert_bio, why) == -1 || load_key(s->ctx, key_bio, why) == -1)
		tls_server_free(&s);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	if (s == NULL)
		return NULL;
	SSL_CTX_set_num_tickets(s->ctx, 0);
	SSL_CTX_set_dh_auto(s->ctx, 1);
	SSL_CTX_set_options(s->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	return s;
}

void
tls_server_free(struct tls_server **sp)
{
	if (*sp == NULL)
		return;
	SSL_CTX_free((*sp)->ctx);
	free(*sp);
	*sp = NULL;
}

SSL *
tls_server_session(struct tls_server *s)
{
	SSL *ssl = SSL_new(s->ctx);

	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}
