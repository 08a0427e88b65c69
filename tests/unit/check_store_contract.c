/* SPDX-License-Identifier: ISC */
/* What store.h promises, asked of every implementation: the SQLite store and the double. */
#include "tests/unit/store_kit.h"

START_TEST(put_then_fetch_is_the_same)
{
	const struct store_message *m;

	kit_open_nth(_i);
	ck_assert_int_eq(kit_put(77, "a@x.example b@y.example", "Subject: t\r\n\r\nhello\r\n"), WHY_NONE);
	ck_assert_uint_eq(kit_fetch(77), 1);
	m = kit.messages[0];
	ck_assert_uint_eq(m->id, 77);
	ck_assert_str_eq(m->sender, "from@corp.example");
	ck_assert_str_eq(m->client, "printer[10.0.0.1]");
	ck_assert_ptr_null(m->client_name);
	ck_assert_str_eq(m->envid, "QQ314159");
	ck_assert_ptr_null(m->ret);
	ck_assert_int_eq(m->created, 1000000);
	ck_assert_int_eq(m->eightbit, 1);
	ck_assert_int_eq(m->utf8, 0);
	ck_assert_uint_eq(m->size, 21);
	ck_assert_ptr_null(m->body);
	ck_assert_uint_eq(m->nrcpts, 2);
	ck_assert_str_eq(m->rcpts[0].address, "a@x.example");
	ck_assert_str_eq(m->rcpts[1].address, "b@y.example");
	ck_assert_str_eq(m->rcpts[1].dest, "y.example");
	ck_assert_str_eq(m->rcpts[1].notify, "FAILURE");
	ck_assert_int_eq(m->rcpts[0].state, STORE_DUE);
	ck_assert_int_ne(m->rcpts[0].id, m->rcpts[1].id);
	ck_assert_int_eq(kit_body(77), WHY_NONE);
	ck_assert_mem_eq(kit.body->data, "Subject: t\r\n\r\nhello\r\n", 21);
}
END_TEST

START_TEST(put_sets_ids_and_refuses_a_used_id)
{
	struct store_message *m = kit_message(5, "a@x.example b@x.example", "one");

	kit_open_nth(_i);
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	ck_assert_int_gt(m->rcpts[0].id, 0);
	ck_assert_int_gt(m->rcpts[1].id, m->rcpts[0].id);
	ck_assert_uint_eq(m->size, 3);
	store_message_free(&m);
	ck_assert_int_eq(kit_put(5, "c@x.example", "two"), WHY_LOCAL_STORAGE);
	ck_assert_int_eq(kit_body(5), WHY_NONE);
	ck_assert_mem_eq(kit.body->data, "one", 3);
	ck_assert_int_eq(kit_put(6, "c@x.example", ""), WHY_NONE);
	ck_assert_int_eq(kit_body(6), WHY_NONE);
	ck_assert_uint_eq(kit.body->size, 0);
}
END_TEST

START_TEST(settle_each_fate)
{
	int64_t first, second;

	kit_open_nth(_i);
	ck_assert_int_eq(kit_put(9, "a@x.example b@x.example", "body"), WHY_NONE);
	first = kit_rcpt_id(9, 0);
	second = kit_rcpt_id(9, 1);
	ck_assert_int_eq(kit_settle(9, first, STORE_RETRY, 5000), WHY_NONE);
	ck_assert_int_eq(kit.gone, 0);
	ck_assert_int_eq(kit_rcpt_id(9, 0), first);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].due, 5000);
	ck_assert_uint_eq(kit.messages[0]->rcpts[0].tries, 1);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].last, "said so");
	ck_assert_int_eq(kit_settle(9, first, STORE_HOLD, 0), WHY_NONE);
	(void)kit_fetch(9);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].state, STORE_HELD);
	ck_assert_uint_eq(kit_load("x.example", INT64_MAX, 10, NULL, 0), 1);
	ck_assert_uint_eq(kit.messages[0]->nrcpts, 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].id, second);
	ck_assert_int_eq(kit_settle(9, second, STORE_DONE, 0), WHY_NONE);
	ck_assert_int_eq(kit.gone, 0);
	ck_assert_int_eq(kit_dests(), 0);
	/* An administrator releases what was held. */
	ck_assert_int_eq(kit_settle(9, first, STORE_RETRY, 1), WHY_NONE);
	ck_assert_int_eq(kit_dests(), 1);
	ck_assert_int_eq(kit_settle(9, first, STORE_DONE, 0), WHY_NONE);
	ck_assert_int_eq(kit.gone, 1);
	ck_assert_uint_eq(kit_fetch(9), 0);
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	/* Repeating it is harmless; so are strangers' ids. */
	ck_assert_int_eq(kit_settle(9, first, STORE_DONE, 0), WHY_NONE);
	ck_assert_int_eq(kit.gone, 0);
	ck_assert_int_ne(kit_body(9), WHY_NONE);
}
END_TEST

