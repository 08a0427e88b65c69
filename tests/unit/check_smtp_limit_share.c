/* SPDX-License-Identifier: ISC */
/* One limit over several workers: never exceeded, in turn, and no death or lie stops the others. */
#include "relayd/smtp/limit.h"

#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/heap.h"
#include "lib/base/str.h"
#include "lib/proc/commons.h"

#define START	INT64_C(1000000)
#define WORKERS	3
#define STEP_MS	5

static struct worker {
	struct proc_commons	*commons;
	struct limits		*house;
	struct limit		*domain, *all;
	struct conn {
		struct limit_turn	turn;
		struct limit_hold	hold;
		unsigned		woken;
		int			open;
	}			 conn;
} workers[WORKERS];
static struct proc_commons *parent;
static unsigned ended;
static int64_t now;

static void
on_wake(struct limit_turn *t)
{
	HEAP_OWNER(t, struct conn, turn)->woken++;
}

static void
on_end(struct limit_hold *h)
{
	ended++;
	limit_hold_drop(h);
	HEAP_OWNER(h, struct conn, hold)->open = 0;
}

static void
on_changed(void *arg)
{
}

static void
conn_init(struct conn *c, enum limit_kind kind)
{
	*c = (struct conn){ .turn = { .kind = kind, .wake = on_wake }, .hold = { .end = on_end } };
}

static void
set_all(unsigned domain, struct queue_rate rate)
{
	for (unsigned i = 0; i < WORKERS; i++)
		limit_set(workers[i].domain, domain, rate);
}

static void
set_up(void)
{
	const struct queue_rate none = { 0, 0 };
	int fd = proc_commons_make(WORKERS);

	ck_assert_int_ne(fd, -1);
	ended = 0;
	now = START;
	clock_virtual(now, now);
	parent = proc_commons_map(dup(fd), WORKERS, PROC_COMMONS_PARENT);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];

		w->commons = proc_commons_map(dup(fd), WORKERS, i);
		w->house = limits_new(w->commons, on_changed, NULL);
		w->domain = limit_get(w->house, "a.example", 0);
		w->all = limit_get(w->house, "all together", 1);
		limit_set(w->all, 100, none);
		conn_init(&w->conn, LIMIT_PLACE);
	}
	close(fd);
	set_all(1, none);
}

static void
tear_down(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];

		limit_turn_drop(&w->conn.turn);
		limit_hold_drop(&w->conn.hold);
		limit_unref(&w->domain);
		limit_unref(&w->all);
		limits_free(&w->house);
		proc_commons_free(&w->commons);
	}
	proc_commons_free(&parent);
}

static int
take_as(struct worker *w, struct conn *c, uint32_t client)
{
	const struct limit_way way = { .v = { w->domain, w->all }, .n = 2 };

	if (!limit_take(&c->turn, &way, client))
		return 0;
	if (c->turn.kind == LIMIT_PLACE) {
		limit_hold_take(&c->hold, &c->turn);
		c->open = 1;
	} else {
		limit_turn_used(&c->turn);
	}
	return 1;
}

static int
take(unsigned i)
{
	return take_as(&workers[i], &workers[i].conn, 1);
}

static void
drop(unsigned i)
{
	limit_hold_drop(&workers[i].conn.hold);
	workers[i].conn.open = 0;
}

/* Time goes by, and each looks when it wants to. */
static void
pass(int64_t ms)
{
	for (int64_t end = now + ms; now < end; now += STEP_MS) {
		clock_virtual(now, now);
		for (unsigned i = 0; i < WORKERS; i++)
			if (limits_next(workers[i].house) <= now)
				limits_run(workers[i].house);
	}
}

static unsigned
total(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += limit_used(workers[i].domain);
	return n;
}

START_TEST(one_is_one)
{
	ck_assert(take(0));
	ck_assert(!take(1));
	ck_assert(!take(2));
	pass(1000);
	ck_assert(!take(1));
	ck_assert_uint_eq(total(), 1);
	ck_assert_uint_eq(limit_used_by_all(workers[2].domain), 1);
	ck_assert_uint_eq(workers[1].conn.woken + workers[2].conn.woken, 0);
}
END_TEST

