/* SPDX-License-Identifier: ISC */
/* check_dns_param: which forwarders and trust anchors a resolver takes. */
#include <check.h>
#include <event2/event.h>

#include "lib/base/list.h"
#include "lib/dns/resolver.h"

#define ANCHOR	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"

static struct event_base *base;

static void
setup(void)
{
	base = event_base_new();
}

static void
teardown(void)
{
	event_base_free(base);
}

static const char *const bad_forwards[] = {
	"", "localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "[::1", "[::1]53",
	"127.0.0.1:53x", "1.2.3.4.5", "[zz]:53",
};

START_TEST(test_bad_forward)
{
	struct dns_param p = { .forward = &bad_forwards[_i], .nforward = 1,
	    .anchors = ANCHOR };
	struct why why;

	ck_assert_ptr_null(dns_resolver_new(base, &p, &why));
	ck_assert(why_is_set(&why));
}
END_TEST

static const char *const good_forwards[] = { "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:5353", "[::1]" };

START_TEST(test_good_forward)
{
	struct dns_param p = { .forward = &good_forwards[_i], .nforward = 1,
	    .anchors = ANCHOR };
	struct dns_resolver *r;
	struct why why;

	r = dns_resolver_new(base, &p, &why);
	ck_assert_ptr_nonnull(r);
	dns_resolver_free(&r);
}
END_TEST

static const char *const bad_anchors[] = { "", " \n\n; only a comment\n", "garbage", ". IN DS 1 2" };

START_TEST(test_bad_anchor)
{
	struct dns_param p = { .anchors = bad_anchors[_i] };
	struct why why;

	ck_assert_ptr_null(dns_resolver_new(base, &p, &why));
	ck_assert(why_is_set(&why));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dns_param");
	TCase *t = tcase_create("parameters");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_bad_forward, 0, LENGTH(bad_forwards));
	tcase_add_loop_test(t, test_good_forward, 0, LENGTH(good_forwards));
	tcase_add_loop_test(t, test_bad_anchor, 0, LENGTH(bad_anchors));
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
