/* SPDX-License-Identifier: ISC */
/* The listener's side: what loads, what does not, what it speaks. */
#include "tests/unit/tls_kit.h"

#include "lib/base/list.h"
#include "lib/tls/server.h"

static struct kit_pair root, leaf, stranger, weak, expired;
static char *cert_pem, *chain_pem, *key_pem, *locked_pem, *stranger_key, *weak_pem, *weak_key;
static char damaged[8192];

static void
set_up(void)
{
	X509 *both[2];

	tls_init();
	root = kit_issue(&(struct kit_spec){ .cn = "Root", .ca = 1 }, NULL);
	leaf = kit_issue(&(struct kit_spec){ .cn = "x", .san = "DNS:relay.example.org" }, &root);
	expired = kit_issue(&(struct kit_spec){ .cn = "x", .from = -9, .to = -1 }, &root);
	stranger = kit_issue(&(struct kit_spec){ .cn = "y" }, NULL);
	weak = kit_issue(&(struct kit_spec){ .cn = "z", .key = KIT_RSA1024 }, NULL);
	both[0] = leaf.cert;
	both[1] = root.cert;
	cert_pem = kit_pem(both, 1, NULL, NULL);
	chain_pem = kit_pem(both, 2, NULL, NULL);
	key_pem = kit_pem(NULL, 0, leaf.key, NULL);
	locked_pem = kit_pem(NULL, 0, leaf.key, "secret");
	stranger_key = kit_pem(NULL, 0, stranger.key, NULL);
	weak_pem = kit_pem(&weak.cert, 1, NULL, NULL);
	weak_key = kit_pem(NULL, 0, weak.key, NULL);
	snprintf(damaged, sizeof damaged, "%s-----BEGIN CERTIFICATE-----\nAAAA\n"
	    "-----END CERTIFICATE-----\n", cert_pem);
}

static void
tear_down(void)
{
	char *texts[] = { cert_pem, chain_pem, key_pem, locked_pem, stranger_key, weak_pem,
	    weak_key };

	for (size_t i = 0; i < LENGTH(texts); i++)
		free(texts[i]);
	kit_pair_free(&root);
	kit_pair_free(&leaf);
	kit_pair_free(&expired);
	kit_pair_free(&stranger);
	kit_pair_free(&weak);
}

static const struct row {
	const char	*name;
	char		**cert, **key;
	const char	*cert_text, *key_text;
	int		 ok;
	const char	*says;
} rows[] = {
	{ "pair", &cert_pem, &key_pem, NULL, NULL, 1, "" },
	{ "chain", &chain_pem, &key_pem, NULL, NULL, 1, "" },
	{ "other key", &cert_pem, &stranger_key, NULL, NULL, 0, "does not belong" },
	{ "key of another kind", &cert_pem, &weak_key, NULL, NULL, 0, "does not belong" },
	{ "locked key", &cert_pem, &locked_pem, NULL, NULL, 0, "passphrase" },
	{ "no key", &cert_pem, NULL, NULL, "", 0, "listener key" },
	{ "no certificate", NULL, &key_pem, "", NULL, 0, "listener certificate" },
	{ "swapped", &key_pem, &cert_pem, NULL, NULL, 0, "listener certificate" },
	{ "text", NULL, &key_pem, "hello", NULL, 0, "listener certificate" },
	{ "cut", NULL, &key_pem, "-----BEGIN CERTIFICATE-----\nMIIB", NULL, 0,
	    "listener certificate" },
	{ "damaged chain", NULL, &key_pem, damaged, NULL, 0, "listener certificate chain" },
	{ "RSA-1024", &weak_pem, &weak_key, NULL, NULL, 0, "key too small" },
};

