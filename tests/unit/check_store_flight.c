/* SPDX-License-Identifier: ISC */
/* The journal of outgoing mail: what outlives a process, and what is not believed. */
#include "lib/store/flight.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/store_kit.h"

static struct store_flight *flight;

static void
setup(void)
{
	struct why why;

	kit_dir_new();
	flight = store_flight_open(kit_dir, &why);
	ck_assert_ptr_nonnull(flight);
}

static void
teardown(void)
{
	store_flight_close(&flight);
	kit_dir_remove();
}

/* As after kill -9: what was stored is there, nothing was said good-bye to. */
static size_t
reopen(const struct store_flight_entry **found)
{
	struct why why;

	store_flight_close(&flight);
	flight = store_flight_open(kit_dir, &why);
	ck_assert_ptr_nonnull(flight);
	return store_flight_found(flight, found);
}

static struct store_flight_set
set_of(size_t first, size_t last)
{
	struct store_flight_set set = { { 0 } };

	for (size_t i = first; i <= last; i++)
		store_flight_set_add(&set, i);
	return set;
}

static const int64_t rows[200] = { 11, 12, 13, 14 };

/* A transaction up to a state; 4 recipients, of which the second was refused at RCPT and the
 * last one, too, is not among those taken. */
static unsigned
go(uint64_t message, enum store_flight_state state)
{
	struct store_flight_set sent = set_of(2, 3), taken = set_of(2, 2);
	unsigned h;

	store_flight_set_add(&sent, 0);
	store_flight_set_add(&taken, 0);
	h = store_flight_begin(flight, message, rows, 4, "mx.example[192.0.2.1]:25");
	if (state >= STORE_FLIGHT_DOT)
		store_flight_dot(flight, h, &sent);
	if (state == STORE_FLIGHT_ACCEPTED)
		store_flight_accepted(flight, h, &taken, "250 2.0.0 ok as 4711", 1);
	return h;
}

static const struct {
	enum store_flight_state	state;
	size_t			nrcpts;
	int64_t			rcpts[4];
} states[] = {
	{ STORE_FLIGHT_BEGUN, 4, { 11, 12, 13, 14 } },
	{ STORE_FLIGHT_DOT, 3, { 11, 13, 14 } },
	{ STORE_FLIGHT_ACCEPTED, 2, { 11, 13 } },
};

START_TEST(each_state_outlives_the_process)
{
	const struct store_flight_entry *e;

	(void)go(77, states[_i].state);
	ck_assert_uint_eq(reopen(&e), 1);
	ck_assert_uint_eq(e->message, 77);
	ck_assert_int_eq(e->state, states[_i].state);
	ck_assert_uint_eq(e->nrcpts, states[_i].nrcpts);
	ck_assert_mem_eq(e->rcpts, states[_i].rcpts, e->nrcpts * sizeof e->rcpts[0]);
	ck_assert_str_eq(e->relay, "mx.example[192.0.2.1]:25");
	ck_assert_str_eq(e->reply, e->state == STORE_FLIGHT_ACCEPTED ? "250 2.0.0 ok as 4711" : "");
	ck_assert_int_eq(e->reports, e->state == STORE_FLIGHT_ACCEPTED);
	ck_assert_int_eq(store_flight_crashed(flight), 0);
	/* It is there until somebody has dealt with it, then it is not. */
	ck_assert_uint_eq(reopen(&e), 1);
	store_flight_forget(flight);
	ck_assert_uint_eq(reopen(&e), 0);
}
END_TEST

START_TEST(what_was_cleared_is_gone)
{
	const struct store_flight_entry *e;
	unsigned h = go(1, STORE_FLIGHT_ACCEPTED);

	(void)go(2, STORE_FLIGHT_DOT);
	store_flight_clear(flight, h);
	(void)go(3, STORE_FLIGHT_BEGUN);	/* in the slot of the first: none of it shows */
	ck_assert_uint_eq(reopen(&e), 2);
	ck_assert_uint_eq(e[0].message + e[1].message, 5);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(e[i].state, e[i].message == 3 ? STORE_FLIGHT_BEGUN : STORE_FLIGHT_DOT);
}
END_TEST

