/* SPDX-License-Identifier: ISC */
/* The counters: of several processes, summed, kept when one of them dies. */
#include "lib/meter/count.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/meter/line.h"

#define ROWS	4

static int table;

static void
setup(void)
{
	ck_assert_int_ne(table = meter_count_make(ROWS), -1);
	ck_assert_int_eq(meter_count_open(dup(table), ROWS, ROWS - 1), 0);
}

static void
teardown(void)
{
	meter_count_close();
	close(table);
}

/* A worker: counts in its row, and is killed. */
static void
worker(unsigned row, unsigned n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (meter_count_open(dup(table), ROWS, row) == -1)
			_exit(1);
		for (unsigned i = 0; i < n; i++) {
			meter_count(METER_ATTEMPTS, METER_SENT, METER_DANE);
			meter_count_time(METER_DELAY, 1000);
		}
		abort();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

START_TEST(rows_outlive_their_process)
{
	struct meter_times t;

	worker(0, 5);
	worker(1, 7);
	ck_assert_uint_eq(meter_count_sum(METER_ATTEMPTS, METER_SENT, METER_DANE), 12);
	worker(1, 1);
	meter_count(METER_ATTEMPTS, METER_SENT, METER_DANE);
	ck_assert_uint_eq(meter_count_sum(METER_ATTEMPTS, METER_SENT, METER_DANE), 14);
	meter_count_times(METER_DELAY, &t);
	ck_assert_uint_eq(t.counts[2], 13);
	ck_assert_uint_eq(t.ms, 13000);
	ck_assert_int_gt(meter_count_started(), 0);
	ck_assert_int_le(meter_count_started(), clock_wall_ms());
}
END_TEST

/* Of those that are only watched. */
START_TEST(another_table_is_added)
{
	int other = meter_count_make(1);
	pid_t pid;
	int status;

	ck_assert_int_eq(meter_count_watch(dup(other), 1), 0);
	ck_assert_int_eq(meter_count_watch(dup(other), 2), -1);
	ck_assert_int_eq(meter_count_watch(-1, 1), -1);
	worker(1, 7);
	pid = fork();
	if (pid == 0) {
		if (meter_count_open(dup(other), 1, 0) == -1)
			_exit(1);
		meter_count_close();
		if (meter_count_open(other, 1, 0) == -1)
			_exit(1);
		meter_count(METER_ATTEMPTS, METER_SENT, METER_DANE);
		/* It sees its own only. */
		_exit(meter_count_sum(METER_ATTEMPTS, METER_SENT, METER_DANE) == 1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(meter_count_sum(METER_ATTEMPTS, METER_SENT, METER_DANE), 8);
	meter_count(METER_ATTEMPTS, METER_SENT, METER_DANE);
	ck_assert_uint_eq(meter_count_sum(METER_ATTEMPTS, METER_SENT, METER_DANE), 9);
	close(other);
}
END_TEST

START_TEST(alone_it_counts_too)
{
	meter_count_close();
	ck_assert_uint_eq(meter_count_sum(METER_ACCEPTED, 0, 0), 0);
	meter_count_add(METER_ACCEPTED, 0, 0, 3);
	ck_assert_uint_eq(meter_count_sum(METER_ACCEPTED, 0, 0), 3);
	ck_assert_int_eq(meter_count_started(), 0);
	meter_count_close();
	ck_assert_uint_eq(meter_count_sum(METER_ACCEPTED, 0, 0), 0);
}
END_TEST

START_TEST(what_is_no_table_is_refused)
{
	char name[] = "/tmp/relayd-meter-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	meter_count(METER_ACCEPTED, 0, 0);
	ck_assert_int_eq(meter_count_open(fd, ROWS, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(meter_count_open(dup(table), ROWS - 1, 0), -1);
	ck_assert_int_eq(meter_count_open(dup(table), ROWS + 1, 0), -1);
	ck_assert_int_eq(meter_count_open(dup(table), ROWS, ROWS), -1);
	ck_assert_int_eq(meter_count_open(-1, ROWS, 0), -1);
	ck_assert_int_eq(meter_count_open(dup(table), UINT32_MAX, 0), -1);
	ck_assert_uint_eq(meter_count_sum(METER_ACCEPTED, 0, 0), 1);
}
END_TEST

/* No cell is shared by two families or two labels. */
START_TEST(every_cell_is_one_thing)
{
	for (int f = 0; f < METER__FAMILIES; f++) {
		if (meter_family_type(f) != METER_COUNTER)
			continue;
		unsigned na = meter_label_count(meter_family_label(f, 0));
		unsigned nb = meter_label_count(meter_family_label(f, 1));

		for (unsigned i = 0; i < na * nb; i++) {
			ck_assert_uint_eq(meter_count_sum(f, i / nb, i % nb), 0);
			meter_count_add(f, i / nb, i % nb, i + 1);
			ck_assert_uint_eq(meter_count_sum(f, i / nb, i % nb), i + 1);
		}
	}
	for (int f = 0; f < METER__FAMILIES; f++) {
		struct meter_times t;

		if (meter_family_type(f) != METER_HISTOGRAM)
			continue;
		meter_count_times(f, &t);
		ck_assert_uint_eq(t.ms, 0);
		for (int i = 0; i <= METER_BOUNDS; i++)
			ck_assert_uint_eq(t.counts[i], 0);
	}
}
END_TEST

static const struct { int64_t ms; int bucket; uint64_t sum; } times[] = {
	{ -5, 0, 0 }, { 0, 0, 0 }, { 100, 0, 100 }, { 101, 1, 101 }, { 86400000, 10, 86400000 },
	{ 86400001, 11, 86400001 }, { 432000001, 12, 432000001 },
	{ INT64_MAX, 12, INT64_MAX }, { INT64_MIN, 0, 0 },
};

START_TEST(buckets)
{
	struct meter_times t;

	meter_count_time(METER_DELAY, times[_i].ms);
	meter_count_times(METER_DELAY, &t);
	for (int i = 0; i <= METER_BOUNDS; i++)
		ck_assert_uint_eq(t.counts[i], i == times[_i].bucket);
	ck_assert_uint_eq(t.ms, times[_i].sum);
}
END_TEST

START_TEST(names_are_as_prometheus_wants_them)
{
	static const char *const ends[] = {
		[METER_COUNTER] = "_total", [METER_HISTOGRAM] = "_seconds", [METER_GAUGE] = "",
	};

	for (int f = 0; f < METER__FAMILIES; f++) {
		const char *name = meter_family_name(f), *end = ends[meter_family_type(f)];

		ck_assert_msg(strncmp(name, "relayd_", 7) == 0, "%s", name);
		ck_assert_msg(strcmp(name + strlen(name) - strlen(end), end) == 0, "%s", name);
		ck_assert_msg(meter_family_help(f)[0] != '\0', "%s", name);
		for (int other = 0; other < f; other++)
			ck_assert_str_ne(name, meter_family_name(other));
		if (meter_family_type(f) == METER_HISTOGRAM)
			for (int i = 1; i < METER_BOUNDS; i++)
				ck_assert_int_gt(meter_family_bounds(f)[i],
				    meter_family_bounds(f)[i - 1]);
	}
}
END_TEST

START_TEST(words_are_words)
{
	for (int l = METER_NO_LABEL + 1; l < METER__LABELS; l++)
		for (unsigned i = 0; i < meter_label_count(l); i++) {
			ck_assert_msg(meter_label_word(l, i) != NULL, "%s %u", meter_label_key(l), i);
			ck_assert_uint_eq(meter_label_of(l, meter_label_word(l, i)), i);
		}
	ck_assert_uint_eq(meter_label_of(METER_STAGE, "RCPT"), METER_AT_RCPT);
	ck_assert_uint_eq(meter_label_of(METER_STAGE, "VRFY"), METER__STAGES);
	ck_assert_uint_eq(meter_label_of(METER_REASON, ""), WHY__COUNT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("meter_count");
	TCase *t = tcase_create("count");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, rows_outlive_their_process);
	tcase_add_test(t, another_table_is_added);
	tcase_add_test(t, alone_it_counts_too);
	tcase_add_test(t, what_is_no_table_is_refused);
	tcase_add_test(t, every_cell_is_one_thing);
	tcase_add_loop_test(t, buckets, 0, (int)(sizeof times / sizeof times[0]));
	tcase_add_test(t, names_are_as_prometheus_wants_them);
	tcase_add_test(t, words_are_words);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
