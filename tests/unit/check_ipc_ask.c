/* SPDX-License-Identifier: ISC */
/* The question to the policy worker: about a domain's MX, or about next hops. */
#include <stdlib.h>

#include <check.h>

#include "lib/ipc/ipc.h"

static struct ipc_ask ask;
static struct buf b;

static void
set_up(void)
{
	ask = (struct ipc_ask){ .domain = "dest.example", .fresh = 1, .nhops = 2,
		.hops = { { "mx.hub.example", 465 }, { "[192.0.2.1]", 25 } } };
	buf_init(&b);
}

static void
tear_down(void)
{
	buf_fini(&b);
}

static int
round_trip(struct ipc_ask *to)
{
	buf_clear(&b);
	ipc_ask_put(&b, &ask);
	return ipc_ask_get(buf_data(&b), buf_len(&b), to);
}

START_TEST(arrives)
{
	struct ipc_ask to;

	ck_assert_int_eq(round_trip(&to), 0);
	ck_assert_str_eq(to.domain, "dest.example");
	ck_assert_int_eq(to.fresh, 1);
	ck_assert_uint_eq(to.nhops, 2);
	ck_assert_str_eq(to.hops[0].host, "mx.hub.example");
	ck_assert_int_eq(to.hops[0].port, 465);
	ck_assert_str_eq(to.hops[1].host, "[192.0.2.1]");
	ck_assert_int_eq(to.hops[1].port, 25);
	ask.nhops = 0;
	ck_assert_int_eq(round_trip(&to), 0);
	ck_assert_uint_eq(to.nhops, 0);
}
END_TEST

START_TEST(cuts)
{
	struct ipc_ask to;

	ipc_ask_put(&b, &ask);
	for (size_t n = 0; n < buf_len(&b); n++)
		ck_assert_int_eq(ipc_ask_get(buf_data(&b), n, &to), -1);
	buf_addc(&b, 'x');
	ck_assert_int_eq(ipc_ask_get(buf_data(&b), buf_len(&b), &to), -1);
}
END_TEST

START_TEST(refused)
{
	struct ipc_ask to;

	ask.hops[1].port = 0;
	ck_assert_int_eq(round_trip(&to), -1);
	ask.hops[1].port = 25;
	ask.hops[0].host[0] = '\0';
	ck_assert_int_eq(round_trip(&to), -1);
	ask.nhops = 0;
	ck_assert_int_eq(round_trip(&to), 0);
	buf_data(&b)[buf_len(&b) - 2] = 2;	/* neither fresh nor not */
	ck_assert_int_eq(ipc_ask_get(buf_data(&b), buf_len(&b), &to), -1);
	ask.domain[0] = '\0';
	ck_assert_int_eq(round_trip(&to), -1);
}
END_TEST

START_TEST(too_many_hops)
{
	struct ipc_ask to;

	buf_add_str(&b, "dest.example");
	buf_add_u8(&b, 0);
	buf_add_u8(&b, PLAN_HOPS_MAX + 1);
	for (int i = 0; i <= PLAN_HOPS_MAX; i++) {
		buf_add_str(&b, "mx");
		buf_add_u16(&b, 25);
	}
	ck_assert_int_eq(ipc_ask_get(buf_data(&b), buf_len(&b), &to), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ipc_ask");
	TCase *t = tcase_create("ask");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, arrives);
	tcase_add_test(t, cuts);
	tcase_add_test(t, refused);
	tcase_add_test(t, too_many_hops);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