START_TEST(settle_keeps_to_its_message)
{
	int64_t other;

	kit_open_nth(_i);
	ck_assert_int_eq(kit_put(1, "a@x.example", "one"), WHY_NONE);
	ck_assert_int_eq(kit_put(2, "b@x.example", "two"), WHY_NONE);
	other = kit_rcpt_id(2, 0);
	ck_assert_int_eq(kit_settle(1, other, STORE_DONE, 0), WHY_NONE);
	ck_assert_int_eq(kit.gone, 0);
	ck_assert_int_eq(kit_rcpt_id(2, 0), other);
}
END_TEST

START_TEST(settle_with_notices_is_one_step)
{
	struct store_settle_rcpt f = { .fate = STORE_DONE };
	struct store_message *notice = kit_message(21, "from@corp.example", "your mail failed");
	struct store_settlement se = { .message = 20, .rcpts = &f, .nrcpts = 1,
	    .notices = &notice, .nnotices = 1 };

	kit_open_nth(_i);
	ck_assert_int_eq(kit_put(20, "a@x.example", "body"), WHY_NONE);
	f.id = kit_rcpt_id(20, 0);
	kit_reset();
	kit_store->ops->settle(kit_store, &se, kit_settled, NULL);
	ck_assert_ptr_null(notice);
	kit_wait();
	ck_assert_int_eq(kit.gone, 1);
	ck_assert_uint_eq(kit_fetch(21), 1);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].address, "from@corp.example");
	/* The same once more, as after a failure whose commit had come through: no second notice. */
	notice = kit_message(21, "twice@corp.example", "your mail failed");
	kit_reset();
	kit_store->ops->settle(kit_store, &se, kit_settled, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	ck_assert_uint_eq(kit_list(0, 10), 1);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].address, "from@corp.example");
}
END_TEST

START_TEST(load_is_a_window)
{
	int64_t skip[3], oldest;

	kit_open_nth(_i);
	for (uint64_t id = 1; id <= 10; id++) {
		struct store_message *m = kit_message(id, "a@x.example b@other.example", "body");

		m->rcpts[0].due = 1000 - (int64_t)id * 10;	/* the last is due first */
		ck_assert_int_eq(kit_put_message(m), WHY_NONE);
		store_message_free(&m);
	}
	ck_assert_uint_eq(kit_load("x.example", 2000, 4, NULL, 0), 4);
	ck_assert_int_eq(kit.more, 1);
	ck_assert_int_eq(kit.next_due, 1000 - 60);
	ck_assert_uint_eq(kit.messages[0]->id, 10);
	ck_assert_uint_eq(kit.messages[3]->id, 7);
	ck_assert_uint_eq(kit.messages[0]->nrcpts, 1);
	for (int i = 0; i < 3; i++)
		skip[i] = kit.messages[2 - i]->rcpts[0].id;	/* sorted: ids grow with the messages */
	oldest = kit.messages[3]->rcpts[0].id;
	ck_assert_uint_eq(kit_load("x.example", 2000, 1, skip, 3), 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].id, oldest);
	ck_assert_uint_eq(kit_load("x.example", 2000, 7, skip, 3), 7);
	ck_assert_int_eq(kit.more, 0);
	ck_assert_int_eq(kit.next_due, 0);
	/* Not due yet: told when. */
	ck_assert_uint_eq(kit_load("x.example", 899, 10, NULL, 0), 0);
	ck_assert_int_eq(kit.more, 0);
	ck_assert_int_eq(kit.next_due, 900);
	ck_assert_uint_eq(kit_load("x.example", 900, 10, NULL, 0), 1);
	ck_assert_int_eq(kit.next_due, 910);
	ck_assert_uint_eq(kit_load("nobody.example", 2000, 10, NULL, 0), 0);
	ck_assert_int_eq(kit.next_due, 0);
}
END_TEST


