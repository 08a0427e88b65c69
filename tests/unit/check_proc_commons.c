/* SPDX-License-Identifier: ISC */
/* The commons: counts of several processes, and times that all of them change. */
#include "lib/proc/commons.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/rand.h"
#include "lib/base/str.h"

#define ROWS	3
#define US	INT64_C(1000000000)
#define USED	PROC_COMMONS_USED
#define SENT	PROC_COMMONS_SENT

static struct proc_commons *row[ROWS], *parent;
static int table;

static void
setup(void)
{
	table = proc_commons_make(ROWS);
	ck_assert_int_ne(table, -1);
	for (unsigned i = 0; i < ROWS; i++)
		ck_assert_ptr_nonnull(row[i] = proc_commons_map(dup(table), ROWS, i));
	ck_assert_ptr_nonnull(parent = proc_commons_map(dup(table), ROWS, PROC_COMMONS_PARENT));
}

static void
teardown(void)
{
	for (unsigned i = 0; i < ROWS; i++)
		proc_commons_free(&row[i]);
	proc_commons_free(&parent);
	close(table);
}

static uint64_t
id(unsigned n)
{
	char name[40];

	str_fmt(name, sizeof name, "d%u.example", n);
	return proc_commons_id(row[0], name);
}

static int
set(unsigned r, enum proc_commons_sheet sheet, unsigned n, uint32_t count, int64_t since)
{
	const struct proc_commons_entry e = { .n = count, .since = since };

	return proc_commons_set(row[r], sheet, id(n), e);
}

static void
expect(unsigned r, enum proc_commons_sheet sheet, unsigned n, uint32_t count, int64_t since)
{
	for (unsigned by = 0; by < ROWS; by++) {
		const struct proc_commons_entry e = proc_commons_get(row[by], sheet, r, id(n));

		ck_assert_uint_eq(e.n, count);
		ck_assert_int_eq(e.since, since);
	}
}

/* ---- sheets ---- */

START_TEST(all_see_the_row_of_each)
{
	ck_assert_int_eq(set(0, USED, 1, 5, 0), 0);
	ck_assert_int_eq(set(1, USED, 1, 2, 77), 0);
	ck_assert_int_eq(set(1, SENT, 1, 9, 78), 0);
	expect(0, USED, 1, 5, 0);
	expect(1, USED, 1, 2, 77);
	expect(2, USED, 1, 0, 0);
	expect(1, SENT, 1, 9, 78);
	expect(0, SENT, 1, 0, 0);
	expect(0, USED, 2, 0, 0);
	ck_assert_int_eq(set(0, USED, 1, 0, 0), 0);
	expect(0, USED, 1, 0, 0);
	ck_assert_uint_eq(proc_commons_id(row[0], "x"), proc_commons_id(row[2], "x"));
	ck_assert_uint_ne(proc_commons_id(row[0], "x"), proc_commons_id(row[0], "y"));
}
END_TEST

START_TEST(who_died_has_nothing_and_has_sent_what_it_sent)
{
	set(0, USED, 1, 3, 3);
	set(0, SENT, 1, 4, 4);
	set(1, USED, 1, 1, 1);
	proc_commons_clear(parent, USED, 0);
	expect(0, USED, 1, 0, 0);
	expect(0, SENT, 1, 4, 4);
	expect(1, USED, 1, 1, 1);
	proc_commons_clear(row[0], SENT, 0);
	expect(0, SENT, 1, 0, 0);
}
END_TEST

START_TEST(places_are_used_again)
{
	for (unsigned i = 0; i < 200000; i++) {
		ck_assert_int_eq(set(0, i % 2 == 0 ? USED : SENT, i, 1, 0), 0);
		ck_assert_int_eq(set(0, i % 2 == 0 ? USED : SENT, i, 0, 0), 0);
	}
}
END_TEST

