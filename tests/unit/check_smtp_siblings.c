/* SPDX-License-Identifier: ISC */
/*
 * check_smtp_siblings: three workers in one process, joined by channels: what
 * is asked of the front is answered by all of them, in one piece, or it is said
 * whose part is missing.
 */
#include "lib/base/map.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/pause_share.h"
#include "tests/unit/siblings_kit.h"

/* ---- one list ---- */

START_TEST(list_in_order)
{
	for (uint64_t id = 1; id <= 300; id++)
		put_at((unsigned)(id * 7 % 11 % WORKERS), id, id % 5 == 0 ? "a@x.example b@x.example" :
		    "c@y.example");
	ck_assert_int_eq(ask_verb("queue.list", NULL), 360);
	for (size_t i = 1; i < answer.n; i++)
		ck_assert_uint_le(id_of(i - 1), id_of(i));
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"x.example\""), 120);
	ck_assert_int_eq(ask_verb("queue.list", "\"id\":[\"000000000009\",\"000000000003\"]"), 2);
	ck_assert_uint_lt(id_of(0), id_of(1));
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"z.example\""), 0);
}
END_TEST

static const int page_sizes[] = { 1, 2, 7, 50, 119, 120, 121, 1000 };

/* Every page, one behind the other, is the whole; a message is never on two of them. */
START_TEST(list_pages)
{
	char rest[128] = "", after[32] = "";
	uint64_t last = 0, rows = 0;

	for (uint64_t id = 1; id <= 100; id++)
		put_at(id < 60 ? (unsigned)(id / 20) : (unsigned)(id % WORKERS), id,
		    id % 5 == 0 ? "a@x.example b@x.example" : "c@y.example");
	for (int pages = 0; pages <= 120; pages++) {
		(void)str_fmt(rest, sizeof rest, "\"max\":%d%s%s%s", page_sizes[_i],
		    after[0] != '\0' ? ",\"after\":\"" : "", after, after[0] != '\0' ? "\"" : "");
		rows += (uint64_t)ask_verb("queue.list", rest);
		ck_assert_uint_ge(answer.n, 1);
		ck_assert_uint_gt(id_of(0), last);
		for (size_t i = 1; i < answer.n; i++)
			ck_assert_uint_le(id_of(i) - id_of(i - 1), 1);
		ck_assert_uint_eq(id_of(0), last + 1);
		last = id_of(answer.n - 1);
		if (json_object_get(answer.last, "next") == NULL)
			break;
		(void)str_copy(after, json_string_value(json_object_get(answer.last, "next")),
		    sizeof after);
	}
	ck_assert_uint_eq(rows, 120);
	ck_assert_uint_eq(last, 100);
}
END_TEST

/* Ids are each worker's own; should two be the same, both are on one page. */
START_TEST(list_same_id)
{
	for (unsigned i = 0; i < WORKERS; i++)
		put_at(i, 5, "a@x.example");
	put_at(1, 6, "a@x.example");
	ck_assert_int_eq(ask_verb("queue.list", "\"max\":1"), 3);
	ck_assert_str_eq(json_string_value(json_object_get(answer.last, "next")), text_of(0, "id"));
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000006\""), 1);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000006\",\"body\":true"), 1);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000009\""), 0);
}
END_TEST

/* ---- sums ---- */

START_TEST(dests_are_summed)
{
	sched_on_disk(workers[0].sched, "x.example", 2, clock_queue_ms() + HOUR);
	sched_on_disk(workers[1].sched, "x.example", 3, clock_queue_ms() + HOUR / 2);
	sched_on_disk(workers[2].sched, "y.example", 4, clock_queue_ms() + HOUR);
	for (int i = 0; i < 250; i++) {
		char name[64];

		(void)str_fmt(name, sizeof name, "d%d.example", i);
		for (unsigned k = 0; k < WORKERS; k++)
			sched_on_disk(workers[k].sched, name, 1, clock_queue_ms() + HOUR);
	}
	ck_assert_int_eq(ask_verb("dest.list", NULL), 252);
	ck_assert_str_eq(text_of(0, "destination"), "x.example");
	ck_assert_int_eq(number_of(answer.lines[0], "recipients"), 5);
	ck_assert_str_eq(text_of(1, "destination"), "y.example");
	ck_assert_int_eq(number_of(answer.lines[2], "recipients"), 3);
	ck_assert_int_eq(ask_verb("dest.list", "\"blocked\":true"), 0);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(number_of(answer.lines[0], "recipients"), 5);
	ck_assert_int_lt(number_of(answer.lines[0], "next_due"), clock_wall_ms() + HOUR * 3 / 4);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"z.example\""), 0);
}
END_TEST

START_TEST(status_of_all)
{
	sched_on_disk(workers[0].sched, "x.example", 2, clock_queue_ms() + HOUR);
	sched_on_disk(workers[1].sched, "x.example", 3, clock_queue_ms() + HOUR);
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	ck_assert_uint_eq(answer.n, 1 + WORKERS);
	ck_assert_int_eq(number_of(answer.lines[0], "recipients"), 5);
	ck_assert_int_eq(number_of(answer.lines[0], "destinations"), 1);
	ck_assert_int_eq(number_of(answer.lines[2], "worker"), 1);
	ck_assert_int_eq(number_of(answer.lines[2], "recipients"), 3);
	ck_assert_ptr_null(json_object_get(answer.lines[0], "partial"));
	end(2);
	turn();
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	ck_assert(json_is_true(json_object_get(answer.lines[0], "partial")));
	ck_assert(json_is_false(json_object_get(answer.lines[3], "up")));
	ck_assert(json_is_false(json_object_get(answer.last, "good")));
}
END_TEST

