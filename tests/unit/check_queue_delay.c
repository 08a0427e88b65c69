/* SPDX-License-Identifier: ISC */
/* When a sender is told that mail waits. */
#include "lib/queue/delay.h"

#include <check.h>

#define H	((int64_t)60 * 60 * 1000)
#define T0	((int64_t)1700000000000)

static const int64_t two[] = { 4 * H, 24 * H }, turned[] = { 24 * H, 4 * H }, huge[] = { INT64_MAX };

static const struct {
	const int64_t	*steps;
	size_t		 n;
	int64_t		 created, warned, next;
} rows[] = {
	{ two, 2, T0, 0, T0 + 4 * H },
	{ turned, 2, T0, 0, T0 + 4 * H },
	/* told: the same step never again */
	{ two, 2, T0, T0 + 4 * H, T0 + 24 * H },
	{ two, 2, T0, T0 + 5 * H, T0 + 24 * H },
	/* a notice for another reason, before the first step */
	{ two, 2, T0, T0 + H, T0 + 4 * H },
	/* both passed while nobody looked: one notice was for both */
	{ two, 2, T0, T0 + 24 * H, QUEUE_DELAY_NEVER },
	{ two, 2, T0, T0 + 30 * H, QUEUE_DELAY_NEVER },
	{ turned, 2, T0, T0 + 30 * H, QUEUE_DELAY_NEVER },
	/* no steps: silence */
	{ two, 0, T0, 0, QUEUE_DELAY_NEVER },
	{ two, 1, T0, T0 + 4 * H, QUEUE_DELAY_NEVER },
	{ huge, 1, T0, 0, QUEUE_DELAY_NEVER },
};

START_TEST(step)
{
	ck_assert_int_eq(queue_delay_next(rows[_i].steps, rows[_i].n, rows[_i].created,
	    rows[_i].warned), rows[_i].next);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue_delay");
	TCase *t = tcase_create("steps");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, step, 0, sizeof rows / sizeof rows[0]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
