/* SPDX-License-Identifier: ISC */
/* Limits: places and tokens, lines that are fair over clients, nothing lost on the way. */
#include "relayd/smtp/limit.h"

#include <check.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/heap.h"

#define START	INT64_C(1000000)

static struct limits *house;
static struct limit *domain, *site, *all;
static unsigned woken, ended;

struct conn {
	struct limit_turn	turn;
	struct limit_hold	hold;
};

static void
on_wake(struct limit_turn *t)
{
	woken++;
}

static void
on_end(struct limit_hold *h)
{
	ended++;
	limit_hold_idle(h, 0);
}

static void
on_changed(void *arg)
{
}

static struct conn
conn(enum limit_kind kind)
{
	return (struct conn){ .turn = { .kind = kind, .wake = on_wake }, .hold = { .end = on_end } };
}

static struct limit_way
way(void)
{
	return (struct limit_way){ .v = { domain, site, all }, .n = 3 };
}

static void
set_up(void)
{
	const struct queue_rate none = { 0, 0 };

	clock_virtual(START, START);
	house = limits_new(NULL, on_changed, NULL);
	domain = limit_get(house, "a.example", 0);
	site = limit_get(house, "mx mx.example", 0);
	all = limit_get(house, "all together", 1);
	limit_set(domain, 20, none);
	limit_set(site, 20, none);
	limit_set(all, 100, none);
	woken = ended = 0;
}

static void
tear_down(void)
{
	limit_unref(&domain);
	limit_unref(&site);
	limit_unref(&all);
	limits_free(&house);
}

static int
open_one(struct conn *c, uint32_t client)
{
	const struct limit_way w = way();

	if (!limit_take(&c->turn, &w, client))
		return 0;
	limit_hold_take(&c->hold, &c->turn);
	return 1;
}

START_TEST(waits_for_the_site_and_is_woken_with_the_place)
{
	struct conn a = conn(LIMIT_PLACE), b = conn(LIMIT_PLACE), c = conn(LIMIT_PLACE);

	limit_set(site, 1, (struct queue_rate){ 0, 0 });
	ck_assert(open_one(&a, 1));
	ck_assert(!open_one(&b, 2));
	ck_assert(!open_one(&c, 3));
	ck_assert(!open_one(&b, 2));		/* asking again changes nothing */
	ck_assert_uint_eq(limit_waiting(site, LIMIT_PLACE), 2);
	ck_assert_uint_eq(limit_used(domain), 3);
	ck_assert_uint_eq(limit_used(all), 1);
	limit_hold_drop(&a.hold);
	ck_assert_uint_eq(woken, 1);
	ck_assert(!open_one(&c, 3));		/* nobody overtakes the one that was woken */
	ck_assert(open_one(&b, 2));
	limit_turn_drop(&c.turn);
	limit_hold_drop(&b.hold);
	ck_assert_uint_eq(limit_used(domain) + limit_used(site) + limit_used(all), 0);
}
END_TEST

START_TEST(a_place_that_is_not_wanted_any_more_goes_to_the_next)
{
	struct conn a = conn(LIMIT_PLACE), b = conn(LIMIT_PLACE), c = conn(LIMIT_PLACE);

	limit_set(all, 1, (struct queue_rate){ 0, 0 });
	ck_assert(open_one(&a, 1));
	ck_assert(!open_one(&b, 2));
	ck_assert(!open_one(&c, 3));
	limit_hold_drop(&a.hold);
	ck_assert_uint_eq(woken, 1);
	limit_turn_drop(&b.turn);
	ck_assert_uint_eq(woken, 2);
	ck_assert(open_one(&c, 3));
	limit_hold_drop(&c.hold);
	ck_assert_uint_eq(limit_used(all), 0);
}
END_TEST

