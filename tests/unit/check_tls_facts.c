/* SPDX-License-Identifier: ISC */
/* Certificates good and bad through real handshakes: what the facts say. */
#include "tests/unit/tls_kit.h"

#include "lib/base/clock.h"
#include "lib/base/str.h"

#define HOST	"mx.dest.example"

enum issuer { BY_INTER, BY_ROOT, BY_OTHER, BY_SELF, BY_OLD_INTER };
enum sent { WITH_INTER, ALONE, WITH_ROOT, WITH_OTHER };
enum of { OF_LEAF, OF_INTER, OF_ROOT, OF_OTHER };

struct record { int usage, selector, mtype; enum of of; int flip; };

struct row {
	const char	*name;
	struct kit_spec	 spec;
	enum issuer	 by;
	enum sent	 sent;
	const char	*host;		/* NULL: HOST */
	struct record	 records[4];
	int		 nrecords;
	int		 chain, named, usable, match, usage, depth;
	enum why_reason	 pkix_why, dane_why;
};

#define GOOD	{ .cn = "x", .san = "DNS:" HOST }
#define NO_DANE	.usage = -1, .depth = -1

static const struct row rows[] = {
	/* PKIX: RFC 8461 s4.2, RULES S13, S32, S35 */
	{ "good", GOOD, NO_DANE, .chain = 1, .named = 1 },
	{ "good, sent with its root", GOOD, .sent = WITH_ROOT, NO_DANE, .chain = 1, .named = 1 },
	{ "issuer not sent", GOOD, .sent = ALONE, NO_DANE, .named = 1,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "from the root itself", GOOD, BY_ROOT, ALONE, NO_DANE, .chain = 1, .named = 1 },
	{ "expired", { .cn = "x", .san = "DNS:" HOST, .from = -30, .to = -1 }, NO_DANE, .named = 1,
	    .pkix_why = WHY_CERT_EXPIRED },
	{ "not yet valid", { .cn = "x", .san = "DNS:" HOST, .from = 1, .to = 30 }, NO_DANE,
	    .named = 1, .pkix_why = WHY_CERT_EXPIRED },
	{ "expired issuer", GOOD, BY_OLD_INTER, NO_DANE, .named = 1, .pkix_why = WHY_CERT_EXPIRED },
	{ "wrong name", { .cn = "x", .san = "DNS:mx.stranger.example" }, NO_DANE, .chain = 1,
	    .pkix_why = WHY_CERT_MISMATCH },
	{ "no name", { .cn = "x" }, NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "self-signed", GOOD, BY_SELF, ALONE, NO_DANE, .named = 1,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "unknown CA", GOOD, BY_OTHER, ALONE, NO_DANE, .named = 1,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "unknown CA, sent", GOOD, BY_OTHER, WITH_OTHER, NO_DANE, .named = 1,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "CN only", { .cn = HOST }, NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "CN right, DNS-ID wrong", { .cn = HOST, .san = "DNS:a.example" }, NO_DANE, .chain = 1,
	    .pkix_why = WHY_CERT_MISMATCH },
	{ "second DNS-ID", { .cn = "x", .san = "DNS:a.example,DNS:" HOST }, NO_DANE, .chain = 1,
	    .named = 1 },
	{ "case", { .cn = "x", .san = "DNS:MX.Dest.EXAMPLE" }, NO_DANE, .chain = 1, .named = 1 },
	{ "wildcard", { .cn = "x", .san = "DNS:*.dest.example" }, NO_DANE, .chain = 1, .named = 1 },
	{ "wildcard is one label", { .cn = "x", .san = "DNS:*.dest.example" },
	    .host = "a.mx.dest.example", NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "wildcard needs its label", { .cn = "x", .san = "DNS:*.dest.example" },
	    .host = "dest.example", NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "partial wildcard, front", { .cn = "x", .san = "DNS:m*.dest.example" }, NO_DANE,
	    .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "partial wildcard, end", { .cn = "x", .san = "DNS:*x.dest.example" }, NO_DANE, .chain = 1,
	    .pkix_why = WHY_CERT_MISMATCH },
	{ "wildcard in the middle", { .cn = "x", .san = "DNS:mx.*.example" }, NO_DANE, .chain = 1,
	    .pkix_why = WHY_CERT_MISMATCH },
	{ "bare wildcard", { .cn = "x", .san = "DNS:*" }, NO_DANE, .chain = 1,
	    .pkix_why = WHY_CERT_MISMATCH },
	{ "NUL behind the name", { .cn = "x", .raw_dns = HOST "\0.evil.example",
	    .raw_len = sizeof HOST + 13 }, NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "leading dot is no host name", { .cn = "x", .san = "DNS:mx.dest.example" },
	    .host = ".dest.example", NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "e-mail name", { .cn = "x", .san = "email:a@" HOST }, NO_DANE, .chain = 1,
	    .pkix_why = WHY_CERT_MISMATCH },
	{ "client certificate", { .cn = "x", .san = "DNS:" HOST, .eku = "clientAuth" }, NO_DANE,
	    .named = 1, .pkix_why = WHY_CERT_INVALID },
	{ "unknown critical extension", { .cn = "x", .san = "DNS:" HOST, .critical = "1.2.3.4.5" },
	    NO_DANE, .named = 1, .pkix_why = WHY_CERT_INVALID },
	{ "RSA-1024", { .cn = "x", .san = "DNS:" HOST, .key = KIT_RSA1024 }, NO_DANE, .named = 1,
	    .pkix_why = WHY_TLS_TOO_OLD },
	{ "RSA-2048", { .cn = "x", .san = "DNS:" HOST, .key = KIT_RSA2048 }, NO_DANE, .chain = 1,
	    .named = 1 },
	{ "address literal", { .cn = "x", .san = "IP:192.0.2.1" }, .host = "[192.0.2.1]", NO_DANE,
	    .chain = 1, .named = 1 },
	{ "address literal v6", { .cn = "x", .san = "IP:2001:db8::1" },
	    .host = "[IPv6:2001:DB8:0::1]", NO_DANE, .chain = 1, .named = 1 },
	{ "wrong address", { .cn = "x", .san = "IP:192.0.2.2" }, .host = "[192.0.2.1]", NO_DANE,
	    .chain = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "address as DNS-ID", { .cn = "x", .san = "DNS:192.0.2.1" }, .host = "[192.0.2.1]",
	    NO_DANE, .chain = 1, .pkix_why = WHY_CERT_MISMATCH },

	/* DANE-EE: RFC 7672 s3.1.1, RULES D14, D20, D24 */
	{ "3 1 1", GOOD, BY_SELF, ALONE, .records = { { 3, 1, 1, OF_LEAF, 0 } }, .nrecords = 1,
	    .named = 1, .usable = 1,
	    .match = 1, .usage = 3, .depth = 0, .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "3 1 1 spoilt", GOOD, .records = { { 3, 1, 1, OF_LEAF, 1 } }, .nrecords = 1, NO_DANE,
	    .chain = 1, .named = 1, .usable = 1, .dane_why = WHY_TLSA_MISMATCH },
	{ "3 1 1 expired, no name", { .from = -30, .to = -1 }, BY_SELF, ALONE, .records = { { 3, 1,
	    1, OF_LEAF, 0 } },
	    .nrecords = 1, .usable = 1, .match = 1, .usage = 3, .depth = 0,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "3 1 1 wrong name and key usage", { .cn = "y", .san = "DNS:y.example",
	    .eku = "clientAuth" },
	    .records = { { 3, 1, 1, OF_LEAF, 0 } }, .nrecords = 1, .usable = 1, .match = 1,
	    .usage = 3, .depth = 0, .pkix_why = WHY_CERT_INVALID },
	{ "3 0 1", GOOD, .records = { { 3, 0, 1, OF_LEAF, 0 } }, .nrecords = 1, .chain = 1,
	    .named = 1, .usable = 1, .match = 1, .usage = 3, .depth = 0 },
	{ "3 1 2", GOOD, .records = { { 3, 1, 2, OF_LEAF, 0 } }, .nrecords = 1, .chain = 1,
	    .named = 1, .usable = 1, .match = 1, .usage = 3, .depth = 0 },
	{ "3 0 0, whole certificate", GOOD, .records = { { 3, 0, 0, OF_LEAF, 0 } }, .nrecords = 1,
	    .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 3, .depth = 0 },
	{ "3 1 0, whole key", GOOD, .records = { { 3, 1, 0, OF_LEAF, 0 } }, .nrecords = 1,
	    .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 3, .depth = 0 },
	{ "3 1 1 RSA-1024", { .cn = "x", .key = KIT_RSA1024 }, BY_SELF, ALONE, .records = { { 3, 1,
	    1, OF_LEAF, 0 } },
	    .nrecords = 1, .usable = 1, .match = 1, .usage = 3, .depth = 0,
	    .pkix_why = WHY_TLS_TOO_OLD },
	{ "3 1 1 of the issuer", GOOD, .records = { { 3, 1, 1, OF_INTER, 0 } }, .nrecords = 1,
	    NO_DANE, .chain = 1, .named = 1, .usable = 1, .dane_why = WHY_TLSA_MISMATCH },
	{ "roll-over: old and new", GOOD, .records = { { 3, 1, 1, OF_OTHER, 0 }, { 3, 1, 1, OF_LEAF,
	    0 } }, .nrecords = 2,
	    .chain = 1, .named = 1, .usable = 2, .match = 1, .usage = 3, .depth = 0 },

	/* Unusable records: RULES D12, D13 */
	{ "1 1 1 would match", GOOD, .records = { { 1, 1, 1, OF_LEAF, 0 } }, .nrecords = 1, NO_DANE,
	    .chain = 1, .named = 1, .dane_why = WHY_TLSA_INVALID },
	{ "0 0 1 would match", GOOD, .records = { { 0, 0, 1, OF_INTER, 0 } }, .nrecords = 1,
	    NO_DANE, .chain = 1, .named = 1, .dane_why = WHY_TLSA_INVALID },
	{ "1 1 1 matches, 3 1 1 does not", GOOD, .records = { { 1, 1, 1, OF_LEAF, 0 }, { 3, 1, 1,
	    OF_LEAF, 1 } },
	    .nrecords = 2, NO_DANE, .chain = 1, .named = 1, .usable = 1,
	    .dane_why = WHY_TLSA_MISMATCH },
	{ "1 1 1 does not, 3 1 1 matches", GOOD, .records = { { 1, 1, 1, OF_LEAF, 1 }, { 3, 1, 1,
	    OF_LEAF, 0 } },
	    .nrecords = 2, .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 3,
	    .depth = 0 },

	/* Digest agility: RFC 7671 s9, RULES D18 */
	{ "SHA2-512 spoilt, SHA2-256 right", GOOD, .records = { { 3, 1, 2, OF_LEAF, 1 }, { 3, 1, 1,
	    OF_LEAF, 0 } },
	    .nrecords = 2, NO_DANE, .chain = 1, .named = 1, .usable = 2,
	    .dane_why = WHY_TLSA_MISMATCH },
	{ "SHA2-256 spoilt, SHA2-512 right", GOOD, .records = { { 3, 1, 1, OF_LEAF, 1 }, { 3, 1, 2,
	    OF_LEAF, 0 } },
	    .nrecords = 2, .chain = 1, .named = 1, .usable = 2, .match = 1, .usage = 3,
	    .depth = 0 },
	{ "agility is per selector", GOOD, .records = { { 3, 1, 2, OF_LEAF, 1 }, { 3, 0, 1, OF_LEAF,
	    0 } },
	    .nrecords = 2, .chain = 1, .named = 1, .usable = 2, .match = 1, .usage = 3,
	    .depth = 0 },
	{ "full data is always kept", GOOD, .records = { { 3, 1, 2, OF_LEAF, 1 }, { 3, 1, 0,
	    OF_LEAF, 0 } },
	    .nrecords = 2, .chain = 1, .named = 1, .usable = 2, .match = 1, .usage = 3,
	    .depth = 0 },

	/* DANE-TA: RFC 7672 s3.1.2, RULES D15-D17 */
	{ "2 0 1 issuer in chain", GOOD, .records = { { 2, 0, 1, OF_INTER, 0 } }, .nrecords = 1,
	    .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 2, .depth = 1 },
	{ "2 1 1 issuer in chain", GOOD, .records = { { 2, 1, 1, OF_INTER, 0 } }, .nrecords = 1,
	    .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 2, .depth = 1 },
	{ "2 1 1 private CA", GOOD, BY_OTHER, WITH_OTHER, .records = { { 2, 1, 1, OF_OTHER, 0 } },
	    .nrecords = 1, .named = 1, .usable = 1, .match = 1, .usage = 2, .depth = 1,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "2 0 1 root in chain", GOOD, .sent = WITH_ROOT, .records = { { 2, 0, 1, OF_ROOT, 0 } },
	    .nrecords = 1,
	    .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 2, .depth = 2 },
	{ "2 0 1 root trusted here but not sent", GOOD, .records = { { 2, 0, 1, OF_ROOT, 0 } },
	    .nrecords = 1,
	    NO_DANE, .chain = 1, .named = 1, .usable = 1, .dane_why = WHY_TLSA_MISMATCH },
	{ "2 0 0 root from the DNS alone", GOOD, .records = { { 2, 0, 0, OF_ROOT, 0 } },
	    .nrecords = 1,
	    .chain = 1, .named = 1, .usable = 1, .match = 1, .usage = 2, .depth = 2 },
	{ "2 1 0 key of the issuer from the DNS", GOOD, BY_OTHER, ALONE, .records = { { 2, 1, 0,
	    OF_OTHER, 0 } },
	    .nrecords = 1, .named = 1, .usable = 1, .match = 1, .usage = 2, .depth = 0,
	    .pkix_why = WHY_CERT_NOT_TRUSTED },
	{ "2 1 1 spoilt", GOOD, .records = { { 2, 1, 1, OF_INTER, 1 } }, .nrecords = 1, NO_DANE,
	    .chain = 1, .named = 1, .usable = 1, .dane_why = WHY_TLSA_MISMATCH },
	{ "2 1 1 wrong name", { .cn = "x", .san = "DNS:y.example" }, .records = { { 2, 1, 1,
	    OF_INTER, 0 } },
	    .nrecords = 1, NO_DANE, .chain = 1, .usable = 1, .pkix_why = WHY_CERT_MISMATCH,
	    .dane_why = WHY_CERT_MISMATCH },
	{ "2 1 1 next-hop domain only", { .cn = "x", .san = "DNS:dest.example" },
	    .records = { { 2, 1, 1, OF_INTER, 0 } }, .nrecords = 1, .chain = 1, .usable = 1,
	    .match = 1, .usage = 2, .depth = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "2 1 1 CN only", { .cn = HOST }, .records = { { 2, 1, 1, OF_INTER, 0 } }, .nrecords = 1,
	    .chain = 1,
	    .usable = 1, .match = 1, .usage = 2, .depth = 1, .pkix_why = WHY_CERT_MISMATCH },
	{ "2 1 1 CN right, DNS-ID wrong", { .cn = HOST, .san = "DNS:y.example" },
	    .records = { { 2, 1, 1, OF_INTER, 0 } }, .nrecords = 1, NO_DANE, .chain = 1,
	    .usable = 1, .pkix_why = WHY_CERT_MISMATCH, .dane_why = WHY_CERT_MISMATCH },
	{ "2 1 1 partial wildcard", { .cn = "x", .san = "DNS:m*.dest.example" },
	    .records = { { 2, 1, 1, OF_INTER, 0 } }, .nrecords = 1, NO_DANE, .chain = 1,
	    .usable = 1, .pkix_why = WHY_CERT_MISMATCH, .dane_why = WHY_CERT_MISMATCH },
	{ "2 1 1 expired", { .cn = "x", .san = "DNS:" HOST, .from = -30, .to = -1 },
	    .records = { { 2, 1, 1, OF_INTER, 0 } }, .nrecords = 1, NO_DANE, .named = 1,
	    .usable = 1, .pkix_why = WHY_CERT_EXPIRED, .dane_why = WHY_CERT_EXPIRED },
	{ "2 1 1 of the leaf", GOOD, .records = { { 2, 1, 1, OF_LEAF, 0 } }, .nrecords = 1, NO_DANE,
	    .chain = 1, .named = 1, .usable = 1, .dane_why = WHY_TLSA_MISMATCH },
};
#define NROWS	(int)(sizeof rows / sizeof rows[0])

