/* SPDX-License-Identifier: ISC */
/* Why mail waits is kept with it, and what waited for that is woken, and nothing else. */
#include "tests/unit/store_kit.h"

START_TEST(reasons_come_back)
{
	struct store_settle_rcpt f = { .fate = STORE_RETRY, .due = 5, .tries = 1, .last = "said so",
	    .reason = "timeout" };
	struct store_settlement se = { .message = 9, .rcpts = &f, .nrcpts = 1 };

	kit_open_nth(_i);
	ck_assert_int_eq(kit_put(9, "a@x.example", "body"), WHY_NONE);
	f.id = kit_rcpt_id(9, 0);
	ck_assert_ptr_null(kit.messages[0]->rcpts[0].reason);
	kit_reset();
	kit_store->ops->settle(kit_store, &se, kit_settled, NULL);
	kit_wait();
	ck_assert_uint_eq(kit_fetch(9), 1);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].reason, "timeout");
	ck_assert_str_eq(kit.messages[0]->rcpts[0].last, "said so");
	ck_assert_int_eq(kit_settle(9, f.id, STORE_RETRY, 6), WHY_NONE);
	ck_assert_uint_eq(kit_load("x.example", 10, 10, NULL, 0), 1);
	ck_assert_ptr_null(kit.messages[0]->rcpts[0].reason);
}
END_TEST

static void
on_woken(void *arg, const struct why *why, uint64_t recipients)
{
	kit.more = (int)recipients;
	kit_done(arg, why);
}

static int
wake(const char *dest, const char *const *reasons, size_t n, int64_t now)
{
	kit_reset();
	kit_store->ops->wake(kit_store, dest, reasons, n, now, on_woken, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	return kit.more;
}

static void
put_waiting(uint64_t id, const char *dest, uint64_t flow, const char *reason, int64_t due)
{
	struct store_message *m = kit_message(id, "a@x.example", "body");

	free(m->rcpts[0].dest);
	m->rcpts[0].dest = must_strdup(dest);
	m->rcpts[0].due = due;
	m->rcpts[0].reason = reason != NULL ? must_strdup(reason) : NULL;
	m->flow = flow;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

static int64_t
due_of(uint64_t id)
{
	(void)kit_rcpt_id(id, 0);
	return kit.messages[0]->rcpts[0].due;
}

START_TEST(wake_finds_its_reasons)
{
	static const char *const tls[] = { "tls-alert", "certificate-expired" };

	kit_open_nth(_i);
	put_waiting(1, "x.example", 5, "tls-alert", 9000);
	put_waiting(2, "x.example", KIT_FLOW(1, 1), "timeout", 9001);
	put_waiting(3, "x.example", KIT_FLOW(2, 1), "certificate-expired", 9002);
	put_waiting(4, "x.example", KIT_FLOW(2, 2), NULL, 9003);
	put_waiting(5, "x.example", KIT_FLOW(2, 2), "tls-alert", 400);	/* due by then */
	put_waiting(6, "y.example", 0, "tls-alert", 9005);
	put_waiting(7, "x.example", 0, "tls-alerts", 9006);
	put_waiting(8, "x.example", 0, "tls-alert", 9007);
	ck_assert_int_eq(kit_settle(8, kit_rcpt_id(8, 0), STORE_HOLD, 9007), WHY_NONE);
	ck_assert_int_eq(wake("x.example", tls, 0, 500), 0);
	ck_assert_int_eq(wake("nobody.example", tls, 2, 500), 0);
	ck_assert_int_eq(wake("x.example", tls, 2, 500), 2);
	ck_assert_int_eq(due_of(1), 500);
	ck_assert_int_eq(due_of(2), 9001);
	ck_assert_int_eq(due_of(3), 500);
	ck_assert_int_eq(due_of(4), 9003);
	ck_assert_int_eq(due_of(5), 400);
	ck_assert_int_eq(due_of(6), 9005);
	ck_assert_int_eq(due_of(7), 9006);
	ck_assert_int_eq(due_of(8), 9007);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].state, STORE_HELD);
	ck_assert_uint_eq(kit_load("x.example", 500, 9, NULL, 0), 3);
	/* All destinations; what was woken before is due. */
	ck_assert_int_eq(wake(NULL, tls, 2, 600), 1);
	ck_assert_int_eq(due_of(6), 600);
	ck_assert_int_eq(due_of(1), 500);
}
END_TEST

/* More than a slice, in many shares, and others in between. */
START_TEST(wake_goes_all_the_way)
{
	static const char *const why[] = { "timeout" };

	kit_open_nth(_i);
	for (uint64_t id = 1; id <= 1300; id++)
		put_waiting(id, id % 3 == 0 ? "y.example" : "x.example", KIT_FLOW(id % 7, id % 50),
		    id % 2 == 0 ? "timeout" : "tls-alert", 9000 + (int64_t)id);
	ck_assert_int_eq(wake("x.example", why, 1, 500), 434);
	ck_assert_int_eq(wake("x.example", why, 1, 500), 0);
	ck_assert_int_eq(wake(NULL, why, 1, 500), 216);
	ck_assert_int_eq(due_of(1), 9001);
	ck_assert_int_eq(due_of(1298), 500);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store wake");
	TCase *c = tcase_create("both");

	tcase_add_checked_fixture(c, kit_dir_new, kit_dir_remove);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, reasons_come_back, 0, KIT_STORES);
	tcase_add_loop_test(c, wake_finds_its_reasons, 0, KIT_STORES);
	tcase_add_loop_test(c, wake_goes_all_the_way, 0, KIT_STORES);
	suite_add_tcase(s, c);
	return kit_run(s);
}