/* ---- changes ---- */

START_TEST(changes)
{
	for (uint64_t id = 1; id <= 150; id++)
		put_at((unsigned)(id % WORKERS), id, "a@x.example");
	ck_assert_int_eq(ask_verb("queue.hold", "\"sender\":\"@corp.example\",\"dry\":true"), 150);
	ck_assert_int_eq(ask_verb("queue.hold", "\"all\":true,\"max\":70"), 70);
	ck_assert_int_eq(number_of(answer.lines[0], "recipients"), 70);
	ck_assert_int_eq(number_of(answer.lines[0], "messages"), 70);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), 70);
	ck_assert_int_eq(ask_verb("queue.release", "\"all\":true"), 70);
	ck_assert_int_eq(ask_verb("queue.delete", "\"recipient\":\"a@x.example\""), 150);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 0);
	ck_assert_int_eq(ask_verb("queue.delete", "\"all\":true"), 0);
	ck_assert_int_eq(ask_verb("queue.delete", NULL), -1);
	ck_assert_str_eq(kind(), "usage");
}
END_TEST

static void
count_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	kit.more = (int)n;
	kit_done(arg, why);
}

static int
paused_at(unsigned i, const char *domain)
{
	return pause_of(workers[i].sched->pauses, domain) != NULL;
}

START_TEST(pauses_reach_all)
{
	struct dest_view v;

	ck_assert_int_eq(ask_verb("dest.pause", "\"domain\":\"x.example\",\"note\":\"why not\""), 1);
	ck_assert_uint_eq(answer.n, 1);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert(paused_at(i, "x.example"));
	end(2);
	turn();
	ck_assert_int_eq(ask_verb("dest.resume", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(ask_verb("dest.pause", "\"domain\":\"y.example\""), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(answer.last, "away")), 1);
	begin(2);
	pause_share_wait(workers[2].sched, workers[2].siblings);
	pause_set(workers[2].sched->pauses, &(struct pause){ .domain = "x.example" });
	sched_on_disk(workers[2].sched, "z.example", 1, clock_queue_ms() + HOUR);
	turn();
	ck_assert(paused_at(2, "z.example"));
	join(2);
	for (int i = 0; i < 1000 && paused_at(2, "z.example"); i++)
		turn();
	ck_assert(paused_at(2, "y.example"));
	ck_assert(!paused_at(2, "x.example"));
	ck_assert(!paused_at(2, "z.example"));
	dest_look(map_gets(workers[2].sched->dests, "z.example"), &v);
	ck_assert_ptr_null(v.pause);
	kit_reset();
	workers[2].store->ops->notes(workers[2].store, PAUSE_PREFIX, count_notes, NULL);
	kit_wait();
	ck_assert_int_eq(kit.more, 1);
}
END_TEST

/* ---- who does not answer ---- */

START_TEST(one_is_away)
{
	put_at(0, 1, "a@x.example");
	put_at(1, 2, "a@x.example");
	put_at(2, 3, "a@x.example");
	end(1);
	turn();
	ck_assert_int_eq(ask_verb("queue.list", NULL), -1);
	ck_assert_uint_eq(answer.n, 2);
	ck_assert_str_eq(kind(), "busy");
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(answer.last, "error")),
	    "worker 1 is down"));
	ck_assert_int_eq(ask_verb("dest.list", NULL), -1);
	ck_assert_int_eq(ask_verb("queue.hold", "\"all\":true"), -1);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), -1);
	ck_assert_uint_eq(answer.n, 2);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000003\""), 1);
	ck_assert_int_eq(ask_verb("queue.show", "\"id\":\"000000000002\""), -1);
	ck_assert_str_eq(kind(), "busy");
	begin(1);
	join(1);
	put_at(1, 4, "a@x.example");
	ck_assert_int_eq(ask_verb("queue.list", NULL), 3);
}
END_TEST

/* Whom one may know: the others are the front's. */
START_TEST(star)
{
	int pair[2];

	for (unsigned i = 1; i <= WORKERS; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		siblings_connect(workers[1].siblings, i, pair[0]);
		ck_assert(!siblings_is_up(workers[1].siblings, i));
		close(pair[1]);
	}
	ck_assert_ptr_null(siblings_new(kit_base, 0, 1));
	ck_assert_uint_eq(siblings_count(NULL), 1);
	ck_assert_int_eq(siblings_send(NULL, 1, 1, 1, NULL, 0), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_siblings");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, finish);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, list_in_order);
	tcase_add_loop_test(t, list_pages, 0, LENGTH(page_sizes));
	tcase_add_test(t, list_same_id);
	tcase_add_test(t, dests_are_summed);
	tcase_add_test(t, status_of_all);
	tcase_add_test(t, changes);
	tcase_add_test(t, pauses_reach_all);
	tcase_add_test(t, one_is_away);
	tcase_add_test(t, star);
	suite_add_tcase(suite, t);
	t = tcase_create("mixed");
	tcase_add_checked_fixture(t, setup_mixed, finish);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, list_in_order);
	tcase_add_test(t, changes);
	suite_add_tcase(suite, t);
	return kit_run(suite);
}
