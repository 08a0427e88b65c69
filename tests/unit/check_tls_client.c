/* SPDX-License-Identifier: ISC */
/* Trust stores, session set-up, and what hostile servers may cost us. */
#include "tests/unit/tls_kit.h"

#include "lib/base/list.h"
#include "lib/base/str.h"

#define HOST	"mx.dest.example"

static struct kit_pair root, other, leaf;
static char *root_pem, *both_pem;
static char spoilt_pem[8192];

static void
set_up(void)
{
	X509 *both[2];

	tls_init();
	root = kit_issue(&(struct kit_spec){ .cn = "Root", .ca = 1 }, NULL);
	other = kit_issue(&(struct kit_spec){ .cn = "Other", .ca = 1 }, NULL);
	leaf = kit_issue(&(struct kit_spec){ .cn = "x", .san = "DNS:" HOST }, &root);
	both[0] = other.cert;
	both[1] = root.cert;
	root_pem = kit_pem(&root.cert, 1, NULL, NULL);
	both_pem = kit_pem(both, 2, NULL, NULL);
	snprintf(spoilt_pem, sizeof spoilt_pem, "%s-----BEGIN CERTIFICATE-----\nAAAA\n"
	    "-----END CERTIFICATE-----\n", root_pem);
}

static void
tear_down(void)
{
	free(root_pem);
	free(both_pem);
	kit_pair_free(&root);
	kit_pair_free(&other);
	kit_pair_free(&leaf);
}

static struct tls_client *
client_with(const char *name, const char *pem)
{
	struct why why = { 0 };
	struct tls_client *c = tls_client_new(&why);

	ck_assert_msg(c != NULL, "%s", why.text);
	if (pem != NULL)
		ck_assert_msg(tls_client_add_store(c, name, pem, strlen(pem), &why) == 0, "%s",
		    why.text);
	return c;
}

static struct tls_want
want_plain(void)
{
	return (struct tls_want){ .sni = HOST, .host = HOST, .names = { HOST }, .nnames = 1,
		.min_version = TLS_V1_2 };
}

