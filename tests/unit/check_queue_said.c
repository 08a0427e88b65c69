/* SPDX-License-Identifier: ISC */
/* What was said of a recipient is not said again until it is something else. */
#include "lib/queue/said.h"

#include <check.h>
#include <stdlib.h>

static struct queue_said said;

START_TEST(once_until_it_changes)
{
	static const struct {
		uint64_t	message;
		int64_t		rcpt;
		unsigned	what;
		int		again;
	} steps[] = {
		{ 1, 1, 5, 0 }, { 1, 1, 5, 1 }, { 1, 1, 5, 1 },
		{ 1, 2, 5, 0 }, { 2, 1, 5, 0 },		/* another recipient, another message */
		{ 1, 1, 5, 1 },
		{ 1, 1, 6, 0 }, { 1, 1, 6, 1 },		/* another reason */
		{ 1, 1, 5, 0 },				/* and the first one again */
	};

	said = (struct queue_said){ .marks = { 0 } };
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		ck_assert_msg(queue_said_again(&said, steps[i].message, steps[i].rcpt,
		    steps[i].what) == steps[i].again, "step %zu", i);
}
END_TEST

/* However many there are, nobody's first word is left out, and few of a few are said again. */
START_TEST(never_silent)
{
	unsigned repeated = 0;

	said = (struct queue_said){ .marks = { 0 } };
	for (uint64_t m = 1; m <= 10 * QUEUE_SAID_SIZE; m++)
		ck_assert_int_eq(queue_said_again(&said, m, 1, 5), 0);
	for (uint64_t m = 1; m <= 1000; m++)
		(void)queue_said_again(&said, m, 1, 7);
	for (uint64_t m = 1; m <= 1000; m++)
		repeated += !queue_said_again(&said, m, 1, 7);
	ck_assert_uint_lt(repeated, 100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue/said");
	TCase *t = tcase_create("said");
	SRunner *r;
	int failed;

	tcase_add_test(t, once_until_it_changes);
	tcase_add_test(t, never_silent);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
