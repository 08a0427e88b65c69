/* SPDX-License-Identifier: ISC */
/* Handshakes that fail, and what is said about it. */
#include "tests/unit/tls_kit.h"

#include <errno.h>

#include "lib/base/list.h"

static struct kit_pair leaf, small;
static struct tls_client *client;

static void
set_up(void)
{
	struct why why;
	char *pem;

	tls_init();
	leaf = kit_issue(&(struct kit_spec){ .cn = "x", .san = "DNS:mx.example.org" }, NULL);
	small = kit_issue(&(struct kit_spec){ .cn = "x", .key = KIT_RSA2048 }, NULL);
	client = tls_client_new(&why);
	pem = kit_pem(&leaf.cert, 1, NULL, NULL);
	ck_assert(tls_client_add_store(client, "", pem, strlen(pem), &why) == 0);
	free(pem);
}

static void
tear_down(void)
{
	tls_client_free(&client);
	kit_pair_free(&leaf);
	kit_pair_free(&small);
}

/* Servers that stay below what we accept. */
static void
only_tls11(SSL_CTX *ctx)
{
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
}

static void
only_tls12(SSL_CTX *ctx)
{
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
}

static EVP_PKEY *
dh_1024(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "DHX", NULL);
	EVP_PKEY *params = NULL;

	/* RFC 5114 s2.1: the 1024-bit group. */
	ck_assert(EVP_PKEY_paramgen_init(c) == 1);
	ck_assert(EVP_PKEY_CTX_set_dh_rfc5114(c, 1) == 1);
	ck_assert(EVP_PKEY_paramgen(c, &params) == 1);
	EVP_PKEY_CTX_free(c);
	return params;
}

static void
only_small_dh(SSL_CTX *ctx)
{
	only_tls12(ctx);
	SSL_CTX_set_cipher_list(ctx, "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0");
	ck_assert(SSL_CTX_set0_tmp_dh_pkey(ctx, dh_1024()) == 1);
}

static void
only_anonymous(SSL_CTX *ctx)
{
	only_tls12(ctx);
	SSL_CTX_set_cipher_list(ctx, "AECDH-AES128-SHA:@SECLEVEL=0");
}

static void
only_null(SSL_CTX *ctx)
{
	only_tls12(ctx);
	SSL_CTX_set_cipher_list(ctx, "eNULL:@SECLEVEL=0");
}

