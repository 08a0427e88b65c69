/* SPDX-License-Identifier: ISC */
/* Retry steps and the back-off of a destination. */
#include "lib/queue/backoff.h"

#include <check.h>

#include "lib/queue/next.h"

#define MIN	(INT64_C(60) * 1000)
#define MIDDLE	0x80000000u		/* jitter that moves nothing, or nearly */

static const int64_t steps[] = { 5 * MIN, 15 * MIN, 60 * MIN };

static const struct {
	uint32_t	tries;
	size_t		n;
	uint32_t	jitter;
	int64_t		low, high;
} tries[] = {
	{ 0, 3, MIDDLE, 5 * MIN - 100, 5 * MIN + 100 },
	{ 1, 3, MIDDLE, 5 * MIN - 100, 5 * MIN + 100 },
	{ 2, 3, MIDDLE, 15 * MIN - 100, 15 * MIN + 100 },
	{ 3, 3, MIDDLE, 60 * MIN - 1000, 60 * MIN + 1000 },
	{ 4, 3, MIDDLE, 60 * MIN - 1000, 60 * MIN + 1000 },
	{ UINT32_MAX, 3, MIDDLE, 60 * MIN - 1000, 60 * MIN + 1000 },
	{ 1, 0, MIDDLE, 60 * MIN - 1000, 60 * MIN + 1000 },
	{ 1, 3, 0, 5 * MIN * 9 / 10, 5 * MIN * 9 / 10 },
	{ 1, 3, UINT32_MAX, 5 * MIN * 109 / 100, 5 * MIN * 11 / 10 },
};

START_TEST(next_try)
{
	int64_t at = queue_next_try(steps, tries[_i].n, tries[_i].tries, 1000000, tries[_i].jitter);

	ck_assert_int_ge(at - 1000000, tries[_i].low);
	ck_assert_int_le(at - 1000000, tries[_i].high);
}
END_TEST

START_TEST(next_try_stays_in_range)
{
	const int64_t wild[] = { -5, INT64_MAX };

	ck_assert_int_eq(queue_next_try(wild, 1, 1, 77, UINT32_MAX), 77);
	ck_assert_int_eq(queue_next_try(wild, 2, 2, INT64_MAX - 5, 0), INT64_MAX);
	ck_assert_int_gt(queue_next_try(wild, 2, 2, 0, UINT32_MAX), 0);
}
END_TEST

static void
start(struct queue_backoff *b, unsigned n)
{
	while (n-- > 0) {
		ck_assert(queue_backoff_may_start(b, 0));
		queue_backoff_started(b);
	}
}

static void
failed_at(struct queue_backoff *b, int64_t now)
{
	queue_backoff_failure(b, steps, 3, now, MIDDLE);
}

START_TEST(limit_grows_by_one_a_round_up_to_max)
{
	struct queue_backoff b;
	unsigned rounds = 0;

	queue_backoff_init(&b, 2, 4);
	start(&b, 2);
	ck_assert(!queue_backoff_may_start(&b, 0));
	queue_backoff_success(&b);
	ck_assert_uint_eq(b.limit, 2);
	queue_backoff_success(&b);
	ck_assert_uint_eq(b.limit, 3);
	while (b.limit < 4 && rounds++ < 10) {
		start(&b, 1);
		queue_backoff_success(&b);
	}
	ck_assert_uint_eq(rounds, 3);
	for (int i = 0; i < 50; i++) {
		start(&b, 1);
		queue_backoff_success(&b);
	}
	ck_assert_uint_eq(b.limit, 4);
	queue_backoff_set_max(&b, 2);
	ck_assert_uint_eq(b.limit, 2);
}
END_TEST

