/* SPDX-License-Identifier: ISC */
/* What the SQLite store does beyond the contract: group commit, recovery, quarantine, files. */
#include "tests/unit/store_kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/store/sqlite_int.h"

static char *
path_of(const char *name)
{
	static char path[256];

	(void)str_fmt(path, sizeof path, "%s/%s", kit_dir, name);
	return path;
}

/* Changes the closed database behind the store's back. */
static void
tamper(const char *sql)
{
	sqlite3 *db = NULL;
	char *error = NULL;

	ck_assert_int_eq(sqlite3_open(path_of("queue.db"), &db), SQLITE_OK);
	(void)sqlite3_exec(db, sql, NULL, NULL, &error);
	ck_assert_msg(error == NULL, "%s", error);
	(void)sqlite3_close(db);
}

static void
close_tamper_open(const char *sql)
{
	kit_store->ops->close(&kit_store);
	tamper(sql);
	kit_open();
}

static unsigned
files_in_spool(void)
{
	unsigned n = 0;
	struct dirent *e;
	DIR *dir = opendir(path_of("spool"));

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static char *
large(char c)
{
	char *p = must_calloc(1, STORE_INLINE_MAX + 2);

	memset(p, c, STORE_INLINE_MAX + 1);
	return p;
}

static void
put_large(uint64_t id, char c)
{
	char *body = large(c);

	ck_assert_int_eq(kit_put(id, "a@x.example", body), WHY_NONE);
	free(body);
}

/* ---- commits ---- */

static int answers;

static void
count_answer(void *arg, const struct why *why)
{
	ck_assert_int_eq(why->reason, WHY_NONE);
	answers++;
}

START_TEST(one_commit_serves_all_who_wait)
{
	struct sqlite_store *s;
	struct store_message *m[200];
	unsigned long before;

	kit_open();
	s = (struct sqlite_store *)(void *)kit_store;
	before = s->db.commits;
	answers = 0;
	for (uint64_t i = 0; i < 200; i++) {
		m[i] = kit_message(i + 1, "a@x.example", "body");
		kit_store->ops->put(kit_store, m[i], NULL, count_answer, NULL);
	}
	for (int i = 0; i < KIT_STEPS_MAX && answers < 200; i++)
		(void)event_base_loop(kit_base, EVLOOP_ONCE);
	ck_assert_int_eq(answers, 200);
	for (int i = 0; i < 200; i++)
		store_message_free(&m[i]);
	(void)kit_list(0, 1);	/* the thread is past its commit */
	ck_assert_uint_eq(s->db.commits - before, 1);
}
END_TEST

START_TEST(all_is_there_after_a_restart)
{
	kit_open();
	put_large(3, 'z');
	for (uint64_t i = 10; i < 60; i++)
		ck_assert_int_eq(kit_put(i, "a@x.example b@y.example", "body"), WHY_NONE);
	ck_assert_int_eq(kit_settle(10, kit_rcpt_id(10, 0), STORE_RETRY, 123), WHY_NONE);
	kit_reopen();
	ck_assert_uint_eq(kit_list(0, 100), 51);
	ck_assert_int_eq(kit_dests(), 2);
	ck_assert_uint_eq(kit_fetch(10), 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].due, 123);
	ck_assert_int_eq(kit_body(3), WHY_NONE);
	ck_assert_uint_eq(kit.body->size, STORE_INLINE_MAX + 1);
	/* A clean close leaves no WAL behind. */
	kit_store->ops->close(&kit_store);
	ck_assert(access(path_of("queue.db-wal"), F_OK) != 0 ||
	    truncate(path_of("queue.db-wal"), 0) == 0);
}
END_TEST