START_TEST(server_loads)
{
	const struct row *row = &rows[_i];
	const char *cert = row->cert ? *row->cert : row->cert_text;
	const char *key = row->key ? *row->key : row->key_text;
	struct why why = { 0 };
	struct tls_server *s = tls_server_new(cert, strlen(cert), key, strlen(key), &why);

	ck_assert_msg((s != NULL) == row->ok, "%s: %s", row->name, why.text);
	ck_assert_msg(row->ok || strstr(why.text, row->says) != NULL, "%s: %s", row->name,
	    why.text);
	ck_assert(row->ok || why.reason == WHY_CERT_INVALID);
	ck_assert(ERR_peek_error() == 0);
	tls_server_free(&s);
	ck_assert(s == NULL);
	tls_server_free(&s);
}
END_TEST

/* The text need not be terminated. */
START_TEST(server_reads_lengths)
{
	size_t n = strlen(cert_pem), k = strlen(key_pem);
	char *cert = malloc(n), *key = malloc(k);
	struct tls_server *s;
	struct why why;

	memcpy(cert, cert_pem, n);
	memcpy(key, key_pem, k);
	s = tls_server_new(cert, n, key, k, &why);
	ck_assert(s != NULL);
	free(cert);
	free(key);
	tls_server_free(&s);
}
END_TEST

static const struct {
	int	max_version, ok;
} versions[] = {
	{ TLS1_VERSION, 0 }, { TLS1_1_VERSION, 0 }, { TLS1_2_VERSION, 1 }, { TLS1_3_VERSION, 1 },
};

static SSL_CTX *
any_client(int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, max_version);
	SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	return ctx;
}

START_TEST(server_speaks)
{
	SSL_CTX *ctx = any_client(versions[_i].max_version);
	struct why why = { 0 };
	struct tls_server *s = tls_server_new(chain_pem, strlen(chain_pem), key_pem,
	    strlen(key_pem),
	    &why);
	SSL *server = tls_server_session(s), *ssl = SSL_new(ctx);
	char byte;
	int rc;

	/* A session outlives its factory. */
	tls_server_free(&s);
	rc = kit_handshake(ssl, server, &why);
	ck_assert_msg((rc == 0) == versions[_i].ok, "%s", why.text);
	if (rc == 0) {
		ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(ssl)), 2);
		/* No ticket comes, not even with the first bytes of TLS 1.3. */
		ck_assert(SSL_write(server, "x", 1) == 1);
		ck_assert(SSL_read(ssl, &byte, 1) == 1);
		ck_assert(!SSL_SESSION_has_ticket(SSL_get0_session(ssl)));
	}
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(server_takes_no_small_crypto)
{
	static const char *const ciphers[] = { "eNULL", "aNULL", "AECDH-AES128-SHA", "PSK" };
	struct why why = { 0 };
	struct tls_server *s = tls_server_new(cert_pem, strlen(cert_pem), key_pem, strlen(key_pem),
	    &why);

	for (size_t i = 0; i < LENGTH(ciphers); i++) {
		SSL_CTX *ctx = any_client(TLS1_2_VERSION);
		SSL *server, *ssl;
		char list[64];

		snprintf(list, sizeof list, "%s:@SECLEVEL=0", ciphers[i]);
		if (!SSL_CTX_set_cipher_list(ctx, list)) {
			SSL_CTX_free(ctx);
			continue;
		}
		server = tls_server_session(s);
		ssl = SSL_new(ctx);
		ck_assert_msg(kit_handshake(ssl, server, &why) == -1, "%s", ciphers[i]);
		SSL_free(ssl);
		SSL_free(server);
		SSL_CTX_free(ctx);
	}
	tls_server_free(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_server");
	TCase *tc = tcase_create("server");
	SRunner *sr;
	int failed;

	tcase_add_unchecked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, server_loads, 0, LENGTH(rows));
	tcase_add_test(tc, server_reads_lengths);
	tcase_add_loop_test(tc, server_speaks, 0, LENGTH(versions));
	tcase_add_test(tc, server_takes_no_small_crypto);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
