/* SPDX-License-Identifier: ISC */
/* check_dns_resolver: the resolver and the typed look-ups against a signed internet of our own. */
#include <check.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/dns/addr.h"
#include "lib/dns/mx.h"
#include "lib/dns/resolver.h"
#include "lib/dns/tlsa.h"
#include "lib/dns/txt.h"
#include "tests/peer/dns_peer.h"
#include "tests/unit/loop_kit.h"

enum { A = 1, CNAME = 5, MX = 15, TXT = 16, AAAA = 28, TLSA = 52 };

#define DIGEST	"abababababababababababababababababababababababababababababababab"

static struct dns_peer *peer;
static struct dns_resolver *resolver;
static enum dns_status status;
static struct dns_answer got;
static struct dns_mx mx;
static struct dns_addr addr;
static struct dns_tlsa_result tlsa;
static struct dns_txt txt;
static char text[512];

static const char signed_zone[] =
    "www.example. A 192.0.2.1\n"
    "www.example. A 192.0.2.2\n"
    "www.example. AAAA 2001:db8::1\n"
    "only4.example. A 192.0.2.4\n"
    "example. MX 20 b.example.\nexample. MX 10 WWW.example.\nexample. MX 30 www.example.\n"
    "null.example. MX 0 .\n"
    "mixed.example. MX 0 .\nmixed.example. MX 10 www.example.\n"
    "odd.example. MX 10 a\\032b.example.\n"
    "example. TXT \"one \" \"two\"\nexample. TXT \"three\"\n"
    "alias.example. CNAME www.example.\n"
    "out.example. CNAME www.plain.\n"
    "domain.example. CNAME example.\n"
    "loop1.example. CNAME loop2.example.\nloop2.example. CNAME loop1.example.\n"
    "c0.example. CNAME c1.example.\nc1.example. CNAME c2.example.\nc2.example. CNAME c3.example.\n"
    "c3.example. CNAME c4.example.\nc4.example. CNAME c5.example.\nc5.example. CNAME c6.example.\n"
    "c6.example. CNAME c7.example.\nc7.example. CNAME c8.example.\nc8.example. CNAME c9.example.\n"
    "c9.example. A 192.0.2.9\n"
    "_25._tcp.www.example. TLSA 3 1 1 " DIGEST "\n"
    "_25._tcp.out.example. TLSA 3 1 1 " DIGEST "\n"
    "_25._tcp.only4.example. TLSA 0 0 1 " DIGEST "\n"
    "_2525._tcp.www.example. TLSA \\# 3 030101\n"
    "_26._tcp.www.example. CNAME _25._tcp.only4.example.\n";

static const char plain_zone[] =
    "www.plain. A 192.0.2.80\n"
    "plain. MX 10 www.plain.\n"
    "in.plain. CNAME www.example.\n"
    "_25._tcp.www.plain. TLSA 3 1 1 " DIGEST "\n";

static void
resolver_start(int64_t timeout_ms)
{
	const char *forward[] = { dns_peer_address(peer) };
	struct dns_param p = {
		.forward = forward, .nforward = 1, .anchors = dns_peer_anchor(peer),
		.timeout_ms = timeout_ms
	};
	struct why why;

	resolver = dns_resolver_new(base, &p, &why);
	ck_assert_msg(resolver != NULL, "%s", resolver == NULL ? why.text : "");
}

static void
setup(void)
{
	base = event_base_new();
	peer = dns_peer_new(base);
	dns_peer_zone(peer, ".", 1, "");
	dns_peer_zone(peer, "example.", 1, signed_zone);
	dns_peer_zone(peer, "plain.", 0, plain_zone);
	dns_peer_zone(peer, "test.", 1, "www.test. A 192.0.2.99\n");
	dns_peer_publish(peer);
	resolver_start(5000);
	answers = 0;
}

static void
teardown(void)
{
	dns_tlsa_set_fini(&tlsa.set);
	memset(&tlsa, 0, sizeof tlsa);
	dns_txt_fini(&txt);
	dns_resolver_free(&resolver);
	dns_peer_free(&peer);
	event_base_free(base);
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	size_t i;

	answers++;
	got = *a;
	status = a->status;
	text[0] = '\0';
	for (i = 0; i < a->nrr && a->type == A; i++)
		ck_assert_uint_eq(a->rr[i].len, 4);
}

