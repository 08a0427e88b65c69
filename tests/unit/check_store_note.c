/* SPDX-License-Identifier: ISC */
/* Notes, asked of both stores; and that a queue of the schema before them is taken over. */
#include <sqlite3.h>

#include "tests/unit/store_kit.h"

static struct { char key[STORE_NOTE_KEY_MAX + 1], value[STORE_NOTE_MAX + 1]; } found[16];
static size_t nfound;

static void
open_nth(int i)
{
	if (i == 0)
		kit_open();
	else
		kit_store = store_memory_open(kit_base);
}

static enum why_reason
put(const char *key, const char *value)
{
	kit_reset();
	kit_store->ops->note_put(kit_store, key, value, kit_done, NULL);
	ck_assert(!kit.come);
	kit_wait();
	return kit.why.reason;
}

static void
noted(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	ck_assert_uint_le(n, LENGTH(found));
	for (size_t i = 0; i < n; i++) {
		(void)str_copy(found[i].key, notes[i].key, sizeof found[i].key);
		(void)str_copy(found[i].value, notes[i].value, sizeof found[i].value);
	}
	nfound = n;
	kit_done(arg, why);
}

static size_t
get(const char *prefix)
{
	kit_reset();
	kit_store->ops->notes(kit_store, prefix, noted, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	return nfound;
}

static void
tamper(const char *sql)
{
	char file[128];
	sqlite3 *db;

	kit_store->ops->close(&kit_store);
	(void)str_fmt(file, sizeof file, "%s/queue.db", kit_dir);
	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	kit_open();
}

START_TEST(none_at_first)
{
	open_nth(_i);
	ck_assert_uint_eq(get(""), 0);
	ck_assert_int_eq(put("a", NULL), WHY_NONE);
	ck_assert_uint_eq(get("a"), 0);
}
END_TEST

START_TEST(by_prefix_in_order)
{
	open_nth(_i);
	ck_assert_int_eq(put("exception/EX-7", "one"), WHY_NONE);
	ck_assert_int_eq(put("other/x", "two"), WHY_NONE);
	ck_assert_int_eq(put("exception/EX-10", ""), WHY_NONE);
	ck_assert_int_eq(put("exceptional", "not this"), WHY_NONE);
	ck_assert_uint_eq(get("exception/"), 2);
	ck_assert_str_eq(found[0].key, "exception/EX-10");
	ck_assert_str_eq(found[0].value, "");
	ck_assert_str_eq(found[1].value, "one");
	ck_assert_uint_eq(get(""), 4);
	ck_assert_uint_eq(get("exception/_X%"), 0);
}
END_TEST

START_TEST(replaced_and_removed)
{
	open_nth(_i);
	ck_assert_int_eq(put("k", "one"), WHY_NONE);
	ck_assert_int_eq(put("k", "two"), WHY_NONE);
	ck_assert_uint_eq(get("k"), 1);
	ck_assert_str_eq(found[0].value, "two");
	ck_assert_int_eq(put("k", NULL), WHY_NONE);
	ck_assert_uint_eq(get("k"), 0);
}
END_TEST

START_TEST(longest)
{
	char key[STORE_NOTE_KEY_MAX + 1], value[STORE_NOTE_MAX + 1];

	open_nth(_i);
	memset(key, 'k', sizeof key - 1);
	memset(value, 'v', sizeof value - 1);
	key[sizeof key - 1] = value[sizeof value - 1] = '\0';
	ck_assert_int_eq(put(key, value), WHY_NONE);
	ck_assert_uint_eq(get("k"), 1);
	ck_assert_str_eq(found[0].key, key);
	ck_assert_str_eq(found[0].value, value);
}
END_TEST

START_TEST(owed_at_close)
{
	open_nth(_i);
	kit_store->ops->note_put(kit_store, "k", "v", kit_done, NULL);
	kit_store->ops->notes(kit_store, "", noted, NULL);
	kit_store->ops->close(&kit_store);
	ck_assert_int_eq(kit.come, 2);
}
END_TEST

START_TEST(durable)
{
	kit_open();
	ck_assert_int_eq(put("k", "v"), WHY_NONE);
	kit_reopen();
	ck_assert_uint_eq(get("k"), 1);
	ck_assert_str_eq(found[0].value, "v");
}
END_TEST

START_TEST(damaged_rows_are_left_out)
{
	kit_open();
	ck_assert_int_eq(put("k", "v"), WHY_NONE);
	tamper("INSERT INTO note VALUES('', 'x'), ('l', hex(zeroblob(2000))), ('m', 'a' || char(0) || 'b')");
	ck_assert_uint_eq(get(""), 1);
	ck_assert_str_eq(found[0].key, "k");
}
END_TEST

/* Version 2 had no flows and no reasons, version 1 no notes either. */
#define BEFORE_FLOWS	"DROP INDEX recipient_due; ALTER TABLE recipient DROP COLUMN flow;" \
			"ALTER TABLE recipient DROP COLUMN reason;" \
			"CREATE INDEX recipient_due ON recipient(dest, due) WHERE state = 0;"
static const char *const older[] = {
	BEFORE_FLOWS "DROP TABLE note; PRAGMA user_version = 1",
	BEFORE_FLOWS "PRAGMA user_version = 2",
};

/* Made by an older version: mail and all. */
START_TEST(migrates)
{
	struct store_message *m = kit_message(7, "a@x.example", "body");

	kit_open();
	m->flow = 77;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
	tamper(older[_i]);
	ck_assert_uint_eq(kit_fetch(7), 1);
	ck_assert_uint_eq(kit.messages[0]->flow, 0);
	ck_assert_uint_eq(kit_load("x.example", 5000, 9, NULL, 0), 1);
	ck_assert_int_eq(kit_dests(), 1);
	ck_assert_int_eq(put("k", "v"), WHY_NONE);
	kit_reopen();
	ck_assert_uint_eq(get(""), 1);
	ck_assert_int_eq(kit_body(7), WHY_NONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_note");
	TCase *t = tcase_create("note");

	tcase_add_checked_fixture(t, kit_dir_new, kit_dir_remove);
	tcase_add_loop_test(t, none_at_first, 0, 2);
	tcase_add_loop_test(t, by_prefix_in_order, 0, 2);
	tcase_add_loop_test(t, replaced_and_removed, 0, 2);
	tcase_add_loop_test(t, longest, 0, 2);
	tcase_add_loop_test(t, owed_at_close, 0, 2);
	tcase_add_test(t, durable);
	tcase_add_test(t, damaged_rows_are_left_out);
	tcase_add_test(t, migrates);
	suite_add_tcase(s, t);
	return kit_run(s);
}