START_TEST(all_slots)
{
	const struct store_flight_entry *e;
	unsigned last = 0;

	for (unsigned i = 0; i < STORE_FLIGHT_SLOTS; i++)
		ck_assert_uint_ne(last = go(i + 1, STORE_FLIGHT_DOT), 0);
	ck_assert_uint_eq(go(9999, STORE_FLIGHT_ACCEPTED), 0);	/* not covered, nothing worse */
	store_flight_clear(flight, 0);
	store_flight_clear(flight, last);
	ck_assert_uint_eq(go(9999, STORE_FLIGHT_ACCEPTED), last);
	ck_assert_uint_eq(reopen(&e), STORE_FLIGHT_SLOTS);
	ck_assert_uint_eq(go(1, STORE_FLIGHT_BEGUN), 0);	/* what was found is not written over */
	store_flight_forget(flight);
	ck_assert_uint_ne(go(1, STORE_FLIGHT_BEGUN), 0);
}
END_TEST

START_TEST(more_recipients_than_a_slot_has)
{
	const struct store_flight_entry *e;
	struct store_flight_set all = set_of(0, 199);
	int64_t many[200];
	unsigned h;

	for (int i = 0; i < 200; i++)
		many[i] = i + 1;
	h = store_flight_begin(flight, 5, many, 200, "");
	store_flight_dot(flight, h, &all);
	ck_assert_uint_eq(reopen(&e), 1);
	ck_assert_uint_eq(e->nrcpts, STORE_FLIGHT_RCPTS);
	ck_assert_int_eq(e->rcpts[STORE_FLIGHT_RCPTS - 1], STORE_FLIGHT_RCPTS);
}
END_TEST

START_TEST(a_crash_is_remembered_once)
{
	const struct store_flight_entry *e;

	(void)go(1, STORE_FLIGHT_BEGUN);
	store_flight_crashing(flight);
	(void)reopen(&e);
	ck_assert_int_eq(store_flight_crashed(flight), 1);
	(void)reopen(&e);
	ck_assert_int_eq(store_flight_crashed(flight), 0);
}
END_TEST

/* ---- what is not believed ---- */

static char *
file(void)
{
	static char path[128];

	(void)str_fmt(path, sizeof path, "%s/flight", kit_dir);
	return path;
}

/* Any byte of what a slot says: it is damaged, or says less (a part that does not count). */
START_TEST(a_flipped_byte)
{
	unsigned char slot[STORE_FLIGHT_SLOT], bad[STORE_FLIGHT_SLOT];
	struct store_flight_entry good, e;
	unsigned h = go(77, STORE_FLIGHT_ACCEPTED), lost = 0;
	int fd = open(file(), O_RDONLY);

	ck_assert_int_eq(pread(fd, slot, sizeof slot, (off_t)h * STORE_FLIGHT_SLOT), sizeof slot);
	(void)close(fd);
	ck_assert_int_eq(store_flight_read(slot, h, &good), 1);
	for (size_t i = 0; i < sizeof slot; i++) {
		int r;

		memcpy(bad, slot, sizeof bad);
		bad[i] ^= 0x11;
		r = store_flight_read(bad, h, &e);
		lost += r != 1 || e.state != STORE_FLIGHT_ACCEPTED;
		if (r == 1 && e.state == STORE_FLIGHT_ACCEPTED)
			ck_assert(memcmp(&e, &good, sizeof e) == 0);
	}
	/* message, count, four ids, relay, two sets, reply, reports, three sums */
	ck_assert_uint_eq(lost, 8 + 8 + 32 + 128 + 16 + 16 + 256 + 8 + 24);
	/* In another place it says nothing either. */
	ck_assert_int_eq(store_flight_read(slot, h + 1, &e), -1);
}
END_TEST

static const struct {
	off_t		at;
	const char	*bytes;
} scribbles[] = {
	{ STORE_FLIGHT_SLOT, "\xff\xff\xff\xff\xff\xff\xff\xff" },
	{ STORE_FLIGHT_SLOT + 8, "\1\1\1\1\1\1\1\1" },
	{ STORE_FLIGHT_SLOT + 16, "\xff\xff\xff\xff\xff\xff\xff\x7f" },
	{ STORE_FLIGHT_SLOT + 24, "\0\0\0\0\0\0\0\x80" },
	{ 7 * STORE_FLIGHT_SLOT, "somebody's note" },
};