static struct kit_pair root, inter, other, old_inter;
static struct tls_client *client;

static void
set_up(void)
{
	struct why why;
	char *pem;

	tls_init();
	root = kit_issue(&(struct kit_spec){ .cn = "Root", .ca = 1, .from = -99, .to = 9999 },
	    NULL);
	inter = kit_issue(&(struct kit_spec){ .cn = "Inter", .ca = 1, .from = -99, .to = 999 },
	    &root);
	old_inter = kit_issue(&(struct kit_spec){ .cn = "Old", .ca = 1, .from = -99, .to = -1 },
	    &root);
	other = kit_issue(&(struct kit_spec){ .cn = "Other", .ca = 1, .from = -99, .to = 999 },
	    NULL);
	client = tls_client_new(&why);
	ck_assert_msg(client != NULL, "%s", why.text);
	pem = kit_pem(&root.cert, 1, NULL, NULL);
	ck_assert(tls_client_add_store(client, "", pem, strlen(pem), &why) == 0);
	free(pem);
}

static void
tear_down(void)
{
	clock_real();
	tls_client_free(&client);
	kit_pair_free(&root);
	kit_pair_free(&inter);
	kit_pair_free(&old_inter);
	kit_pair_free(&other);
}

static struct kit_pair
leaf_of(const struct row *row)
{
	const struct kit_pair *by[] = { [BY_INTER] = &inter, [BY_ROOT] = &root, [BY_OTHER] = &other,
		[BY_SELF] = NULL, [BY_OLD_INTER] = &old_inter };

	return kit_issue(&row->spec, by[row->by]);
}

