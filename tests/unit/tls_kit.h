/* SPDX-License-Identifier: ISC */
/*
 * tls_kit: certificates made on the spot, and handshakes through a BIO pair,
 * for the checks of lib/tls. No sockets, no files.
 */
#ifndef TESTS_UNIT_TLS_KIT_H
#define TESTS_UNIT_TLS_KIT_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lib/base/why.h"
#include "lib/tls/client.h"
#include "lib/tls/facts.h"
#include "lib/tls/init.h"
#include "lib/tls/why.h"

#define KIT_UNUSED	__attribute__((unused)) static
#define KIT_DAY		86400L
#define KIT_CHAIN_MAX	260

enum kit_key { KIT_P256, KIT_RSA2048, KIT_RSA1024, KIT__KEYS };

struct kit_spec {
	const char	*cn;
	const char	*san;		/* "DNS:a,IP:b", NULL none */
	const char	*eku;		/* NULL: serverAuth */
	long		 from, to;	/* days from now; 0, 0 = -1 .. 30 */
	int		 ca;
	enum kit_key	 key;
	const char	*critical;	/* OID of an unknown critical extension */
	const char	*raw_dns;	/* a SAN with bytes of its own, raw_len long */
	size_t		 raw_len;
};

struct kit_pair {
	X509		*cert;
	EVP_PKEY	*key;
};

/* One key of each kind is enough, but leaf and issuer must not share it. */
KIT_UNUSED EVP_PKEY *
kit_key_new(enum kit_key kind)
{
	static EVP_PKEY *rsa[KIT__KEYS];

	if (kind == KIT_P256)
		return EVP_EC_gen("P-256");
	if (rsa[kind] == NULL)
		rsa[kind] = EVP_RSA_gen(kind == KIT_RSA1024 ? 1024 : 2048);
	ck_assert(EVP_PKEY_up_ref(rsa[kind]) == 1);
	return rsa[kind];
}

KIT_UNUSED void
kit_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_msg(e != NULL, "extension %s", value);
	ck_assert(X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

KIT_UNUSED void
kit_extension_critical(X509 *cert, const char *oid)
{
	ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	ASN1_OCTET_STRING_set(v, (const unsigned char *)"\5\0", 2);
	e = X509_EXTENSION_create_by_OBJ(NULL, o, 1, v);
	ck_assert(X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(v);
	ASN1_OBJECT_free(o);
}

KIT_UNUSED void
kit_raw_dns(X509 *cert, const char *bytes, size_t n)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	ck_assert(ASN1_STRING_set(s, bytes, (int)n) == 1);
	GENERAL_NAME_set0_value(name, GEN_DNS, s);
	sk_GENERAL_NAME_push(names, name);
	ck_assert(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1);
	GENERAL_NAMES_free(names);
}

/* Issued by *issuer, or by itself if that is NULL. */
KIT_UNUSED struct kit_pair
kit_issue(const struct kit_spec *spec, const struct kit_pair *issuer)
{
	static long serial = 1000;
	struct kit_pair p = { X509_new(), kit_key_new(spec->key) };
	X509_NAME *name = X509_get_subject_name(p.cert);
	X509 *by = issuer == NULL ? p.cert : issuer->cert;
	long from = spec->from || spec->to ? spec->from : -1;
	long to = spec->from || spec->to ? spec->to : 30;

	X509_set_version(p.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(p.cert), from * KIT_DAY);
	X509_gmtime_adj(X509_getm_notAfter(p.cert), to * KIT_DAY);
	if (spec->cn != NULL)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		    (const unsigned char *)spec->cn, -1, -1, 0);
	X509_set_issuer_name(p.cert, X509_get_subject_name(by));
	X509_set_pubkey(p.cert, p.key);
	kit_extension(p.cert, by, NID_basic_constraints,
	    spec->ca ? "critical,CA:TRUE" : "CA:FALSE");
	kit_extension(p.cert, by, NID_subject_key_identifier, "hash");
	if (!spec->ca)
		kit_extension(p.cert, by, NID_ext_key_usage, spec->eku ? spec->eku : "serverAuth");
	if (spec->san != NULL)
		kit_extension(p.cert, by, NID_subject_alt_name, spec->san);
	if (spec->raw_dns != NULL)
		kit_raw_dns(p.cert, spec->raw_dns, spec->raw_len);
	if (spec->critical != NULL)
		kit_extension_critical(p.cert, spec->critical);
	ck_assert(X509_sign(p.cert, issuer == NULL ? p.key : issuer->key, EVP_sha256()) > 0);
	return p;
}

KIT_UNUSED void
kit_pair_free(struct kit_pair *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	memset(p, 0, sizeof *p);
}

/* PEM text of certificates and keys; the caller frees it. */
KIT_UNUSED char *
kit_pem(X509 *const *certs, size_t n, EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	for (size_t i = 0; i < n; i++)
		PEM_write_bio_X509(bio, certs[i]);
	if (key != NULL)
		PEM_write_bio_PrivateKey(bio, key, passphrase ? EVP_aes_128_cbc() : NULL,
		    NULL, 0, NULL, passphrase ? (void *)(uintptr_t)passphrase : NULL);
	len = BIO_get_mem_data(bio, &data);
	text = calloc(1, (size_t)len + 1);
	memcpy(text, data, (size_t)len);
	BIO_free(bio);
	return text;
}

/* A TLSA record made from a certificate; flip spoils it. */
KIT_UNUSED void
kit_tlsa(struct dns_tlsa_set *set, int usage, int selector, int mtype, X509 *cert, int flip)
{
	unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE], *data;
	unsigned n = 0;
	int len = selector == 0 ? i2d_X509(cert, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert),
	    &der);

	ck_assert(len > 0);
	data = der;
	if (mtype != 0) {
		EVP_Digest(der, (size_t)len, digest, &n, mtype == 1 ? EVP_sha256() : EVP_sha512(),
		    NULL);
		data = digest;
		len = (int)n;
	}
	if (flip)
		data[len - 1] ^= 1;
	dns_tlsa_set_add(set, (uint8_t)usage, (uint8_t)selector, (uint8_t)mtype, data, (size_t)len);
	OPENSSL_free(der);
}

/* A server of any make: no floor but what the test sets. */
KIT_UNUSED SSL_CTX *
kit_server(const struct kit_pair *leaf, X509 *const *chain, size_t n)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	ck_assert(SSL_CTX_use_certificate(ctx, leaf->cert) == 1);
	ck_assert(SSL_CTX_use_PrivateKey(ctx, leaf->key) == 1);
	for (size_t i = 0; i < n; i++)
		ck_assert(SSL_CTX_add1_chain_cert(ctx, chain[i]) == 1);
	return ctx;
}

/* Runs both sides; 0, or -1 and *why by tls_why_handshake for the client. */
KIT_UNUSED int
kit_handshake(SSL *client, SSL *server, struct why *why)
{
	BIO *a, *b;
	int rc = 0, srv = 0, err;

	ck_assert(BIO_new_bio_pair(&a, 1 << 18, &b, 1 << 18) == 1);
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int round = 0; round < 50; round++) {
		ERR_clear_error();
		if (srv != 1)
			srv = SSL_do_handshake(server);
		ERR_clear_error();
		rc = SSL_do_handshake(client);
		if (rc == 1 && srv == 1)
			return 0;
		if (rc == 1)
			continue;
		err = SSL_get_error(client, rc);
		if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
			return tls_why_handshake(client, err, why);
	}
	return rc == 1 ? 0 : why_set(why, WHY_TLS_TIMEOUT, "did not end");
}

#endif