/* So many at once that there is no room: that is told, and none is counted for another. */
START_TEST(full_is_told_and_never_mistaken)
{
	const struct proc_commons_entry one = { .n = 1 };
	unsigned found = 0, told = 0;

	for (unsigned i = 0; i < 100000; i++)
		told += set(0, USED, i, i % 5 + 1, 0) == -1;
	for (unsigned i = 0; i < 100000; i++) {
		const struct proc_commons_entry e = proc_commons_get(row[1], USED, 0, id(i));

		ck_assert(e.n == 0 || e.n == i % 5 + 1);
		found += e.n > 0;
	}
	ck_assert_uint_gt(told, 0);
	ck_assert_uint_eq(found, 100000 - told);
	ck_assert_uint_gt(found, 50000);
	ck_assert_int_eq(proc_commons_set(row[0], USED, PROC_COMMONS_ALL, one), 0);
	ck_assert_uint_eq(proc_commons_get(row[1], USED, 0, PROC_COMMONS_ALL).n, 1);
	ck_assert_uint_eq(proc_commons_get(row[0], USED, 1, PROC_COMMONS_ALL).n, 0);
	proc_commons_clear(parent, USED, 0);
	ck_assert_uint_eq(proc_commons_get(row[1], USED, 0, PROC_COMMONS_ALL).n, 0);
}
END_TEST

START_TEST(another_process_sees_it)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		set(1, USED, 77, 4, 4);
		_exit(proc_commons_move(row[1], id(77), US, 0, US + 5) == 1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	expect(1, USED, 77, 4, 4);
	ck_assert_int_eq(proc_commons_time(row[0], id(77), US), US + 5);
}
END_TEST

/* ---- times ---- */

START_TEST(a_time_is_changed_by_who_knows_it)
{
	ck_assert_int_eq(proc_commons_time(row[0], id(1), US), 0);
	ck_assert_int_eq(proc_commons_move(row[0], id(1), US, US + 9, US + 10), 0);
	ck_assert_int_eq(proc_commons_move(row[0], id(1), US, 0, US + 10), 1);
	ck_assert_int_eq(proc_commons_time(row[1], id(1), US), US + 10);
	ck_assert_int_eq(proc_commons_move(row[1], id(1), US, 0, US + 10), 0);
	ck_assert_int_eq(proc_commons_move(row[1], id(1), US, US + 10, US + 30), 1);
	ck_assert_int_eq(proc_commons_move(row[0], id(1), US, US + 10, US + 20), 0);
	ck_assert_int_eq(proc_commons_time(row[0], id(1), US + 1000), US + 30);
	/* It belongs to nobody: it outlives the process. */
	proc_commons_clear(parent, USED, 1);
	ck_assert_int_eq(proc_commons_time(row[0], id(1), US), US + 30);
	ck_assert_int_eq(proc_commons_move(row[0], id(1), US, US + 30, US - 5), 1);
	ck_assert_int_eq(proc_commons_time(row[0], id(1), US), US - 5);
}
END_TEST

/* Years later the clock has gone round its circle. */
START_TEST(times_go_in_a_circle)
{
	int64_t now = (INT64_C(1) << 46) * 5 - 10;

	ck_assert_int_eq(proc_commons_move(row[0], id(1), now, 0, now + 1000), 1);
	for (; now < (INT64_C(1) << 46) * 5 + 2000; now += 100)
		ck_assert_int_eq(proc_commons_time(row[1], id(1), now),
		    (INT64_C(1) << 46) * 5 + 990);
}
END_TEST

START_TEST(no_room_is_told_and_comes_back)
{
	unsigned told = 0, none = 0;

	for (unsigned i = 0; i < 100000; i++) {
		int r = proc_commons_move(row[i % ROWS], id(i), US, 0, US + 10 + i);

		ck_assert_int_ge(r, -1);
		told += r == -1;
		none += r == 0;		/* a few bits of two ids may be the same: stricter */
	}
	ck_assert_uint_gt(told, 0);
	ck_assert_uint_lt(none, 100);
	for (unsigned i = 0; i < 1000; i++) {
		int64_t t = proc_commons_time(row[0], id(i), US);

		ck_assert(t == 0 || t >= US + 10 + i);	/* nothing was forgotten before its time */
	}
	for (unsigned i = 0; i < 100000; i++)
		ck_assert_int_ge(proc_commons_move(row[0], id(200000 + i), US + 2000000 + 1000 * i, 0,
		    US + 2000000 + 1000 * i + 1), 0);
}
END_TEST