static SSL_CTX *
server_of(const struct row *row, const struct kit_pair *leaf)
{
	X509 *chain[] = { row->by == BY_OLD_INTER ? old_inter.cert : inter.cert, root.cert };
	static const size_t n[] = { [WITH_INTER] = 1, [ALONE] = 0, [WITH_ROOT] = 2,
	    [WITH_OTHER] = 1 };

	return kit_server(leaf, row->sent == WITH_OTHER ? &other.cert : chain, n[row->sent]);
}

static void
want_of(const struct row *row, const struct kit_pair *leaf, struct tls_want *want)
{
	memset(want, 0, sizeof *want);
	str_copy(want->host, row->host ? row->host : HOST, sizeof want->host);
	if (want->host[0] != '[')
		str_copy(want->sni, want->host, sizeof want->sni);
	str_copy(want->names[0], want->host, sizeof want->names[0]);
	str_copy(want->names[1], "dest.example", sizeof want->names[1]);
	want->nnames = 2;
	want->min_version = TLS_V1_2;
	for (int i = 0; i < row->nrecords; i++) {
		const struct record *r = &row->records[i];
		X509 *of[] = { leaf->cert, inter.cert, root.cert, other.cert };

		kit_tlsa(&want->tlsa, r->usage, r->selector, r->mtype, of[r->of], r->flip);
	}
}