START_TEST(one_client_leaves_the_last_tenth)
{
	struct conn many[100], other = conn(LIMIT_PLACE);
	unsigned n = 0;

	limit_set(domain, 1000, (struct queue_rate){ 0, 0 });
	limit_set(site, 1000, (struct queue_rate){ 0, 0 });
	for (unsigned i = 0; i < 100; i++) {
		many[i] = conn(LIMIT_PLACE);
		n += open_one(&many[i], 1) ? 1 : 0;
	}
	ck_assert_uint_eq(n, 90);
	ck_assert_uint_eq(limit_waiting(all, LIMIT_PLACE), 10);
	ck_assert_uint_eq(woken, 0);
	ck_assert(open_one(&other, 2));
	limit_hold_drop(&other.hold);
	ck_assert_uint_eq(woken, 0);		/* the places are there, but not for them */
	limit_hold_drop(&many[0].hold);
	ck_assert_uint_eq(woken, 1);
	for (unsigned i = 1; i < 100; i++) {
		limit_turn_drop(&many[i].turn);
		limit_hold_drop(&many[i].hold);
	}
	ck_assert_uint_eq(limit_used(all), 0);
	ck_assert_uint_eq(limits_lanes(house, 1), 0);
}
END_TEST

/* A hundred turns of one client do not keep the single one of another waiting. */
START_TEST(the_line_is_fair_over_clients)
{
	struct conn a[3], many[50], one = conn(LIMIT_PLACE);

	limit_set(site, 3, (struct queue_rate){ 0, 0 });
	limit_set(domain, 1000, (struct queue_rate){ 0, 0 });
	for (unsigned i = 0; i < 3; i++) {
		a[i] = conn(LIMIT_PLACE);
		ck_assert(open_one(&a[i], 1));
	}
	for (unsigned i = 0; i < 50; i++) {
		many[i] = conn(LIMIT_PLACE);
		ck_assert(!open_one(&many[i], 1));
	}
	ck_assert(!open_one(&one, 2));
	limit_hold_drop(&a[0].hold);
	limit_hold_drop(&a[1].hold);
	ck_assert(open_one(&one, 2));
	for (unsigned i = 0; i < 50; i++)
		limit_turn_drop(&many[i].turn);
	limit_hold_drop(&a[2].hold);
	limit_hold_drop(&one.hold);
	ck_assert_uint_eq(limit_used(site), 0);
}
END_TEST

START_TEST(an_idle_one_makes_room)
{
	struct conn a = conn(LIMIT_PLACE), b = conn(LIMIT_PLACE), c = conn(LIMIT_PLACE);

	limit_set(site, 2, (struct queue_rate){ 0, 0 });
	ck_assert(open_one(&a, 1));
	ck_assert(open_one(&b, 1));
	ck_assert(!limit_hold_wanted(&a.hold, &c.turn));
	limit_hold_idle(&b.hold, 1);
	ck_assert(!open_one(&c, 2));
	ck_assert_uint_eq(ended, 1);
	ck_assert(limit_hold_wanted(&a.hold, &a.turn));
	ck_assert(!limit_hold_wanted(&a.hold, &c.turn));	/* nobody but itself */
	limit_hold_drop(&b.hold);
	ck_assert(open_one(&c, 2));
	limit_hold_drop(&a.hold);
	limit_hold_drop(&c.hold);
}
END_TEST

START_TEST(another_way_gives_back_what_it_has)
{
	struct conn a = conn(LIMIT_PLACE), b = conn(LIMIT_PLACE);
	struct limit *other = limit_get(house, "mx other.example", 0);
	struct limit_way w = way();

	limit_set(other, 1, (struct queue_rate){ 0, 0 });
	limit_set(site, 1, (struct queue_rate){ 0, 0 });
	ck_assert(open_one(&a, 1));
	ck_assert(!open_one(&b, 1));
	w.v[1] = other;
	ck_assert(limit_take(&b.turn, &w, 1));
	ck_assert_uint_eq(limit_used(site), 1);
	ck_assert_uint_eq(limit_used(other), 1);
	limit_turn_drop(&b.turn);
	ck_assert_uint_eq(limit_used(other), 0);
	limit_hold_drop(&a.hold);
	limit_unref(&other);
}
END_TEST

