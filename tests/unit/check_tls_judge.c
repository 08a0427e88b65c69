/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's own DANE vectors (55 blocks) through tls_judge_dane: verify
 * result and depth as listed. They come without keys, so there is no
 * handshake. In them SHA2-256 outranks SHA2-512, as their makers say.
 */
#include "tests/unit/tls_kit.h"

#include <stdio.h>

#include "lib/tls/tls_int.h"

static const struct file {
	const char	*blocks, *anchors, *base;
	int		 count;
} files[] = {
	{ "danetest.in", "danetest.pem", "example.com", 54 },
	{ "dane-cross.in", "cross-root.pem", "server.example", 1 },
};

struct block {
	int	ntlsa, ncerts, no_name_checks, result, depth;
};

static FILE *
vector_open(const char *name)
{
	const char *dir = getenv("VECTORS");
	char path[4096];

	snprintf(path, sizeof path, "%s/dane-openssl/%s", dir ? dir : "../shared/vectors", name);
	return fopen(path, "r");
}

static X509_STORE *
anchors_read(const char *name)
{
	X509_STORE *store = X509_STORE_new();
	FILE *f = vector_open(name);
	X509 *cert;

	ck_assert(f != NULL);
	while ((cert = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		X509_STORE_add_cert(store, cert);
		X509_free(cert);
	}
	ERR_clear_error();
	fclose(f);
	return store;
}

/* The next line that is neither blank nor a comment; the caller frees it. */
static char *
line_next(FILE *f)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, f) > 0)
		if (line[0] != '#' && strspn(line, " \t\r\n") != strlen(line))
			return line;
	free(line);
	return NULL;
}

static int
block_next(FILE *f, struct block *b)
{
	char *line = line_next(f);
	int n;

	if (line == NULL)
		return -1;
	n = sscanf(line, "%d %d %d %d %d", &b->ntlsa, &b->ncerts, &b->no_name_checks, &b->result,
	    &b->depth);
	ck_assert_msg(n == 5, "%s", line);
	free(line);
	return 0;
}

static void
record_add(FILE *f, SSL *ssl)
{
	char *line = line_next(f), *hex;
	unsigned char *data;
	long len;
	int usage, selector, mtype, at;

	ck_assert(line != NULL && sscanf(line, "%d %d %d %n", &usage, &selector, &mtype, &at) == 3);
	hex = line + at;
	hex[strcspn(hex, " \r\n")] = '\0';
	data = OPENSSL_hexstr2buf(hex, &len);
	ck_assert(data != NULL);
	ck_assert(SSL_dane_tlsa_add(ssl, (uint8_t)usage, (uint8_t)selector, (uint8_t)mtype, data,
	    (size_t)len) > 0);
	OPENSSL_free(data);
	free(line);
}

static void
block_judge(FILE *f, SSL_CTX *ctx, X509_STORE *store, const struct file *file,
    const struct block *b, int number)
{
	SSL *ssl = SSL_new(ctx);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct tls_facts facts = { 0 };
	X509 *cert;

	ck_assert(SSL_dane_enable(ssl, file->base) > 0);
	if (b->no_name_checks)
		SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (int i = 0; i < b->ntlsa; i++)
		record_add(f, ssl);
	for (int i = 0; i < b->ncerts; i++) {
		ck_assert((cert = PEM_read_X509(f, NULL, NULL, NULL)) != NULL);
		sk_X509_push(chain, cert);
	}
	tls_judge_dane(ssl, store, sk_X509_value(chain, 0), chain, &facts);
	ck_assert_msg(facts.dane_error == b->result, "%s block %d: result %ld, not %d",
	    file->blocks, number, facts.dane_error, b->result);
	/* The listed depth also tells of records that matched in vain. */
	ck_assert_int_eq(facts.dane_depth, b->result == 0 ? b->depth : -1);
	SSL_set_verify_result(ssl, X509_V_OK);
	ck_assert_int_eq(SSL_get0_dane_authority(ssl, NULL, NULL), b->depth);
	/* A match by PKIX-TA or PKIX-EE is none for us. */
	ck_assert(facts.dane_matched == (b->result == 0 && facts.dane_usage >= 2));
	sk_X509_pop_free(chain, X509_free);
	SSL_free(ssl);
}

START_TEST(judge_openssl_vectors)
{
	const struct file *file = &files[_i];
	FILE *f = vector_open(file->blocks);
	X509_STORE *store;
	struct block b;
	SSL_CTX *ctx;
	int n = 0;

	if (f == NULL) {
		fprintf(stderr, "no vectors for %s: skipped\n", file->blocks);
		return;
	}
	tls_init();
	ctx = SSL_CTX_new(TLS_client_method());
	ck_assert(SSL_CTX_dane_enable(ctx) > 0);
	ck_assert(SSL_CTX_dane_mtype_set(ctx, EVP_sha512(), 2, 1) > 0);
	ck_assert(SSL_CTX_dane_mtype_set(ctx, EVP_sha256(), 1, 2) > 0);
	store = anchors_read(file->anchors);
	while (block_next(f, &b) == 0)
		block_judge(f, ctx, store, file, &b, ++n);
	ck_assert_int_eq(n, file->count);
	X509_STORE_free(store);
	SSL_CTX_free(ctx);
	fclose(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_judge");
	TCase *tc = tcase_create("vectors");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, judge_openssl_vectors, 0, 2);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