/* All take from one time at once: as many as went by, none twice. */
START_TEST(nothing_is_taken_twice)
{
	enum { EACH = 20000 };
	pid_t pids[ROWS];
	int status;

	for (unsigned r = 0; r < ROWS; r++) {
		pids[r] = fork();
		for (unsigned n = 0; pids[r] == 0 && n < EACH;) {
			int64_t at = proc_commons_time(row[r], id(5), US);
			int64_t from = at < US ? US : at;

			n += proc_commons_move(row[r], id(5), US, at, from + 1) == 1;
		}
		if (pids[r] == 0)
			_exit(0);
	}
	for (unsigned r = 0; r < ROWS; r++)
		ck_assert_int_eq(waitpid(pids[r], &status, 0), pids[r]);
	ck_assert_int_eq(proc_commons_time(row[0], id(5), US), US + ROWS * EACH);
}
END_TEST

/* ---- what others may have done to it ---- */

START_TEST(anything_may_stand_there)
{
	struct stat st;
	unsigned char *at;

	ck_assert_int_eq(fstat(table, &st), 0);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, table, 0);
	ck_assert_ptr_ne(at, MAP_FAILED);
	memset(at, 0xff, (size_t)st.st_size);
	ck_assert_int_eq(set(0, USED, 1, 1, 1), -1);
	ck_assert_int_eq(set(0, USED, 1, 0, 0), 0);
	ck_assert_int_eq(proc_commons_move(row[0], id(1), US, 0, US + 1), 1);
	for (off_t i = 0; i < st.st_size; i++)
		at[i] = (unsigned char)rand_u64();
	for (unsigned i = 0; i < 1000; i++) {
		(void)set(i % ROWS, i % 2 == 0 ? USED : SENT, i, i, i);
		(void)proc_commons_get(row[0], USED, 1, id(i));
		(void)proc_commons_move(row[0], id(i), US, proc_commons_time(row[0], id(i), US), US);
	}
	proc_commons_clear(parent, USED, 0);
	ck_assert_int_eq(set(0, USED, 1, 1, 1), 0);
	munmap(at, (size_t)st.st_size);
}
END_TEST

START_TEST(only_such_a_table_is_taken)
{
	int pair[2];

	ck_assert_ptr_null(proc_commons_map(dup(table), ROWS + 1, 0));
	ck_assert_ptr_null(proc_commons_map(dup(table), 0, 0));
	ck_assert_ptr_null(proc_commons_map(-1, ROWS, 0));
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_ptr_null(proc_commons_map(pair[0], ROWS, 0));
	close(pair[1]);
	/* Nobody can take the memory away under the others. */
	ck_assert_int_eq(ftruncate(table, 0), -1);
	ck_assert_int_eq(fcntl(table, F_ADD_SEALS, F_SEAL_WRITE), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("commons");
	TCase *c = tcase_create("commons");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 30);
	tcase_add_test(c, all_see_the_row_of_each);
	tcase_add_test(c, who_died_has_nothing_and_has_sent_what_it_sent);
	tcase_add_test(c, places_are_used_again);
	tcase_add_test(c, full_is_told_and_never_mistaken);
	tcase_add_test(c, another_process_sees_it);
	tcase_add_test(c, a_time_is_changed_by_who_knows_it);
	tcase_add_test(c, times_go_in_a_circle);
	tcase_add_test(c, no_room_is_told_and_comes_back);
	tcase_add_test(c, nothing_is_taken_twice);
	tcase_add_test(c, anything_may_stand_there);
	tcase_add_test(c, only_such_a_table_is_taken);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
