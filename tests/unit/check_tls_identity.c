/* SPDX-License-Identifier: ISC */
/* Client certificates: which are taken, and which session shows which. */
#include "tests/unit/tls_kit.h"

#include "lib/base/list.h"
#include "lib/base/str.h"

static struct kit_pair root, leaf, me, other;
static char *me_pem, *me_key, *other_pem, *other_key, *locked_key;

static void
certificates(void)
{
	tls_init();
	root = kit_issue(&(struct kit_spec){ .cn = "Root", .ca = 1 }, NULL);
	leaf = kit_issue(&(struct kit_spec){ .san = "DNS:mx.example" }, &root);
	me = kit_issue(&(struct kit_spec){ .cn = "me", .eku = "clientAuth" }, &root);
	other = kit_issue(&(struct kit_spec){ .cn = "other", .eku = "clientAuth" }, &root);
	me_pem = kit_pem((X509 *[]){ me.cert, root.cert }, 2, NULL, NULL);
	me_key = kit_pem(NULL, 0, me.key, NULL);
	locked_key = kit_pem(NULL, 0, me.key, "secret");
	other_pem = kit_pem(&other.cert, 1, NULL, NULL);
	other_key = kit_pem(NULL, 0, other.key, NULL);
}

static void
certificates_free(void)
{
	char **texts[] = { &me_pem, &me_key, &locked_key, &other_pem, &other_key };

	for (size_t i = 0; i < LENGTH(texts); i++)
		free(*texts[i]);
	kit_pair_free(&root);
	kit_pair_free(&leaf);
	kit_pair_free(&me);
	kit_pair_free(&other);
}

static struct tls_client *
client_new(void)
{
	char *pem = kit_pem(&root.cert, 1, NULL, NULL);
	struct tls_client *c;
	struct why why;

	c = tls_client_new(&why);
	ck_assert_int_eq(tls_client_add_store(c, "", pem, strlen(pem), &why), 0);
	free(pem);
	return c;
}

static int
add(struct tls_client *c, const char *name, const char *cert, const char *key, struct why *why)
{
	return tls_client_add_identity(c, name, cert, strlen(cert), key, strlen(key), why);
}

static int
any_certificate(X509_STORE_CTX *x, void *arg)
{
	return 1;
}

/* The common name that the server saw, "" if no certificate. */
static void
shown(struct tls_client *c, const char *identity, char *cn, int cap, int *chain)
{
	SSL_CTX *ctx = kit_server(&leaf, NULL, 0);
	struct tls_want want = { .sni = "mx.example", .host = "mx.example", .min_version = TLS_V1_2 };
	SSL *server, *ssl;
	struct why why;

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, any_certificate, NULL);
	server = SSL_new(ctx);
	str_copy(want.identity, identity, sizeof want.identity);
	ssl = tls_client_session(c, &want, &why);
	ck_assert_msg(ssl != NULL, "%s", why.text);
	ck_assert_int_eq(kit_handshake(ssl, server, &why), 0);
	cn[0] = '\0';
	*chain = 0;
	if (SSL_get0_peer_certificate(server) != NULL) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(server)),
		    NID_commonName, cn, cap);
		*chain = sk_X509_num(SSL_get_peer_cert_chain(server));
	}
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
}

START_TEST(shown_where_named)
{
	struct tls_client *c = client_new();
	struct why why;
	char cn[64];
	int chain;

	ck_assert_int_eq(add(c, "a", me_pem, me_key, &why), 0);
	ck_assert_int_eq(add(c, "b", other_pem, other_key, &why), 0);
	ck_assert_int_eq(add(c, "a", other_pem, other_key, &why), 0);	/* stays what it is */
	shown(c, "a", cn, sizeof cn, &chain);
	ck_assert_str_eq(cn, "me");
	ck_assert_int_eq(chain, 1);	/* intermediates, without the leaf */
	shown(c, "b", cn, sizeof cn, &chain);
	ck_assert_str_eq(cn, "other");
	shown(c, "", cn, sizeof cn, &chain);
	ck_assert_str_eq(cn, "");
	tls_client_free(&c);
}
END_TEST

START_TEST(refused)
{
	const char *const pairs[][2] = { { "", me_key }, { "hello", me_key }, { me_pem, "" },
		{ me_pem, me_pem }, { me_pem, other_key }, { me_pem, locked_key }, { me_key, me_pem } };
	struct tls_client *c = client_new();
	struct tls_want want = { .sni = "mx.example", .identity = "a" };
	struct why why;

	for (size_t i = 0; i < LENGTH(pairs); i++) {
		why_clear(&why);
		ck_assert_int_eq(add(c, "a", pairs[i][0], pairs[i][1], &why), -1);
		ck_assert(why.reason == WHY_CERT_INVALID && why.text[0] != '\0');
		ck_assert(ERR_peek_error() == 0);
	}
	ck_assert_ptr_null(tls_client_session(c, &want, &why));
	ck_assert(why.reason == WHY_POLICY_UNAVAILABLE);
	tls_client_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_identity");
	TCase *t = tcase_create("identity");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, certificates, certificates_free);
	tcase_add_test(t, shown_where_named);
	tcase_add_test(t, refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