START_TEST(client_refuses_bad_stores)
{
	static const char *const texts[] = { "", "hello", "-----BEGIN CERTIFICATE-----\nMIIB",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", spoilt_pem };
	struct tls_client *c = client_with("", NULL);
	struct tls_want want = want_plain();
	struct why why = { 0 };

	for (size_t i = 0; i < LENGTH(texts); i++) {
		ck_assert_msg(tls_client_add_store(c, "", texts[i], strlen(texts[i]), &why) == -1,
		    "%zu", i);
		ck_assert(why.reason == WHY_CERT_INVALID && why.text[0] != '\0');
		ck_assert(ERR_peek_error() == 0);
		ck_assert(tls_client_session(c, &want, &why) == NULL);
		ck_assert(why.reason == WHY_POLICY_UNAVAILABLE);
	}
	tls_client_free(&c);
	ck_assert(c == NULL);
	tls_client_free(&c);
}
END_TEST

static int
chain_trusted(struct tls_client *c, const char *ca)
{
	SSL_CTX *ctx = kit_server(&leaf, NULL, 0);
	SSL *server = SSL_new(ctx), *ssl;
	struct tls_want want = want_plain();
	struct tls_facts f;
	struct why why = { 0 };

	str_copy(want.ca, ca, sizeof want.ca);
	ssl = tls_client_session(c, &want, &why);
	ck_assert_msg(ssl != NULL, "%s", why.text);
	ck_assert(kit_handshake(ssl, server, &why) == 0);
	tls_facts_read(ssl, c, &want, &f);
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
	return f.pkix_chain;
}

/* Stores do not leak into each other; adding twice is no harm. */
START_TEST(client_keeps_stores_apart)
{
	struct tls_client *c = client_with("", root_pem);
	char *other_pem = kit_pem(&other.cert, 1, NULL, NULL);
	struct tls_want want = want_plain();
	struct why why = { 0 };

	ck_assert(tls_client_add_store(c, "branch", other_pem, strlen(other_pem), &why) == 0);
	ck_assert(tls_client_add_store(c, "two", both_pem, strlen(both_pem), &why) == 0);
	ck_assert(tls_client_add_store(c, "two", both_pem, strlen(both_pem), &why) == 0);
	ck_assert(chain_trusted(c, "") == 1);
	ck_assert(chain_trusted(c, "branch") == 0);
	ck_assert(chain_trusted(c, "two") == 1);
	str_copy(want.ca, "nowhere", sizeof want.ca);
	ck_assert(tls_client_session(c, &want, &why) == NULL);
	ck_assert(why.reason == WHY_POLICY_UNAVAILABLE && strstr(why.text, "nowhere") != NULL);
	free(other_pem);
	tls_client_free(&c);
}
END_TEST

/* Neither the system's store nor variables of the environment count. */
START_TEST(client_ignores_environment)
{
	struct tls_client *c = client_with("", both_pem);
	char *strangers = kit_pem(&other.cert, 1, NULL, NULL);
	struct tls_client *d = client_with("", strangers);

	setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt", 1);
	setenv("SSL_CERT_DIR", "/etc/ssl/certs", 1);
	setenv("OPENSSL_CONF", "/nonexistent", 1);
	ck_assert(chain_trusted(c, "") == 1);
	ck_assert(chain_trusted(d, "") == 0);
	free(strangers);
	tls_client_free(&c);
	tls_client_free(&d);
}
END_TEST

static char seen_sni[256];

static int
sni_seen(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	str_copy(seen_sni, name ? name : "", sizeof seen_sni);
	return SSL_TLSEXT_ERR_OK;
}

START_TEST(client_sends_sni)
{
	struct tls_client *c = client_with("", root_pem);
	SSL_CTX *ctx = kit_server(&leaf, NULL, 0);
	struct tls_want want = want_plain();
	struct why why = { 0 };

	SSL_CTX_set_tlsext_servername_callback(ctx, sni_seen);
	for (int i = 0; i < 3; i++) {
		SSL *server = SSL_new(ctx), *ssl;

		/* Plain, with DANE (the base name), and an address literal (none). */
		if (i == 1) {
			kit_tlsa(&want.tlsa, 3, 1, 1, leaf.cert, 0);
			str_copy(want.sni, "base.dest.example", sizeof want.sni);
			str_copy(want.names[0], "base.dest.example", sizeof want.names[0]);
		} else if (i == 2) {
			tls_want_fini(&want);
			str_copy(want.host, "[192.0.2.1]", sizeof want.host);
			want.min_version = TLS_V1_2;
		}
		str_copy(seen_sni, "?", sizeof seen_sni);
		ssl = tls_client_session(c, &want, &why);
		ck_assert_msg(ssl != NULL, "%s", why.text);
		ck_assert(kit_handshake(ssl, server, &why) == 0);
		ck_assert_str_eq(seen_sni, want.sni);
		SSL_free(ssl);
		SSL_free(server);
	}
	SSL_CTX_free(ctx);
	tls_client_free(&c);
}
END_TEST

/* A session given back by the server is not used again. */
START_TEST(client_never_resumes)
{
	struct tls_client *c = client_with("", root_pem);
	SSL_CTX *ctx = kit_server(&leaf, NULL, 0);
	struct tls_want want = want_plain();
	struct why why = { 0 };

	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"x", 1);
	for (int i = 0; i < 4; i++) {
		SSL *server = SSL_new(ctx), *ssl = tls_client_session(c, &want, &why);
		struct tls_facts f;
		char byte;

		if (i >= 2)
			SSL_set_max_proto_version(server, TLS1_2_VERSION);
		ck_assert(kit_handshake(ssl, server, &why) == 0);
		SSL_write(server, "x", 1);
		ck_assert(SSL_read(ssl, &byte, 1) == 1);
		tls_facts_read(ssl, c, &want, &f);
		ck_assert(!f.resumed);
		SSL_free(ssl);
		SSL_free(server);
	}
	ck_assert_int_eq(SSL_CTX_sess_hits(ctx), 0);
	SSL_CTX_free(ctx);
	tls_client_free(&c);
}
END_TEST

/* HARDENING C12: n intermediates below the root, then the leaf. */
static SSL_CTX *
deep_server(int depth, const char *san)
{
	struct kit_pair issuers[KIT_CHAIN_MAX] = { 0 }, deep_leaf;
	X509 *chain[KIT_CHAIN_MAX];
	char name[32];
	SSL_CTX *ctx;

	for (int i = 0; i < depth; i++) {
		snprintf(name, sizeof name, "Intermediate %d", i);
		issuers[i] = kit_issue(&(struct kit_spec){ .cn = name, .ca = 1 },
		    i == 0 ? &root : &issuers[i - 1]);
	}
	for (int i = 0; i < depth; i++)
		chain[depth - 1 - i] = issuers[i].cert;
	deep_leaf = kit_issue(&(struct kit_spec){ .cn = "x", .san = san },
	    depth ? &issuers[depth - 1] : &root);
	ctx = kit_server(&deep_leaf, chain, (size_t)depth);
	for (int i = 0; i < depth; i++)
		kit_pair_free(&issuers[i]);
	kit_pair_free(&deep_leaf);
	return ctx;
}