/* A client and a server as the row wants them, before the handshake. */
static struct kit_pair leaf;
static SSL_CTX *ctx;
static SSL *server, *ssl;
static struct tls_want want;
static struct tls_facts f;
static struct why why;

static void
meet(const struct row *row)
{
	leaf = leaf_of(row);
	ctx = server_of(row, &leaf);
	server = SSL_new(ctx);
	want_of(row, &leaf, &want);
	ssl = tls_client_session(client, &want, &why);
}

static void
part(void)
{
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(ctx);
	tls_want_fini(&want);
	kit_pair_free(&leaf);
}

/* RULES P12: weak-tls takes a weak chain, and that is known; a stranger's it does not take. */
static const struct {
	enum kit_key	key;
	int		stranger, min_version, chain, weak;
} weaks[] = {
	{ KIT_P256, 0, TLS_V1_2, 1, 0 }, { KIT_P256, 0, TLS_V1_0, 1, 0 },
	{ KIT_RSA1024, 0, TLS_V1_2, 0, 0 }, { KIT_RSA1024, 0, TLS_V1_0, 1, 1 },
	{ KIT_RSA1024, 1, TLS_V1_0, 0, 0 }, { KIT_P256, 1, TLS_V1_0, 0, 0 },
};

START_TEST(facts_of_weak_chain)
{
	leaf = kit_issue(&(struct kit_spec){ .san = "DNS:" HOST, .key = weaks[_i].key },
	    weaks[_i].stranger ? &other : &root);
	ctx = kit_server(&leaf, NULL, 0);
	server = SSL_new(ctx);
	want = (struct tls_want){ .host = HOST, .sni = HOST, .min_version = weaks[_i].min_version };
	ssl = tls_client_session(client, &want, &why);
	ck_assert_msg(kit_handshake(ssl, server, &why) == 0, "%s", why.text);
	tls_facts_read(ssl, client, &want, &f);
	ck_assert_int_eq(f.pkix_chain, weaks[_i].chain);
	ck_assert_int_eq(f.pkix_name, 1);
	ck_assert_int_eq(f.weak, weaks[_i].weak);
	part();
}
END_TEST

