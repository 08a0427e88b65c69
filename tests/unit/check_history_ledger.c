/* SPDX-License-Identifier: ISC */
/* check_history_ledger: history.db: kept, read back with suspicion, forgotten on demand. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/history/ledger.h"

#define NOW	1800000000

static char dir[64], path[80];
static struct history_ledger *ledger;
static struct why why;
static struct history_row rows[HISTORY_ROWS_MAX];

static void
reopen(void)
{
	history_ledger_close(&ledger);
	ledger = history_ledger_open(path, &why);
}

static void
setup(void)
{
	str_fmt(dir, sizeof dir, "/tmp/check_history.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	str_fmt(path, sizeof path, "%s/history.db", dir);
	ledger = history_ledger_open(path, &why);
	ck_assert_msg(history_ledger_ok(ledger), "%s", why.text);
}

static void
teardown(void)
{
	char other[96];

	history_ledger_close(&ledger);
	unlink(path);
	str_fmt(other, sizeof other, "%s-wal", path);
	unlink(other);
	rmdir(dir);
}

static void
note(const char *domain, const char *host, enum plan_level level, int64_t now)
{
	struct plan_shown shown = { .proven = { [PLAN_ENCRYPT] = 1 } };

	shown.proven[level] = 1;
	ck_assert_int_eq(history_ledger_note(ledger, domain, host, &shown, now, &why), 0);
}

static int
count(const char *domain)
{
	return history_ledger_rows(ledger, domain, rows, HISTORY_ROWS_MAX, &why);
}

/* Changes the file behind its back. */
static void
meddle(const char *sql)
{
	sqlite3 *db;

	history_ledger_close(&ledger);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ledger = history_ledger_open(path, &why);
}

START_TEST(keeps)
{
	ck_assert_int_eq(count("a.example"), 0);
	note("a.example", "mx.a.example", PLAN_DANE, NOW);
	note("a.example", "mx.a.example", PLAN_DANE, NOW + 50);
	note("a.example", "mx.a.example", PLAN_VERIFY, NOW + 20);
	ck_assert_int_eq(count("a.example"), 3);	/* before it is synced */
	ck_assert_int_eq(history_ledger_sync(ledger, &why), 0);
	reopen();
	ck_assert_int_eq(count("a.example"), 3);
	ck_assert(rows[0].level == PLAN_DANE && rows[1].level == PLAN_VERIFY &&
	    rows[2].level == PLAN_ENCRYPT);
	ck_assert(rows[0].first == NOW && rows[0].last == NOW + 50 && rows[0].count == 2);
	ck_assert(rows[2].last == NOW + 50 && rows[2].count == 3);
	ck_assert_str_eq(rows[0].domain, "a.example");
	ck_assert_str_eq(rows[0].host, "mx.a.example");
	ck_assert_int_eq(count("b.example"), 0);
}
END_TEST

START_TEST(closing_syncs)
{
	note("a.example", "mx.a.example", PLAN_STS, NOW);
	reopen();
	ck_assert_int_eq(count("a.example"), 2);
}
END_TEST

START_TEST(lists)
{
	note("a.example", "mx1.a.example", PLAN_DANE, NOW);
	note("a.example", "mx2.a.example", PLAN_DANE, NOW + 1);
	note("b.example", "mx.b.example", PLAN_VERIFY, NOW);
	note("c.example", "mx.c.example", PLAN_DANE, NOW - 1000);
	note("c.example", "mx.c.example", PLAN_VERIFY, NOW);
	ck_assert_int_eq(history_ledger_list(ledger, "", NOW, rows, 10, &why), 3);
	ck_assert(rows[0].level == PLAN_DANE && rows[0].count == 2 && rows[0].last == NOW + 1);
	ck_assert_str_eq(rows[0].host, "");
	ck_assert(rows[2].level == PLAN_VERIFY);	/* its dane is too old */
	ck_assert_int_eq(history_ledger_list(ledger, "", NOW - 1000, rows, 2, &why), 2);
	ck_assert_int_eq(history_ledger_list(ledger, "b.example", NOW - 1000, rows, 2, &why), 1);
	ck_assert(rows[0].level == PLAN_DANE);
	ck_assert_int_eq(history_ledger_list(ledger, "c.example", 0, rows, 2, &why), 0);
}
END_TEST

START_TEST(forgets)
{
	note("a.example", "mx1.a.example", PLAN_DANE, NOW);
	note("a.example", "mx2.a.example", PLAN_DANE, NOW);
	note("b.example", "mx1.a.example", PLAN_DANE, NOW);
	ck_assert_int_eq(history_ledger_forget(ledger, "a.example", "mx1.a.example", PLAN_STS,
	    &why), 0);
	ck_assert_int_eq(history_ledger_forget(ledger, "a.example", "mx1.a.example", PLAN_DANE,
	    &why), 1);
	ck_assert_int_eq(count("a.example"), 3);
	ck_assert_int_eq(history_ledger_forget(ledger, "a.example", "", PLAN_ENCRYPT, &why), 2);
	ck_assert_int_eq(history_ledger_forget(ledger, "a.example", "", PLAN_DANE, &why), 1);
	ck_assert_int_eq(count("a.example"), 0);
	ck_assert_int_eq(count("b.example"), 2);
	ck_assert_int_eq(history_ledger_purge(ledger, NOW, &why), 0);
	ck_assert_int_eq(history_ledger_purge(ledger, NOW + 1, &why), 2);
}
END_TEST

