/* SPDX-License-Identifier: ISC */
/* client: one SSL_CTX, named trust stores, one SSL per connection. */
#include "lib/tls/client.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/tls/init.h"
#include "lib/tls/tls_int.h"

struct named_store {
	char		*name;
	X509_STORE	*store;
};

/* A client certificate with its chain and key. */
struct identity {
	char			*name;
	X509			*leaf;
	STACK_OF(X509)		*chain;
	EVP_PKEY		*key;
};

struct tls_client {
	SSL_CTX			*ctx;
	struct named_store	*stores;
	size_t			 nstores;
	struct identity		*identities;
	size_t			 nidentities;
};

/*
 * Takes the place of verification inside the handshake: lets it go on and
 * leaves a result that nobody can mistake for success.
 */
static int
judge_later(X509_STORE_CTX *x, void *arg)
{
	X509_STORE_CTX_set_error(x, X509_V_ERR_APPLICATION_VERIFICATION);
	return 1;
}

static void
identity_fini(struct identity *id)
{
	free(id->name);
	X509_free(id->leaf);
	sk_X509_pop_free(id->chain, X509_free);
	EVP_PKEY_free(id->key);
}

struct tls_client *
tls_client_new(struct why *why)
{
	struct tls_client *c = must_calloc(1, sizeof *c);

	tls_init();
	ERR_clear_error();
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL || SSL_CTX_dane_enable(c->ctx) <= 0) {
		tls_init_error(why, WHY_POLICY_UNAVAILABLE, "TLS client context");
		tls_client_free(&c);
		return NULL;
	}
	if (tls_init_context(c->ctx, why) == -1) {
		tls_client_free(&c);
		return NULL;
	}
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(c->ctx, judge_later, NULL);
	return c;
}

void
tls_client_free(struct tls_client **cp)
{
	struct tls_client *c = *cp;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->nstores; i++) {
		free(c->stores[i].name);
		X509_STORE_free(c->stores[i].store);
	}
	free(c->stores);
	for (size_t i = 0; i < c->nidentities; i++)
		identity_fini(&c->identities[i]);
	free(c->identities);
	SSL_CTX_free(c->ctx);
	free(c);
	*cp = NULL;
}

X509_STORE *
tls_client_store(const struct tls_client *c, const char *name)
{
	for (size_t i = 0; i < c->nstores; i++)
		if (strcmp(c->stores[i].name, name) == 0)
			return c->stores[i].store;
	return NULL;
}

static X509_STORE *
store_make(struct tls_client *c, const char *name)
{
	X509_STORE *store = tls_client_store(c, name);

	if (store != NULL)
		return store;
	if ((store = X509_STORE_new()) == NULL)
		return NULL;
	c->stores = must_realloc(c->stores, c->nstores + 1, sizeof *c->stores);
	c->stores[c->nstores++] = (struct named_store){ must_strdup(name), store };
	return store;
}

/* All certificates of a PEM text, NULL and *why if it is not wholly readable. */
static STACK_OF(X509) *
certificates_read(const void *pem, size_t len, const char *what, struct why *why)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	X509 *cert;
	int n = 0;

	while (bio != NULL && all != NULL &&
	    (cert = PEM_read_bio_X509_AUX(bio, NULL, tls_init_no_passphrase, NULL)) != NULL) {
		if (sk_X509_push(all, cert) <= 0) {
			X509_free(cert);
			break;
		}
		n++;
	}
	BIO_free(bio);
	/* The end of the text reads as "no start line"; anything else is damage. */
	if (n > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return all;
	}
	why_set(why, WHY_CERT_INVALID, n == 0 ? "%s holds no readable certificate" :
	    "%s is damaged after certificate %d", what, n);
	ERR_clear_error();
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

int
tls_client_add_store(struct tls_client *c, const char *name, const void *pem, size_t len,
    struct why *why)
{
	STACK_OF(X509) *all;
	X509_STORE *store;
	int ret = 0;

	ERR_clear_error();
	if ((all = certificates_read(pem, len, "trust store", why)) == NULL)
		return -1;
	store = store_make(c, name);
	for (int i = 0; i < sk_X509_num(all) && ret == 0; i++)
		if (store == NULL || !X509_STORE_add_cert(store, sk_X509_value(all, i)))
			ret = tls_init_error(why, WHY_CERT_INVALID, "trust store");
	sk_X509_pop_free(all, X509_free);
	return ret;
}

static const struct identity *
identity_of(const struct tls_client *c, const char *name)
{
	for (size_t i = 0; i < c->nidentities; i++)
		if (strcmp(c->identities[i].name, name) == 0)
			return &c->identities[i];
	return NULL;
}

static EVP_PKEY *
key_read(const void *pem, size_t len)
{
	BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, tls_init_no_passphrase, NULL);
	BIO_free(bio);
	return key;
}