START_TEST(facts_of_certificate)
{
	const struct row *row = &rows[_i];

	meet(row);
	ck_assert_msg(ssl != NULL, "%s: %s", row->name, why.text);
	ck_assert_msg(kit_handshake(ssl, server, &why) == 0, "%s: %s", row->name, why.text);
	/* The handshake itself proves nothing, and says so. */
	ck_assert(SSL_get_verify_result(ssl) != X509_V_OK);
	tls_facts_read(ssl, client, &want, &f);
	ck_assert(SSL_get_verify_result(ssl) != X509_V_OK);
#define SAME(got, wanted) ck_assert_msg((got) == (wanted), "%s: %s is %d (errors %ld, %ld)", \
	row->name, #got, (int)(got), f.pkix_error, f.dane_error)
	SAME(f.encrypted, 1);
	SAME(f.resumed, 0);
	SAME(f.version, TLS_V1_3);
	SAME(f.pkix_chain, row->chain);
	SAME(f.pkix_name, row->named);
	SAME(f.pkix_error == X509_V_OK, row->chain);
	SAME(f.dane_usable, row->usable);
	SAME(f.dane_matched, row->match);
	SAME(f.dane_usage, row->usage);
	SAME(f.dane_depth, row->depth);
	SAME(f.dane_error == X509_V_OK, row->match);
	SAME(strlen(f.fingerprint), 64);
	ck_assert(f.not_after != 0);
	if (!row->chain || !row->named) {
		ck_assert(tls_why_certificate(&f, &why) == -1);
		ck_assert_msg(why.reason == row->pkix_why, "%s: %s", row->name,
		    why_token(why.reason));
	}
	if (row->nrecords > 0 && !row->match) {
		ck_assert(tls_why_tlsa(&f, &why) == -1);
		ck_assert_msg(why.reason == row->dane_why, "%s: %s", row->name,
		    why_token(why.reason));
	}
	part();
}
END_TEST