START_TEST(all_of_it_may_be_in_one_worker)
{
	struct conn more[20];

	set_all(20, (struct queue_rate){ 0, 0 });
	for (unsigned i = 0; i < 20; i++) {
		conn_init(&more[i], LIMIT_PLACE);
		ck_assert(take_as(&workers[0], &more[i], i));
	}
	ck_assert(!take(0));
	ck_assert(!take(1));
	for (unsigned i = 0; i < 20; i++)
		limit_hold_drop(&more[i].hold);
}
END_TEST

/* Each has mail all the time: the place goes round. */
START_TEST(nobody_starves)
{
	unsigned turns[WORKERS] = { 0 }, most = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		(void)take(i);
	for (int round = 0; round < 30; round++) {
		for (unsigned i = 0; i < WORKERS; i++) {
			struct conn *c = &workers[i].conn;

			if (c->open && limit_hold_wanted(&c->hold, &c->turn))
				drop(i);
			else if (!c->open && take(i))
				turns[i]++;
			most = total() > most ? total() : most;
		}
		pass(100);
	}
	ck_assert_uint_eq(most, 1);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_ge(turns[i], 6);
}
END_TEST

/* As a destination does it: one turn at a time, and what is wanted elsewhere is given up. */
static unsigned
want_all(struct worker *w, struct conn *c, unsigned n)
{
	unsigned given = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!c[i].open || !limit_hold_wanted(&c[i].hold, &w->conn.turn))
			continue;
		limit_hold_drop(&c[i].hold);
		c[i].open = 0;
		given++;
	}
	for (unsigned i = 0; i < n; i++) {
		if (c[i].open)
			continue;
		if (!take_as(w, &w->conn, 1))
			break;
		c[i].hold = w->conn.hold;
		w->conn.hold.has.n = 0;
		c[i].open = 1;
	}
	return given;
}

/* Two have mail for more than all places: they come to have the same, and it stays so. */
START_TEST(what_is_shared_out_stays)
{
	struct conn c[2][6];
	unsigned moved = 0;

	set_all(6, (struct queue_rate){ 0, 0 });
	for (unsigned n = 0; n < 12; n++)
		conn_init(&c[n / 6][n % 6], LIMIT_PLACE);
	for (int round = 0; round < 100; round++, pass(60))
		for (unsigned i = 0; i < 2; i++)
			moved += want_all(&workers[i], c[i], 6);
	ck_assert_uint_eq(limit_used(workers[0].domain), 3);
	ck_assert_uint_eq(limit_used(workers[1].domain), 3);
	ck_assert_uint_le(moved, 6);
	for (unsigned n = 0; n < 12; n++) {
		limit_turn_drop(&c[n / 6][n % 6].turn);
		limit_hold_drop(&c[n / 6][n % 6].hold);
	}
}
END_TEST

START_TEST(who_waited_longest_comes_first)
{
	ck_assert(take(0));
	ck_assert(!take(2));
	pass(20);
	ck_assert(!take(1));
	pass(20);
	drop(0);
	ck_assert(!take(0));		/* not again */
	ck_assert(!take(1));
	pass(60);
	ck_assert(take(2));
	drop(2);
	pass(60);
	ck_assert(take(1));
	drop(1);
	pass(60);
	ck_assert(take(0));
}
END_TEST

START_TEST(an_idle_one_makes_room)
{
	ck_assert(take(0));
	limit_hold_idle(&workers[0].conn.hold, 1);
	pass(200);
	ck_assert_uint_eq(ended, 0);
	ck_assert(!take(1));
	pass(200);
	ck_assert_uint_eq(ended, 1);
	ck_assert(take(1));
}
END_TEST

START_TEST(a_busy_one_is_told)
{
	ck_assert(take(0));
	ck_assert(!limit_hold_wanted(&workers[0].conn.hold, &workers[0].conn.turn));
	ck_assert(!take(1));
	ck_assert(limit_hold_wanted(&workers[0].conn.hold, &workers[0].conn.turn));
	limit_turn_drop(&workers[1].conn.turn);
	ck_assert(!limit_hold_wanted(&workers[0].conn.hold, &workers[0].conn.turn));
}
END_TEST

START_TEST(what_the_dead_had_is_free)
{
	ck_assert(take(0));
	ck_assert(!take(1));
	pass(100);
	proc_commons_clear(parent, PROC_COMMONS_USED, 0);
	pass(60);
	ck_assert(take(1));
}
END_TEST