START_TEST(damage_stops_only_itself)
{
	const struct store_flight_entry *e;
	struct why why;
	int fd;

	(void)go(1, STORE_FLIGHT_DOT);
	(void)go(2, STORE_FLIGHT_DOT);
	store_flight_close(&flight);
	fd = open(file(), O_WRONLY);
	ck_assert_int_eq(pwrite(fd, scribbles[_i].bytes, 8, scribbles[_i].at), 8);
	(void)close(fd);
	flight = store_flight_open(kit_dir, &why);
	ck_assert_uint_eq(store_flight_damaged(flight), 1);
	ck_assert_uint_eq(store_flight_found(flight, &e), _i == 4 ? 2 : 1);
	ck_assert_uint_eq(e[store_flight_found(flight, &e) - 1].message, _i == 4 ? 1 : 2);
	ck_assert_uint_ne(go(3, STORE_FLIGHT_DOT), 0);
}
END_TEST

START_TEST(a_file_of_something_else)
{
	const struct store_flight_entry *e;
	struct why why;
	int fd;

	store_flight_close(&flight);
	fd = open(file(), O_WRONLY | O_TRUNC);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(write(fd, "not a journal, ", 15), 15);
	(void)close(fd);
	flight = store_flight_open(kit_dir, &why);
	ck_assert_uint_eq(store_flight_found(flight, &e), 0);
	ck_assert_uint_eq(store_flight_damaged(flight), 0);
	ck_assert_int_eq(store_flight_crashed(flight), 0);
	(void)go(4, STORE_FLIGHT_DOT);
	ck_assert_uint_eq(reopen(&e), 1);
}
END_TEST

START_TEST(no_file_is_no_harm)
{
	const struct store_flight_entry *e;
	struct store_flight_set set = set_of(0, 0);
	struct store_flight *none;
	struct why why = { 0 };

	store_flight_close(&flight);
	ck_assert_int_eq(unlink(file()), 0);
	ck_assert_int_eq(mkdir(file(), 0700), 0);
	none = store_flight_open(kit_dir, &why);
	ck_assert_ptr_null(none);
	ck_assert(why_is_set(&why));
	ck_assert_int_eq(rmdir(file()), 0);
	ck_assert_int_eq(symlink("/dev/zero", file()), 0);
	ck_assert_ptr_null(store_flight_open(kit_dir, &why));
	ck_assert_ptr_null(store_flight_open("/nonexistent", &why));
	ck_assert_uint_eq(store_flight_begin(NULL, 1, rows, 1, ""), 0);
	store_flight_dot(NULL, 0, &set);
	store_flight_accepted(NULL, 0, &set, "", 0);
	store_flight_clear(NULL, 0);
	store_flight_forget(NULL);
	ck_assert_uint_eq(store_flight_found(NULL, &e), 0);
	ck_assert_int_eq(store_flight_crashed(NULL), 0);
	/* The queue opens without it. */
	kit_open();
	ck_assert_ptr_null(kit_store->flight);
	ck_assert_int_eq(kit_put(1, "a@x.example", "body"), WHY_NONE);
	ck_assert_int_eq(unlink(file()), 0);
	kit_reopen();
	ck_assert_ptr_nonnull(kit_store->flight);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store flight");
	TCase *c = tcase_create("flight");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, each_state_outlives_the_process, 0, LENGTH(states));
	tcase_add_test(c, what_was_cleared_is_gone);
	tcase_add_test(c, all_slots);
	tcase_add_test(c, more_recipients_than_a_slot_has);
	tcase_add_test(c, a_crash_is_remembered_once);
	tcase_add_test(c, a_flipped_byte);
	tcase_add_loop_test(c, damage_stops_only_itself, 0, LENGTH(scribbles));
	tcase_add_test(c, a_file_of_something_else);
	tcase_add_test(c, no_file_is_no_harm);
	suite_add_tcase(s, c);
	return kit_run(s);
}