static void
ask(const char *name, uint16_t type)
{
	unsigned before = answers;

	ck_assert_ptr_nonnull(dns_query(resolver, name, type, on_answer, NULL));
	ck_assert_uint_eq(answers, before);
	run(before + 1, 15000);
	ck_assert_uint_eq(answers, before + 1);
}

static const struct {
	const char	*name;
	uint16_t	 type;
	enum dns_status	 status;
	int		 secure;
	size_t		 nrr;
	const char	*canonical;
} lookups[] = {
	{ "www.example",	A,	DNS_FOUND,	1, 2, "www.example" },
	{ "WWW.Example.",	A,	DNS_FOUND,	1, 2, "www.example" },
	{ "www.example",	AAAA,	DNS_FOUND,	1, 1, "www.example" },
	{ "only4.example",	AAAA,	DNS_NODATA,	1, 0, "only4.example" },
	{ "none.example",	A,	DNS_NXDOMAIN,	1, 0, "none.example" },
	{ "nodomain",		MX,	DNS_NXDOMAIN,	1, 0, "nodomain" },
	{ "www.plain",		A,	DNS_FOUND,	0, 1, "www.plain" },
	{ "www.plain",		AAAA,	DNS_NODATA,	0, 0, "www.plain" },
	{ "none.plain",		A,	DNS_NXDOMAIN,	0, 0, "none.plain" },
	{ "alias.example",	A,	DNS_FOUND,	1, 2, "www.example" },
	{ "alias.example",	CNAME,	DNS_FOUND,	1, 1, "alias.example" },
	{ "alias.example",	TXT,	DNS_NODATA,	1, 0, "www.example" },
	{ "out.example",	A,	DNS_FOUND,	0, 1, "www.plain" },
	{ "out.example",	CNAME,	DNS_FOUND,	1, 1, "out.example" },
	{ "in.plain",		A,	DNS_FOUND,	0, 2, "www.example" },
	{ "domain.example",	MX,	DNS_FOUND,	1, 3, "example" },
	{ "www.test",		A,	DNS_FOUND,	1, 1, "www.test" },	/* RFC 6761 name, served */
	{ "c2.example",		A,	DNS_FOUND,	1, 1, "c9.example" },
	{ "c0.example",		A,	DNS_FAILED,	0, 0, NULL },	/* 9 aliases */
	{ "loop1.example",	A,	DNS_FAILED,	0, 0, NULL },
	{ "",			A,	DNS_FAILED,	0, 0, NULL },
	{ "a..example",		A,	DNS_FAILED,	0, 0, NULL },
	{ "sp ace.example",	A,	DNS_FAILED,	0, 0, NULL },
};

START_TEST(test_lookup)
{
	ask(lookups[_i].name, lookups[_i].type);
	ck_assert_msg(got.status == lookups[_i].status, "%s: %s (%s)", lookups[_i].name,
	    dns_status_name(got.status), got.why.text);
	ck_assert_int_eq(got.secure, lookups[_i].secure);
	ck_assert_uint_eq(got.nrr, lookups[_i].nrr);
	if (lookups[_i].canonical != NULL)
		ck_assert_str_eq(got.canonical, lookups[_i].canonical);
	ck_assert_int_eq(why_is_set(&got.why), lookups[_i].status == DNS_FAILED);
	if (lookups[_i].status == DNS_FOUND)
		ck_assert(got.ttl > 0 && got.ttl <= 300);
	else
		ck_assert_uint_le(got.ttl, 5);	/* RFC 2308: the SOA's last field */
}
END_TEST