static void
asks_for_certificate(SSL_CTX *ctx)
{
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static const struct row {
	const char	*name;
	void		(*make)(SSL_CTX *);
	int		 min_version, rsa;
	int		 ok;
	enum why_reason	 reason;
	int		 weak;
} rows[] = {
	{ "TLS 1.2", only_tls12, TLS_V1_2, 0, 1, WHY_NONE, 0 },
	{ "TLS 1.2 is below 1.3", only_tls12, TLS_V1_3, 0, 0, WHY_TLS_TOO_OLD, 0 },
	{ "TLS 1.1", only_tls11, TLS_V1_2, 0, 0, WHY_TLS_TOO_OLD, 0 },
	{ "TLS 1.1 by weak-tls", only_tls11, TLS_V1_0, 0, 1, WHY_NONE, 1 },
	{ "TLS 1.1, RSA, by weak-tls", only_tls11, TLS_V1_0, 1, 1, WHY_NONE, 1 },
	{ "TLS 1.2 where weak-tls is permitted", only_tls12, TLS_V1_0, 0, 1, WHY_NONE, 0 },
	{ "1024-bit DH", only_small_dh, TLS_V1_2, 1, 0, WHY_TLS_TOO_OLD, 0 },
	{ "1024-bit DH by weak-tls", only_small_dh, TLS_V1_0, 1, 1, WHY_NONE, 1 },
	{ "anonymous", only_anonymous, TLS_V1_2, 1, 0, WHY_TLS_ALERT, 0 },
	{ "anonymous by weak-tls", only_anonymous, TLS_V1_0, 1, 0, WHY_TLS_ALERT, 0 },
	{ "no encryption", only_null, TLS_V1_2, 1, 0, WHY_TLS_ALERT, 0 },
	{ "no encryption by weak-tls", only_null, TLS_V1_0, 1, 0, WHY_TLS_ALERT, 0 },
	{ "client certificate wanted", asks_for_certificate, TLS_V1_2, 1, 0, WHY_TLS_ALERT, 0 },
};

START_TEST(why_of_handshake)
{
	const struct row *row = &rows[_i];
	SSL_CTX *ctx = kit_server(row->rsa ? &small : &leaf, NULL, 0);
	struct tls_want want = { .sni = "mx.example.org", .host = "mx.example.org",
		.min_version = row->min_version };
	struct tls_facts f;
	struct why why = { 0 };
	SSL *ssl, *server;
	int rc;

	row->make(ctx);
	server = SSL_new(ctx);
	ssl = tls_client_session(client, &want, &why);
	ck_assert(ssl != NULL);
	rc = kit_handshake(ssl, server, &why);
	ck_assert_msg((rc == 0) == row->ok, "%s: %s", row->name, why.text);
	if (!row->ok)
		ck_assert_msg(why.reason == row->reason, "%s: %s, %s", row->name,
		    why_token(why.reason), why.text);
	tls_facts_read(ssl, client, &want, &f);
	ck_assert(f.encrypted == row->ok);
	ck_assert_msg(f.weak == row->weak, "%s", row->name);
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
}
END_TEST

/* What a peer says that does not speak TLS at all. */
static const struct {
	const char	*bytes;
	enum why_reason	 reason;
} talkers[] = {
	{ "220 mx.example.org ESMTP\r\n", WHY_TLS_ALERT },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", WHY_TLS_ALERT },
	{ "\x15\x03\x01\x00\x02\x02\x28", WHY_TLS_ALERT },	/* handshake_failure */
	{ "\x15\x03\x01\x00\x02\x02\x46", WHY_TLS_TOO_OLD },	/* protocol_version */
	{ "\x15\x03\x01\x00\x02\x02\x47", WHY_TLS_TOO_OLD },	/* insufficient_security */
	{ "\x15\x03\x01\x00\x02\x01\x00", WHY_TLS_EOF },	/* close_notify */
	{ "", WHY_TLS_EOF },
};

START_TEST(why_of_nonsense)
{
	struct tls_want want = { .sni = "mx.example.org", .min_version = TLS_V1_2 };
	const char *bytes = talkers[_i].bytes;
	size_t n = bytes[0] == '\x15' ? 7 : strlen(bytes);
	struct why why = { 0 };
	SSL *ssl = tls_client_session(client, &want, &why);
	BIO *in = BIO_new_mem_buf(bytes, (int)n);
	int rc;

	BIO_set_mem_eof_return(in, 0);
	SSL_set_bio(ssl, in, BIO_new(BIO_s_mem()));
	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(ssl);
	ck_assert(rc <= 0);
	ck_assert(tls_why_handshake(ssl, SSL_get_error(ssl, rc), &why) == -1);
	ck_assert_msg(why.reason == talkers[_i].reason, "%d: %s, %s", _i, why_token(why.reason),
	    why.text);
	ck_assert(why.text[0] != '\0');
	ck_assert(ERR_peek_error() == 0);
	SSL_free(ssl);
}
END_TEST

START_TEST(why_of_syscall)
{
	struct tls_want want = { .min_version = TLS_V1_2 };
	struct why why = { 0 };
	SSL *ssl = tls_client_session(client, &want, &why);

	errno = ECONNRESET;
	ck_assert(tls_why_handshake(ssl, SSL_ERROR_SYSCALL, &why) == -1);
	ck_assert(why.reason == WHY_TLS_EOF);
	errno = 0;
	ck_assert(tls_why_handshake(ssl, SSL_ERROR_SYSCALL, &why) == -1);
	ck_assert(why.reason == WHY_TLS_EOF);
	ck_assert(tls_why_handshake(ssl, SSL_ERROR_SSL, &why) == -1);
	ck_assert(why.reason == WHY_TLS_ALERT);
	ck_assert(tls_why_handshake(ssl, SSL_ERROR_NONE, &why) == -1);
	ck_assert(why.reason == WHY_TLS_ALERT);
	SSL_free(ssl);
}
END_TEST

/* Facts alone: even contradictory ones give -1 and a text. */
static const struct {
	struct tls_facts facts;
	enum why_reason	 pkix, tlsa;
} facts_rows[] = {
	{ { 0 }, WHY_CERT_INVALID, WHY_TLSA_INVALID },
	{ { .dane_usable = 1 }, WHY_CERT_INVALID, WHY_CERT_INVALID },
	{ { .fingerprint = "00", .pkix_error = 10, .dane_usable = 1, .dane_error = 65 },
	    WHY_CERT_EXPIRED,
	    WHY_TLSA_MISMATCH },
	{ { .fingerprint = "00", .pkix_error = 9, .dane_usable = 1, .dane_error = 62 },
	    WHY_CERT_EXPIRED,
	    WHY_CERT_MISMATCH },
	{ { .fingerprint = "00", .pkix_error = 20 }, WHY_CERT_NOT_TRUSTED, WHY_TLSA_INVALID },
	{ { .fingerprint = "00", .pkix_error = 23 }, WHY_CERT_INVALID, WHY_TLSA_INVALID },
	{ { .fingerprint = "00", .pkix_chain = 1 }, WHY_CERT_MISMATCH, WHY_TLSA_INVALID },
	{ { .fingerprint = "00", .pkix_chain = 1, .pkix_name = 1 }, WHY_CERT_INVALID,
	    WHY_TLSA_INVALID },
	{ { .fingerprint = "00", .pkix_name = 1 }, WHY_CERT_INVALID, WHY_TLSA_INVALID },
	{ { .fingerprint = "00", .pkix_error = 123456, .dane_usable = 1, .dane_error = 123456 },
	    WHY_CERT_INVALID, WHY_TLSA_MISMATCH },
};

START_TEST(why_of_facts)
{
	struct why why = { 0 };

	ck_assert(tls_why_certificate(&facts_rows[_i].facts, &why) == -1);
	ck_assert_msg(why.reason == facts_rows[_i].pkix, "%d: %s", _i, why_token(why.reason));
	ck_assert(why.text[0] != '\0');
	ck_assert(tls_why_tlsa(&facts_rows[_i].facts, &why) == -1);
	ck_assert_msg(why.reason == facts_rows[_i].tlsa, "%d: %s", _i, why_token(why.reason));
	ck_assert(why.text[0] != '\0');
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_why");
	TCase *tc = tcase_create("why");
	SRunner *sr;
	int failed;

	tcase_add_unchecked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, why_of_handshake, 0, LENGTH(rows));
	tcase_add_loop_test(tc, why_of_nonsense, 0, LENGTH(talkers));
	tcase_add_test(tc, why_of_syscall);
	tcase_add_loop_test(tc, why_of_facts, 0, LENGTH(facts_rows));
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
