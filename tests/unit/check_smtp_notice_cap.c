/* SPDX-License-Identifier: ISC */
/* The cap on notices: an hour, any case, over restarts, bounded, and what the store may hand back. */
#include "relayd/smtp/notice_cap.h"

#include "tests/unit/store_kit.h"

#define HOUR	((int64_t)60 * 60 * 1000)
#define START	((int64_t)1000 * HOUR)

static size_t nnotes;
static char last[STORE_NOTE_MAX + 1];

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	nnotes = n;
	if (n > 0)
		(void)str_copy(last, notes[0].value, sizeof last);
	kit_done(arg, why);
}

static void
read_notes(void)
{
	kit_reset();
	kit_store->ops->notes(kit_store, NOTICE_CAP_PREFIX, on_notes, NULL);
	kit_wait();
}

/* As after a restart. */
static struct notice_cap *
begin(void)
{
	struct notice_cap *cap = notice_cap_new(kit_base, kit_store);

	read_notes();
	return cap;
}

static int
take(struct notice_cap *cap, const char *to, int64_t now)
{
	uint64_t held;

	int good = notice_cap_take(cap, to, 2, now, &held);

	notice_cap_note(cap);
	return good;
}

START_TEST(outlives_a_restart)
{
	struct notice_cap *cap;
	uint64_t held;

	kit_open();
	cap = begin();
	ck_assert(take(cap, "a@x", START));
	ck_assert(take(cap, "A@x", START + 1));
	ck_assert(!take(cap, "a@x", START + 2));
	read_notes();
	notice_cap_free(&cap);
	kit_reopen();
	cap = begin();
	ck_assert(!notice_cap_take(cap, "a@X", 2, START + HOUR - 1, &held));
	ck_assert_uint_eq(held, 2);
	ck_assert(take(cap, "b@x", START + HOUR - 1));
	ck_assert(take(cap, "a@x", START + HOUR));
	read_notes();
	ck_assert_uint_eq(nnotes, 2);
	notice_cap_sweep(cap, START + 2 * HOUR - 2);
	read_notes();
	ck_assert_uint_eq(nnotes, 2);
	notice_cap_sweep(cap, START + 2 * HOUR);
	read_notes();
	ck_assert_uint_eq(nnotes, 0);	/* bounded: nothing stays behind */
	notice_cap_free(&cap);
}
END_TEST

static const char *const damaged[] = { "", "1", "1 2 3", "2 1 1 1", "1 1 1 1 1", "1 -1 1 1", "x",
	"1 99999999999999999999 1 1", "1 1 18446744073709551615 1", "1 1 1 1000000001" };

START_TEST(damaged_notes_begin_anew)
{
	struct notice_cap *cap;

	kit_store = store_memory_open(kit_base);
	kit_store->ops->note_put(kit_store, NOTICE_CAP_PREFIX "a@x", damaged[_i], kit_done, NULL);
	kit_wait();
	cap = begin();
	ck_assert(take(cap, "a@x", START));
	ck_assert(take(cap, "a@x", START));
	ck_assert(!take(cap, "a@x", START));
	read_notes();
	ck_assert_uint_eq(nnotes, 1);
	notice_cap_free(&cap);
}
END_TEST

START_TEST(long_addresses)
{
	struct notice_cap *cap;
	char to[400];

	kit_open();
	cap = begin();
	memset(to, 'a', sizeof to);
	to[sizeof to - 1] = '\0';
	ck_assert(take(cap, to, START));
	ck_assert(take(cap, to, START));
	ck_assert(!take(cap, to, START));
	read_notes();
	ck_assert_uint_eq(nnotes, 1);
	notice_cap_free(&cap);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp_notice_cap");
	TCase *c = tcase_create("cap");

	tcase_add_checked_fixture(c, kit_dir_new, kit_dir_remove);
	tcase_add_test(c, outlives_a_restart);
	tcase_add_loop_test(c, damaged_notes_begin_anew, 0, LENGTH(damaged));
	tcase_add_test(c, long_addresses);
	suite_add_tcase(s, c);
	return kit_run(s);
}
