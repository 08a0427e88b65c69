/* SPDX-License-Identifier: ISC */
/* Queue time under a wall clock that jumps (HARDENING T1). */
#include "lib/base/life.h"

#include <check.h>

#define HOUR	INT64_C(3600000)
#define DAY	(24 * HOUR)
#define NOW	INT64_C(1795305600000)

static const struct {
	int64_t	jump;		/* of the wall clock within one minute */
	int	loud;
	int64_t	slewed;		/* by which queue time differs from the monotonic one after a minute */
} jumps[] = {
	{ 0, 0, 0 }, { 299000, 0, 60000 }, { -299000, 0, -30000 }, { 301000, 1, 60000 },
	{ -301000, 1, -30000 }, { DAY, 1, 60000 }, { -DAY, 1, -30000 }, { 3652 * DAY, 1, 60000 },
	{ -NOW, 1, -30000 },
};

START_TEST(a_jump_ages_nothing)
{
	struct life l;
	int64_t jump;

	life_init(&l, NOW, 50, 0);
	jump = life_tick(&l, NOW + 60000 + jumps[_i].jump, 60050);
	ck_assert_int_eq(jump, jumps[_i].loud ? jumps[_i].jump : 0);
	ck_assert_int_eq(l.now, NOW + 60000 + jumps[_i].slewed);
	/* Said once; the clock runs on. */
	ck_assert_int_eq(life_tick(&l, NOW + 120000 + jumps[_i].jump, 120050), 0);
	ck_assert_int_eq(l.now, NOW + 120000 + 2 * jumps[_i].slewed);
}
END_TEST

static const struct {
	int64_t	wall, saved, want;
} starts[] = {
	{ NOW, 0, NOW },
	{ NOW, NOW - 1000, NOW },
	{ NOW, NOW - DAY, NOW - DAY + HOUR },	/* a gap adds an hour at most */
	{ NOW, NOW + DAY, NOW + DAY },		/* the clock was set back meanwhile */
	{ 0, NOW, NOW },
	{ -5, 0, 0 },
	{ NOW, -7, NOW },
};

START_TEST(it_comes_home)
{
	struct life l;

	life_init(&l, NOW, 0, NOW - DAY);	/* 23 hours behind */
	for (int64_t t = 1; t <= 24 * 60; t++)
		(void)life_tick(&l, NOW + t * 60000, t * 60000);
	ck_assert_int_eq(l.now, NOW + DAY);
	life_init(&l, NOW, 0, NOW + HOUR);
	for (int64_t t = 1; t <= 3 * 60; t++)
		(void)life_tick(&l, NOW + t * 60000, t * 60000);
	ck_assert_int_eq(l.now, NOW + 3 * HOUR);
}
END_TEST

START_TEST(a_start_goes_on)
{
	struct life l;

	life_init(&l, starts[_i].wall, 0, starts[_i].saved);
	ck_assert_int_eq(l.now, starts[_i].want);
}
END_TEST

START_TEST(one_step_adds_an_hour_at_most)
{
	struct life l;

	life_init(&l, NOW, 0, 0);
	ck_assert_int_eq(life_tick(&l, NOW + DAY, DAY), 0);
	ck_assert_int_eq(l.now, NOW + HOUR);
	(void)life_tick(&l, NOW + DAY, DAY - 5);	/* cannot be; does not go back */
	ck_assert_int_eq(l.now, NOW + HOUR);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("life");
	TCase *c = tcase_create("life");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, a_jump_ages_nothing, 0, sizeof jumps / sizeof jumps[0]);
	tcase_add_loop_test(c, a_start_goes_on, 0, sizeof starts / sizeof starts[0]);
	tcase_add_test(c, it_comes_home);
	tcase_add_test(c, one_step_adds_an_hour_at_most);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
