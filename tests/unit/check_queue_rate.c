/* SPDX-License-Identifier: ISC */
/* Messages in a time: the bucket holds a second's worth, whatever the unit. */
#include "lib/queue/rate.h"

#include <check.h>

#define START	INT64_C(1000000)

/* How many go in `ms` if one is asked for every ms. */
static unsigned
let_through(const struct queue_rate *r, struct queue_bucket *b, int64_t from, int64_t ms)
{
	unsigned n = 0;

	for (int64_t now = from; now < from + ms; now++)
		while (queue_bucket_ready(b, r, now) <= now && n < 1000000) {
			queue_bucket_take(b, r, now);
			n++;
		}
	return n;
}

static const struct {
	uint32_t	n;
	int64_t		per, ms;
	unsigned	low, high;
} rates[] = {
	{ 100, 1000, 1, 100, 100 },		/* the burst */
	{ 100, 1000, 1000, 199, 200 },
	{ 100, 1000, 10000, 1099, 1100 },
	{ 600, 60000, 60000, 609, 610 },
	{ 3600, 3600000, 1, 1, 1 },		/* one a second, not 3600 at once */
	{ 3600, 3600000, 60000, 60, 60 },
	{ 1, 3600000, 3600000, 1, 1 },
	{ 1, 60000, 180000, 3, 3 },
	{ 1000000, 1000, 1, 1000000, 1000000 },
	{ 7, 1000, 7000, 55, 56 },
};

START_TEST(rate_holds)
{
	struct queue_rate r = { rates[_i].n, rates[_i].per };
	struct queue_bucket b = { 0 };
	unsigned n = let_through(&r, &b, START, rates[_i].ms);

	ck_assert_uint_ge(n, rates[_i].low);
	ck_assert_uint_le(n, rates[_i].high);
}
END_TEST

START_TEST(none_is_no_limit)
{
	const struct queue_rate none[] = { { 0, 0 }, { 0, 1000 }, { 5, 0 }, { 5, -1 } };
	struct queue_bucket b = { 0 };

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		for (int k = 0; k < 1000; k++) {
			ck_assert_int_eq(queue_bucket_ready(&b, &none[i], START), START);
			queue_bucket_take(&b, &none[i], START);
		}
		ck_assert(queue_bucket_full(&b, START));
	}
}
END_TEST

START_TEST(says_when)
{
	struct queue_rate r = { 1, 60000 };
	struct queue_bucket b = { 0 };

	ck_assert_int_eq(queue_bucket_ready(&b, &r, START), START);
	queue_bucket_take(&b, &r, START);
	ck_assert_int_eq(queue_bucket_ready(&b, &r, START), START + 60000);
	ck_assert_int_eq(queue_bucket_ready(&b, &r, START + 59999), START + 60000);
	ck_assert_int_eq(queue_bucket_ready(&b, &r, START + 60000), START + 60000);
	ck_assert(!queue_bucket_full(&b, START + 59999));
	ck_assert(queue_bucket_full(&b, START + 60000));
}
END_TEST

/* A reload: what the old rate took does not hold back the new one. */
START_TEST(another_rate_counts_anew)
{
	struct queue_rate slow = { 1, 3600000 }, fast = { 100, 1000 };
	struct queue_bucket b = { 0 };

	queue_bucket_take(&b, &slow, START);
	ck_assert_int_eq(queue_bucket_ready(&b, &fast, START + 10), START + 10);
	queue_bucket_take(&b, &fast, START + 10);
	ck_assert_int_eq(queue_bucket_ready(&b, &fast, START + 10), START + 20);
	ck_assert_int_gt(queue_bucket_ready(&b, &slow, START + 20), START + 900);
}
END_TEST

START_TEST(unused_is_given_back)
{
	struct queue_rate r = { 1, 60000 };
	struct queue_bucket b = { 0 };

	queue_bucket_take(&b, &r, START);
	queue_bucket_give_back(&b, &r);
	ck_assert_int_eq(queue_bucket_ready(&b, &r, START), START);
}
END_TEST

START_TEST(wild_values_stay_in_range)
{
	struct queue_rate r = { 1, INT64_MAX };
	struct queue_bucket b = { 0 };

	queue_bucket_take(&b, &r, START);
	ck_assert_int_gt(queue_bucket_ready(&b, &r, START), START);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue rate");
	TCase *c = tcase_create("rate");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, rate_holds, 0, sizeof rates / sizeof rates[0]);
	tcase_add_test(c, none_is_no_limit);
	tcase_add_test(c, says_when);
	tcase_add_test(c, another_rate_counts_anew);
	tcase_add_test(c, unused_is_given_back);
	tcase_add_test(c, wild_values_stay_in_range);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
