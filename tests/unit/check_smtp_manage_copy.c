/* SPDX-License-Identifier: ISC */
/* A redirect of a large text that is cut short: there is one message in the end, never two. */
#include "relayd/smtp/manage_copy.h"

#include "tests/unit/store_kit.h"

#define ORIGINAL	7
#define COPY		8
#define LARGE		(STORE_INLINE_MAX * 3)

static struct manage_copy *copy;
static int64_t row;

static void
open_store(void)
{
	const struct store_param p = { .directory = kit_dir, .base = kit_base,
		.allow_filesystem = "any" };
	struct why why;

	kit_store = store_sqlite_open(&p, &why);
	ck_assert_msg(kit_store != NULL, "%s", why.text);
}

static void
setup(void)
{
	char *text = must_calloc(1, LARGE + 1);

	memset(text, 'x', LARGE);
	kit_dir_new();
	open_store();
	ck_assert_int_eq(kit_put(ORIGINAL, "a@x.example b@x.example", text), WHY_NONE);
	row = kit_rcpt_id(ORIGINAL, 0);
	free(text);
}

static void
teardown(void)
{
	kit_dir_remove();
}

static void
make(void)
{
	struct store_message *m = kit_message(COPY, "c@y.example", "");
	struct store_body *from;

	store_body_unref(&m->body);
	ck_assert_int_eq(kit_body(ORIGINAL), WHY_NONE);
	from = store_body_ref(kit.body);
	m->rcpts[0].due = INT64_MAX;
	kit_reset();
	copy = manage_copy_new(kit_store, &m, &from, ORIGINAL, row, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
}

/* Another process on the same queue; how many notes of redirects it leaves there. */
static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	kit.n = 0;
	kit.more = (int)n;
	kit_done(arg, why);
}

static void
restart(void)
{
	if (copy != NULL)
		manage_copy_free(&copy);
	kit_reset();
	kit_store->ops->close(&kit_store);
	open_store();
	manage_copy_recover(kit_store, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	kit_reset();
	kit_store->ops->notes(kit_store, "copy/", on_notes, NULL);
	kit_wait();
	ck_assert_int_eq(kit.more, 0);
}

enum { REMOVED, HELD, DUE };

static int
state(void)
{
	if (kit_fetch(COPY) == 0)
		return REMOVED;
	return kit.messages[0]->rcpts[0].state == STORE_HELD ? HELD : DUE;
}

static const struct {
	int	decided, gone, expected;
} cuts[] = {
	{ 0, 0, REMOVED },
	{ 0, 1, REMOVED },	/* delivered, after the redirect had failed */
	{ 1, 0, REMOVED },
	{ 1, 1, DUE },
};

START_TEST(cut_short)
{
	make();
	ck_assert_int_eq(state(), HELD);
	if (cuts[_i].decided)
		manage_copy_decide(copy);
	if (cuts[_i].gone)
		ck_assert_int_eq(kit_settle(ORIGINAL, row, STORE_DONE, 0), WHY_NONE);
	restart();
	ck_assert_int_eq(state(), cuts[_i].expected);
	ck_assert_uint_eq(kit_fetch(ORIGINAL), 1);
	ck_assert_uint_eq(kit.messages[0]->nrcpts, cuts[_i].gone ? 1 : 2);
	if (cuts[_i].expected == DUE) {
		ck_assert_int_eq(kit_body(COPY), WHY_NONE);
		ck_assert_uint_eq(kit.body->size, LARGE);
	}
	restart();
	ck_assert_int_eq(state(), cuts[_i].expected);
}
END_TEST

/* It was brought to its end: what an administrator makes of the copy later is left alone. */
START_TEST(not_cut_short)
{
	make();
	manage_copy_decide(copy);
	ck_assert_int_eq(kit_settle(ORIGINAL, row, STORE_DONE, 0), WHY_NONE);
	kit_reset();
	manage_copy_release(&copy, 1000, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(state(), DUE);
	ck_assert_int_eq(kit_settle(COPY, kit_rcpt_id(COPY, 0), STORE_HOLD, INT64_MAX), WHY_NONE);
	restart();
	ck_assert_int_eq(state(), HELD);
}
END_TEST

START_TEST(taken_back)
{
	make();
	manage_copy_decide(copy);
	manage_copy_remove(&copy);
	for (int i = 0; i < 3; i++)
		(void)kit_dests();	/* behind what is under way */
	ck_assert_int_eq(state(), REMOVED);
	restart();
	ck_assert_uint_eq(kit_fetch(ORIGINAL), 1);
}
END_TEST

static const char *const damaged[] = {
	"", "made", "decided 0 1", "decided 000000000007 -1", "decided 000000000007 9 ",
	"decided 000000000007 99999999999999999999999", "cut 000000000007 9",
	"decided 000000000000 9", "decided 000000000007 9223372036854775808",
};

START_TEST(a_damaged_note)
{
	make();
	kit_reset();
	kit_store->ops->note_put(kit_store, "copy/000000000008", damaged[_i], kit_done, NULL);
	kit_wait();
	kit_reset();
	manage_copy_recover(kit_store, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	ck_assert_int_ne(state(), DUE);
	ck_assert_uint_eq(kit_fetch(ORIGINAL), 1);
	manage_copy_free(&copy);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp manage_copy");
	TCase *c = tcase_create("sqlite");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, cut_short, 0, LENGTH(cuts));
	tcase_add_test(c, not_cut_short);
	tcase_add_test(c, taken_back);
	tcase_add_loop_test(c, a_damaged_note, 0, LENGTH(damaged));
	suite_add_tcase(s, c);
	return kit_run(s);
}
