/* SPDX-License-Identifier: ISC */
/* Flows: who counts as one client and one sender; stable numbers, as they are durable. */
#include "lib/queue/flow.h"

#include <check.h>
#include <stdio.h>

#include "lib/base/list.h"

enum same { NOTHING, CLIENT, BOTH };

static const struct {
	const char	*a, *a_sender, *b, *b_sender;
	enum same	 same;
} pairs[] = {
	{ "192.0.2.1", "a@b.example", "192.0.2.1", "a@b.example", BOTH },
	{ "192.0.2.1", "A@B.Example", "192.0.2.1", "a@b.example", BOTH },
	{ "192.0.2.1", "a@b.example", "::ffff:192.0.2.1", "a@b.example", BOTH },
	{ "2001:db8::1", "a@b.example", "2001:db8:0:0:ffff::9", "a@b.example", BOTH },
	{ "192.0.2.1", "", "192.0.2.1", "a@b.example", CLIENT },
	{ "192.0.2.1", "b@b.example", "192.0.2.1", "a@b.example", CLIENT },
	{ "192.0.2.1", "\xc3\x84@b.example", "192.0.2.1", "\xc3\xa4@b.example", CLIENT },
	{ "192.0.2.1", "a@b.example", "192.0.2.2", "a@b.example", NOTHING },
	{ "2001:db8::1", "a@b.example", "2001:db8:0:1::1", "a@b.example", NOTHING },
	{ "0.0.0.0", "a@b.example", "::", "a@b.example", NOTHING },
};

START_TEST(who_is_the_same)
{
	uint64_t a = queue_flow(pairs[_i].a, pairs[_i].a_sender);
	uint64_t b = queue_flow(pairs[_i].b, pairs[_i].b_sender);

	ck_assert_uint_ne(a >> 32, 0);
	ck_assert_int_eq(a == b, pairs[_i].same == BOTH);
	ck_assert_int_eq(a >> 32 == b >> 32, pairs[_i].same != NOTHING);
}
END_TEST

static const char *const nobody[] = {
	NULL, "", "unknown", "192.0.2", "192.0.2.1 ", "fe80::1%lo", "[::1]",
};

START_TEST(not_an_address)
{
	ck_assert_uint_eq(queue_flow(nobody[_i], "a@b.example"), 0);
}
END_TEST

/* A new release must not part the mail of one sender. */
START_TEST(stable)
{
	ck_assert_uint_eq(queue_flow("192.0.2.1", "a@b.example"),
	    UINT64_C(3810185865736400240));
}
END_TEST

/* Neighbours among clients and numbered senders fall into different places (the store's index
 * looks at the client and 8 bits of the sender). */
START_TEST(spread)
{
	unsigned seen[256] = { 0 };
	char sender[32];

	for (int i = 0; i < 2560; i++) {
		(void)snprintf(sender, sizeof sender, "bounce-%d@b.example", i);
		seen[queue_flow("192.0.2.1", sender) >> 24 & 0xff]++;
	}
	for (size_t i = 0; i < LENGTH(seen); i++)
		ck_assert(seen[i] > 0 && seen[i] < 40);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue/flow");
	TCase *tc = tcase_create("flow");
	SRunner *r;
	int failed;

	tcase_add_loop_test(tc, who_is_the_same, 0, LENGTH(pairs));
	tcase_add_loop_test(tc, not_an_address, 0, LENGTH(nobody));
	tcase_add_test(tc, stable);
	tcase_add_test(tc, spread);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
