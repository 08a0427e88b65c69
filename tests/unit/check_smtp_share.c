/* SPDX-License-Identifier: ISC */
/* What each worker may take of what limits the relay. */
#include "relayd/smtp/generation.h"

#include <check.h>

#include "lib/base/list.h"

static const struct {
	int		number;
	unsigned	workers;
	unsigned	sum;		/* over all of them */
} rows[] = {
	{ 100, 0, 100 }, { 100, 1, 100 }, { 100, 3, 100 }, { 64, 64, 64 }, { 7, 4, 7 },
	{ 0, 4, 0 },		/* no limit stays none */
	{ 2, 4, 4 },		/* each may work */
	{ 1, 64, 64 },
};

START_TEST(parts_make_the_whole)
{
	struct generation g = { .workers = rows[_i].workers };
	unsigned sum = 0;

	for (; g.worker == 0 || g.worker < g.workers; g.worker++) {
		unsigned part = generation_share(&g, rows[_i].number);

		ck_assert(part > 0 || rows[_i].number == 0);
		ck_assert_uint_le(part, (unsigned)rows[_i].number);
		sum += part;
	}
	ck_assert_uint_eq(sum, rows[_i].sum);
}
END_TEST

START_TEST(rates_are_divided)
{
	const struct conf_rate ten = { .n = 10, .per = 1000 }, none = { .n = 0 };
	const struct generation alone = { .workers = 1 }, four = { .worker = 2, .workers = 4 };

	ck_assert_uint_eq(generation_rate(&alone, &ten).n, 10);
	ck_assert_int_eq(generation_rate(&alone, &ten).per, 1000);
	ck_assert_uint_eq(generation_rate(&four, &ten).n, 10);
	ck_assert_int_eq(generation_rate(&four, &ten).per, 4000);
	ck_assert_uint_eq(generation_rate(&four, &none).n, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("share");
	TCase *c = tcase_create("share");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, parts_make_the_whole, 0, (int)LENGTH(rows));
	tcase_add_test(c, rates_are_divided);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