static int64_t
cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static const struct {
	int	depth, handshake, trusted;
} chains[] = {
	{ 0, 1, 1 }, { 5, 1, 1 }, { 10, 1, 1 }, { 11, 1, 0 }, { 100, 1, 0 }, { 250, 0, 0 },
};

START_TEST(client_bounds_chains)
{
	struct tls_client *c = client_with("", root_pem);
	SSL_CTX *ctx = deep_server(chains[_i].depth, "DNS:" HOST);
	SSL *server = SSL_new(ctx), *ssl;
	struct tls_want want = want_plain();
	struct tls_facts f;
	struct why why = { 0 };
	int64_t before = cpu_ms();
	int rc;

	ssl = tls_client_session(c, &want, &why);
	rc = kit_handshake(ssl, server, &why);
	ck_assert_msg((rc == 0) == chains[_i].handshake, "depth %d: %s", chains[_i].depth,
	    why.text);
	ck_assert(rc == 0 || why.reason == WHY_CERT_INVALID);
	tls_facts_read(ssl, c, &want, &f);
	ck_assert_int_eq(f.pkix_chain, chains[_i].trusted);
	ck_assert_int_eq(f.encrypted, chains[_i].handshake);
	ck_assert_int_lt(cpu_ms() - before, 1000);	/* generous: sanitizers, busy machines */
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
	tls_client_free(&c);
}
END_TEST

START_TEST(client_bears_many_names)
{
	struct tls_client *c = client_with("", root_pem);
	struct tls_want want = want_plain();
	struct tls_facts f;
	struct why why = { 0 };
	char *san = calloc(1, 1 << 17), *p = san;
	SSL_CTX *ctx;
	SSL *server, *ssl;
	int64_t before;

	for (int i = 0; i < 3000; i++)
		p += snprintf(p, 32, "DNS:*.a%d.example,", i);
	memcpy(p, "DNS:" HOST, sizeof "DNS:" HOST);
	ctx = deep_server(0, san);
	server = SSL_new(ctx);
	ssl = tls_client_session(c, &want, &why);
	ck_assert_msg(kit_handshake(ssl, server, &why) == 0, "%s", why.text);
	before = cpu_ms();
	tls_facts_read(ssl, c, &want, &f);
	ck_assert_int_lt(cpu_ms() - before, 1000);
	ck_assert(f.pkix_chain && f.pkix_name);
	free(san);
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
	tls_client_free(&c);
}
END_TEST

/* 100 records, most of them junk, are no trouble; junk alone enables nothing. */
START_TEST(client_bears_odd_records)
{
	struct tls_client *c = client_with("", root_pem);
	SSL_CTX *ctx = kit_server(&leaf, NULL, 0);
	SSL *server = SSL_new(ctx), *ssl;
	struct tls_want want = want_plain();
	struct tls_facts f;
	struct why why = { 0 };

	for (int i = 0; i < DNS_TLSA_MAX - 1; i++)
		dns_tlsa_set_add(&want.tlsa, (uint8_t)(i % 5), (uint8_t)(i % 3), (uint8_t)(i % 4),
		    "0123456789abcdef0123456789abcdef", (size_t)(i % 33));
	kit_tlsa(&want.tlsa, 3, 1, 1, leaf.cert, 0);
	ssl = tls_client_session(c, &want, &why);
	ck_assert_msg(ssl != NULL, "%s", why.text);
	ck_assert(kit_handshake(ssl, server, &why) == 0);
	tls_facts_read(ssl, c, &want, &f);
	ck_assert(f.dane_matched && f.dane_usage == 3 && f.dane_usable >= 1);
	tls_want_fini(&want);
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
	tls_client_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_client");
	TCase *tc = tcase_create("client");
	SRunner *sr;
	int failed;

	tcase_add_unchecked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, client_refuses_bad_stores);
	tcase_add_test(tc, client_keeps_stores_apart);
	tcase_add_test(tc, client_ignores_environment);
	tcase_add_test(tc, client_sends_sni);
	tcase_add_test(tc, client_never_resumes);
	tcase_add_loop_test(tc, client_bounds_chains, 0, LENGTH(chains));
	tcase_add_test(tc, client_bears_many_names);
	tcase_add_test(tc, client_bears_odd_records);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