int
tls_client_add_identity(struct tls_client *c, const char *name, const void *certificate,
    size_t certificate_len, const void *key, size_t key_len, struct why *why)
{
	struct identity id = { 0 };

	if (identity_of(c, name) != NULL)
		return 0;
	ERR_clear_error();
	id.chain = certificates_read(certificate, certificate_len, "client certificate", why);
	if (id.chain == NULL)
		return -1;
	id.leaf = sk_X509_shift(id.chain);
	if ((id.key = key_read(key, key_len)) == NULL)
		tls_init_error(why, WHY_CERT_INVALID,
		    "client key (must be PEM without passphrase)");
	else if (X509_check_private_key(id.leaf, id.key) != 1)
		tls_init_error(why, WHY_CERT_INVALID,
		    "client key does not belong to the certificate");
	else {
		id.name = must_strdup(name);
		c->identities = must_realloc(c->identities, c->nidentities + 1,
		    sizeof *c->identities);
		c->identities[c->nidentities++] = id;
		return 0;
	}
	identity_fini(&id);
	return -1;
}

/*
 * DANE: only records that a mail client may use go in (RULES D12), so that
 * OpenSSL sees neither PKIX-TA nor PKIX-EE and never asks the local store.
 */
static int
session_dane(SSL *ssl, const struct tls_want *want, struct why *why)
{
	const struct dns_tlsa_set *set = &want->tlsa;

	if (SSL_dane_enable(ssl, want->nnames > 0 ? want->names[0] : want->sni) <= 0)
		return tls_init_error(why, WHY_TLSA_INVALID, "DANE");
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	/* RFC 7672 s3.2.3: here the CN counts where there is no DNS-ID (RULES D17). */
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = 1; i < want->nnames && i < TLS_NAMES_MAX; i++)
		if (!SSL_add1_host(ssl, want->names[i]))
			return tls_init_error(why, WHY_TLSA_INVALID, want->names[i]);
	for (size_t i = 0; i < set->n; i++) {
		const struct dns_tlsa *rr = &set->rr[i];

		if (!dns_tlsa_usable(rr))
			continue;
		if (SSL_dane_tlsa_add(ssl, rr->usage, rr->selector, rr->mtype, rr->data,
		    rr->len) < 0)
			return tls_init_error(why, WHY_TLSA_INVALID, "TLSA record");
	}
	ERR_clear_error();
	return 0;
}

static int
session_identity(SSL *ssl, const struct identity *id, const char *name, struct why *why)
{
	if (name[0] == '\0')
		return 0;
	if (id == NULL)
		return why_set(why, WHY_POLICY_UNAVAILABLE, "client certificate \"%s\" is not loaded",
		    name);
	if (SSL_use_cert_and_key(ssl, id->leaf, id->key, id->chain, 1) != 1)
		return tls_init_error(why, WHY_CERT_INVALID, "client certificate");
	return 0;
}

static int
session_set_up(SSL *ssl, const struct tls_want *want, struct why *why)
{
	char sni[DNS_NAME_MAX];		/* OpenSSL's macro drops const */

	if (!SSL_set_min_proto_version(ssl, want->min_version ? want->min_version : TLS_V1_2))
		return tls_init_error(why, WHY_TLS_TOO_OLD, "minimum TLS version");
	if (want->min_version != 0 && want->min_version < TLS_V1_2) {
		SSL_set_security_level(ssl, TLS_LEVEL_WEAK);
		SSL_set_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT);
	}
	str_copy(sni, want->sni, sizeof sni);
	if (sni[0] != '\0' && !SSL_set_tlsext_host_name(ssl, sni))
		return tls_init_error(why, WHY_CERT_INVALID, "server name");
	if (want->tlsa.n > 0 && session_dane(ssl, want, why) == -1)
		return -1;
	/* RFC 6066 s3: an address is no server name, and DANE has made it one. */
	if (sni[0] == '\0')
		SSL_set_tlsext_host_name(ssl, NULL);
	SSL_set_connect_state(ssl);
	return 0;
}

SSL *
tls_client_session(struct tls_client *c, const struct tls_want *want, struct why *why)
{
	SSL *ssl;

	ERR_clear_error();
	if (tls_client_store(c, want->ca) == NULL) {
		why_set(why, WHY_POLICY_UNAVAILABLE, "trust store \"%s\" is not loaded", want->ca);
		return NULL;
	}
	if ((ssl = SSL_new(c->ctx)) == NULL) {
		tls_init_error(why, WHY_POLICY_UNAVAILABLE, "TLS session");
		return NULL;
	}
	if (session_set_up(ssl, want, why) == -1 ||
	    session_identity(ssl, identity_of(c, want->identity), want->identity, why) == -1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