/* The dates are judged by our own clock. */
START_TEST(facts_use_our_clock)
{
	meet(&rows[0]);
	ck_assert(kit_handshake(ssl, server, &why) == 0);
	clock_virtual(0, ((int64_t)time(NULL) + 40 * KIT_DAY) * 1000);
	tls_facts_read(ssl, client, &want, &f);
	ck_assert_int_eq(f.pkix_error, X509_V_ERR_CERT_HAS_EXPIRED);
	clock_real();
	tls_facts_read(ssl, client, &want, &f);
	ck_assert_int_eq(f.pkix_error, X509_V_OK);
	ck_assert_str_eq(f.matched_name, HOST);
	ck_assert_str_eq(f.protocol, "TLSv1.3");
	ck_assert(strcmp(f.subject, "CN=x") == 0 && strcmp(f.issuer, "CN=Inter") == 0);
	part();
}
END_TEST

/* Before the handshake, or with a store that is gone, nothing is proven. */
START_TEST(facts_need_handshake_and_store)
{
	meet(&rows[0]);
	tls_facts_read(ssl, client, &want, &f);
	ck_assert(!f.encrypted && !f.pkix_chain && !f.pkix_name && f.pkix_error != X509_V_OK);
	ck_assert(!f.dane_matched && f.dane_error != X509_V_OK && f.dane_usage == -1);
	ck_assert(kit_handshake(ssl, server, &why) == 0);
	str_copy(want.ca, "elsewhere", sizeof want.ca);
	tls_facts_read(ssl, client, &want, &f);
	ck_assert(f.encrypted && !f.pkix_chain && !f.pkix_name && f.pkix_error != X509_V_OK);
	part();
}
END_TEST

/* Peer text is shown on one line. */
START_TEST(facts_escape_names)
{
	struct row row = { .spec = { .cn = "a\r\nb\x1b[2J\xe2\x80\xae", .san = "DNS:" HOST } };

	meet(&row);
	ck_assert(kit_handshake(ssl, server, &why) == 0);
	tls_facts_read(ssl, client, &want, &f);
	for (const char *c = f.subject; *c != '\0'; c++)
		ck_assert_msg(*c >= ' ' && *c < 0x7f, "%s", f.subject);
	part();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_facts");
	TCase *tc = tcase_create("facts");
	SRunner *sr;
	int failed;

	tcase_add_unchecked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, facts_of_weak_chain, 0, (int)(sizeof weaks / sizeof weaks[0]));
	tcase_add_loop_test(tc, facts_of_certificate, 0, NROWS);
	tcase_add_test(tc, facts_use_our_clock);
	tcase_add_test(tc, facts_need_handshake_and_store);
	tcase_add_test(tc, facts_escape_names);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
