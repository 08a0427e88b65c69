/* SPDX-License-Identifier: ISC */
/* The cap on notices: an hour, any case, over restarts, bounded, and what the store may hand back. */
#include "relayd/smtp/notice_cap.h"

#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/proc/commons.h"
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

/* ---- several workers ---- */

#define WORKERS	3

static struct proc_commons *commons[WORKERS];
static struct notice_cap *caps[WORKERS];

static void
begin_workers(void)
{
	int fd = proc_commons_make(WORKERS);

	clock_virtual(START, START);
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_ptr_nonnull(commons[i] = proc_commons_map(dup(fd), WORKERS, i));
		caps[i] = notice_cap_new(NULL, NULL);
		notice_cap_share(caps[i], commons[i]);
	}
	close(fd);
}

static void
end_workers(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		notice_cap_free(&caps[i]);
		proc_commons_free(&commons[i]);
	}
	clock_real();
}

static int
take_at(unsigned worker, const char *to, unsigned max, int64_t now)
{
	uint64_t held;

	clock_virtual(now, now);
	return notice_cap_take(caps[worker], to, max, now, &held);
}

START_TEST(workers_count_together)
{
	unsigned n = 0;

	begin_workers();
	for (unsigned i = 0; i < 30; i++)
		n += take_at(i % WORKERS, i % 2 == 0 ? "a@x" : "A@x", 7, START + i) ? 1 : 0;
	ck_assert_uint_eq(n, 7);
	ck_assert(take_at(2, "b@x", 7, START));
	end_workers();
}
END_TEST

/* The hour begins with the first notice, whoever sends it. */
START_TEST(workers_have_one_hour)
{
	begin_workers();
	ck_assert(take_at(0, "a@x", 2, START));
	ck_assert(take_at(1, "a@x", 2, START + HOUR / 2));
	ck_assert(!take_at(2, "a@x", 2, START + HOUR - 1));
	ck_assert(take_at(1, "a@x", 2, START + HOUR));
	ck_assert(take_at(2, "a@x", 2, START + HOUR + 1));
	ck_assert(!take_at(0, "a@x", 2, START + HOUR + 2));
	ck_assert(!take_at(0, "a@x", 2, START + 2 * HOUR - 1));
	ck_assert(take_at(0, "a@x", 2, START + 2 * HOUR));
	end_workers();
}
END_TEST

/* What a worker sent counts while it is gone, and once when it is back. */
START_TEST(a_worker_dies)
{
	struct notice_cap *cap;
	uint64_t held;

	begin_workers();
	kit_open();
	cap = notice_cap_new(kit_base, kit_store);
	notice_cap_share(cap, commons[0]);
	read_notes();
	ck_assert(notice_cap_take(cap, "a@x", 3, START, &held));
	notice_cap_note(cap);
	ck_assert(notice_cap_take(cap, "a@x", 3, START, &held));	/* and not noted: nor sent */
	ck_assert(notice_cap_take(cap, "b@x", 1, START, &held));
	ck_assert(!take_at(1, "b@x", 1, START));
	ck_assert(take_at(1, "a@x", 3, START));
	ck_assert(!take_at(2, "a@x", 3, START));
	proc_commons_clear(commons[1], PROC_COMMONS_USED, 0);
	ck_assert(!take_at(2, "a@x", 3, START));
	notice_cap_free(&cap);
	cap = notice_cap_new(kit_base, kit_store);
	notice_cap_share(cap, commons[0]);
	read_notes();
	ck_assert(take_at(1, "b@x", 1, START));
	ck_assert(take_at(2, "a@x", 3, START));
	ck_assert(!take_at(1, "a@x", 3, START));
	ck_assert(!notice_cap_take(cap, "a@x", 3, START, &held));
	notice_cap_free(&cap);
	end_workers();
}
END_TEST

START_TEST(lies_hold_back_for_an_hour_at_most)
{
	const struct proc_commons_entry lies[] = { { UINT32_MAX, INT64_MAX }, { 5, INT64_MIN },
		{ UINT32_MAX, START } };
	uint64_t id;

	begin_workers();
	id = proc_commons_id(commons[1], NOTICE_CAP_PREFIX "a@x");
	(void)proc_commons_set(commons[1], PROC_COMMONS_SENT, id, lies[_i]);
	ck_assert_int_eq(take_at(0, "a@x", 3, START + 1), _i != 2);
	ck_assert(take_at(0, "a@x", 3, START + HOUR + 1));
	end_workers();
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
	tcase_add_test(c, workers_count_together);
	tcase_add_test(c, workers_have_one_hour);
	tcase_add_test(c, a_worker_dies);
	tcase_add_loop_test(c, lies_hold_back_for_an_hour_at_most, 0, 3);
	suite_add_tcase(s, c);
	return kit_run(s);
}
