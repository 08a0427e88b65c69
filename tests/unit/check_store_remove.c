/* SPDX-License-Identifier: ISC */
/* What adoption asks of a store: a message with its note, and the end of a store that is empty. */
#include <fcntl.h>
#include <sqlite3.h>

#include "tests/unit/store_kit.h"

static size_t nfound;

static void
noted(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	nfound = n;
	kit_done(arg, why);
}

static size_t
notes(const char *prefix)
{
	kit_reset();
	kit_store->ops->notes(kit_store, prefix, noted, NULL);
	kit_wait();
	return nfound;
}

static enum why_reason
put_noted(uint64_t id, const char *key)
{
	struct store_message *m = kit_message(id, "a@x.example b@y.example", "body");

	m->rcpts[0].state = STORE_HELD;
	m->rcpts[1].due = 777;
	m->rcpts[1].tries = 5;
	m->rcpts[1].warned = 6;
	m->rcpts[1].last = must_strdup("before");
	kit_reset();
	kit_store->ops->put_noted(kit_store, m, NULL, key, "1", kit_done, NULL);
	kit_wait();
	store_message_free(&m);
	return kit.why.reason;
}

static void
open_nth(int i)
{
	if (i == 0)
		kit_open();
	else
		kit_store = store_memory_open(kit_base);
}

START_TEST(message_and_note)
{
	open_nth(_i);
	ck_assert_int_eq(put_noted(7, "adopt/id/7"), WHY_NONE);
	ck_assert_uint_eq(notes("adopt/"), 1);
	ck_assert_uint_eq(kit_fetch(7), 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].state, STORE_HELD);
	ck_assert_int_eq(kit.messages[0]->rcpts[1].state, STORE_DUE);
	ck_assert_int_eq(kit.messages[0]->rcpts[1].due, 777);
	ck_assert_uint_eq(kit.messages[0]->rcpts[1].tries, 5);
	ck_assert_int_eq(kit.messages[0]->rcpts[1].warned, 6);
	ck_assert_str_eq(kit.messages[0]->rcpts[1].last, "before");
}
END_TEST

START_TEST(neither_of_them)
{
	open_nth(_i);
	ck_assert_int_eq(kit_put(7, "c@z.example", "another"), WHY_NONE);
	ck_assert_int_ne(put_noted(7, "adopt/id/7"), WHY_NONE);
	ck_assert_uint_eq(notes("adopt/"), 0);
}
END_TEST

START_TEST(both_are_durable)
{
	kit_open();
	ck_assert_int_eq(put_noted(7, "adopt/id/7"), WHY_NONE);
	kit_reopen();
	ck_assert_uint_eq(notes("adopt/"), 1);
	ck_assert_uint_eq(kit_fetch(7), 1);
}
END_TEST

static int
remove_store(const char *word)
{
	struct why why = { 0 };
	int rc = store_sqlite_remove(kit_dir, &why);

	if (rc == -1)
		ck_assert_msg(strstr(why.text, word) != NULL, "%s", why.text);
	return rc;
}

START_TEST(an_empty_one_goes)
{
	kit_open();
	ck_assert_int_eq(put_noted(7, "adopt/id/7"), WHY_NONE);
	ck_assert_int_eq(remove_store("in use"), -1);
	kit_store->ops->close(&kit_store);
	ck_assert_int_eq(remove_store("1 messages"), -1);
	kit_open();
	ck_assert_int_eq(kit_settle(7, kit_rcpt_id(7, 0), STORE_DONE, 0), WHY_NONE);
	ck_assert_int_eq(kit_settle(7, kit_rcpt_id(7, 0), STORE_DONE, 0), WHY_NONE);
	kit_store->ops->close(&kit_store);
	ck_assert_int_eq(remove_store(""), 0);
	ck_assert_int_eq(access(kit_dir, F_OK), -1);
}
END_TEST

/* What no list shows is mail all the same. */
START_TEST(damaged_rows_stay)
{
	char file[128];
	sqlite3 *db;

	kit_open();
	ck_assert_int_eq(put_noted(7, "adopt/id/7"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	(void)str_fmt(file, sizeof file, "%s/queue.db", kit_dir);
	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE message SET sender = 'else'", NULL, NULL, NULL),
	    SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	kit_open();
	ck_assert_uint_eq(kit_list(0, 10), 0);
	kit_store->ops->close(&kit_store);
	ck_assert_int_eq(remove_store("cannot be read"), -1);
	ck_assert_int_eq(access(file, F_OK), 0);
}
END_TEST

START_TEST(what_is_no_store_stays)
{
	char file[128];
	int fd;

	(void)str_fmt(file, sizeof file, "%s/queue.db", kit_dir);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "something else altogether", 25), 25);
	close(fd);
	ck_assert_int_eq(remove_store("queue.db"), -1);
	ck_assert_int_eq(access(file, F_OK), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_remove");
	TCase *t = tcase_create("remove");

	tcase_add_checked_fixture(t, kit_dir_new, kit_dir_remove);
	tcase_add_loop_test(t, message_and_note, 0, 2);
	tcase_add_loop_test(t, neither_of_them, 0, 2);
	tcase_add_test(t, both_are_durable);
	tcase_add_test(t, an_empty_one_goes);
	tcase_add_test(t, damaged_rows_stay);
	tcase_add_test(t, what_is_no_store_stays);
	suite_add_tcase(s, t);
	return kit_run(s);
}