START_TEST(recipient_ids_do_not_come_back)
{
	int64_t before;

	kit_open();
	ck_assert_int_eq(kit_put(1, "a@x.example b@x.example", "body"), WHY_NONE);
	before = kit_rcpt_id(1, 1);
	ck_assert_int_eq(kit_settle(1, before, STORE_DONE, 0), WHY_NONE);
	kit_reopen();
	ck_assert_int_eq(kit_put(2, "a@x.example", "body"), WHY_NONE);
	ck_assert_int_gt(kit_rcpt_id(2, 0), before);
	close_tamper_open("DELETE FROM counter");
	ck_assert_int_eq(kit_put(3, "a@x.example", "body"), WHY_NONE);
	ck_assert_int_gt(kit_rcpt_id(3, 0), kit_rcpt_id(2, 0));
}
END_TEST

/* ---- what must not be opened ---- */

static const struct {
	const char	*sql, *says;
} refused[] = {
	{ "PRAGMA user_version = 4", "newer" },
	{ "PRAGMA user_version = 999", "newer" },
	{ "PRAGMA user_version = -1", "schema" },
	{ "PRAGMA application_id = 1", "not a queue" },
};

START_TEST(refuses_other_schemas)
{
	struct why why;

	kit_open();
	kit_store->ops->close(&kit_store);
	tamper(refused[_i].sql);
	ck_assert_ptr_null(kit_try_open(&why));
	ck_assert(why_is_set(&why));
	ck_assert_msg(strstr(why.text, refused[_i].says) != NULL, "%s", why.text);
}
END_TEST

START_TEST(refuses_what_is_no_database)
{
	struct why why;
	int fd = open(path_of("queue.db"), O_WRONLY | O_CREAT, 0600);

	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(write(fd, "not a database, ", 16), 16);
	(void)close(fd);
	ck_assert_ptr_null(kit_try_open(&why));
	ck_assert_int_eq(why.reason, WHY_CORRUPT);
}
END_TEST

START_TEST(refuses_a_second_daemon)
{
	struct why why;
	struct store *second;

	kit_open();
	second = kit_try_open(&why);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(why.text, "another"));
	ck_assert_int_eq(kit_put(1, "a@x.example", "body"), WHY_NONE);
	kit_reopen();
}
END_TEST

START_TEST(refuses_a_directory_that_is_none)
{
	struct store_param p = { .base = kit_base, .allow_filesystem = "any" };
	struct why why = { 0 };
	char deep[5000];

	p.directory = "/nonexistent/queue";
	ck_assert_ptr_null(store_sqlite_open(&p, &why));
	p.directory = "/dev/null";
	ck_assert_ptr_null(store_sqlite_open(&p, &why));
	memset(deep, 'a', sizeof deep);
	deep[sizeof deep - 1] = '\0';
	p.directory = deep;
	ck_assert_ptr_null(store_sqlite_open(&p, &why));
	ck_assert(why_is_set(&why));
}
END_TEST

START_TEST(refuses_file_systems_by_name)
{
	struct why why = { 0 };

	if (store_space_fs_allowed("/dev/shm", NULL, &why) == 0) {
		(void)fprintf(stderr, "skipped: no tmpfs at /dev/shm\n");
		return;
	}
	ck_assert_ptr_nonnull(strstr(why.text, "tmpfs"));
	ck_assert_int_eq(store_space_fs_allowed("/dev/shm", "tmpfs", &why), 0);
	ck_assert_int_eq(store_space_fs_allowed("/dev/shm", "any", &why), 0);
	ck_assert_int_eq(store_space_fs_allowed("/dev/shm", "nfs", &why), -1);
	ck_assert_int_eq(store_space_fs_allowed("/nonexistent", "any", &why), -1);
}
END_TEST