static void
put_flow(uint64_t id, uint64_t flow, int64_t due)
{
	struct store_message *m = kit_message(id, "a@x.example", "body");

	m->flow = flow;
	m->rcpts[0].due = due;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

static const struct turns {
	const char	*name;
	size_t		 max;
	struct { uint64_t flow; unsigned rows, wanted; } flows[5];	/* wanted: of a page */
} turns[] = {
	{ "clients", 8, { { KIT_FLOW(1, 1), 60, 4 }, { KIT_FLOW(0xfffffff0, 1), 30, 4 } } },
	{ "one row beside many", 10, { { KIT_FLOW(1, 1), 200, 9 }, { KIT_FLOW(2, 1), 1, 1 } } },
	{ "senders of one client", 12, { { KIT_FLOW(7, 1), 60, 6 }, { KIT_FLOW(7, 2), 60, 6 } } },
	{ "clients before senders", 12, { { KIT_FLOW(7, 1), 9, 3 }, { KIT_FLOW(7, 2), 9, 3 },
	    { KIT_FLOW(8, 3), 9, 6 } } },
	{ "all there is", 50, { { 0, 1, 1 }, { KIT_FLOW(9, 1), 2, 2 }, { KIT_FLOW(9, 200), 3, 3 },
	    { KIT_FLOW(0x80000000, 0), 4, 4 } } },
	{ "local mail is a client", 6, { { 0, 9, 2 }, { KIT_FLOW(3, 1), 9, 2 }, { KIT_FLOW(4, 1), 9, 2 } } },
};

/* Due times: the flows one after the other, so that due order alone would give the first. */
START_TEST(load_takes_turns)
{
	const struct turns *t = &turns[_i / KIT_STORES];
	uint64_t id = 0, all = 0;

	kit_open_nth(_i % KIT_STORES);
	for (size_t f = 0; f < LENGTH(t->flows); f++)
		for (unsigned i = 0; i < t->flows[f].rows; i++, id++)
			put_flow(id + 1, t->flows[f].flow, 1000 + (int64_t)id);
	for (size_t f = 0; f < LENGTH(t->flows); f++)
		all += t->flows[f].wanted;
	ck_assert_uint_eq(kit_load("x.example", 9000, t->max, NULL, 0), all);
	ck_assert_int_eq(kit.more, all < id);
	for (size_t f = 0; f < LENGTH(t->flows); f++) {
		unsigned got = 0;
		int64_t last = 0;

		for (size_t i = 0; i < kit.n && t->flows[f].rows > 0; i++) {
			const struct store_message *m = kit.messages[i];

			if (m->flow != t->flows[f].flow)
				continue;
			got++;
			ck_assert_int_gt(m->rcpts[0].due, last);	/* oldest first */
			last = m->rcpts[0].due;
		}
		ck_assert_msg(got == t->flows[f].wanted, "%s: flow %zu: %u", t->name, f, got);
	}
}
END_TEST

/* The earliest of what was left, whichever share it is in; and what is in memory is not due. */
START_TEST(load_tells_what_comes_next)
{
	int64_t skip;

	kit_open_nth(_i);
	put_flow(1, KIT_FLOW(1, 1), 100);
	put_flow(2, KIT_FLOW(1, 1), 5000);
	put_flow(3, KIT_FLOW(2, 1), 200);
	put_flow(4, KIT_FLOW(2, 9), 4000);
	ck_assert_uint_eq(kit_load("x.example", 1000, 10, NULL, 0), 2);
	ck_assert_int_eq(kit.more, 0);
	ck_assert_int_eq(kit.next_due, 4000);
	skip = kit_rcpt_id(1, 0);
	ck_assert_uint_eq(kit_load("x.example", 1000, 10, &skip, 1), 1);
	ck_assert_uint_eq(kit.messages[0]->id, 3);
	ck_assert_int_eq(kit.more, 0);
	ck_assert_int_eq(kit.next_due, 4000);
	skip = kit_rcpt_id(3, 0);
	ck_assert_uint_eq(kit_load("x.example", 5000, 2, &skip, 1), 2);
	ck_assert_int_eq(kit.more, 1);
	ck_assert_uint_eq(kit_load("x.example", 99, 2, &skip, 1), 0);
	ck_assert_int_eq(kit.next_due, 100);
}
END_TEST

/* A page smaller than the number of clients: who begins is drawn, so nobody is left out for ever. */
START_TEST(nobody_is_always_last)
{
	unsigned seen[5] = { 0 };

	kit_open_nth(0);
	for (uint64_t i = 0; i < 50; i++)
		put_flow(i + 1, KIT_FLOW(i % 5 + 1, 1), 1000);
	for (int i = 0; i < 200; i++) {
		ck_assert_uint_eq(kit_load("x.example", 2000, 1, NULL, 0), 1);
		seen[(kit.messages[0]->flow >> 32) - 1]++;
	}
	for (size_t i = 0; i < LENGTH(seen); i++)
		ck_assert_uint_gt(seen[i], 10);
}
END_TEST

START_TEST(load_keeps_the_order_of_the_envelope)
{
	struct store_message *m = kit_message(3, "a@x.example b@x.example c@x.example", "body");

	kit_open_nth(_i);
	m->rcpts[0].due = 30;
	m->rcpts[1].due = 10;
	m->rcpts[2].due = 20;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
	ck_assert_uint_eq(kit_load("x.example", 100, 10, NULL, 0), 1);
	ck_assert_uint_eq(kit.messages[0]->nrcpts, 3);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].address, "a@x.example");
	ck_assert_str_eq(kit.messages[0]->rcpts[2].address, "c@x.example");
	/* The limit counts recipients, not messages. */
	ck_assert_uint_eq(kit_load("x.example", 100, 2, NULL, 0), 1);
	ck_assert_uint_eq(kit.messages[0]->nrcpts, 2);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].address, "b@x.example");
	ck_assert_int_eq(kit.more, 1);
}
END_TEST