START_TEST(a_spare_one_waits_for_nothing)
{
	struct conn a = conn(LIMIT_PLACE), b = conn(LIMIT_PLACE), c = conn(LIMIT_PLACE);
	const struct limit_way w = way();

	limit_set(site, 1, (struct queue_rate){ 0, 0 });
	ck_assert(limit_take_now(&a.turn, &w, 1));
	limit_hold_take(&a.hold, &a.turn);
	ck_assert(!limit_take_now(&b.turn, &w, 1));
	ck_assert_uint_eq(limit_used(domain), 1);
	ck_assert_uint_eq(limit_waiting(site, LIMIT_PLACE), 0);
	ck_assert(!open_one(&c, 2));
	limit_set(site, 2, (struct queue_rate){ 0, 0 });
	ck_assert_uint_eq(woken, 1);
	ck_assert(open_one(&c, 2));
	limit_hold_drop(&a.hold);
	limit_hold_drop(&c.hold);
}
END_TEST

/* ---- tokens ---- */

START_TEST(tokens_come_in_their_time)
{
	struct conn a = conn(LIMIT_TOKEN), b = conn(LIMIT_TOKEN);
	const struct limit_way w = way();

	limit_set(site, 20, (struct queue_rate){ 2, 1000 });
	for (int i = 0; i < 2; i++) {
		ck_assert(limit_take(&a.turn, &w, 1));
		limit_turn_used(&a.turn);
	}
	ck_assert(!limit_take(&a.turn, &w, 1));
	ck_assert(!limit_take(&b.turn, &w, 2));
	ck_assert_int_eq(limits_next(house), START + 500);
	clock_virtual(START + 499, START);
	limits_run(house);
	ck_assert_uint_eq(woken, 0);
	clock_virtual(START + 500, START);
	ck_assert(!limit_take(&b.turn, &w, 2));	/* the timer is late; the line holds */
	ck_assert_uint_eq(woken, 1);
	ck_assert(limit_take(&a.turn, &w, 1));
	limit_turn_drop(&a.turn);		/* not used: the next one has it */
	ck_assert_uint_eq(woken, 2);
	ck_assert(limit_take(&b.turn, &w, 2));
	limit_turn_used(&b.turn);
}
END_TEST

START_TEST(what_was_sent_outlives_its_destination)
{
	struct conn a = conn(LIMIT_TOKEN);
	struct limit *d = limit_get(house, "b.example", 0);
	struct limit_way w = { .v = { d }, .n = 1 };

	limit_set(d, 1, (struct queue_rate){ 1, 60000 });
	ck_assert(limit_take(&a.turn, &w, 1));
	limit_turn_used(&a.turn);
	limit_unref(&d);
	d = limit_get(house, "b.example", 0);
	limit_set(d, 1, (struct queue_rate){ 1, 60000 });
	w.v[0] = d;
	ck_assert(!limit_take(&a.turn, &w, 1));
	limit_turn_drop(&a.turn);
	limit_unref(&d);
	clock_virtual(START + 60002, START);
	limits_run(house);
	ck_assert_int_eq(limits_next(house), INT64_MAX);	/* then it is forgotten */
}
END_TEST

START_TEST(jobs_are_counted_by_client)
{
	limits_jobs_add(house, 7, 1);
	limits_jobs_add(house, 7, 1);
	ck_assert_uint_eq(limits_jobs(house, 7), 2);
	ck_assert_uint_eq(limits_jobs(house, 8), 0);
	limits_jobs_add(house, 7, -1);
	limits_jobs_add(house, 7, -1);
	ck_assert_uint_eq(limits_jobs(house, 7), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp limit");
	TCase *c = tcase_create("limit");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, waits_for_the_site_and_is_woken_with_the_place);
	tcase_add_test(c, a_place_that_is_not_wanted_any_more_goes_to_the_next);
	tcase_add_test(c, one_client_leaves_the_last_tenth);
	tcase_add_test(c, the_line_is_fair_over_clients);
	tcase_add_test(c, an_idle_one_makes_room);
	tcase_add_test(c, another_way_gives_back_what_it_has);
	tcase_add_test(c, a_spare_one_waits_for_nothing);
	tcase_add_test(c, tokens_come_in_their_time);
	tcase_add_test(c, what_was_sent_outlives_its_destination);
	tcase_add_test(c, jobs_are_counted_by_client);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