START_TEST(only_one_connection_and_no_shared_memory)
{
	sqlite3 *db = NULL;

	kit_open();
	ck_assert_int_eq(kit_put(1, "a@x.example", "body"), WHY_NONE);
	ck_assert(access(path_of("queue.db-shm"), F_OK) != 0);
	ck_assert_int_eq(sqlite3_open(path_of("queue.db"), &db), SQLITE_OK);
	ck_assert_int_ne(sqlite3_exec(db, "SELECT * FROM message", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	ck_assert_int_eq(kit_put(2, "a@x.example", "body"), WHY_NONE);
}
END_TEST

/* ---- damage ---- */

static const char *const damage[] = {
	"UPDATE recipient SET address = 'evil@x.example' WHERE message = 5",
	"UPDATE recipient SET dest = 'evil.example' WHERE message = 5",
	"UPDATE recipient SET tries = -1 WHERE message = 5",
	"UPDATE recipient SET tries = 9223372036854775807 WHERE message = 5",
	"UPDATE recipient SET warned = -1 WHERE message = 5",
	"UPDATE recipient SET address = '' WHERE message = 5",
	"UPDATE recipient SET address = 'a' || char(0) || 'b@x.example' WHERE message = 5",
	"UPDATE recipient SET notify = printf('%.*c', 9000, 'x') WHERE message = 5",
	"UPDATE recipient SET message = 6 WHERE message = 5",
	"UPDATE recipient SET message = 0 WHERE message = 5",
	"UPDATE recipient SET message = -5 WHERE message = 5",
	"UPDATE recipient SET sum = 0 WHERE message = 5",
	"UPDATE message SET sender = 'evil@corp.example' WHERE id = 5",
	"UPDATE message SET size = -1 WHERE id = 5",
	"UPDATE message SET size = 2147483648 WHERE id = 5",
	"UPDATE message SET size = 9223372036854775807 WHERE id = 5",
	"UPDATE message SET first = -1 WHERE id = 5",
	"UPDATE message SET first = 9223372036854775807 WHERE id = 5",
	"UPDATE message SET count = 0 WHERE id = 5",
	"UPDATE message SET count = 9223372036854775807 WHERE id = 5",
	"UPDATE message SET place = 7 WHERE id = 5",
	"UPDATE message SET requiretls = 2 WHERE id = 5",
	"UPDATE message SET requiretls = 1 WHERE id = 5",
	"UPDATE message SET digest = x'00' WHERE id = 5",
	"UPDATE message SET created = -7 WHERE id = 5",
	"DELETE FROM message WHERE id = 5",
};

START_TEST(a_damaged_row_stops_only_itself)
{
	kit_open();
	for (uint64_t id = 1; id <= 9; id++)
		ck_assert_int_eq(kit_put(id, "a@x.example", "body"), WHY_NONE);
	close_tamper_open(damage[_i]);
	ck_assert_uint_eq(kit_load("x.example", INT64_MAX, 100, NULL, 0), 8);
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	for (size_t i = 0; i < 8; i++)
		ck_assert_uint_ne(kit.messages[i]->id, 5);
	/* Held, not dropped: the row is there, the index forgets it, nobody asks again. */
	ck_assert_uint_eq(kit_load("x.example", INT64_MAX, 100, NULL, 0), 8);
	(void)kit_load("evil.example", INT64_MAX, 100, NULL, 0);
	ck_assert_uint_eq(kit.n, 0);
	ck_assert_int_le(kit_dests(), 1);
	ck_assert_uint_eq(kit.dests[0].count, 8);
	(void)kit_fetch(5);
	(void)kit_body(5);
	ck_assert_uint_ge(kit_list(0, 100), 8);
	ck_assert_int_eq(kit_put(50, "a@x.example", "body"), WHY_NONE);
}
END_TEST

START_TEST(a_changed_body_is_never_handed_out)
{
	kit_open();
	ck_assert_int_eq(kit_put(1, "a@x.example b@x.example", "body"), WHY_NONE);
	ck_assert_int_eq(kit_put(2, "a@x.example", "body"), WHY_NONE);
	close_tamper_open("UPDATE message SET body = CAST('bodx' AS BLOB) WHERE id = 1");
	ck_assert_int_eq(kit_body(1), WHY_CORRUPT);
	ck_assert_ptr_null(kit.body);
	/* Both recipients are held, the message is marked. */
	ck_assert_uint_eq(kit_fetch(1), 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].state, STORE_HELD);
	ck_assert_int_eq(kit.messages[0]->rcpts[1].state, STORE_HELD);
	ck_assert_ptr_nonnull(strstr(kit.messages[0]->rcpts[0].last, "SHA-256"));
	ck_assert_int_eq(kit_body(2), WHY_NONE);
	close_tamper_open("UPDATE message SET body = CAST('bodyx' AS BLOB) WHERE id = 2");
	ck_assert_int_eq(kit_body(2), WHY_CORRUPT);
	close_tamper_open("UPDATE message SET body = NULL WHERE id = 2");
	ck_assert_int_eq(kit_body(2), WHY_CORRUPT);
	ck_assert_int_eq(kit_dests(), 0);
}
END_TEST

/* Random bytes over whole pages: never a crash, and what is given is right. */
START_TEST(flipped_bytes_in_pages)
{
	uint64_t seed = (uint64_t)_i * 7919 + 1;
	struct why why;
	off_t size;
	int fd;

	kit_open();
	for (uint64_t id = 1; id <= 60; id++)
		ck_assert_int_eq(kit_put(id, "a@x.example b@y.example", "body"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	fd = open(path_of("queue.db"), O_RDWR);
	size = lseek(fd, 0, SEEK_END);
	for (int i = 0; i < 3; i++) {
		char c;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		c = (char)(seed >> 24);
		/* Not the header page: that is another test. */
		ck_assert_int_eq(pwrite(fd, &c, 1, 4096 + (off_t)((seed >> 33) % (uint64_t)(size - 4096))), 1);
	}
	(void)close(fd);
	if ((kit_store = kit_try_open(&why)) == NULL)
		return;
	for (int round = 0; round < 2; round++) {
		(void)kit_load("x.example", INT64_MAX, 100, NULL, 0);
		for (size_t i = 0; i < kit.n; i++)
			ck_assert_str_eq(kit.messages[i]->rcpts[0].address, "a@x.example");
	}
	for (uint64_t id = 1; id <= 60; id++)
		if (kit_body(id) == WHY_NONE)
			ck_assert_mem_eq(kit.body->data, "body", 4);
	(void)kit_list(0, 100);
	(void)kit_dests();
	(void)kit_put(100, "c@z.example", "new");
	(void)kit_settle(3, 5, STORE_DONE, 0);
}
END_TEST

/* ---- body files ---- */

START_TEST(files_come_and_go_with_their_rows)
{
	kit_open();
	put_large(0xabc, 'a');
	ck_assert_uint_eq(files_in_spool(), 1);
	ck_assert_int_eq(access(path_of("spool/0000000000000abc"), F_OK), 0);
	ck_assert_int_eq(kit_settle(0xabc, kit_rcpt_id(0xabc, 0), STORE_RETRY, 1), WHY_NONE);
	ck_assert_uint_eq(files_in_spool(), 1);
	ck_assert_int_eq(kit_settle(0xabc, kit_rcpt_id(0xabc, 0), STORE_DONE, 0), WHY_NONE);
	ck_assert_int_eq(kit.gone, 1);
	ck_assert_uint_eq(files_in_spool(), 0);
	/* A put that is refused leaves no file. */
	put_large(7, 'a');
	{
		char *body = large('b');

		ck_assert_int_eq(kit_put(8, "", body), WHY_LOCAL_STORAGE);
		free(body);
	}
	ck_assert_uint_eq(files_in_spool(), 1);
}
END_TEST

static const struct {
	const char	*what;
	off_t		 size;		/* -1: removed, -2: one byte changed */
} file_damage[] = {
	{ "missing", -1 }, { "changed", -2 }, { "empty", 0 }, { "short", 100 },
	{ "long", STORE_INLINE_MAX + 2 }, { "longer", 3 << 20 },
};

START_TEST(a_damaged_file_is_quarantined)
{
	const char *name = "spool/0000000000000005";
	int fd;

	kit_open();
	put_large(5, 'a');
	put_large(6, 'a');
	if (file_damage[_i].size == -1)
		ck_assert_int_eq(unlink(path_of(name)), 0);
	else if (file_damage[_i].size == -2) {
		fd = open(path_of(name), O_WRONLY);
		ck_assert_int_eq(pwrite(fd, "b", 1, 1000), 1);
		(void)close(fd);
	} else
		ck_assert_int_eq(truncate(path_of(name), file_damage[_i].size), 0);
	ck_assert_int_eq(kit_body(5), WHY_CORRUPT);
	ck_assert_uint_eq(kit_fetch(5), 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].state, STORE_HELD);
	ck_assert_int_eq(kit_body(6), WHY_NONE);
}
END_TEST

static void
make_file(const char *name, int hours)
{
	struct timeval then[2] = { 0 };
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0600);

	(void)close(fd);
	(void)gettimeofday(&then[0], NULL);
	then[0].tv_sec -= hours * 3600;
	then[1] = then[0];
	ck_assert_int_eq(utimes(path_of(name), then), 0);
}

START_TEST(sweep_takes_old_orphans_only)
{
	struct timeval long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	kit_open();
	put_large(5, 'a');
	kit_store->ops->close(&kit_store);
	ck_assert_int_eq(utimes(path_of("spool/0000000000000005"), long_ago), 0);
	make_file("spool/0000000000000077", 37);	/* old, no row */
	make_file("spool/0000000000000078", 35);	/* young, no row */
	make_file("spool/in.3", 0);			/* arriving when the daemon died */
	make_file("spool/README", 100);			/* not ours */
	make_file("spool/00000000000000ZZ", 100);
	kit_open();
	for (int i = 0; i < 100 && access(path_of("spool/0000000000000077"), F_OK) == 0; i++)
		(void)kit_list(0, 1);
	ck_assert_int_ne(access(path_of("spool/0000000000000077"), F_OK), 0);
	ck_assert_int_ne(access(path_of("spool/in.3"), F_OK), 0);
	ck_assert_int_eq(access(path_of("spool/0000000000000005"), F_OK), 0);
	ck_assert_int_eq(access(path_of("spool/0000000000000078"), F_OK), 0);
	ck_assert_int_eq(access(path_of("spool/README"), F_OK), 0);
	ck_assert_int_eq(access(path_of("spool/00000000000000ZZ"), F_OK), 0);
}
END_TEST

START_TEST(aborts_leave_nothing)
{
	struct store_spool *sp;

	kit_open();
	for (int i = 0; i < 300; i++) {
		sp = kit_store->ops->spool_new(kit_store);
		for (int j = 0; j < i % 4; j++) {
			kit_reset();
			kit_store->ops->spool_append(sp, "some bytes", 10, kit_done, NULL);
			if (j != 2)
				kit_wait();
		}
		kit_store->ops->spool_abort(&sp);
	}
	(void)kit_list(0, 1);
	(void)kit_list(0, 1);
	ck_assert_uint_eq(files_in_spool(), 0);
}
END_TEST

/* ---- space ---- */

START_TEST(space_guard_and_reserve)
{
	struct store_param p = { .directory = kit_dir, .base = kit_base, .allow_filesystem = "any",
	    .min_free_bytes = 1 << 20 };
	struct why why = { 0 };

	kit_store = store_sqlite_open(&p, &why);
	ck_assert_ptr_nonnull(kit_store);
	ck_assert_int_eq(kit_store->ops->refuses(kit_store), WHY_NONE);
	ck_assert_int_eq(access(path_of("reserve"), F_OK), 0);
	kit_store->ops->close(&kit_store);
	p.min_free_bytes = UINT64_MAX / 2;
	kit_store = store_sqlite_open(&p, &why);
	ck_assert_int_eq(kit_store->ops->refuses(kit_store), WHY_LOCAL_SPACE);
	/* Mail that is here goes on. */
	ck_assert_int_eq(kit_put(1, "a@x.example", "body"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	p.min_free_bytes = 0;
	p.min_free_inodes = UINT64_MAX - 1;
	kit_store = store_sqlite_open(&p, &why);
	ck_assert_int_eq(kit_store->ops->refuses(kit_store), WHY_LOCAL_SPACE);
}
END_TEST

/* Each would be written without complaint and then count as damaged. */
static void
spoil(struct store_message *m, int how, char *huge)
{
	switch (how) {
	case 0: free(m->sender); m->sender = must_strdup(huge); break;
	case 1: free(m->envid); m->envid = must_strdup(huge); break;
	case 2: free(m->rcpts[0].address); m->rcpts[0].address = must_strdup(huge); break;
	case 3: free(m->rcpts[0].dest); m->rcpts[0].dest = must_strdup(huge); break;
	case 4: m->rcpts[0].due = -1; break;
	case 5: m->created = -1; break;
	case 6: m->id = 0; break;
	case 7: m->id = UINT64_MAX; break;
	case 8: free(m->rcpts[0].dest); m->rcpts[0].dest = must_strdup(""); break;
	default: m->rcpts[0].warned = -1; break;
	}
}

START_TEST(refuses_an_envelope_it_could_not_read_back)
{
	struct store_message *m = kit_message(1, "a@x.example", "body");
	char *huge = must_calloc(1, 9000);

	kit_open();
	memset(huge, 'x', 8999);
	spoil(m, _i, huge);
	ck_assert_int_eq(kit_put_message(m), WHY_LOCAL_STORAGE);
	ck_assert_uint_eq(kit_list(0, 10), 0);
	free(huge);
	store_message_free(&m);
}
END_TEST

/* Nothing of a message that is there is touched by another one under its id. */
START_TEST(an_id_in_use_keeps_its_body)
{
	struct store_message *m = kit_message(41, "b@x.example", "");
	struct store_spool *sp;
	char *text = large('b');

	kit_open();
	put_large(41, 'a');
	ck_assert_int_eq(kit_put(41, "b@x.example", text), WHY_LOCAL_STORAGE);
	store_body_unref(&m->body);
	sp = kit_store->ops->spool_new(kit_store);
	kit_reset();
	kit_store->ops->spool_append(sp, text, STORE_INLINE_MAX + 1, kit_done, NULL);
	kit_store->ops->put(kit_store, m, sp, kit_done, NULL);
	while (kit.come < 2)
		(void)event_base_loop(kit_base, EVLOOP_ONCE);
	ck_assert_int_eq(kit.why.reason, WHY_LOCAL_STORAGE);
	ck_assert_int_eq(kit_body(41), WHY_NONE);
	ck_assert_uint_eq(files_in_spool(), 1);
	store_message_free(&m);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store sqlite");
	TCase *c = tcase_create("sqlite");

	tcase_add_checked_fixture(c, kit_dir_new, kit_dir_remove);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, one_commit_serves_all_who_wait);
	tcase_add_test(c, all_is_there_after_a_restart);
	tcase_add_test(c, recipient_ids_do_not_come_back);
	tcase_add_loop_test(c, refuses_other_schemas, 0, LENGTH(refused));
	tcase_add_test(c, refuses_what_is_no_database);
	tcase_add_test(c, refuses_a_second_daemon);
	tcase_add_test(c, refuses_a_directory_that_is_none);
	tcase_add_test(c, refuses_file_systems_by_name);
	tcase_add_test(c, only_one_connection_and_no_shared_memory);
	tcase_add_loop_test(c, a_damaged_row_stops_only_itself, 0, LENGTH(damage));
	tcase_add_test(c, a_changed_body_is_never_handed_out);
	tcase_add_loop_test(c, flipped_bytes_in_pages, 0, 60);
	tcase_add_test(c, files_come_and_go_with_their_rows);
	tcase_add_test(c, an_id_in_use_keeps_its_body);
	tcase_add_loop_test(c, a_damaged_file_is_quarantined, 0, LENGTH(file_damage));
	tcase_add_test(c, sweep_takes_old_orphans_only);
	tcase_add_test(c, aborts_leave_nothing);
	tcase_add_test(c, space_guard_and_reserve);
	tcase_add_loop_test(c, refuses_an_envelope_it_could_not_read_back, 0, 10);
	suite_add_tcase(s, c);
	return kit_run(s);
}