START_TEST(failures_halve_then_pause)
{
	struct queue_backoff b;

	queue_backoff_init(&b, 8, 20);
	start(&b, 8);
	failed_at(&b, 0);
	ck_assert_uint_eq(b.limit, 4);
	failed_at(&b, 0);
	failed_at(&b, 0);
	ck_assert_uint_eq(b.limit, 1);
	ck_assert_int_eq(queue_backoff_until(&b), 0);
	failed_at(&b, 0);
	ck_assert_uint_eq(b.failures, 1);
	/* The other four of the same outage end during the pause: it stays what it is. */
	for (int i = 0; i < 4; i++)
		failed_at(&b, 10);
	ck_assert_uint_eq(b.failures, 1);
	ck_assert_uint_eq(b.active, 0);
	ck_assert(!queue_backoff_may_start(&b, 4 * MIN));
	ck_assert(queue_backoff_may_start(&b, 6 * MIN));
}
END_TEST

START_TEST(one_probe_decides)
{
	struct queue_backoff b;

	queue_backoff_init(&b, 1, 20);
	start(&b, 1);
	failed_at(&b, 0);
	queue_backoff_started(&b);		/* the probe */
	ck_assert(!queue_backoff_may_start(&b, 10 * MIN));
	failed_at(&b, 6 * MIN);
	ck_assert_uint_eq(b.failures, 2);
	ck_assert(!queue_backoff_may_start(&b, 6 * MIN + 14 * MIN));
	ck_assert(queue_backoff_may_start(&b, 6 * MIN + 16 * MIN));
	queue_backoff_started(&b);
	queue_backoff_success(&b);
	ck_assert_uint_eq(b.failures, 0);
	ck_assert_uint_eq(b.limit, 1);
	ck_assert(queue_backoff_may_start(&b, 0));
}
END_TEST

START_TEST(a_refused_message_says_it_lives)
{
	struct queue_backoff b;

	queue_backoff_init(&b, 1, 20);
	start(&b, 1);
	failed_at(&b, 0);
	queue_backoff_kick(&b);
	ck_assert(queue_backoff_may_start(&b, 1));
	queue_backoff_started(&b);
	queue_backoff_neutral(&b);
	ck_assert_uint_eq(b.failures, 0);
}
END_TEST

START_TEST(crowded_halves_without_a_pause)
{
	struct queue_backoff b;

	queue_backoff_init(&b, 8, 20);
	start(&b, 3);
	queue_backoff_crowded(&b);
	queue_backoff_crowded(&b);
	queue_backoff_crowded(&b);
	ck_assert_uint_eq(b.limit, 1);
	ck_assert(queue_backoff_may_start(&b, 0));
	queue_backoff_init(&b, 0, 0);
	ck_assert(queue_backoff_may_start(&b, 0));
}
END_TEST

/* 421 to the only connection there is: no matter how high the limit had grown. */
START_TEST(refused_pauses_at_once)
{
	struct queue_backoff b;

	queue_backoff_init(&b, 8, 20);
	start(&b, 1);
	queue_backoff_refused(&b, steps, 3, 0, MIDDLE);
	ck_assert_uint_eq(b.failures, 1);
	ck_assert_uint_eq(b.limit, 1);
	ck_assert(!queue_backoff_may_start(&b, 4 * MIN));
	ck_assert(queue_backoff_may_start(&b, 6 * MIN));
	/* A connection is no sign of life yet: the next pause is longer. */
	queue_backoff_started(&b);
	queue_backoff_cancelled(&b);
	ck_assert(queue_backoff_may_start(&b, 6 * MIN));
	queue_backoff_started(&b);
	queue_backoff_refused(&b, steps, 3, 6 * MIN, MIDDLE);
	ck_assert_uint_eq(b.failures, 2);
	ck_assert(!queue_backoff_may_start(&b, 20 * MIN));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue backoff");
	TCase *c = tcase_create("backoff");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, next_try, 0, sizeof tries / sizeof tries[0]);
	tcase_add_test(c, next_try_stays_in_range);
	tcase_add_test(c, limit_grows_by_one_a_round_up_to_max);
	tcase_add_test(c, failures_halve_then_pause);
	tcase_add_test(c, one_probe_decides);
	tcase_add_test(c, a_refused_message_says_it_lives);
	tcase_add_test(c, crowded_halves_without_a_pause);
	tcase_add_test(c, refused_pauses_at_once);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
