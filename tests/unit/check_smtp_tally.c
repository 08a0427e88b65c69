/* SPDX-License-Identifier: ISC */
/*
 * check_smtp_tally: what is safe, what a note may look like, how often it is
 * written, and that there are never too many. Virtual clock, memory store.
 */
#include "lib/base/clock.h"
#include "relayd/smtp/tally.h"
#include "tests/unit/store_kit.h"

#define START	INT64_C(1800000000000)
#define DAY	INT64_C(86400000)

static struct tally *tally;

/* ---- the value ---- */

static const struct {
	struct tally_counts	counts;
	int			safe;
} verdicts[] = {
	{ { .passed = 0 }, 0 },
	{ { .passed = 1, .passed_at = START }, 1 },
	{ { .refused = 1, .refused_at = START }, 0 },
	{ { .refused = 1, .refused_at = START - 8 * DAY }, 0 },
	{ { .passed = 9, .refused = 1, .passed_at = START, .refused_at = START - DAY }, 0 },
	{ { .passed = 9, .refused = 1, .passed_at = START, .refused_at = START - 7 * DAY + 1 }, 0 },
	{ { .passed = 9, .refused = 1, .passed_at = START, .refused_at = START - 7 * DAY }, 1 },
	{ { .passed = 9, .refused = 1, .passed_at = START - 9 * DAY,
	    .refused_at = START - 8 * DAY }, 0 },
	{ { .passed = 9, .refused = 1, .passed_at = START, .refused_at = START }, 0 },
	/* the clock went back */
	{ { .passed = 9, .refused = 1, .passed_at = START + 2 * DAY, .refused_at = START + DAY }, 0 },
};

START_TEST(who_is_safe)
{
	ck_assert_int_eq(tally_safe(&verdicts[_i].counts, START), verdicts[_i].safe);
}
END_TEST

static const char *const damaged[] = {
	"", "1", "1 2 3 4 5", "1 2 3 4 5 6", "2 2 3 4 5 6 -", "1 2 3 4 5 6 - more", "1 x 3 4 5 6 -",
	"1 -2 3 4 5 6 -", "1 2 3 4 5 9223372036854775808 -", "1 99999999999999999999 3 4 5 6 -",
	"1 2 3 4 5 6 a-reason-that-is-longer-than-any-reason-this-program-has",
};

START_TEST(damaged_note)
{
	struct tally_counts c;

	ck_assert_int_eq(tally_parse(damaged[_i], &c), -1);
}
END_TEST

START_TEST(note_and_back)
{
	struct tally_counts c = { 1, 2, 3, 4, 5, "certificate-expired" }, d;
	char text[STORE_NOTE_MAX];

	tally_print(&c, text, sizeof text);
	ck_assert_str_eq(text, "1 1 2 3 4 5 certificate-expired");
	ck_assert_int_eq(tally_parse(text, &d), 0);
	ck_assert(d.passed == 1 && d.refused == 2 && d.first == 3 && d.passed_at == 4 &&
	    d.refused_at == 5);
	ck_assert_str_eq(d.reason, c.reason);
	ck_assert_int_eq(tally_parse("1 1 0 3 4 0 -", &d), 0);
	ck_assert_str_eq(d.reason, "");
}
END_TEST

/* ---- all of them ---- */

static void
loaded(void *arg, const struct why *why)
{
	ck_assert(!why_is_set(why));
	kit.come++;
}

static void
start(void)
{
	tally = tally_new(kit_base, kit_store);
	kit_reset();
	tally_load(tally, loaded, NULL);
	kit_wait();
}

/* As after a crash: what is not in the store is gone. */
static void
crash(void)
{
	(void)event_base_loop(kit_base, EVLOOP_NONBLOCK);
	tally_free(&tally);
	start();
}

static void
pass(int64_t ms)
{
	clock_virtual(clock_mono_ms() + ms, clock_wall_ms() + ms);
}

static void
setup(void)
{
	clock_virtual(1000, START);
	kit_dir_new();
	kit_store = store_memory_open(kit_base);
	start();
}

static void
teardown(void)
{
	kit_store->ops->close(&kit_store);
	tally_free(&tally);
	kit_dir_remove();
	clock_real();
}

static void
expect(const char *domain, uint64_t passed, uint64_t refused)
{
	const struct tally_counts *c = tally_of(tally, domain);

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->passed, passed);
	ck_assert_uint_eq(c->refused, refused);
}

