/* SPDX-License-Identifier: ISC */
/*
 * The store on a disk that fails: every operation fails once (EIO, ENOSPC, a
 * burst), and the power goes at every operation with four kinds of loss. What
 * was acknowledged must be there afterwards, whole; what was settled must not
 * come back; notices stand or fall with their settlement (HARDENING D2-D4,
 * D10, D15). FAULT_EVERY=1 in the environment tries each operation, the
 * default every 7th.
 */
#include "tests/unit/store_kit.h"

#include <dirent.h>
#include <sqlite3.h>

#include "tests/fault/vfs_shim.h"

#define MESSAGES	14
#define LARGE		(STORE_INLINE_MAX + 5000)
#define NOTICE		1000		/* id of the notice for message i: NOTICE + i */

enum known { NEVER, TRIED, SURE };	/* how far an event is known to have come */

static struct {
	enum known	put, first_gone, all_gone;
	int64_t		rcpts[2];
} ledger[MESSAGES + 1];

static int
is_large(uint64_t id)
{
	return id % 5 == 0;
}

static char *
body_of(uint64_t id)
{
	size_t n = is_large(id) ? LARGE : 300 + 900 * (size_t)id;
	char *p = must_calloc(1, n + 1);

	memset(p, 'a' + (int)(id % 26), n);
	(void)str_fmt(p, n, "message %llu", (unsigned long long)id);
	p[strlen(p)] = '.';
	return p;
}

static void
put(uint64_t id)
{
	char *body = body_of(id);
	struct store_message *m = kit_message(id, "a@x.example b@y.example", body);

	ledger[id].put = TRIED;
	if (kit_put_message(m) == WHY_NONE) {
		ledger[id].put = SURE;
		for (int i = 0; i < 2; i++)
			ledger[id].rcpts[i] = m->rcpts[i].id;
	}
	store_message_free(&m);
	free(body);
}

/* First the one recipient, then, for some, the other with a notice. */
static void
settle(uint64_t id)
{
	struct store_settle_rcpt f = { .fate = STORE_DONE };
	struct store_message *notice = kit_message(NOTICE + id, "from@corp.example", "it failed");
	struct store_settlement se = { .message = id, .rcpts = &f, .nrcpts = 1,
	    .notices = &notice, .nnotices = 1 };

	if (ledger[id].put == SURE && id % 3 != 0) {
		ledger[id].first_gone = TRIED;
		if (kit_settle(id, ledger[id].rcpts[0], STORE_DONE, 0) == WHY_NONE)
			ledger[id].first_gone = SURE;
		else
			(void)kit_settle(id, ledger[id].rcpts[1], STORE_RETRY, 4000);
	}
	if (ledger[id].first_gone == SURE && id % 3 == 1) {
		f.id = ledger[id].rcpts[1];
		ledger[id].all_gone = TRIED;
		kit_reset();
		kit_store->ops->settle(kit_store, &se, kit_settled, NULL);
		kit_wait();
		if (kit.why.reason == WHY_NONE)
			ledger[id].all_gone = SURE;
	}
	store_message_free(&notice);
}

static void
aborted_spool(void)
{
	struct store_spool *sp = kit_store->ops->spool_new(kit_store);

	kit_reset();
	kit_store->ops->spool_append(sp, "abc", 3, kit_done, NULL);
	kit_wait();
	kit_store->ops->spool_abort(&sp);
}

static int
open_again(void)
{
	struct why why;

	if (kit_store != NULL)
		kit_store->ops->close(&kit_store);
	kit_store = kit_try_open(&why);
	return kit_store != NULL;
}

/* Opens twice, so that checkpoints of a filled WAL are among the operations. */
static void
workload(void)
{
	memset(ledger, 0, sizeof ledger);
	for (uint64_t id = 1; id <= MESSAGES; id++) {
		if ((id == 1 || id == MESSAGES / 2) && !open_again() && !open_again())
			return;
		put(id);
		if (id % 4 == 0)
			aborted_spool();
		if (id > 2)
			settle(id - 2);
	}
}

/* ---- afterwards ---- */

static void
check_integrity(void)
{
	char path[128];
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;

	(void)str_fmt(path, sizeof path, "%s/queue.db", kit_dir);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(st, 0), "ok");
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
}

static void
check_body(uint64_t id)
{
	char *want = body_of(id);

	ck_assert_int_eq(kit_body(id), WHY_NONE);
	ck_assert_uint_eq(kit.body->size, strlen(want));
	if (kit.body->data != NULL)
		ck_assert_mem_eq(kit.body->data, want, strlen(want));
	else
		ck_assert(is_large(id));
	free(want);
}

