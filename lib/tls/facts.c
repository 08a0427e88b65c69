/* SPDX-License-Identifier: ISC */
/* facts: reads an SSL after its handshake into a plain value. */
#include "lib/tls/facts.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "lib/base/str.h"
#include "lib/tls/tls_int.h"

static void
name_read(char *to, size_t cap, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	to[0] = '\0';
	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0 &&
	    (len = BIO_get_mem_data(bio, &text)) > 0)
		str_escape_to(to, cap, text, (size_t)len);
	BIO_free(bio);
}

static void
fingerprint_read(char to[65], const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	to[0] = '\0';
	if (!X509_digest(cert, EVP_sha256(), digest, &n) || n != 32)
		return;
	for (unsigned i = 0; i < n; i++)
		str_fmt(to + 2 * i, 3, "%02x", digest[i]);
}

static int64_t
not_after(const X509 *cert)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
		return 0;
	return timegm(&tm);
}

static void
certificate_read(const X509 *cert, struct tls_facts *f)
{
	name_read(f->subject, sizeof f->subject, X509_get_subject_name(cert));
	name_read(f->issuer, sizeof f->issuer, X509_get_issuer_name(cert));
	fingerprint_read(f->fingerprint, cert);
	f->not_after = not_after(cert);
}

static int
count_usable(const struct dns_tlsa_set *set)
{
	int n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += dns_tlsa_usable(&set->rr[i]) ? 1 : 0;
	return n;
}

/* Would the usual settings have refused this handshake? Of those that weak-tls lowers. */
static int
handshake_is_weak(SSL *ssl)
{
	EVP_PKEY *key = NULL;
	int weak;

	weak = SSL_version(ssl) < TLS1_2_VERSION ||
	    (SSL_version(ssl) == TLS1_2_VERSION && !SSL_get_secure_renegotiation_support(ssl));
	if (SSL_get_peer_tmp_key(ssl, &key) == 1)
		weak |= EVP_PKEY_get_security_bits(key) < 112;
	EVP_PKEY_free(key);
	return weak;
}

void
tls_facts_read(SSL *ssl, const struct tls_client *client, const struct tls_want *want,
    struct tls_facts *f)
{
	X509_STORE *store = tls_client_store(client, want->ca);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	X509 *leaf = SSL_get0_peer_certificate(ssl);

	memset(f, 0, sizeof *f);
	f->pkix_error = f->dane_error = X509_V_ERR_UNSPECIFIED;
	f->dane_usage = f->dane_depth = -1;
	if (!SSL_is_init_finished(ssl))
		return;
	f->encrypted = 1;
	f->resumed = SSL_session_reused(ssl) ? 1 : 0;
	f->version = SSL_version(ssl);
	str_copy(f->protocol, SSL_get_version(ssl), sizeof f->protocol);
	str_copy(f->cipher, SSL_get_cipher_name(ssl), sizeof f->cipher);
	f->weak = handshake_is_weak(ssl);
	f->dane_usable = count_usable(&want->tlsa);
	if (leaf == NULL || store == NULL)
		return;
	certificate_read(leaf, f);
	tls_judge_pkix(store, leaf, chain, want, f);
	if (f->dane_usable > 0)
		tls_judge_dane(ssl, store, leaf, chain, f);
	ERR_clear_error();
}