static const struct {
	const char		*name;
	uint16_t		 type;
	enum dns_peer_act	 act;
	enum dns_status		 status;
} lies[] = {
	{ "www.example",  A,  DNS_PEER_SERVFAIL, DNS_FAILED },
	{ "www.example",  A,  DNS_PEER_REFUSED,  DNS_FAILED },
	{ "www.example",  A,  DNS_PEER_GARBAGE,  DNS_FAILED },
	{ "www.example",  A,  DNS_PEER_BADSIG,   DNS_BOGUS },
	{ "www.example",  A,  DNS_PEER_UNSIGNED, DNS_BOGUS },
	{ "none.example", A,  DNS_PEER_UNSIGNED, DNS_BOGUS },
	{ "none.example", A,  DNS_PEER_BADSIG,   DNS_BOGUS },
	{ "example",	  MX, DNS_PEER_BADSIG,   DNS_BOGUS },
	{ "www.plain",	  A,  DNS_PEER_SERVFAIL, DNS_FAILED },
	{ "www.plain",	  A,  DNS_PEER_TRUNCATE, DNS_FOUND },
	{ "www.example",  A,  DNS_PEER_TRUNCATE, DNS_FOUND },
};

START_TEST(test_lie)
{
	dns_peer_act(peer, lies[_i].name, lies[_i].type, lies[_i].act);
	ask(lies[_i].name, lies[_i].type);
	ck_assert_msg(got.status == lies[_i].status, "%d: %s: %s (%s)", _i, lies[_i].name,
	    dns_status_name(got.status), got.why.text);
	if (lies[_i].status == DNS_FOUND)
		return;
	ck_assert(why_is_set(&got.why) && !got.secure && got.nrr == 0);
	ck_assert_str_eq(why_token(got.why.reason),
	    lies[_i].status == DNS_BOGUS ? "dnssec-invalid" : "dns-failure");
	ck_assert_ptr_nonnull(strstr(got.why.text, lies[_i].name));
}
END_TEST

/* A zone whose DNSKEY cannot be had is an error, never "insecure" (D01). */
START_TEST(test_no_key)
{
	dns_peer_act(peer, "example", 48, DNS_PEER_SERVFAIL);
	ask("www.example", A);
	ck_assert(got.status == DNS_BOGUS || got.status == DNS_FAILED);
	ck_assert(why_is_set(&got.why));
}
END_TEST

START_TEST(test_wrong_anchor)
{
	const char *forward[] = { dns_peer_address(peer) };
	struct dns_param p = {
		.forward = forward, .nforward = 1, .timeout_ms = 5000,
		.anchors = "; a comment\n. IN DS 20326 8 2 (\n E06D44B80B8F1D39A95C0B0D7C65D08458E8"
		    "80409BBC683457104237C7F8EC8D )\n"
	};
	struct why why;

	dns_resolver_free(&resolver);
	resolver = dns_resolver_new(base, &p, &why);
	ck_assert_ptr_nonnull(resolver);
	ask("www.example", A);
	ck_assert_int_eq(got.status, DNS_BOGUS);
}
END_TEST

START_TEST(test_timeout)
{
	dns_resolver_free(&resolver);
	resolver_start(300);
	dns_peer_act(peer, "www.example", A, DNS_PEER_DROP);
	ask("www.example", A);
	ck_assert_int_eq(got.status, DNS_FAILED);
	ck_assert_ptr_nonnull(strstr(got.why.text, "in time"));
	/* Others are not hurt by it, and the late end of it is nobody's. */
	ask("www.plain", A);
	ck_assert_int_eq(got.status, DNS_FOUND);
}
END_TEST

static void
on_never(void *arg, const struct dns_answer *a)
{
	ck_abort_msg("called after cancel");
}

START_TEST(test_cancel)
{
	struct dns_query *q[3];
	int i;

	for (i = 0; i < 3; i++)
		q[i] = dns_query(resolver, "www.example", A, on_never, NULL);
	for (i = 0; i < 3; i++) {
		dns_query_cancel(&q[i]);
		ck_assert_ptr_null(q[i]);
	}
	ask("www.example", A);
	/* Answered from the cache: still not from inside the call, still to be cancelled. */
	q[0] = dns_query(resolver, "www.example", A, on_never, NULL);
	dns_query_cancel(&q[0]);
	dns_query_cancel(&q[0]);
	run(answers + 1, 50);
}
END_TEST

