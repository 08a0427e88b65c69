/* SPDX-License-Identifier: ISC */
/* Routes (destinations[].via): next hops instead of MX hosts, one case a line. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/admit.h"
#include "lib/plan/decide.h"

static const uint8_t digest[32] = { 1, 2, 3 };

/* pin: P a configured record, C an own CA; hop: TLSA in DNS as in check_plan_decide; x: exception. */
static const struct row {
	const char	*rules;
	enum plan_level	 level;
	char		 own, dns;
	const char	*exception;
	const char	*result;
} rows[] = {
	{ "I51", PLAN_VERIFY, ' ', 'N', "", "go; verify by route" },
	{ "I51", PLAN_ENCRYPT, ' ', 'N', "", "go; verify by route" },
	{ "I54", PLAN_VERIFY, 'C', 'N', "", "go; verify by route +trust" },
	{ "D11", PLAN_VERIFY, ' ', 'S', "", "go; dane by dane +tlsa" },
	{ "D11", PLAN_DANE, ' ', 'S', "", "go; dane by dane +tlsa" },
	{ "I54", PLAN_VERIFY, 'C', 'S', "", "go; dane by dane +tlsa +trust" },
	{ "D04", PLAN_VERIFY, ' ', 'U', "", "defer tlsa-lookup" },
	{ "P02", PLAN_DANE, ' ', 'N', "", "defer dane-required" },
	{ "P02", PLAN_STS, ' ', 'N', "", "defer sts-required" },
	{ "P02", PLAN_STS, ' ', 'S', "", "go; dane by dane +tlsa" },
	/* keys of the configuration satisfy any level, and DNS does not matter */
	{ "pin", PLAN_ENCRYPT, 'P', 'N', "", "go; verify by route +tlsa" },
	{ "pin", PLAN_VERIFY, 'P', 'N', "", "go; verify by route +tlsa" },
	{ "pin", PLAN_VERIFY, 'P', 'U', "", "go; verify by route +tlsa" },
	{ "pin", PLAN_VERIFY, 'P', 'S', "", "go; verify by route +tlsa" },
	{ "pin", PLAN_STS, 'P', 'N', "", "go; dane by route +tlsa" },
	{ "pin", PLAN_DANE, 'P', 'N', "", "go; dane by route +tlsa" },
	{ "pin", PLAN_VERIFY, 'J', 'N', "", "defer tlsa-invalid" },
	/* an exception lowers what the configuration says by default, not what it pins */
	{ "P02", PLAN_VERIFY, ' ', 'N', "E", "go; encrypt by exception" },
	{ "P02", PLAN_VERIFY, 'C', 'N', "E", "go; encrypt by exception" },
	{ "P02", PLAN_VERIFY, 'P', 'N', "P", "go; verify by route +tlsa" },
	{ "P02", PLAN_VERIFY, 'P', 'N', "P!", "go; plaintext by exception" },
	{ "P02", PLAN_VERIFY, ' ', 'S', "P", "go; dane by dane +tlsa" },
};

static struct plan_host host;
static struct plan_evidence ev;
static struct plan_via via;
static struct plan_rule rule;
static struct plan_exception exception;

static void
set_up(void)
{
	host = (struct plan_host){ .name = "mx.hub.example", .naddresses = 1,
		.addresses_state = PLAN_ADDRESSES_FOUND, .tlsa_state = PLAN_TLSA_NONE };
	/* What the recipient domain publishes is not looked up, and would not count. */
	ev = (struct plan_evidence){ .domain = "dest.example", .mx = PLAN_MX_ROUTE, .hosts = &host,
		.nhosts = 1, .ttl = 60, .sts = { .state = PLAN_STS_UNKNOWN } };
	via = (struct plan_via){ .hops = { { "mx.hub.example", 465 } }, .nhops = 1, .implicit = 1,
		.identity = "me", .login = 5 };
	rule = (struct plan_rule){ .level = PLAN_VERIFY, .port = 25, .via = &via, .from_rule = 1 };
}

static void
tear_down(void)
{
	dns_tlsa_set_fini(&host.tlsa);
	dns_tlsa_set_fini(&via.tlsa);
}

static void
describe(const struct plan *p, char *to, size_t cap)
{
	const struct plan_requirement *r = &p->targets[0].requirement;

	if (p->verdict != PLAN_GO) {
		str_fmt(to, cap, "defer %s", why_token(p->why.reason));
		return;
	}
	str_fmt(to, cap, "go; %s by %s%s%s%s", plan_level_name(r->level),
	    plan_proof_name(r->proof), r->tlsa ? " +tlsa" : "", r->sts ? " +sts" : "",
	    r->trust ? " +trust" : "");
}