static void
check_message(uint64_t id)
{
	size_t there = kit_fetch(id), left;
	int first, second;

	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	if (!there) {
		ck_assert_msg(ledger[id].put != SURE || ledger[id].all_gone != NEVER,
		    "message %llu was acknowledged and is lost", (unsigned long long)id);
		/* Its last recipient went, so its notice is owed. */
		if (ledger[id].put == SURE)
			ck_assert_uint_eq(kit_fetch(NOTICE + id), 1);
		return;
	}
	left = kit.messages[0]->nrcpts;
	first = strcmp(kit.messages[0]->rcpts[0].dest, "x.example") == 0;
	second = strcmp(kit.messages[0]->rcpts[left - 1].dest, "y.example") == 0;
	ck_assert_uint_eq(left, (size_t)(first + second));
	ck_assert(second || ledger[id].all_gone != NEVER);
	ck_assert_msg(first || ledger[id].first_gone != NEVER, "a recipient is lost");
	ck_assert_msg(!first || ledger[id].first_gone != SURE, "a settled recipient came back");
	ck_assert_int_ne(ledger[id].all_gone, SURE);
	check_body(id);
	ck_assert_uint_eq(kit_fetch(NOTICE + id), 0);
}

/* Files that were still arriving must be gone, and none may be missing (checked by the bodies). */
static void
check_spool(void)
{
	char path[128];
	struct dirent *e;
	DIR *dir;

	(void)str_fmt(path, sizeof path, "%s/spool", kit_dir);
	ck_assert_ptr_nonnull(dir = opendir(path));
	while ((e = readdir(dir)) != NULL)
		ck_assert_int_ne(strncmp(e->d_name, "in.", 3), 0);
	(void)closedir(dir);
}