START_TEST(list_pages_in_id_order)
{
	kit_open_nth(_i);
	ck_assert_uint_eq(kit_list(0, 5), 0);
	for (uint64_t id = 30; id > 0; id -= 10)
		ck_assert_int_eq(kit_put(id, "a@x.example b@y.example", "body"), WHY_NONE);
	ck_assert_uint_eq(kit_list(0, 2), 2);
	ck_assert_uint_eq(kit.messages[0]->id, 10);
	ck_assert_uint_eq(kit.messages[1]->id, 20);
	ck_assert_uint_eq(kit.messages[1]->nrcpts, 2);
	ck_assert_int_eq(kit.more, 1);
	ck_assert_uint_eq(kit_list(20, 2), 1);
	ck_assert_int_eq(kit.more, 0);
	ck_assert_uint_eq(kit_list(30, 2), 0);
	ck_assert_uint_eq(kit_list(UINT64_MAX, 2), 0);
}
END_TEST

/* Messages with many recipients make small pages. */
START_TEST(list_ends_with_many_recipients)
{
	struct buf to;

	kit_open_nth(_i);
	buf_init(&to);
	for (int i = 0; i < STORE_LIST_RCPTS / 2; i++)
		buf_addf(&to, "%sr%d@x.example", i > 0 ? " " : "", i);
	for (uint64_t id = 1; id <= 5; id++)
		ck_assert_int_eq(kit_put(id, buf_str(&to), "body"), WHY_NONE);
	buf_fini(&to);
	ck_assert_uint_eq(kit_list(0, 50), 2);
	ck_assert_int_eq(kit.more, 1);
	ck_assert_uint_eq(kit_list(2, 50), 2);
	ck_assert_uint_eq(kit_list(4, 50), 1);
	ck_assert_int_eq(kit.more, 0);
}
END_TEST

START_TEST(dests_count_what_is_due)
{
	int x, y;

	kit_open_nth(_i);
	ck_assert_int_eq(kit_dests(), 0);
	ck_assert_int_eq(kit_put(1, "a@x.example b@y.example", "body"), WHY_NONE);
	ck_assert_int_eq(kit_put(2, "c@x.example", "body"), WHY_NONE);
	ck_assert_int_eq(kit_settle(2, kit_rcpt_id(2, 0), STORE_RETRY, 77), WHY_NONE);
	ck_assert_int_eq(kit_dests(), 2);
	x = strcmp(kit.dests[0].name, "x.example") == 0 ? 0 : 1;
	y = 1 - x;
	ck_assert_str_eq(kit.dests[x].name, "x.example");
	ck_assert_uint_eq(kit.dests[x].count, 2);
	ck_assert_int_eq(kit.dests[x].due, 77);
	ck_assert_uint_eq(kit.dests[y].count, 1);
	ck_assert_int_eq(kit.dests[y].due, 1000);
}
END_TEST

