/* SPDX-License-Identifier: ISC */
/* https_cert: see https_cert.h. ECDSA P-256, made when the test starts. */
#include "tests/peer/https_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct https_certs {
	EVP_PKEY	*ca_key, *key;
	X509		*ca, *certs[HTTPS_CERT__COUNT];
	char		*ca_pem;
};

struct recipe {
	const char	*cn, *san;
	int		 is_ca, days;
	EVP_PKEY	*key, *issuer_key;
	X509		*issuer;	/* NULL: itself */
};

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (e == NULL || X509_add_ext(x, e, -1) != 1)
		abort();
	X509_EXTENSION_free(e);
}

static X509 *
make(const struct recipe *r)
{
	static long serial = 1;
	X509 *x = X509_new(), *issuer = r->issuer != NULL ? r->issuer : x;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -30L * 86400);
	X509_gmtime_adj(X509_getm_notAfter(x), r->days * 86400L);
	X509_set_pubkey(x, r->key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	    (const unsigned char *)r->cn, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	extend(x, issuer, NID_basic_constraints, r->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (r->is_ca)
		extend(x, issuer, NID_key_usage, "keyCertSign,cRLSign");
	if (r->san != NULL)
		extend(x, issuer, NID_subject_alt_name, r->san);
	if (X509_sign(x, r->issuer_key, EVP_sha256()) == 0)
		abort();
	return x;
}

static char *
to_pem(X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *pem;
	long n;

	PEM_write_bio_X509(bio, x);
	n = BIO_get_mem_data(bio, &data);
	pem = strndup(data, (size_t)n);
	BIO_free(bio);
	return pem;
}

struct https_certs *
https_certs_new(const char *host)
{
	struct https_certs *c = calloc(1, sizeof *c);
	char own[300], wild[300];
	const struct recipe ca = { .cn = "test CA", .is_ca = 1, .days = 30,
	    .key = c->ca_key = EVP_EC_gen("P-256"), .issuer_key = c->ca_key };

	c->key = EVP_EC_gen("P-256");
	c->ca = make(&ca);
	c->ca_pem = to_pem(c->ca);
	snprintf(own, sizeof own, "DNS:%s", host);
	snprintf(wild, sizeof wild, "DNS:*%s", strchr(host, '.'));
	const struct recipe recipes[HTTPS_CERT__COUNT] = {
		[HTTPS_CERT_OK] = { "x", own, 0, 30, c->key, c->ca_key, c->ca },
		[HTTPS_CERT_OTHER] = { host, "DNS:mta-sts.other.example", 0, 30, c->key,
		    c->ca_key, c->ca },
		[HTTPS_CERT_WILDCARD] = { "x", wild, 0, 30, c->key, c->ca_key, c->ca },
		[HTTPS_CERT_CN_ONLY] = { host, NULL, 0, 30, c->key, c->ca_key, c->ca },
		[HTTPS_CERT_EXPIRED] = { "x", own, 0, -1, c->key, c->ca_key, c->ca },
		[HTTPS_CERT_SELF] = { "x", own, 0, 30, c->key, c->key, NULL },
	};
	for (int i = 0; i < HTTPS_CERT__COUNT; i++)
		c->certs[i] = make(&recipes[i]);
	return c;
}

void
https_certs_free(struct https_certs *c)
{
	for (int i = 0; i < HTTPS_CERT__COUNT; i++)
		X509_free(c->certs[i]);
	X509_free(c->ca);
	EVP_PKEY_free(c->ca_key);
	EVP_PKEY_free(c->key);
	free(c->ca_pem);
	free(c);
}

const char *
https_certs_ca(const struct https_certs *c)
{
	return c->ca_pem;
}

SSL_CTX *
https_certs_ctx(const struct https_certs *c, enum https_cert which)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (SSL_CTX_use_certificate(ctx, c->certs[which]) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, c->key) != 1)
		abort();
	return ctx;
}
