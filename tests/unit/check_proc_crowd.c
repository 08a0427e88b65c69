/* SPDX-License-Identifier: ISC */
/* The crowd: counts of several processes, seen by each of them. */
#include "lib/proc/crowd.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS	3
#define T	INT64_C(1000000)

static struct proc_crowd *row[ROWS], *parent;
static int table;

static void
setup(void)
{
	table = proc_crowd_make(ROWS);
	ck_assert_int_ne(table, -1);
	for (unsigned i = 0; i < ROWS; i++)
		ck_assert_ptr_nonnull(row[i] = proc_crowd_map(dup(table), ROWS, i));
	ck_assert_ptr_nonnull(parent = proc_crowd_map(dup(table), ROWS, PROC_CROWD_PARENT));
}

static void
teardown(void)
{
	for (unsigned i = 0; i < ROWS; i++)
		proc_crowd_free(&row[i]);
	proc_crowd_free(&parent);
	close(table);
}

static const uint8_t *
ip(unsigned n)
{
	static uint8_t a[16];

	memset(a, 0, sizeof a);
	memset(a + 10, 0xff, 2);
	a[12] = 10;
	a[14] = (uint8_t)(n >> 8);
	a[15] = (uint8_t)n;
	return a;
}

static void
set(unsigned r, unsigned address, uint32_t sessions, uint32_t recent, uint32_t all, int64_t now)
{
	const struct proc_crowd_counts c = { .sessions = sessions, .recent = recent, .all = all,
		.since = now };

	proc_crowd_set(row[r], ip(address), now, &c);
}

static void
expect(const struct proc_crowd *c, unsigned address, int64_t now, uint32_t sessions, uint32_t recent,
    uint32_t all)
{
	struct proc_crowd_counts sum;

	proc_crowd_others(c, ip(address), now, &sum);
	ck_assert_uint_eq(sum.sessions, sessions);
	ck_assert_uint_eq(sum.recent, recent);
	ck_assert_uint_eq(sum.all, all);
}

START_TEST(the_others_are_added_up)
{
	set(0, 1, 5, 7, 20, T);
	set(1, 1, 2, 3, 4, T);
	set(1, 2, 1, 1, 4, T);
	expect(row[0], 1, T, 2, 3, 4);
	expect(row[1], 1, T, 5, 7, 20);
	expect(row[2], 1, T, 7, 10, 24);
	expect(row[2], 2, T, 1, 1, 24);
	expect(row[2], 3, T, 0, 0, 24);
	expect(parent, 1, T, 7, 10, 24);
	set(0, 1, 0, 7, 0, T);
	expect(row[2], 1, T, 2, 10, 4);
}
END_TEST

START_TEST(a_minute_later_connections_are_forgotten_and_sessions_not)
{
	set(0, 1, 1, 9, 1, T);
	expect(row[1], 1, T + PROC_CROWD_MINUTE - 1, 1, 9, 1);
	expect(row[1], 1, T + PROC_CROWD_MINUTE, 1, 0, 1);
}
END_TEST

START_TEST(who_died_is_cleared)
{
	set(0, 1, 3, 3, 3, T);
	set(1, 1, 1, 1, 1, T);
	proc_crowd_clear(parent, 0);
	expect(row[2], 1, T, 1, 1, 1);
}
END_TEST

START_TEST(the_least_of_the_others)
{
	set(0, 1, 0, 0, 9, T);
	set(1, 1, 0, 0, 4, T);
	set(2, 1, 0, 0, 6, T);
	ck_assert_uint_eq(proc_crowd_least(row[0]), 4);
	ck_assert_uint_eq(proc_crowd_least(row[1]), 6);
}
END_TEST

/* Many more addresses than places come and go: each is counted while it is there. */
START_TEST(places_are_used_again)
{
	for (unsigned i = 0; i < 50000; i++) {
		int64_t now = T + i * (int64_t)PROC_CROWD_MINUTE;

		set(0, i, 1, 1, 1, now);
		expect(row[1], i, now, 1, 1, 1);
		set(0, i, 0, 1, 0, now);
	}
}
END_TEST

/* So many at once that there is no room: none is counted for another. */
START_TEST(full_means_uncounted_never_mistaken)
{
	struct proc_crowd_counts sum;
	unsigned found = 0;

	for (unsigned i = 0; i < 60000; i++)
		set(0, i, i % 5 + 1, 0, i, T);
	for (unsigned i = 0; i < 60000; i++) {
		proc_crowd_others(row[1], ip(i), T, &sum);
		ck_assert(sum.sessions == 0 || sum.sessions == i % 5 + 1);
		found += sum.sessions > 0;
	}
	ck_assert_uint_gt(found, 10000);
	ck_assert_uint_eq(sum.all, 59999);
}
END_TEST

START_TEST(lies_do_not_overflow)
{
	set(0, 1, UINT32_MAX, UINT32_MAX, UINT32_MAX, T);
	set(1, 1, 5, 5, 5, T);
	expect(row[2], 1, T, UINT32_MAX, UINT32_MAX, UINT32_MAX);
}
END_TEST

START_TEST(another_process_sees_it)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		set(1, 77, 4, 4, 4, T);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	expect(row[0], 77, T, 4, 4, 4);
}
END_TEST

START_TEST(only_such_a_table_is_taken)
{
	int pair[2];

	ck_assert_ptr_null(proc_crowd_map(dup(table), ROWS + 1, 0));
	ck_assert_ptr_null(proc_crowd_map(dup(table), 0, 0));
	ck_assert_ptr_null(proc_crowd_map(-1, ROWS, 0));
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_ptr_null(proc_crowd_map(pair[0], ROWS, 0));
	close(pair[1]);
	/* Nobody can take the memory away under the others. */
	ck_assert_int_eq(ftruncate(table, 0), -1);
	ck_assert_int_eq(fcntl(table, F_ADD_SEALS, F_SEAL_WRITE), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("crowd");
	TCase *c = tcase_create("crowd");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_others_are_added_up);
	tcase_add_test(c, a_minute_later_connections_are_forgotten_and_sessions_not);
	tcase_add_test(c, who_died_is_cleared);
	tcase_add_test(c, the_least_of_the_others);
	tcase_add_test(c, places_are_used_again);
	tcase_add_test(c, full_means_uncounted_never_mistaken);
	tcase_add_test(c, lies_do_not_overflow);
	tcase_add_test(c, another_process_sees_it);
	tcase_add_test(c, only_such_a_table_is_taken);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
