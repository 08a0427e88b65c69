/* SPDX-License-Identifier: ISC */
/* Names, the reuse key (RULES P07, HARDENING C7), copies. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/plan.h"

START_TEST(plan_names)
{
	for (int i = PLAN_PLAINTEXT; i <= PLAN_DANE; i++)
		ck_assert(plan_level_of(plan_level_name((enum plan_level)i)) == (enum plan_level)i);
	ck_assert_str_eq(plan_level_name(PLAN_NO_LEVEL), "none");
	ck_assert(plan_level_of("none") == PLAN_NO_LEVEL);
	ck_assert(plan_level_of("") == PLAN_NO_LEVEL);
	ck_assert(plan_level_of("Verify") == PLAN_NO_LEVEL);
	ck_assert(plan_level_of("opportunistic") == PLAN_NO_LEVEL);
	ck_assert_str_eq(plan_level_name((enum plan_level)99), "unknown");
	ck_assert_str_eq(plan_level_name((enum plan_level)-1), "unknown");
	ck_assert_str_eq(plan_proof_name(PLAN_BY_MONITOR), "monitor");
	ck_assert_str_eq(plan_proof_name((enum plan_proof)99), "unknown");
}
END_TEST

static struct plan_requirement
requirement(void)
{
	struct plan_requirement r = { .level = PLAN_DANE, .proof = PLAN_BY_DANE, .tlsa = 1,
		.want = { .sni = "mx.example", .host = "mx.example", .names = { "mx.example",
		    "example" },
		    .nnames = 2, .min_version = TLS_V1_2 } };

	dns_tlsa_set_add(&r.want.tlsa, 3, 1, 1, "abcd", 4);
	dns_tlsa_set_add(&r.want.tlsa, 2, 1, 1, "efgh", 4);
	return r;
}

static void ch_level(struct plan_requirement *r) { r->level = PLAN_STS; }
static void ch_proof(struct plan_requirement *r) { r->proof = PLAN_BY_TLSA; }
static void ch_sts(struct plan_requirement *r) { r->sts = 1; }
static void ch_tlsa(struct plan_requirement *r) { r->tlsa = 0; }
static void ch_exception(struct plan_requirement *r) { r->exception[0] = 'x'; }
static void ch_sni(struct plan_requirement *r) { r->want.sni[0] = 'x'; }
static void ch_host(struct plan_requirement *r) { r->want.host[0] = 'x'; }
static void ch_name(struct plan_requirement *r) { r->want.names[1][0] = 'x'; }
static void ch_names(struct plan_requirement *r) { r->want.nnames = 1; }
static void ch_order(struct plan_requirement *r)
{
	str_copy(r->want.names[0], "example", DNS_NAME_MAX);
	str_copy(r->want.names[1], "mx.example", DNS_NAME_MAX);
}
static void ch_ca(struct plan_requirement *r) { r->want.ca[0] = 'x'; }
static void ch_version(struct plan_requirement *r) { r->want.min_version = TLS_V1_3; }
static void ch_data(struct plan_requirement *r) { r->want.tlsa.rr[0].data[3] = 'x'; }
static void ch_usage(struct plan_requirement *r) { r->want.tlsa.rr[0].usage = 2; }
static void ch_selector(struct plan_requirement *r) { r->want.tlsa.rr[1].selector = 0; }
static void ch_mtype(struct plan_requirement *r) { r->want.tlsa.rr[1].mtype = 0; }
static void ch_more(struct plan_requirement *r) { dns_tlsa_set_add(&r->want.tlsa, 3, 1, 1, "ijkl",
    4); }
static void ch_swap_fields(struct plan_requirement *r)
{
	/* The same records' bytes, differently paired. */
	r->want.tlsa.rr[0].usage = 2;
	r->want.tlsa.rr[1].usage = 3;
}

static void (*const changes[])(struct plan_requirement *) = {
	ch_level, ch_proof, ch_sts, ch_tlsa, ch_exception, ch_sni, ch_host, ch_name, ch_names,
	    ch_order,
	ch_ca, ch_version, ch_data, ch_usage, ch_selector, ch_mtype, ch_more, ch_swap_fields,
};

START_TEST(plan_key_sees_every_change)
{
	struct plan_requirement a = requirement(), b = requirement();

	ck_assert(plan_requirement_key(&a) == plan_requirement_key(&b));
	changes[_i](&b);
	ck_assert_msg(plan_requirement_key(&a) != plan_requirement_key(&b), "change %d", _i);
	plan_requirement_fini(&a);
	plan_requirement_fini(&b);
}
END_TEST

START_TEST(plan_key_ignores_rotation)
{
	struct plan_requirement a = requirement(), b = requirement();
	struct dns_tlsa first;

	first = b.want.tlsa.rr[0];
	b.want.tlsa.rr[0] = b.want.tlsa.rr[1];
	b.want.tlsa.rr[1] = first;
	ck_assert(plan_requirement_key(&a) == plan_requirement_key(&b));
	plan_requirement_fini(&a);
	plan_requirement_fini(&b);
	plan_requirement_fini(&b);
}
END_TEST

START_TEST(plan_evidence_copies)
{
	struct plan_evidence a = { .domain = "example", .mx = PLAN_MX_FOUND, .nhosts = 2 }, b;

	a.hosts = calloc(2, sizeof *a.hosts);
	str_copy(a.hosts[1].name, "mx2.example", sizeof a.hosts[1].name);
	dns_tlsa_set_add(&a.hosts[1].tlsa, 3, 1, 1, "abcd", 4);
	a.sts.patterns = calloc(2, sizeof *a.sts.patterns);
	a.sts.npatterns = 2;
	str_copy(a.sts.patterns[1], "*.example", DNS_NAME_MAX);
	plan_evidence_copy(&b, &a);
	ck_assert(b.hosts != a.hosts && b.sts.patterns != a.sts.patterns);
	plan_evidence_fini(&a);
	ck_assert(a.nhosts == 0 && a.mx == PLAN_MX_UNKNOWN);
	ck_assert_str_eq(b.hosts[1].name, "mx2.example");
	ck_assert(b.hosts[1].tlsa.n == 1 && memcmp(b.hosts[1].tlsa.rr[0].data, "abcd", 4) == 0);
	ck_assert_str_eq(b.sts.patterns[1], "*.example");
	plan_evidence_fini(&b);
	plan_evidence_copy(&b, &a);
	ck_assert(b.hosts == NULL && b.sts.patterns == NULL);
	plan_evidence_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_plan");
	TCase *tc = tcase_create("plan");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, plan_names);
	tcase_add_loop_test(tc, plan_key_sees_every_change, 0, LENGTH(changes));
	tcase_add_test(tc, plan_key_ignores_rotation);
	tcase_add_test(tc, plan_evidence_copies);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