/* It waits longest, and does not come. */
START_TEST(who_does_not_come_keeps_nothing)
{
	const struct proc_commons_entry waits = { .n = 0, .since = 1 };

	ck_assert_int_eq(proc_commons_set(workers[2].commons, PROC_COMMONS_USED,
	    proc_commons_id(workers[2].commons, "a.example"), waits), 0);
	ck_assert(!take(0));
	pass(400);
	ck_assert(take(0));
	drop(0);
}
END_TEST

START_TEST(one_client_leaves_some_in_whatever_worker)
{
	struct conn many[100];
	unsigned n = 0;

	set_all(1000, (struct queue_rate){ 0, 0 });
	for (unsigned i = 0; i < 100; i++) {
		conn_init(&many[i], LIMIT_PLACE);
		n += take_as(&workers[i % WORKERS], &many[i], 1) ? 1 : 0;
	}
	ck_assert_uint_eq(n, 90);
	ck_assert(take_as(&workers[0], &workers[0].conn, 2) || (pass(400), 1));
	ck_assert(workers[0].conn.open || take_as(&workers[0], &workers[0].conn, 2));
	for (unsigned i = 0; i < 100; i++) {
		limit_turn_drop(&many[i].turn);
		limit_hold_drop(&many[i].hold);
	}
}
END_TEST