static void
on_addr_never(void *arg, const struct dns_addr *a)
{
	ck_abort_msg("called after free");
}

START_TEST(test_free_open)
{
	dns_query(resolver, "www.example", A, on_never, NULL);
	dns_addr_lookup(resolver, "www.example", on_addr_never, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	dns_addr_lookup(resolver, "www.plain", on_addr_never, NULL);
	dns_resolver_free(&resolver);
	run(1, 50);
}
END_TEST

static void
on_mx(void *arg, const struct dns_mx *m)
{
	answers++;
	mx = *m;
	status = m->status;
}

static const struct {
	const char	*domain;
	enum dns_status	 status;
	int		 secure, null;
	const char	*hosts;
} mxs[] = {
	{ "example",		DNS_FOUND,	1, 0, "10 www.example, 20 b.example, " },
	{ "domain.example",	DNS_FOUND,	1, 0, "10 www.example, 20 b.example, " },
	{ "plain",		DNS_FOUND,	0, 0, "10 www.plain, " },
	{ "null.example",	DNS_FOUND,	1, 1, "" },
	{ "mixed.example",	DNS_FOUND,	1, 0, "10 www.example, " },
	{ "odd.example",	DNS_FAILED,	1, 0, "" },
	{ "www.example",	DNS_NODATA,	1, 0, "" },
	{ "none.example",	DNS_NXDOMAIN,	1, 0, "" },
	{ "loop1.example",	DNS_FAILED,	0, 0, "" },
};

START_TEST(test_mx)
{
	struct buf b;
	size_t i;

	dns_mx_lookup(resolver, mxs[_i].domain, on_mx, NULL);
	run(1, 15000);
	ck_assert_uint_eq(answers, 1);
	ck_assert_int_eq(mx.status, mxs[_i].status);
	ck_assert_int_eq(mx.secure, mxs[_i].secure);
	ck_assert_int_eq(mx.null_mx, mxs[_i].null);
	ck_assert_int_eq(why_is_set(&mx.why), mxs[_i].status == DNS_FAILED);
	buf_init(&b);
	for (i = 0; i < mx.nhosts; i++)
		buf_addf(&b, "%u %s, ", mx.hosts[i].preference, mx.hosts[i].name);
	ck_assert_str_eq(buf_str(&b), mxs[_i].hosts);
	buf_fini(&b);
}
END_TEST

START_TEST(test_mx_many)
{
	struct buf b;
	int i;

	buf_init(&b);
	for (i = 60; i > 0; i--)
		buf_addf(&b, "many. MX %d mx%d.many.\n", i, i);
	dns_peer_zone(peer, "many.", 1, buf_str(&b));
	dns_peer_publish(peer);
	buf_fini(&b);
	dns_mx_lookup(resolver, "many", on_mx, NULL);
	run(1, 15000);
	ck_assert_int_eq(mx.status, DNS_FOUND);
	ck_assert_uint_eq(mx.nhosts, DNS_MX_MAX);
	for (i = 0; i < DNS_MX_MAX; i++)
		ck_assert_uint_eq(mx.hosts[i].preference, i + 1);
}
END_TEST

static void
on_addr(void *arg, const struct dns_addr *a)
{
	answers++;
	addr = *a;
}

static void
on_tlsa(void *arg, const struct dns_tlsa_result *t)
{
	answers++;
	tlsa = *t;
	dns_tlsa_set_copy(&tlsa.set, &t->set);
}

/* A host, a lie about one of its names, and what follows for addresses and TLSA. */
static const struct {
	const char		*host, *liar;
	uint16_t		 lie_type;
	enum dns_peer_act	 lie;
	enum dns_status		 status;
	int			 secure, origin_secure;
	size_t			 n;
	enum dns_status		 tlsa;
	const char		*base;
} hosts[] = {
	{ "www.example", NULL, 0, 0, DNS_FOUND, 1, 1, 3, DNS_FOUND, "www.example" },
	{ "only4.example", NULL, 0, 0, DNS_FOUND, 1, 1, 1, DNS_FOUND, "only4.example" },
	/* D07: one family fails, the other one serves */
	{ "www.example", "www.example", AAAA, DNS_PEER_SERVFAIL, DNS_FOUND, 1, 1, 2, DNS_FOUND, "www.example" },
	{ "www.example", "www.example", A, DNS_PEER_BADSIG, DNS_FOUND, 1, 1, 1, DNS_FOUND, "www.example" },
	{ "only4.example", "only4.example", AAAA, DNS_PEER_BADSIG, DNS_FOUND, 1, 1, 1, DNS_FOUND, "only4.example" },
	{ "only4.example", "only4.example", A, DNS_PEER_BADSIG, DNS_BOGUS, 0, 0, 0, DNS_NODATA, "" },
	{ "only4.example", "only4.example", A, DNS_PEER_SERVFAIL, DNS_FAILED, 0, 0, 0, DNS_NODATA, "" },
	/* D06: insecure addresses, TLSA not asked although there is one */
	{ "www.plain", NULL, 0, 0, DNS_FOUND, 0, 0, 1, DNS_NODATA, "" },
	/* D08: secure alias chain: the expanded name */
	{ "alias.example", NULL, 0, 0, DNS_FOUND, 1, 1, 3, DNS_FOUND, "www.example" },
	/* ... an insecure end: the original name, if that is secure */
	{ "out.example", NULL, 0, 0, DNS_FOUND, 0, 1, 1, DNS_FOUND, "out.example" },
	{ "out.example", "out.example", 0, DNS_PEER_BADSIG, DNS_BOGUS, 0, 0, 0, DNS_NODATA, "" },
	/* ... an insecure beginning taints all */
	{ "in.plain", NULL, 0, 0, DNS_FOUND, 0, 0, 3, DNS_NODATA, "" },
	{ "none.example", NULL, 0, 0, DNS_NXDOMAIN, 1, 1, 0, DNS_NODATA, "" },
	/* D04: errors of the TLSA look-up are errors */
	{ "www.example", "_25._tcp.www.example", TLSA, DNS_PEER_SERVFAIL, DNS_FOUND, 1, 1, 3, DNS_FAILED, "www.example" },
	{ "www.example", "_25._tcp.www.example", TLSA, DNS_PEER_BADSIG, DNS_FOUND, 1, 1, 3, DNS_BOGUS, "www.example" },
	{ "www.example", "_25._tcp.www.example", TLSA, DNS_PEER_UNSIGNED, DNS_FOUND, 1, 1, 3, DNS_BOGUS, "www.example" },
	{ "alias.example", "_25._tcp.www.example", TLSA, DNS_PEER_SERVFAIL, DNS_FOUND, 1, 1, 3, DNS_FAILED, "www.example" },
};

START_TEST(test_host)
{
	if (hosts[_i].liar != NULL)
		dns_peer_act(peer, hosts[_i].liar, hosts[_i].lie_type, hosts[_i].lie);
	dns_addr_lookup(resolver, hosts[_i].host, on_addr, NULL);
	run(1, 20000);
	ck_assert_uint_eq(answers, 1);
	ck_assert_msg(addr.status == hosts[_i].status, "%d %s: %s (%s)", _i, hosts[_i].host,
	    dns_status_name(addr.status), addr.why.text);
	ck_assert_int_eq(addr.secure, hosts[_i].secure);
	ck_assert_int_eq(addr.origin_secure, hosts[_i].origin_secure);
	ck_assert_uint_eq(addr.naddresses, hosts[_i].n);
	dns_tlsa_lookup(resolver, &addr, 25, on_tlsa, NULL);
	ck_assert_uint_eq(answers, 1);
	run(2, 20000);
	ck_assert_uint_eq(answers, 2);
	ck_assert_msg(tlsa.status == hosts[_i].tlsa, "%d %s: TLSA %s (%s)", _i, hosts[_i].host,
	    dns_status_name(tlsa.status), tlsa.why.text);
	if (tlsa.status == DNS_FOUND) {
		ck_assert_str_eq(tlsa.base, hosts[_i].base);
		ck_assert_uint_eq(tlsa.set.n, 1);
	} else
		ck_assert_uint_eq(tlsa.set.n, 0);
	ck_assert_int_eq(why_is_set(&tlsa.why),
	    hosts[_i].tlsa == DNS_FAILED || hosts[_i].tlsa == DNS_BOGUS);
}
END_TEST

static void
tlsa_at(const char *host, uint16_t port)
{
	dns_addr_lookup(resolver, host, on_addr, NULL);
	run(1, 20000);
	dns_tlsa_lookup(resolver, &addr, port, on_tlsa, NULL);
	run(2, 20000);
	ck_assert_uint_eq(answers, 2);
}

START_TEST(test_tlsa_alias)
{
	tlsa_at("www.example", 26);	/* D09: the base name stays that of the host */
	ck_assert_int_eq(tlsa.status, DNS_FOUND);
	ck_assert_str_eq(tlsa.base, "www.example");
	ck_assert_uint_eq(tlsa.set.rr[0].usage, 0);
	ck_assert(!dns_tlsa_usable(&tlsa.set.rr[0]) && !tlsa.denied);
}
END_TEST

START_TEST(test_tlsa_denied)
{
	tlsa_at(_i == 0 ? "only4.example" : "www.plain", 26);
	ck_assert(tlsa.status == DNS_NODATA && tlsa.denied == (_i == 0));
}
END_TEST

START_TEST(test_tlsa_short)
{
	tlsa_at("www.example", 2525);	/* D12: there and unusable, if it can be read at all */
	ck_assert(tlsa.status == DNS_FOUND || tlsa.status == DNS_FAILED);
	if (tlsa.status == DNS_FOUND)
		ck_assert(tlsa.set.n == 1 && !dns_tlsa_usable(&tlsa.set.rr[0]));
}
END_TEST

START_TEST(test_tlsa_many)
{
	struct buf b;
	int i;

	buf_init(&b);
	buf_adds(&b, "mx.many. A 192.0.2.7\n");
	for (i = 0; i < 101; i++)
		buf_addf(&b, "_25._tcp.mx.many. TLSA 3 1 1 %064x\n", (unsigned)i);
	dns_peer_zone(peer, "many.", 1, buf_str(&b));
	dns_peer_publish(peer);
	buf_fini(&b);
	tlsa_at("mx.many", 25);
	ck_assert_int_eq(tlsa.status, DNS_FAILED);
	ck_assert_ptr_nonnull(strstr(tlsa.why.text, "100"));
}
END_TEST

static void
on_txt(void *arg, const struct dns_txt *t)
{
	size_t i;

	answers++;
	status = t->status;
	text[0] = '\0';
	for (i = 0; i < t->nrecords; i++) {
		str_cat(text, t->records[i].data, sizeof text);
		str_cat(text, "|", sizeof text);
	}
}

START_TEST(test_txt)
{
	dns_txt_lookup(resolver, "example", on_txt, NULL);
	run(1, 15000);
	ck_assert_int_eq(status, DNS_FOUND);
	ck_assert(strcmp(text, "one two|three|") == 0 || strcmp(text, "three|one two|") == 0);
	dns_txt_lookup(resolver, "www.example", on_txt, NULL);
	run(2, 15000);
	ck_assert_int_eq(status, DNS_NODATA);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dns_resolver");
	TCase *t = tcase_create("look-ups");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_lookup, 0, LENGTH(lookups));
	tcase_add_loop_test(t, test_lie, 0, LENGTH(lies));
	tcase_add_test(t, test_no_key);
	tcase_add_test(t, test_wrong_anchor);
	tcase_add_test(t, test_timeout);
	tcase_add_test(t, test_cancel);
	tcase_add_test(t, test_free_open);
	tcase_add_loop_test(t, test_mx, 0, LENGTH(mxs));
	tcase_add_test(t, test_mx_many);
	tcase_add_loop_test(t, test_host, 0, LENGTH(hosts));
	tcase_add_test(t, test_tlsa_alias);
	tcase_add_loop_test(t, test_tlsa_denied, 0, 2);
	tcase_add_test(t, test_tlsa_short);
	tcase_add_test(t, test_tlsa_many);
	tcase_add_test(t, test_txt);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
