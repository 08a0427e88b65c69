/* SPDX-License-Identifier: ISC */
/* Looking through what waits: nothing is left out, whoever sent it, and held mail is counted. */
#include "tests/unit/store_kit.h"

#define ALL		60

static struct store_mark behind;
static int more;
static uint64_t held_all, held_older;

static void
on_aged(void *arg, const struct why *why, struct store_message **m, size_t n,
    const struct store_mark *next, int64_t next_due)
{
	more = next != NULL;
	if (more)
		behind = *next;
	kit_loaded(arg, why, m, n, more, next_due);
}

static void
page(const char *dest, int64_t due, size_t max)
{
	kit_reset();
	kit_store->ops->aged(kit_store, dest, due, max, &behind, on_aged, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
}

static void
on_held(void *arg, const struct why *why, uint64_t all, uint64_t older)
{
	held_all = all;
	held_older = older;
	kit_done(arg, why);
}

static void
count_held(uint64_t before)
{
	kit_reset();
	kit_store->ops->held(kit_store, before, on_held, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
}

/* How often each of the messages 1..ALL was seen until the end. */
static size_t
walk(const char *dest, int64_t due, size_t max, unsigned seen[ALL + 1])
{
	size_t pages = 0;

	memset(seen, 0, (ALL + 1) * sizeof *seen);
	behind = STORE_MARK_START;
	do {
		page(dest, due, max);
		ck_assert_uint_lt(pages++, 2 * ALL);
		for (size_t i = 0; i < kit.n; i++) {
			ck_assert_uint_eq(kit.messages[i]->nrcpts, 1);
			seen[kit.messages[i]->id]++;
		}
	} while (more);
	return pages;
}

static void
put(uint64_t id, const char *rcpts, uint64_t flow, int64_t due, enum store_rcpt_state state)
{
	struct store_message *m = kit_message(id, rcpts, "x");

	m->flow = flow;
	m->rcpts[0].due = due;
	m->rcpts[0].state = state;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

START_TEST(all_of_a_destination)
{
	unsigned seen[ALL + 1];

	kit_open_nth(_i);
	for (uint64_t id = 1; id <= ALL; id++)
		put(id, id % 3 == 0 ? "a@y.example" : "a@x.example b@y.example",
		    id % 7 << 40 | id % 5 << 24, 5000 - (int64_t)id % 4, STORE_DUE);
	for (size_t max = 1; max <= 2 * ALL; max = 2 * max + 1) {
		(void)walk("x.example", 5000, max, seen);
		for (uint64_t id = 1; id <= ALL; id++)
			ck_assert_uint_eq(seen[id], id % 3 != 0);
	}
	(void)walk("x.example", 4998, 7, seen);		/* what is not due yet is not shown */
	for (uint64_t id = 1; id <= ALL; id++)
		ck_assert_uint_eq(seen[id], id % 3 != 0 && id % 4 >= 2);
	ck_assert_uint_eq(walk("none.example", INT64_MAX, 7, seen), 1);
}
END_TEST

START_TEST(all_that_is_held)
{
	unsigned seen[ALL + 1];

	kit_open_nth(_i);
	for (uint64_t id = 1; id <= ALL; id++)
		put(id, "a@x.example b@x.example", id << 24, (int64_t)id % 6,
		    id % 2 == 0 ? STORE_HELD : STORE_DUE);
	for (size_t max = 1; max <= ALL; max = 2 * max + 1) {
		(void)walk(NULL, 5, max, seen);
		for (uint64_t id = 1; id <= ALL; id++)
			ck_assert_uint_eq(seen[id], id % 2 == 0);
	}
	(void)walk(NULL, 1, 4, seen);
	for (uint64_t id = 1; id <= ALL; id++)
		ck_assert_uint_eq(seen[id], id % 6 == 0);
	ck_assert_int_eq(kit.next_due, 2);
	count_held(11);
	ck_assert_uint_eq(held_all, ALL / 2);
	ck_assert_uint_eq(held_older, 5);
	count_held(UINT64_MAX);
	ck_assert_uint_eq(held_older, ALL / 2);
}
END_TEST

START_TEST(held_follows_the_settlement)
{
	int64_t id;

	kit_open_nth(_i);
	count_held(100);
	ck_assert_uint_eq(held_all, 0);
	put(1, "a@x.example", 0, 1000, STORE_DUE);
	id = kit_rcpt_id(1, 0);
	ck_assert_int_eq(kit_settle(1, id, STORE_HOLD, 7000), WHY_NONE);
	behind = STORE_MARK_START;
	page(NULL, 6999, 10);
	ck_assert_uint_eq(kit.n, 0);
	ck_assert_int_eq(kit.next_due, 7000);
	page(NULL, 7000, 10);
	ck_assert_uint_eq(kit.n, 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].id, id);
	ck_assert_int_eq(kit_settle(1, id, STORE_RETRY, 1), WHY_NONE);
	count_held(100);
	ck_assert_uint_eq(held_all, 0);
	ck_assert_int_eq(kit_settle(1, id, STORE_DONE, 1), WHY_NONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store aged");
	TCase *c = tcase_create("both");

	tcase_add_checked_fixture(c, kit_dir_new, kit_dir_remove);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, all_of_a_destination, 0, KIT_STORES);
	tcase_add_loop_test(c, all_that_is_held, 0, KIT_STORES);
	tcase_add_loop_test(c, held_follows_the_settlement, 0, KIT_STORES);
	suite_add_tcase(s, c);
	return kit_run(s);
}