/* Real processes at the same place, all at once. */
START_TEST(never_one_too_many_however_they_race)
{
	enum { TIMES = 50000, MAX = 1 };
	_Atomic int *held = mmap(NULL, sizeof *held, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[WORKERS];
	int status;

	ck_assert_ptr_ne(held, MAP_FAILED);
	set_all(MAX, (struct queue_rate){ 0, 0 });
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct limit_way way = { .v = { workers[i].domain, workers[i].all }, .n = 2 };
		struct limit_turn *t = &workers[i].conn.turn;
		int n = 0, m = 0;

		if ((pids[i] = fork()) != 0)
			continue;
		alarm(10);
		while (n < TIMES) {
			if (!limit_take_now(t, &way, i)) {
				if (++m % 1000 == 0)
					sched_yield();	/* who holds it may not be running */
				continue;
			}
			if (atomic_fetch_add(held, 1) >= MAX)
				_exit(1);
			n++;
			atomic_fetch_sub(held, 1);
			limit_turn_drop(t);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert(take(0));
}
END_TEST

/* ---- rates ---- */

static unsigned
take_tokens(struct conn *c, int64_t ms)
{
	unsigned n = 0;

	for (int64_t end = now + ms; now < end; pass(STEP_MS))
		for (unsigned i = 0; i < WORKERS; i++)
			n += take_as(&workers[i], &c[i], 1) ? 1 : 0;
	return n;
}

START_TEST(a_rate_is_that_of_all)
{
	struct conn c[WORKERS];
	unsigned n;

	for (unsigned i = 0; i < WORKERS; i++)
		conn_init(&c[i], LIMIT_TOKEN);
	set_all(1, (struct queue_rate){ 10, 1000 });
	n = take_tokens(c, 5000);
	ck_assert_uint_ge(n, 55);
	ck_assert_uint_le(n, 60);	/* a second's worth at once */
	for (unsigned i = 0; i < WORKERS; i++)
		limit_turn_drop(&c[i].turn);
}
END_TEST

START_TEST(one_worker_alone_has_all_of_a_rate)
{
	struct conn c;
	unsigned n = 0;

	conn_init(&c, LIMIT_TOKEN);
	set_all(1, (struct queue_rate){ 100, 1000 });
	for (int64_t end = now + 5000; now < end; pass(STEP_MS))
		while (take_as(&workers[1], &c, 1))
			n++;
	ck_assert_uint_ge(n, 580);
	ck_assert_uint_le(n, 600);
	limit_turn_drop(&c.turn);
}
END_TEST

START_TEST(what_was_sent_outlives_its_worker)
{
	struct conn c[2];

	for (unsigned i = 0; i < 2; i++)
		conn_init(&c[i], LIMIT_TOKEN);
	set_all(1, (struct queue_rate){ 1, 60000 });
	ck_assert(take_as(&workers[0], &c[0], 1));
	proc_commons_clear(parent, PROC_COMMONS_USED, 0);
	ck_assert(!take_as(&workers[1], &c[1], 1));
	pass(59000);
	ck_assert(!take_as(&workers[1], &c[1], 1));
	pass(1200);
	ck_assert(take_as(&workers[1], &c[1], 1));
}
END_TEST

START_TEST(an_unused_one_is_for_another_worker)
{
	struct conn c;
	const struct limit_way way = { .v = { workers[0].domain }, .n = 1 };

	conn_init(&c, LIMIT_TOKEN);
	set_all(1, (struct queue_rate){ 1, 60000 });
	ck_assert(limit_take(&c.turn, &way, 1));
	limit_turn_drop(&c.turn);
	ck_assert(take_as(&workers[1], &c, 1));
}
END_TEST

/* ---- what others may have written ---- */

START_TEST(an_absurd_time_is_brought_back)
{
	uint64_t id = proc_commons_id(workers[2].commons, "a.example");
	struct conn c;

	conn_init(&c, LIMIT_TOKEN);
	set_all(1, (struct queue_rate){ 10, 1000 });
	ck_assert_int_eq(proc_commons_move(workers[2].commons, id, now * 1000, 0,
	    now * 1000 + INT64_C(86400) * 365 * 1000000), 1);
	ck_assert(!take_as(&workers[0], &c, 1));
	pass(1300);
	ck_assert(take_as(&workers[0], &c, 1));
}
END_TEST

START_TEST(lies_stop_but_do_not_break)
{
	static const struct proc_commons_entry lies[] = { { UINT32_MAX, 0 }, { 5, INT64_MIN },
		{ UINT32_MAX, INT64_MAX } };
	const uint64_t id = proc_commons_id(workers[2].commons, "a.example");

	(void)proc_commons_set(workers[1].commons, PROC_COMMONS_USED, id, lies[0]);
	(void)proc_commons_set(workers[2].commons, PROC_COMMONS_USED, id, lies[_i]);
	ck_assert(!take(0));
	pass(500);
	ck_assert(!take(0));
	proc_commons_clear(parent, PROC_COMMONS_USED, 1);
	proc_commons_clear(parent, PROC_COMMONS_USED, 2);
	pass(100);
	ck_assert(take(0));
}
END_TEST

/* Who cannot say that it takes one takes none. */
START_TEST(without_a_place_in_the_table_it_waits)
{
	static uint64_t ids[200000];
	const struct proc_commons_entry one = { .n = 1 }, none = { .n = 0 };
	const struct limit_way way = { .v = { workers[0].all }, .n = 1 };
	struct conn c;

	conn_init(&c, LIMIT_PLACE);

	for (unsigned i = 0; i < 200000; i++) {
		char name[40];

		str_fmt(name, sizeof name, "x%u", i);
		ids[i] = proc_commons_id(workers[0].commons, name);
		(void)proc_commons_set(workers[0].commons, PROC_COMMONS_USED, ids[i], one);
	}
	ck_assert(!take(0));
	ck_assert(take(1));
	drop(1);
	/* That of all is there always: by it they end. */
	ck_assert(limit_take(&c.turn, &way, 1));
	ck_assert_uint_eq(limit_used_by_all(workers[1].all), 1);
	limit_turn_drop(&c.turn);
	for (unsigned i = 0; i < 200000; i++)
		(void)proc_commons_set(workers[0].commons, PROC_COMMONS_USED, ids[i], none);
	pass(100);
	ck_assert(take(0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp limit share");
	TCase *c = tcase_create("share");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 30);
	tcase_add_test(c, one_is_one);
	tcase_add_test(c, all_of_it_may_be_in_one_worker);
	tcase_add_test(c, nobody_starves);
	tcase_add_test(c, what_is_shared_out_stays);
	tcase_add_test(c, who_waited_longest_comes_first);
	tcase_add_test(c, an_idle_one_makes_room);
	tcase_add_test(c, a_busy_one_is_told);
	tcase_add_test(c, what_the_dead_had_is_free);
	tcase_add_test(c, who_does_not_come_keeps_nothing);
	tcase_add_test(c, one_client_leaves_some_in_whatever_worker);
	tcase_add_test(c, never_one_too_many_however_they_race);
	tcase_add_test(c, a_rate_is_that_of_all);
	tcase_add_test(c, one_worker_alone_has_all_of_a_rate);
	tcase_add_test(c, what_was_sent_outlives_its_worker);
	tcase_add_test(c, an_unused_one_is_for_another_worker);
	tcase_add_test(c, an_absurd_time_is_brought_back);
	tcase_add_loop_test(c, lies_stop_but_do_not_break, 0, 3);
	tcase_add_test(c, without_a_place_in_the_table_it_waits);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
