/* SPDX-License-Identifier: ISC */
/*
 * What plan_decide says where mail would come back to us, or could reach
 * nobody: every list of up to four hosts against the rule of RFC 5321 s5.1,
 * written down a second time; special names with and without a route.
 */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/decide.h"

#define HOSTS		4
#define PREFERENCES	3

static const enum plan_addresses states[] = {
	PLAN_ADDRESSES_FOUND, PLAN_ADDRESSES_NONE, PLAN_ADDRESSES_OURS,
};

static struct plan_host hosts[HOSTS];
static struct plan_evidence ev;
static struct plan_rule rule;

static void
set_up(void)
{
	memset(hosts, 0, sizeof hosts);
	ev = (struct plan_evidence){ .domain = "dest.example", .mx = PLAN_MX_FOUND, .hosts = hosts,
		.ttl = 60, .past_known = 1, .sts = { .state = PLAN_STS_NONE } };
	rule = (struct plan_rule){ .level = PLAN_VERIFY, .port = 25 };
}

/* One number is one list. */
static void
hosts_of(unsigned number, size_t n)
{
	ev.nhosts = n;
	for (size_t i = 0; i < n; i++) {
		hosts[i] = (struct plan_host){ .tlsa_state = PLAN_TLSA_NONE, .naddresses = 1 };
		str_fmt(hosts[i].name, sizeof hosts[i].name, "mx%zu.dest.example", i);
		hosts[i].addresses_state = states[number % LENGTH(states)];
		hosts[i].preference = (uint16_t)(number / LENGTH(states) % PREFERENCES);
		number /= LENGTH(states) * PREFERENCES;
	}
}

/* "If it is in the list, drop itself and all that are not better." */
static int
may_be_used(size_t i)
{
	for (size_t k = 0; k < ev.nhosts; k++)
		if (hosts[k].addresses_state == PLAN_ADDRESSES_OURS &&
		    hosts[k].preference <= hosts[i].preference)
			return 0;
	return 1;
}

static void
judge(unsigned number)
{
	size_t usable = 0, better = 0;
	struct plan p;

	plan_decide(&ev, &rule, 0, &p);
	ck_assert_uint_eq(p.ntargets, ev.nhosts);
	for (size_t i = 0; i < ev.nhosts; i++) {
		int may = may_be_used(i), found = hosts[i].addresses_state == PLAN_ADDRESSES_FOUND;

		better += may != 0;
		usable += may && found;
		ck_assert_msg(p.targets[i].usable == (may && found), "%u host %zu", number, i);
		if (!may && hosts[i].addresses_state != PLAN_ADDRESSES_NONE)
			ck_assert_int_eq((int)p.targets[i].why.reason, WHY_OWN_ADDRESS);
	}
	if (usable > 0) {
		ck_assert_int_eq((int)p.verdict, PLAN_GO);
	} else if (better > 0) {
		ck_assert_int_eq((int)p.verdict, PLAN_DEFER);
		ck_assert(p.why.dsn[0] == '4');
	} else {
		ck_assert_int_eq((int)p.verdict, PLAN_REJECT);
		ck_assert_int_eq((int)p.why.reason, WHY_OWN_ADDRESS);
		ck_assert_str_eq(p.why.dsn, "5.4.6");
	}
	plan_fini(&p);
}

START_TEST(every_list)
{
	unsigned most = 1;

	for (size_t n = 1; n <= HOSTS; n++) {
		most *= LENGTH(states) * PREFERENCES;
		for (unsigned number = 0; number < most; number++) {
			hosts_of(number, n);
			judge(number);
		}
	}
}
END_TEST

/* Monitor mode and exceptions are about security: mail does not come back for that. */
START_TEST(nothing_overrides)
{
	struct plan_exception x = { .id = "EX", .allow = PLAN_PLAINTEXT, .overrides_published = 1 };

	rule.monitor = 1;
	rule.exception = &x;
	hosts_of(2, 1);
	judge(2);
}
END_TEST

static const char *const special[] = {
	"a.invalid", "localhost", "a.localhost", "a.onion", "a.local", "a.alt",
};

START_TEST(special_names)
{
	static const enum plan_mx shown[] = { PLAN_MX_UNKNOWN, PLAN_MX_FOUND, PLAN_MX_IMPLICIT,
		PLAN_MX_NULL, PLAN_MX_NO_DOMAIN };
	struct plan p;

	str_copy(ev.domain, special[_i], sizeof ev.domain);
	hosts_of(0, 1);
	for (size_t i = 0; i < LENGTH(shown); i++) {
		ev.mx = shown[i];
		plan_decide(&ev, &rule, 0, &p);
		ck_assert_int_eq((int)p.verdict, PLAN_REJECT);
		ck_assert_int_eq((int)p.why.reason, WHY_SPECIAL_NAME);
		ck_assert_str_eq(p.why.dsn, "5.1.2");
		ck_assert_uint_eq(p.ntargets, 0);
		plan_fini(&p);
	}
}
END_TEST

START_TEST(special_names_with_a_route)
{
	struct plan_via via = { .hops = { { "mx0.dest.example", 25 } }, .nhops = 1 };
	struct plan p;

	str_copy(ev.domain, special[_i], sizeof ev.domain);
	hosts_of(0, 1);
	ev.mx = PLAN_MX_ROUTE;
	rule.via = &via;
	plan_decide(&ev, &rule, 0, &p);
	ck_assert_int_eq((int)p.verdict, PLAN_GO);
	plan_fini(&p);
	/* The route is new, and what was looked up is not: ask again, do not refuse. */
	ev.mx = PLAN_MX_NO_DOMAIN;
	plan_decide(&ev, &rule, 0, &p);
	ck_assert_int_eq((int)p.verdict, PLAN_DEFER);
	plan_fini(&p);
}
END_TEST

/* Other local addresses are another connection. */
START_TEST(source)
{
	struct plan a, b;

	hosts_of(0, 1);
	rule.source = 1;
	plan_decide(&ev, &rule, 0, &a);
	rule.source = 2;
	plan_decide(&ev, &rule, 0, &b);
	ck_assert_uint_eq(a.targets[0].requirement.source, 1);
	ck_assert(plan_requirement_key(&a.targets[0].requirement) !=
	    plan_requirement_key(&b.targets[0].requirement));
	b.targets[0].requirement.source = 1;
	ck_assert(plan_requirement_key(&a.targets[0].requirement) ==
	    plan_requirement_key(&b.targets[0].requirement));
	plan_fini(&a);
	plan_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("plan_own");
	TCase *tc = tcase_create("own");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, every_list);
	tcase_add_test(tc, nothing_overrides);
	tcase_add_loop_test(tc, special_names, 0, LENGTH(special));
	tcase_add_loop_test(tc, special_names_with_a_route, 0, LENGTH(special));
	tcase_add_test(tc, source);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