START_TEST(accepts)
{
	struct history_accepted a = { .domain = "a.example", .at = NOW, .uid = 1000,
		.had = PLAN_DANE, .reason = "moved, ticket 12; 'quoted'" }, got[2];

	note("a.example", "mx1.a.example", PLAN_DANE, NOW);
	note("b.example", "mx1.b.example", PLAN_DANE, NOW);
	ck_assert_int_eq(history_ledger_accept(ledger, &a, &why), 2);
	a.at++;
	ck_assert_int_eq(history_ledger_accept(ledger, &a, &why), 0);
	reopen();
	ck_assert_int_eq(count("a.example"), 0);
	ck_assert_int_eq(count("b.example"), 2);
	ck_assert_int_eq(history_ledger_acceptances(ledger, "a.example", got, 2, &why), 2);
	ck_assert(got[0].at == NOW + 1 && got[1].at == NOW && got[1].uid == 1000 &&
	    got[1].had == PLAN_DANE);
	ck_assert_str_eq(got[1].reason, "moved, ticket 12; 'quoted'");
	ck_assert_int_eq(history_ledger_acceptances(ledger, "b.example", got, 2, &why), 0);
}
END_TEST

START_TEST(bounded)
{
	char host[64];

	for (int i = 0; i < HISTORY_ROWS_MAX; i++) {
		str_fmt(host, sizeof host, "mx%d.a.example", i);
		note("a.example", host, PLAN_VERIFY, NOW + i);
	}
	ck_assert_int_eq(count("a.example"), HISTORY_ROWS_MAX);
	for (int i = 0; i < HISTORY_ROWS_MAX; i++)
		ck_assert(rows[i].last >= NOW + HISTORY_ROWS_MAX / 2);
}
END_TEST

/* HARDENING F19: a row that cannot be makes its domain unknown, no other. */
static const char *const bad_rows[] = {
	"UPDATE proven SET level = 9 WHERE domain = 'a.example'",
	"UPDATE proven SET level = 0 WHERE domain = 'a.example'",
	"UPDATE proven SET level = -1 WHERE domain = 'a.example'",
	"UPDATE proven SET last = -5 WHERE domain = 'a.example'",
	"UPDATE proven SET first = last + 1 WHERE domain = 'a.example'",
	"UPDATE proven SET last = 9223372036854775807 WHERE domain = 'a.example'",
	"UPDATE proven SET count = 0 WHERE domain = 'a.example'",
	"UPDATE proven SET host = hex(zeroblob(300)) WHERE domain = 'a.example'",
	"UPDATE proven SET host = 'mx' || char(0) || 'x' WHERE domain = 'a.example'",
};

START_TEST(damaged_row)
{
	struct plan_shown shown = { .proven = { [PLAN_DANE] = 1 } };

	ck_assert_int_eq(history_ledger_note(ledger, "a.example", "mx.a.example", &shown, NOW,
	    &why), 0);
	note("b.example", "mx.b.example", PLAN_DANE, NOW);
	meddle(bad_rows[_i]);
	ck_assert(history_ledger_ok(ledger));
	ck_assert_int_eq(count("a.example"), -1);
	ck_assert(why_is_set(&why));
	ck_assert_int_eq(count("b.example"), 2);
}
END_TEST

static void
nothing_works(void)
{
	struct history_accepted a = { .domain = "a.example", .reason = "x" };
	struct plan_shown shown = { .proven = { [PLAN_DANE] = 1 } };

	ck_assert(!history_ledger_ok(ledger) && why_is_set(&why));
	ck_assert_int_eq(count("a.example"), -1);
	ck_assert_int_eq(history_ledger_note(ledger, "a.example", "mx", &shown, NOW, &why), -1);
	ck_assert_int_eq(history_ledger_forget(ledger, "a.example", "", PLAN_DANE, &why), -1);
	ck_assert_int_eq(history_ledger_accept(ledger, &a, &why), -1);
	ck_assert_int_eq(history_ledger_acceptances(ledger, "a.example", &a, 1, &why), -1);
	ck_assert_int_eq(history_ledger_list(ledger, "", 0, rows, 1, &why), -1);
	ck_assert_int_eq(history_ledger_purge(ledger, NOW, &why), -1);
	ck_assert_int_eq(history_ledger_sync(ledger, &why), 0);
}

static const char *const bad_files[] = {
	"PRAGMA user_version = 2", "PRAGMA user_version = 0", "DROP TABLE proven",
	"DROP TABLE accepted", "ALTER TABLE proven RENAME COLUMN level TO lever",
};

START_TEST(foreign_file)
{
	meddle(bad_files[_i]);
	nothing_works();
}
END_TEST

START_TEST(damaged_file)
{
	FILE *f;

	history_ledger_close(&ledger);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database\n", f);
	fclose(f);
	ledger = history_ledger_open(path, &why);
	nothing_works();
}
END_TEST

START_TEST(no_directory)
{
	history_ledger_close(&ledger);
	ledger = history_ledger_open("/nonexistent/history.db", &why);
	nothing_works();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("history_ledger");
	TCase *tc = tcase_create("ledger");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keeps);
	tcase_add_test(tc, closing_syncs);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, forgets);
	tcase_add_test(tc, accepts);
	tcase_add_test(tc, bounded);
	tcase_add_loop_test(tc, damaged_row, 0, LENGTH(bad_rows));
	tcase_add_loop_test(tc, foreign_file, 0, LENGTH(bad_files));
	tcase_add_test(tc, damaged_file);
	tcase_add_test(tc, no_directory);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