START_TEST(decisions)
{
	const struct row *row = &rows[_i];
	char got[200];
	struct plan p;

	rule.level = row->level;
	if (row->own == 'P' || row->own == 'J')
		dns_tlsa_set_add(&via.tlsa, row->own == 'P' ? 3 : 1, 1, 1, digest, sizeof digest);
	if (row->own == 'C')
		str_copy(via.ca, "branch", sizeof via.ca);
	if (row->dns == 'S') {
		dns_tlsa_set_add(&host.tlsa, 3, 1, 1, digest, sizeof digest);
		host.tlsa_state = PLAN_TLSA_SECURE;
	} else if (row->dns == 'U') {
		host.tlsa_state = PLAN_TLSA_UNKNOWN;
	}
	if (row->exception[0] != '\0') {
		exception = (struct plan_exception){ .id = "EX-1",
			.allow = row->exception[0] == 'P' ? PLAN_PLAINTEXT : PLAN_ENCRYPT,
			.overrides_published = row->exception[1] == '!' };
		rule.exception = &exception;
	}
	plan_decide(&ev, &rule, 0, &p);
	describe(&p, got, sizeof got);
	ck_assert_msg(strcmp(got, row->result) == 0, "%d %s: %s, not %s", _i, row->rules, got,
	    row->result);
	plan_fini(&p);
}
END_TEST

START_TEST(what_a_target_has)
{
	struct plan_requirement *r;
	struct plan p;

	plan_decide(&ev, &rule, 0, &p);
	r = &p.targets[0].requirement;
	ck_assert_int_eq(p.targets[0].port, 465);
	ck_assert_int_eq(p.targets[0].implicit, 1);
	ck_assert_int_eq(p.mx_secure, 1);
	ck_assert_int_eq((int)p.sts_state, PLAN_STS_NONE);
	ck_assert_str_eq(r->want.identity, "me");
	ck_assert_str_eq(r->want.ca, "");
	ck_assert_str_eq(r->want.sni, "mx.hub.example");
	ck_assert_str_eq(r->want.host, "mx.hub.example");
	ck_assert_uint_eq(r->login, 5);
	plan_fini(&p);
}
END_TEST

/* The recipient domain is no name that a next hop may have (RFC 7672 s3.2.2 is about MX). */
START_TEST(names)
{
	struct plan p;

	dns_tlsa_set_add(&host.tlsa, 2, 0, 1, digest, sizeof digest);
	host.tlsa_state = PLAN_TLSA_SECURE;
	str_copy(host.tlsa_base, "real.hub.example", sizeof host.tlsa_base);
	plan_decide(&ev, &rule, 0, &p);
	ck_assert_uint_eq(p.targets[0].requirement.want.nnames, 2);
	ck_assert_str_eq(p.targets[0].requirement.want.names[0], "real.hub.example");
	ck_assert_str_eq(p.targets[0].requirement.want.names[1], "mx.hub.example");
	plan_fini(&p);
}
END_TEST

START_TEST(literal_hop)
{
	struct plan p;

	str_copy(host.name, "[192.0.2.1]", sizeof host.name);
	via.hops[0] = (struct plan_hop){ "[192.0.2.1]", 25 };
	plan_decide(&ev, &rule, 0, &p);
	ck_assert_int_eq((int)p.verdict, PLAN_GO);
	ck_assert_str_eq(p.targets[0].requirement.want.sni, "");
	ck_assert_str_eq(p.targets[0].requirement.want.host, "[192.0.2.1]");
	plan_fini(&p);
}
END_TEST

/* A route applies to address literals like to any other recipient domain. */
START_TEST(literal_domain)
{
	struct plan p;

	str_copy(ev.domain, "[192.0.2.9]", sizeof ev.domain);
	plan_decide(&ev, &rule, 0, &p);
	ck_assert_int_eq((int)p.verdict, PLAN_GO);
	ck_assert_str_eq(p.targets[0].requirement.want.host, "mx.hub.example");
	plan_fini(&p);
}
END_TEST

static void
expect_deferred(void)
{
	struct plan p;

	plan_decide(&ev, &rule, 0, &p);
	ck_assert_int_eq((int)p.verdict, PLAN_DEFER);
	ck_assert(why_is_set(&p.why) && p.why.dsn[0] == '4');
	plan_fini(&p);
}

/* Evidence about something else: a reload in between, or a worker that lies (P13). */
START_TEST(other_evidence)
{
	struct plan_host two[2] = { host, host };

	str_copy(host.name, "mx.evil.example", sizeof host.name);
	expect_deferred();
	set_up();
	ev.nhosts = 0;
	expect_deferred();
	set_up();
	ev.hosts = two;
	ev.nhosts = 2;
	expect_deferred();
	for (int mx = PLAN_MX_UNKNOWN; mx < PLAN_MX_ROUTE; mx++) {
		set_up();
		ev.mx = (enum plan_mx)mx;
		expect_deferred();
	}
	set_up();
	rule.via = NULL;
	expect_deferred();
}
END_TEST

