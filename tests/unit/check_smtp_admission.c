/* SPDX-License-Identifier: ISC */
/* Admission: limits on sessions, alone and of several workers together. */
#include "relayd/smtp/admission.h"

#include <check.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"

static struct admission *w[2];
static struct conf conf;
static int table;

static void
alone(void)
{
	clock_virtual(1000000, 1795305600000);
	conf = (struct conf){ .limits = { .sessions = 6, .sessions_per_client = 4,
	    .connects_per_minute = 8 } };
	for (size_t i = 0; i < LENGTH(w); i++)
		w[i] = admission_new();
}

static void
together(void)
{
	alone();
	table = proc_crowd_make(LENGTH(w));
	for (unsigned i = 0; i < LENGTH(w); i++)
		admission_share(w[i], proc_crowd_map(dup(table), LENGTH(w), i));
}

static void
end(void)
{
	for (size_t i = 0; i < LENGTH(w); i++)
		admission_free(&w[i]);
}

static struct admission_slot *
enter(unsigned worker, const char *ip, const char *dsn)
{
	struct mail_answer answer = { 0 };
	struct admission_slot *s = admission_enter(w[worker], &conf, ip, &answer);

	if (dsn == NULL)
		ck_assert_ptr_nonnull(s);
	else {
		ck_assert_ptr_null(s);
		ck_assert_int_eq(answer.code, 421);
		ck_assert_str_eq(answer.dsn, dsn);
	}
	return s;
}

START_TEST(one_client_alone)
{
	struct admission_slot *first = enter(0, "192.0.2.1", NULL);

	for (int i = 0; i < 3; i++)
		(void)enter(0, "192.0.2.1", NULL);
	enter(0, "192.0.2.1", "4.7.0");
	(void)enter(1, "192.0.2.1", NULL);	/* knows nothing of the other */
	admission_leave(&first);
	(void)enter(0, "192.0.2.1", NULL);
	ck_assert_uint_eq(admission_count(w[0]), 4);
}
END_TEST

START_TEST(one_client_of_both)
{
	struct admission_slot *s = enter(0, "192.0.2.1", NULL);

	(void)enter(0, "192.0.2.1", NULL);
	(void)enter(1, "192.0.2.1", NULL);
	(void)enter(1, "192.0.2.1", NULL);
	enter(0, "192.0.2.1", "4.7.0");
	enter(1, "192.0.2.1", "4.7.0");
	admission_leave(&s);
	(void)enter(1, "192.0.2.1", NULL);
	ck_assert_uint_eq(admission_count(w[0]), 1);
	ck_assert_uint_eq(admission_count(w[1]), 3);
}
END_TEST

START_TEST(all_clients_of_both)
{
	static const char *const ips[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2" };

	for (unsigned i = 0; i < 6; i++)
		(void)enter(i % 2, ips[i % 4], NULL);
	enter(0, "192.0.2.9", "4.3.2");
	enter(1, "192.0.2.9", "4.3.2");
	ck_assert_int_eq(admission_stressed(w[1], &conf), 1);
	ck_assert_uint_eq(admission_count(w[0]) + admission_count(w[1]), 6);
}
END_TEST

START_TEST(connects_in_a_minute_of_both)
{
	for (unsigned i = 0; i < 8; i++) {
		struct admission_slot *s = enter(i % 2, "2001:db8::7", NULL);

		admission_leave(&s);
	}
	enter(0, "2001:db8::7", "4.7.0");
	enter(1, "2001:db8::7", "4.7.0");
	clock_virtual(1060000, 1795305660000);
	(void)enter(0, "2001:db8::7", NULL);
}
END_TEST

START_TEST(who_has_more_yields)
{
	ck_assert_int_eq(admission_yields(w[0]), 0);
	(void)enter(0, "192.0.2.1", NULL);
	ck_assert_int_eq(admission_yields(w[0]), 1);
	ck_assert_int_eq(admission_yields(w[1]), 0);
	(void)enter(1, "192.0.2.1", NULL);
	ck_assert_int_eq(admission_yields(w[0]), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("admission");
	TCase *one = tcase_create("alone"), *two = tcase_create("together");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(one, alone, end);
	tcase_add_test(one, one_client_alone);
	tcase_add_checked_fixture(two, together, end);
	tcase_add_test(two, one_client_of_both);
	tcase_add_test(two, all_clients_of_both);
	tcase_add_test(two, connects_in_a_minute_of_both);
	tcase_add_test(two, who_has_more_yields);
	suite_add_tcase(s, one);
	suite_add_tcase(s, two);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
