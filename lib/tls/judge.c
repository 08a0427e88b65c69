/* SPDX-License-Identifier: ISC */
/*
 * judge: the two verifications of a peer's certificate chain, by the same
 * means and independent of each other: against the trust store and the host
 * name (PKIX), and against the TLSA records in the SSL (DANE).
 */
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/tls/tls_int.h"

/* Bounds that hold for both (HARDENING C12), and our clock. */
static void
bound(X509_STORE_CTX *x, enum tls_level level)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(x);

	X509_VERIFY_PARAM_set_depth(param, TLS_CHAIN_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, (int)level);
	X509_VERIFY_PARAM_set_time(param, (time_t)(clock_wall_ms() / 1000));
}

/* X509_V_OK only if OpenSSL says it twice: by return value and by error. */
static long
verify(X509_STORE_CTX *x)
{
	int ok = X509_verify_cert(x);
	int error = X509_STORE_CTX_get_error(x);

	if (ok == 1)
		return error;
	return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]" (RFC 5321 s4.1.3) against iPAddress. */
static int
literal_matches(X509 *leaf, const char *host)
{
	char ip[64];
	size_t n;

	host += str_starts_nocase(host, "[IPv6:") ? 6 : 1;
	n = strlen(host);
	if (n < 2 || n > sizeof ip || host[n - 1] != ']')
		return 0;
	memcpy(ip, host, n - 1);
	ip[n - 1] = '\0';
	return X509_check_ip_asc(leaf, ip, 0) == 1;
}

/* RFC 8461 s4.2: a DNS-ID, never the CN; "*." is one whole left-most label. */
static int
host_matches(X509 *leaf, const char *host, struct tls_facts *f)
{
	unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
	char *seen = NULL;
	int ok;

	/* OpenSSL takes a leading dot for "any name below": not a host name. */
	if (host[0] == '\0' || host[0] == '.')
		return 0;
	if (host[0] == '[')
		return literal_matches(leaf, host);
	ok = X509_check_host(leaf, host, 0, flags, &seen) == 1;
	if (ok && seen != NULL)
		str_escape_to(f->matched_name, sizeof f->matched_name, seen, strlen(seen));
	OPENSSL_free(seen);
	return ok;
}

static long
verify_at(X509_STORE *store, X509 *leaf, STACK_OF(X509) *chain, enum tls_level level)
{
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	long error = X509_V_ERR_UNSPECIFIED;

	if (x != NULL && X509_STORE_CTX_init(x, store, leaf, chain) &&
	    X509_STORE_CTX_set_default(x, "ssl_server")) {
		bound(x, level);
		error = verify(x);
	}
	X509_STORE_CTX_free(x);
	return error;
}

void
tls_judge_pkix(X509_STORE *store, X509 *leaf, STACK_OF(X509) *chain, const struct tls_want *want,
    struct tls_facts *f)
{
	int lowered = want->min_version != 0 && want->min_version < TLS_V1_2;

	f->pkix_error = verify_at(store, leaf, chain, lowered ? TLS_LEVEL_WEAK : TLS_LEVEL_PKIX);
	f->pkix_chain = f->pkix_error == X509_V_OK;
	if (lowered && f->pkix_chain &&
	    verify_at(store, leaf, chain, TLS_LEVEL_PKIX) != X509_V_OK)
		f->weak = 1;
	f->pkix_name = host_matches(leaf, want->host, f);
}

/* What matched is read through the SSL, which answers only if the result is OK. */
static void
match_read(SSL *ssl, X509_STORE_CTX *x, struct tls_facts *f)
{
	const char *name = X509_VERIFY_PARAM_get0_peername(X509_STORE_CTX_get0_param(x));
	uint8_t usage;

	SSL_set_verify_result(ssl, X509_V_OK);
	f->dane_depth = SSL_get0_dane_authority(ssl, NULL, NULL);
	if (f->dane_depth >= 0 && SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL) >= 0)
		f->dane_usage = usage;
	SSL_set_verify_result(ssl, X509_V_ERR_APPLICATION_VERIFICATION);
	f->dane_matched = f->dane_usage == 2 || f->dane_usage == 3;	/* DANE-TA, DANE-EE */
	if (f->dane_matched && name != NULL)
		str_escape_to(f->matched_name, sizeof f->matched_name, name, strlen(name));
}

void
tls_judge_dane(SSL *ssl, X509_STORE *store, X509 *leaf, STACK_OF(X509) *chain,
    struct tls_facts *f)
{
	X509_STORE_CTX *x = X509_STORE_CTX_new();

	f->dane_matched = 0;
	f->dane_usage = f->dane_depth = -1;
	f->dane_error = X509_V_ERR_UNSPECIFIED;
	if (x != NULL && X509_STORE_CTX_init(x, store, leaf, chain) &&
	    X509_STORE_CTX_set_default(x, "ssl_server") &&
	    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(x), SSL_get0_param(ssl))) {
		X509_STORE_CTX_set0_dane(x, SSL_get0_dane(ssl));
		bound(x, TLS_LEVEL_DANE);
		f->dane_error = verify(x);
		if (f->dane_error == X509_V_OK)
			match_read(ssl, x, f);
	}
	X509_STORE_CTX_free(x);
}