START_TEST(same_server)
{
	struct plan_target a = { .port = 25, .host = { .name = "mx" } }, b = a;

	ck_assert_int_eq(plan_target_same(&a, &b), 1);
	b.port = 465;
	ck_assert_int_eq(plan_target_same(&a, &b), 0);
	b = a;
	b.implicit = 1;
	ck_assert_int_eq(plan_target_same(&a, &b), 0);
	b = a;
	b.host.name[0] = 'x';
	ck_assert_int_eq(plan_target_same(&a, &b), 0);
}
END_TEST

/* RULES P07: credentials, client certificate and the demand for a chain are part of the key. */
START_TEST(key)
{
	struct plan_requirement a = { .level = PLAN_VERIFY }, b[] = { a, a, a };

	b[0].login = 1;
	b[1].trust = 1;
	b[2].want.identity[0] = 'x';
	for (size_t i = 0; i < LENGTH(b); i++)
		ck_assert(plan_requirement_key(&a) != plan_requirement_key(&b[i]));
}
END_TEST

/* RULES P13: who gets the password. */
static const struct {
	enum plan_level	 level;
	int		 tlsa, trust, encrypted, version, resumed, chain, name, match;
	int		 mail, login;
} logins[] = {
	{ PLAN_VERIFY, 0, 0, 1, TLS_V1_3, 0, 1, 1, 0, 1, 1 },
	{ PLAN_VERIFY, 0, 0, 1, TLS_V1_3, 0, 1, 0, 0, 0, 0 },
	{ PLAN_VERIFY, 1, 0, 1, TLS_V1_2, 0, 0, 0, 1, 1, 1 },
	{ PLAN_VERIFY, 1, 0, 1, TLS_V1_2, 0, 1, 1, 0, 0, 0 },
	{ PLAN_DANE, 1, 1, 1, TLS_V1_2, 0, 0, 1, 1, 0, 0 },
	{ PLAN_DANE, 1, 1, 1, TLS_V1_2, 0, 1, 1, 1, 1, 1 },
	{ PLAN_VERIFY, 0, 0, 1, TLS_V1_3, 1, 1, 1, 0, 0, 0 },
	/* exceptions let mail through, not the password */
	{ PLAN_ENCRYPT, 0, 0, 1, TLS_V1_3, 0, 0, 0, 0, 1, 0 },
	{ PLAN_ENCRYPT, 0, 0, 1, TLS_V1_3, 0, 1, 1, 0, 1, 1 },
	{ PLAN_PLAINTEXT, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 },
	{ PLAN_PLAINTEXT, 0, 0, 1, TLS_V1_1, 0, 1, 1, 0, 1, 0 },
	{ PLAN_NO_LEVEL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

START_TEST(password)
{
	struct plan_requirement r = { .level = logins[_i].level, .login = 1, .exception = "EX-1",
		.proof = logins[_i].level < PLAN_VERIFY ? PLAN_BY_EXCEPTION : PLAN_BY_ROUTE,
		.tlsa = logins[_i].tlsa, .trust = logins[_i].trust,
		.want = { .min_version = TLS_V1_2 } };
	struct tls_facts f = { .encrypted = logins[_i].encrypted, .version = logins[_i].version,
		.resumed = logins[_i].resumed, .pkix_chain = logins[_i].chain,
		.pkix_name = logins[_i].name, .dane_matched = logins[_i].match,
		.dane_usable = 1, .protocol = "TLS" };
	struct plan p = { .verdict = PLAN_GO, .mx_secure = 1 };
	struct why why;

	ck_assert_int_eq(plan_admits(&p, &r, &f, &why), logins[_i].mail ? 0 : -1);
	ck_assert_int_eq(plan_admits_login(&p, &r, &f, &why), logins[_i].login ? 0 : -1);
	ck_assert(logins[_i].login || why.reason == WHY_AUTH_FAILED);
	r.login = 0;
	ck_assert_int_eq(plan_admits_login(&p, &r, &f, &why), -1);
	r.login = 1;
	p.verdict = PLAN_DEFER;
	ck_assert_int_eq(plan_admits_login(&p, &r, &f, &why), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_route");
	TCase *t = tcase_create("route");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, decisions, 0, (int)LENGTH(rows));
	tcase_add_test(t, what_a_target_has);
	tcase_add_test(t, names);
	tcase_add_test(t, literal_hop);
	tcase_add_test(t, literal_domain);
	tcase_add_test(t, other_evidence);
	tcase_add_test(t, same_server);
	tcase_add_test(t, key);
	tcase_add_loop_test(t, password, 0, (int)LENGTH(logins));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