static void
append(struct store_spool *sp, const char *p, size_t n)
{
	kit_reset();
	kit_store->ops->spool_append(sp, p, n, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
}

START_TEST(large_body_goes_by_chunks)
{
	struct store_message *m = kit_message(40, "a@x.example", "");
	struct store_spool *sp;
	struct store_body *b;
	char chunk[30000];
	uint64_t at;

	kit_open_nth(_i);
	memset(chunk, 'c', sizeof chunk);
	store_body_unref(&m->body);
	sp = kit_store->ops->spool_new(kit_store);
	for (int i = 0; i < 4; i++) {
		chunk[0] = (char)('0' + i);
		append(sp, chunk, sizeof chunk);
	}
	kit_reset();
	kit_store->ops->put(kit_store, m, sp, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	ck_assert_uint_eq(m->size, 4 * sizeof chunk);
	ck_assert_ptr_nonnull(m->body);
	ck_assert_uint_eq(m->body->file, 40);
	store_message_free(&m);
	ck_assert_int_eq(kit_body(40), WHY_NONE);
	b = store_body_ref(kit.body);
	ck_assert_ptr_null(b->data);
	ck_assert_uint_eq(b->size, 4 * sizeof chunk);
	for (at = 0; at < b->size; at += (uint64_t)kit.more) {
		kit_reset();
		kit_store->ops->read(kit_store, b, at, 30000, kit_chunked, NULL);
		kit_wait();
		ck_assert_int_eq(kit.more, 30000);
		ck_assert_int_eq(kit.bytes[0], '0' + (int)(at / 30000));
	}
	kit_reset();
	kit_store->ops->read(kit_store, b, at, 30000, kit_chunked, NULL);
	kit_wait();
	ck_assert_int_eq(kit.more, 0);
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	store_body_unref(&b);
}
END_TEST

static int late_calls;

static void
on_late(void *arg, const struct why *why)
{
	late_calls++;
}

START_TEST(abort_silences_what_is_under_way)
{
	struct store_spool *sp, *none = NULL;

	kit_open_nth(_i);
	late_calls = 0;
	sp = kit_store->ops->spool_new(kit_store);
	kit_store->ops->spool_append(sp, "abc", 3, on_late, NULL);
	kit_store->ops->spool_abort(&sp);
	ck_assert_ptr_null(sp);
	kit_store->ops->spool_abort(&none);
	(void)kit_list(0, 1);
	ck_assert_int_eq(late_calls, 0);
}
END_TEST

START_TEST(close_answers_what_is_owed)
{
	struct store_message *m = kit_message(1, "a@x.example", "body");

	kit_open_nth(_i);
	kit_reset();
	kit_store->ops->put(kit_store, m, NULL, kit_done, NULL);
	kit_store->ops->close(&kit_store);
	ck_assert_int_eq(kit.come, 1);
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	ck_assert_ptr_null(kit_store);
	store_message_free(&m);
}
END_TEST

START_TEST(refuses_nothing_without_a_guard)
{
	kit_open_nth(_i);
	ck_assert_int_eq(kit_store->ops->refuses(kit_store), WHY_NONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store contract");
	TCase *c = tcase_create("both");

	tcase_add_checked_fixture(c, kit_dir_new, kit_dir_remove);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, put_then_fetch_is_the_same, 0, KIT_STORES);
	tcase_add_loop_test(c, put_sets_ids_and_refuses_a_used_id, 0, KIT_STORES);
	tcase_add_loop_test(c, settle_each_fate, 0, KIT_STORES);
	tcase_add_loop_test(c, settle_keeps_to_its_message, 0, KIT_STORES);
	tcase_add_loop_test(c, settle_with_notices_is_one_step, 0, KIT_STORES);
	tcase_add_loop_test(c, load_is_a_window, 0, KIT_STORES);
	tcase_add_loop_test(c, load_keeps_the_order_of_the_envelope, 0, KIT_STORES);
	tcase_add_loop_test(c, load_takes_turns, 0, KIT_STORES * LENGTH(turns));
	tcase_add_loop_test(c, load_tells_what_comes_next, 0, KIT_STORES);
	tcase_add_test(c, nobody_is_always_last);
	tcase_add_loop_test(c, list_pages_in_id_order, 0, KIT_STORES);
	tcase_add_loop_test(c, list_ends_with_many_recipients, 0, KIT_STORES);
	tcase_add_loop_test(c, dests_count_what_is_due, 0, KIT_STORES);
	tcase_add_loop_test(c, large_body_goes_by_chunks, 0, KIT_STORES);
	tcase_add_loop_test(c, abort_silences_what_is_under_way, 0, KIT_STORES);
	tcase_add_loop_test(c, close_answers_what_is_owed, 0, KIT_STORES);
	tcase_add_loop_test(c, refuses_nothing_without_a_guard, 0, KIT_STORES);
	suite_add_tcase(s, c);
	return kit_run(s);
}