START_TEST(counts_come_back)
{
	tally_passed(tally, "a.example");
	tally_refused(tally, "b.example", "starttls-not-supported", 0);
	crash();
	expect("a.example", 1, 0);
	expect("b.example", 0, 1);
	ck_assert_str_eq(tally_of(tally, "b.example")->reason, "starttls-not-supported");
	ck_assert_int_eq(tally_of(tally, "b.example")->first, START);
	ck_assert_ptr_null(tally_of(tally, "c.example"));
}
END_TEST

START_TEST(a_retry_is_no_other_message)
{
	tally_refused(tally, "a.example", "x", 0);
	tally_refused(tally, "a.example", "y", 1);
	expect("a.example", 0, 1);
	ck_assert_str_eq(tally_of(tally, "a.example")->reason, "y");
}
END_TEST

START_TEST(written_now_and_then)
{
	for (int i = 0; i < 100; i++)
		tally_passed(tally, "a.example");
	crash();
	expect("a.example", 1, 0);
	tally_passed(tally, "a.example");
	tally_passed(tally, "a.example");
	tally_flush(tally);
	crash();
	expect("a.example", 3, 0);
	tally_passed(tally, "a.example");
	pass(TALLY_WRITE_MS);
	tally_passed(tally, "a.example");
	crash();
	expect("a.example", 5, 0);
}
END_TEST

START_TEST(never_too_many)
{
	char name[32];

	for (int i = 0; i < TALLY_DOMAINS_MAX; i++) {
		(void)str_fmt(name, sizeof name, "d%d.example", i);
		pass(1);
		tally_passed(tally, name);
	}
	pass(1);
	tally_passed(tally, "d0.example");
	ck_assert_uint_eq(tally_dropped(tally), 0);
	tally_flush(tally);
	crash();	/* the order by age survives */
	tally_passed(tally, "new.example");
	ck_assert_uint_eq(tally_dropped(tally), 1);
	ck_assert_uint_eq(tally_count(tally), TALLY_DOMAINS_MAX);
	ck_assert_ptr_null(tally_of(tally, "d1.example"));
	ck_assert_ptr_nonnull(tally_of(tally, "d2.example"));
	expect("d0.example", 2, 0);
	crash();
	ck_assert_uint_eq(tally_count(tally), TALLY_DOMAINS_MAX);
	ck_assert_ptr_null(tally_of(tally, "d1.example"));
}
END_TEST

START_TEST(forgotten_while_unwritten)
{
	tally_passed(tally, "a.example");
	tally_passed(tally, "a.example");
	ck_assert_int_eq(tally_forget(tally, "a.example"), 1);
	ck_assert_int_eq(tally_forget(tally, "a.example"), 0);
	tally_flush(tally);
	ck_assert_ptr_null(tally_of(tally, "a.example"));
}
END_TEST

START_TEST(bad_notes_are_left_out)
{
	kit_store->ops->note_put(kit_store, TALLY_PREFIX "bad.example", "nonsense", kit_done, NULL);
	kit_store->ops->note_put(kit_store, TALLY_PREFIX, "1 1 0 3 4 0 -", kit_done, NULL);
	kit_store->ops->note_put(kit_store, TALLY_PREFIX "a.example", "1 1 0 3 4 0 -", kit_done, NULL);
	crash();
	ck_assert_uint_eq(tally_count(tally), 1);
	expect("a.example", 1, 0);
}
END_TEST

START_TEST(too_long_for_a_note)
{
	char name[201];

	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	tally_passed(tally, name);
	expect(name, 1, 0);
	crash();
	ck_assert_ptr_null(tally_of(tally, name));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp_tally");
	TCase *value = tcase_create("value"), *all = tcase_create("all");

	tcase_add_loop_test(value, who_is_safe, 0, LENGTH(verdicts));
	tcase_add_loop_test(value, damaged_note, 0, LENGTH(damaged));
	tcase_add_test(value, note_and_back);
	suite_add_tcase(s, value);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, counts_come_back);
	tcase_add_test(all, a_retry_is_no_other_message);
	tcase_add_test(all, written_now_and_then);
	tcase_add_test(all, never_too_many);
	tcase_add_test(all, forgotten_while_unwritten);
	tcase_add_test(all, bad_notes_are_left_out);
	tcase_add_test(all, too_long_for_a_note);
	suite_add_tcase(s, all);
	return kit_run(s);
}