static void
check_all(void)
{
	kit_open();
	check_spool();
	for (uint64_t id = 1; id <= MESSAGES; id++)
		check_message(id);
	/* And it goes on working. */
	ck_assert_int_eq(kit_put(500, "c@z.example", "new"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	check_integrity();
}

static void
one_run(enum fault_kind kind, unsigned long n, enum fault_loss loss)
{
	kit_dir_new();
	fault_forget();
	fault_plan(kind, n);
	workload();
	if (kit_store != NULL)
		kit_store->ops->close(&kit_store);
	fault_power_cut(loss, n * 977 + loss);
	check_all();
	kit_dir_remove();
}

static unsigned long
stride(void)
{
	const char *s = getenv("FAULT_EVERY");

	return s != NULL && atol(s) > 0 ? (unsigned long)atol(s) : 7;
}

static unsigned long
operations(void)
{
	unsigned long n;

	kit_dir_new();
	fault_forget();
	workload();
	for (uint64_t id = 1; id <= MESSAGES; id++)
		ck_assert_int_eq(ledger[id].put, SURE);
	kit_store->ops->close(&kit_store);
	n = fault_count();
	kit_dir_remove();
	ck_assert_uint_gt(n, 200);
	return n;
}

START_TEST(each_operation_fails)
{
	static const enum fault_kind kinds[] = { FAULT_EIO, FAULT_ENOSPC, FAULT_EIO_ON };
	unsigned long n = operations();

	for (unsigned long k = 1 + (unsigned long)_i; k <= n; k += stride())
		one_run(kinds[_i], k, FAULT_LOSE_ALL);
}
END_TEST

START_TEST(power_goes_at_each_operation)
{
	unsigned long n = operations();

	for (unsigned long k = 1 + (unsigned long)_i; k <= n + 1; k += stride())
		one_run(FAULT_CUT, k, (enum fault_loss)_i);
}
END_TEST

/* E3: on a disk with no room but the reserve, everything can still be settled. */
START_TEST(a_full_disk_can_be_emptied)
{
	int64_t ids[401] = { 0 };
	unsigned refused = 0;
	char body[4001];

	memset(body, 'x', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	kit_dir_new();
	fault_forget();
	kit_open();
	for (uint64_t id = 1; id <= 400; id++) {
		if (id == 300)
			fault_room(0);
		if (kit_put(id, "a@x.example", body) == WHY_NONE)
			ids[id] = kit_rcpt_id(id, 0);
		else
			refused++;
	}
	ck_assert_uint_gt(refused, 0);
	fault_room(4 << 20);
	for (uint64_t id = 1; id <= 400; id++) {
		if (ids[id] == 0)
			continue;
		ck_assert_int_eq(kit_settle(id, ids[id], STORE_DONE, 0), WHY_NONE);
		ck_assert_int_eq(kit.gone, 1);
	}
	ck_assert_uint_eq(kit_list(0, 10), 0);
	kit_store->ops->close(&kit_store);
	check_integrity();
	kit_dir_remove();
}
END_TEST

/* All that is due, whole, although a read failed: 1 if the failing one came. */
static int
one_read(unsigned long n)
{
	struct why why;
	char *body;

	kit_dir_new();
	fault_forget();
	kit_open();
	for (uint64_t id = 1; id <= 40; id++) {
		body = body_of(id % 5 == 0 ? 1 : 2);
		ck_assert_int_eq(kit_put(id, "a@x.example b@y.example", body), WHY_NONE);
		free(body);
	}
	kit_store->ops->close(&kit_store);
	fault_read(n);
	while ((kit_store = kit_try_open(&why)) == NULL)
		ck_assert_int_eq(why.reason, WHY_LOCAL_STORAGE);
	ck_assert_int_eq(kit_dests(), 2);
	ck_assert_uint_eq(kit_load("x.example", 5000, 100, NULL, 0), 40);
	ck_assert_int_eq(kit_body(7), WHY_NONE);
	for (size_t i = 0; i < 40; i += kit.n) {
		ck_assert_uint_eq(kit_list(i, 20), 20);
		for (size_t k = 0; k < kit.n; k++) {
			ck_assert_uint_eq(kit.messages[k]->nrcpts, 2);
			ck_assert_int_eq(kit.messages[k]->rcpts[0].state, STORE_DUE);
			ck_assert_int_eq(kit.messages[k]->rcpts[1].state, STORE_DUE);
		}
	}
	kit_dir_remove();
	return fault_read_hit();
}

/* A page that the disk does not give this time is not a damaged one: nothing is set aside. */
START_TEST(each_read_fails)
{
	unsigned long n = 1;

	while (one_read(n))
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

static struct why put_why;
static int put_come;

static void
on_put(void *arg, const struct why *why)
{
	put_why = *why;
	put_come = 1;
}

/* A put in one transaction with a load whose reads fail: 1 if the failing one came. */
static int
one_neighbour(unsigned long n)
{
	struct store_message *m = kit_message(41, "a@x.example", "body");
	char *body = body_of(2);
	int hit;

	kit_dir_new();
	fault_forget();
	kit_open();
	for (uint64_t id = 1; id <= 40; id++)
		ck_assert_int_eq(kit_put(id, "a@x.example", body), WHY_NONE);
	kit_reopen();
	kit_reset();
	put_come = 0;
	fault_read(n);
	kit_store->ops->put(kit_store, m, NULL, on_put, NULL);
	kit_store->ops->load(kit_store, "x.example", 5000, 100, NULL, 0, kit_loaded, NULL);
	kit_wait();
	while (!put_come)
		(void)event_base_loop(kit_base, EVLOOP_ONCE);
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	ck_assert_uint_ge(kit.n, 40);
	hit = fault_read_hit();
	fault_read(0);
	ck_assert_int_eq((int)kit_fetch(41), !why_is_set(&put_why));
	store_message_free(&m);
	kit_dir_remove();
	free(body);
	return hit;
}

/* Whose transaction ends because of somebody else's row is not told that all went well. */
START_TEST(neighbours_of_a_failed_read)
{
	unsigned long n = 1;

	while (one_neighbour(n))
		n++;
	ck_assert_uint_gt(n, 10);
}
END_TEST

/* The harness itself: a disk that only pretends must be found out. */
START_TEST(the_shim_loses_what_was_not_synced)
{
	char path[128];
	FILE *f;

	kit_dir_new();
	fault_forget();
	kit_open();
	ck_assert_int_eq(kit_put(1, "a@x.example", "body"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	fault_power_cut(FAULT_LOSE_ALL, 1);
	(void)str_fmt(path, sizeof path, "%s/queue.db", kit_dir);
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	(void)fclose(f);
	kit_open();
	ck_assert_uint_eq(kit_fetch(1), 1);
	kit_dir_remove();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store fault");
	TCase *c = tcase_create("disk");

	(void)setenv("LC_ALL", "C", 1);
	fault_install();
	tcase_set_timeout(c, 1200);
	tcase_add_test(c, the_shim_loses_what_was_not_synced);
	tcase_add_test(c, a_full_disk_can_be_emptied);
	tcase_add_test(c, each_read_fails);
	tcase_add_test(c, neighbours_of_a_failed_read);
	tcase_add_loop_test(c, each_operation_fails, 0, 3);
	tcase_add_loop_test(c, power_goes_at_each_operation, 0, FAULT_LOSS__COUNT);
	suite_add_tcase(s, c);
	return kit_run(s);
}
