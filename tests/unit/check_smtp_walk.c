/* SPDX-License-Identifier: ISC */
/*
 * How far one attempt goes, and that attempt after attempt reaches every
 * address: the limits may delay a host that would do, never hide it.
 */
#include "relayd/smtp/walk.h"

#include <stdlib.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/rand.h"

static struct walk_memory *memory;
static uint64_t dialled[WALK_TRIED_MAX];
static size_t ndialled;

static void
tear_down(void)
{
	free(memory);
	memory = NULL;
}

/*
 * One attempt over a plan, hosts apart by spaces: a no connection, s a full
 * session, - cannot be tried from here, + admits. 1 if it was admitted.
 */
static int
attempt(const char *plan)
{
	struct walk w;
	int may = 1;

	ndialled = 0;
	walk_begin(&w, memory);
	free(memory);
	memory = NULL;
	do {
		walk_host(&w);
		may = 1;
		for (size_t i = 0; plan[i] != '\0' && may != -1; i++) {
			if (plan[i] == ' ') {
				walk_host(&w);
				continue;
			}
			if ((may = walk_may_try(&w, i + 1)) != 1)
				continue;
			dialled[ndialled++] = i;
			if (plan[i] == '+')
				return 1;
			if (plan[i] == '-')
				walk_skipped(&w, i + 1);
			else
				walk_tried(&w, i + 1, plan[i] == 's');
		}
	} while (walk_again(&w));
	memory = walk_end(&w);
	return 0;
}

static const struct {
	const char	*plan;
	unsigned	 attempts;	/* until it is admitted; 0: never */
	const char	*first;		/* the places that the first attempt dials */
} walks[] = {
	{ "+", 1, "0" }, { "a a +", 1, "024" }, { "s +", 1, "02" }, { "s s +", 2, "02" },
	{ "ss +", 2, "01" }, { "sss s+", 3, "01" }, { "s a s a +", 2, "024" },
	{ "s a s +", 2, "024" }, { "aaaaa+", 2, "01234" }, { "aaaaaa +", 1, "012347" },
	{ "aaaaa a+", 1, "0123467" }, { "aaaaaaaaaa+", 3, "01234" }, { "-----+", 1, "012345" },
	{ "--ss+", 2, "0123" }, { "a", 0, "0" }, { "s s s", 0, "02" }, { "", 0, "" },
	{ "aaaaaaa aaaaaaa", 0, NULL }, { "s s s s s s s s s +", 5, NULL },
};

START_TEST(reaches)
{
	unsigned n = 0;
	char first[WALK_TRIED_MAX + 1] = "";

	do {
		n++;
		if (attempt(walks[_i].plan))
			break;
		for (size_t i = 0; n == 1 && i < ndialled; i++)
			first[i] = (char)('0' + dialled[i]);
	} while (n < 50);
	ck_assert_uint_eq(n, walks[_i].attempts == 0 ? 50 : walks[_i].attempts);
	if (walks[_i].first != NULL && n > 1)
		ck_assert_str_eq(first, walks[_i].first);
}
END_TEST

/* The same numbers each time. */
static size_t
below(size_t n)
{
	static const uint8_t key[16] = { 7 };
	static unsigned count;

	count++;
	return (size_t)(rand_siphash(key, &count, sizeof count) % n);
}

/* Whatever the plan and wherever the good address: it is dialled within a bounded time. */
START_TEST(reaches_everything)
{
	char plan[64];

	for (unsigned round = 0; round < 3000; round++) {
		size_t n = 1 + below(40), good = below(n);
		unsigned attempts = 0;

		for (size_t i = 0; i < n; i++)
			plan[i] = "as- s"[below(5)];
		plan[good] = '+';
		plan[n] = '\0';
		while (!attempt(plan)) {
			ck_assert_uint_gt(ndialled, 0);
			ck_assert_msg(++attempts <= n, "%s", plan);
		}
	}
}
END_TEST

/* The plan has become another: what is remembered is of no use and in nobody's way. */
START_TEST(another_plan)
{
	ck_assert_int_eq(attempt("aaaaaaaa"), 0);
	ck_assert_ptr_nonnull(memory);
	ck_assert_int_eq(attempt("aa"), 0);
	ck_assert_uint_eq(ndialled, 2);
	ck_assert_ptr_null(memory);
}
END_TEST

START_TEST(cut)
{
	struct walk w;

	walk_begin(&w, NULL);
	ck_assert_int_eq(walk_may_try(&w, 1), 1);
	walk_tried(&w, 1, 0);
	walk_cut(&w);
	memory = walk_end(&w);
	ck_assert_ptr_nonnull(memory);
	walk_begin(&w, memory);
	ck_assert_int_eq(walk_may_try(&w, 1), 0);
	ck_assert_int_eq(walk_may_try(&w, 2), 1);
}
END_TEST

/* What hosts said to REQUIRETLS counts until the round is complete. */
START_TEST(requiretls)
{
	struct walk w;
	struct why why;

	walk_begin(&w, NULL);
	why_set(&why, WHY_CONNECT_TIMEOUT, "no answer");
	plan_requiretls_refused(&w.now.refused, "a", &why);
	walk_tried(&w, 1, 0);
	walk_cut(&w);
	memory = walk_end(&w);
	walk_begin(&w, memory);
	why_set(&why, WHY_REQUIRETLS_UNSUPPORTED, "not offered");
	plan_requiretls_refused(&w.now.refused, "b", &why);
	ck_assert_int_eq(plan_requiretls_over(&w.now.refused, &why), 0);
	walk_begin(&w, NULL);
	why_set(&why, WHY_REQUIRETLS_UNSUPPORTED, "not offered");
	plan_requiretls_refused(&w.now.refused, "b", &why);
	ck_assert_int_eq(plan_requiretls_over(&w.now.refused, &why), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_walk");
	TCase *tc = tcase_create("walk");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_loop_test(tc, reaches, 0, LENGTH(walks));
	tcase_add_test(tc, reaches_everything);
	tcase_add_test(tc, another_plan);
	tcase_add_test(tc, cut);
	tcase_add_test(tc, requiretls);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
