/* SPDX-License-Identifier: ISC */
/* What is put right after a crash; and a journal that says what cannot be changes nothing. */
#include "relayd/smtp/aftermath.h"

#include "lib/conf/conf.h"
#include "lib/mail/queue_id.h"
#include "lib/store/flight.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/notice_cap.h"
#include "tests/unit/store_kit.h"

static struct aftermath *after;
static int reports;

static void
setup(void)
{
	struct why why;

	kit_dir_new();
	kit_store = store_memory_open(kit_base);
	kit_store->flight = store_flight_open(kit_dir, &why);
	ck_assert_ptr_nonnull(kit_store->flight);
	ck_assert_int_eq(kit_put(7, "a@x.example b@x.example c@y.example", "body"), WHY_NONE);
	ck_assert_int_eq(kit_put(8, "d@x.example", "body"), WHY_NONE);
}

static void
teardown(void)
{
	aftermath_free(&after);
	store_flight_close(&kit_store->flight);
	kit_dir_remove();
}

/* A transaction of a message, with rows that may be another one's. */
static void
leave(uint64_t message, const int64_t *rows, size_t n, enum store_flight_state state)
{
	struct store_flight_set all = { { UINT64_MAX, UINT64_MAX } };
	unsigned h = store_flight_begin(kit_store->flight, message, rows, n,
	    "mx.x.example[192.0.2.1]:25");

	ck_assert_uint_ne(h, 0);
	if (state >= STORE_FLIGHT_DOT)
		store_flight_dot(kit_store->flight, h, &all);
	if (state == STORE_FLIGHT_ACCEPTED)
		store_flight_accepted(kit_store->flight, h, &all, "250 2.0.0 ok", reports);
}

/* Another process on the same queue. */
static enum why_reason
recover(int crashed)
{
	struct why why;

	if (crashed)
		store_flight_crashing(kit_store->flight);
	store_flight_close(&kit_store->flight);
	kit_store->flight = store_flight_open(kit_dir, &why);
	aftermath_free(&after);
	after = aftermath_new(kit_store);
	kit_reset();
	aftermath_recover(after, kit_done, NULL);
	kit_wait();
	return kit.why.reason;
}

static size_t
rcpts_of(uint64_t message)
{
	return kit_fetch(message) == 1 ? kit.messages[0]->nrcpts : 0;
}

START_TEST(accepted_is_delivered)
{
	int64_t rows[2] = { kit_rcpt_id(7, 0), kit_rcpt_id(7, 1) }, one = kit_rcpt_id(8, 0);

	leave(7, rows, 2, STORE_FLIGHT_ACCEPTED);
	leave(8, &one, 1, STORE_FLIGHT_ACCEPTED);
	ck_assert_int_eq(recover(0), WHY_NONE);
	ck_assert_uint_eq(rcpts_of(7), 1);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].address, "c@y.example");
	ck_assert_uint_eq(rcpts_of(8), 0);
	ck_assert_int_eq(recover(0), WHY_NONE);
	ck_assert_uint_eq(rcpts_of(7), 1);
}
END_TEST

/* A flipped bit is found by the sum; here a journal that was written for another queue. */
START_TEST(ids_that_do_not_fit)
{
	int64_t strange[] = { kit_rcpt_id(8, 0), 4711, INT64_MAX }, one = kit_rcpt_id(7, 0);

	leave(7, strange, 3, STORE_FLIGHT_ACCEPTED);	/* a row of another message */
	leave(4711, &one, 1, STORE_FLIGHT_ACCEPTED);	/* no such message */
	leave(INT64_MAX, strange, 1, STORE_FLIGHT_DOT);
	ck_assert_int_eq(recover(0), WHY_NONE);
	ck_assert_uint_eq(rcpts_of(7), 3);
	ck_assert_uint_eq(rcpts_of(8), 1);
	ck_assert_int_eq(aftermath_suspects(after, strange[0]), 0);
}
END_TEST

START_TEST(dot_is_a_doubt)
{
	int64_t row = kit_rcpt_id(7, 1), other = kit_rcpt_id(7, 0);

	leave(7, &row, 1, STORE_FLIGHT_DOT);
	leave(8, &row, 1, STORE_FLIGHT_BEGUN);
	ck_assert_int_eq(recover(0), WHY_NONE);
	ck_assert_uint_eq(rcpts_of(7), 3);
	ck_assert_int_eq(aftermath_suspects(after, row), 1);
	ck_assert_int_eq(aftermath_suspects(after, other), 0);
	aftermath_settled(after, 7, row);
	ck_assert_int_eq(aftermath_suspects(after, row), 0);
}
END_TEST

static enum store_rcpt_state
state_of(uint64_t message)
{
	ck_assert_uint_ge(rcpts_of(message), 1);
	return kit.messages[0]->rcpts[0].state;
}

/* Three crashes in a row; an attempt that came to its end begins the count anew, a kill is none. */
START_TEST(poison_is_held)
{
	int64_t row = kit_rcpt_id(8, 0), other = kit_rcpt_id(7, 0);

	for (int i = 0; i < 5; i++) {
		leave(8, &row, 1, STORE_FLIGHT_BEGUN);
		ck_assert_int_eq(recover(0), WHY_NONE);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(state_of(8), STORE_DUE);
		ck_assert_int_eq(state_of(7), STORE_DUE);
		if (i == 2)
			aftermath_settled(after, 7, other);
		leave(7, &other, 1, STORE_FLIGHT_BEGUN);
		if (i > 0)
			leave(8, &row, 1, i == 2 ? STORE_FLIGHT_DOT : STORE_FLIGHT_BEGUN);
		ck_assert_int_eq(recover(1), WHY_NONE);
	}
	ck_assert_int_eq(state_of(8), STORE_HELD);
	ck_assert_str_eq(kit.messages[0]->rcpts[0].reason, "poison");
	ck_assert_int_eq(state_of(7), STORE_DUE);
}
END_TEST

/* One is to blame and three were with it, twice: they are told apart. */
START_TEST(the_innocent_go_alone)
{
	int64_t rows[4], first, last;

	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_int_eq(kit_put(20 + i, "e@x.example f@y.example", "body"), WHY_NONE);
		rows[i] = kit_rcpt_id(20 + i, 0);
	}
	for (int crash = 0; crash < 2; crash++) {
		for (uint64_t i = 0; i < 4; i++)
			leave(20 + i, &rows[i], 1, STORE_FLIGHT_BEGUN);
		ck_assert_int_eq(recover(1), WHY_NONE);
	}
	first = INT64_MAX;
	last = 0;
	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(rcpts_of(20 + i), 2);
		first = kit.messages[0]->rcpts[0].due < first ? kit.messages[0]->rcpts[0].due : first;
		last = kit.messages[0]->rcpts[0].due > last ? kit.messages[0]->rcpts[0].due : last;
		ck_assert_int_eq(kit.messages[0]->rcpts[1].due, 1000);	/* was not on its way */
	}
	ck_assert_int_ge(last - first, 3 * 2000);
	ck_assert_int_ge(first, 1000000);
	leave(22, &rows[2], 1, STORE_FLIGHT_BEGUN);
	ck_assert_int_eq(recover(1), WHY_NONE);
	for (uint64_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(rcpts_of(20 + i), 2);
		ck_assert_int_eq(kit.messages[0]->rcpts[0].state, i == 2 ? STORE_HELD : STORE_DUE);
	}
}
END_TEST

/* What the server had taken when something else crashed is not to blame. */
START_TEST(accepted_is_no_suspect)
{
	int64_t row = kit_rcpt_id(7, 0);

	for (int i = 0; i < 4; i++) {
		leave(7, &row, 1, STORE_FLIGHT_ACCEPTED);
		ck_assert_int_eq(recover(1), WHY_NONE);
		ck_assert_uint_eq(rcpts_of(7), 2);
	}
}
END_TEST

/* ---- who wanted to know of success ---- */

static struct generation *
generation_of(const char *text)
{
	struct generation *g = must_calloc(1, sizeof *g);
	struct conf_errors errors;

	g->refs = 1;
	ck_assert_int_eq(conf_load_text(text, strlen(text), "test", &g->conf, &errors), 0);
	conf_errors_fini(&errors);
	return g;
}

static void
put_wanting(uint64_t id, const char *notify, const char *sender)
{
	struct store_message *m = kit_message(id, "e@x.example", "Subject: s\r\n\r\nx\r\n");

	free(m->rcpts[0].notify);
	m->rcpts[0].notify = notify != NULL ? must_strdup(notify) : NULL;
	free(m->sender);
	m->sender = must_strdup(sender);
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

static enum why_reason
recover_with_notices(struct generation *g)
{
	struct notice_cap *cap = notice_cap_new(NULL, NULL);
	struct why why;

	store_flight_close(&kit_store->flight);
	kit_store->flight = store_flight_open(kit_dir, &why);
	aftermath_free(&after);
	after = aftermath_new(kit_store);
	aftermath_notices(after, g, cap);
	kit_reset();
	aftermath_recover(after, kit_done, NULL);
	kit_wait();
	notice_cap_free(&cap);
	return kit.why.reason;
}

static const struct {
	const char	*notify, *sender;
	int		 reports, told;
} wishes[] = {
	{ "SUCCESS,FAILURE", "from@corp.example", 0, 1 },
	{ "SUCCESS", "from@corp.example", 1, 0 },	/* the server sees to it */
	{ "SUCCESS", "", 0, 0 },
	{ "FAILURE", "from@corp.example", 0, 0 },
	{ "NEVER", "from@corp.example", 0, 0 },
	{ NULL, "from@corp.example", 0, 0 },
};

START_TEST(success_is_told)
{
	struct generation *g = generation_of("hostname = \"relay.test\";");
	int64_t row;

	put_wanting(9, wishes[_i].notify, wishes[_i].sender);
	row = kit_rcpt_id(9, 0);
	reports = wishes[_i].reports;
	leave(9, &row, 1, STORE_FLIGHT_ACCEPTED);
	reports = 0;
	for (int again = 0; again < 2; again++) {	/* once, whatever becomes of this start */
		ck_assert_int_eq(recover_with_notices(g), WHY_NONE);
		ck_assert_uint_eq(rcpts_of(9), 0);
		ck_assert_uint_eq(kit_list(9, 100), wishes[_i].told);
		if (!wishes[_i].told)
			continue;
		ck_assert_str_eq(kit.messages[0]->sender, "");
		ck_assert_str_eq(kit.messages[0]->rcpts[0].address, wishes[_i].sender);
		ck_assert_int_eq(kit_body(kit.messages[0]->id), WHY_NONE);
		ck_assert_ptr_nonnull(strstr(kit.body->data, "Action: relayed\r\n"));
		ck_assert_ptr_nonnull(strstr(kit.body->data, "mx.x.example\r\n"));
		ck_assert_ptr_nonnull(strstr(kit.body->data, "Subject: s\r\n"));
	}
	aftermath_free(&after);
	generation_unref(&g);
}
END_TEST

/* A redirect that was cut short is put right at the same time (manage_copy.h). */
START_TEST(copies_are_put_right)
{
	struct store_message *m = kit_message(30, "g@x.example", "body");
	char key[32] = "copy/", value[64], id[MAIL_QUEUE_ID_LEN + 1];

	mail_queue_id_print(key + strlen(key), 30);
	mail_queue_id_print(id, 7);
	(void)str_fmt(value, sizeof value, "made %s 1", id);
	m->rcpts[0].state = STORE_HELD;
	kit_reset();
	kit_store->ops->put_noted(kit_store, m, NULL, key, value, kit_done, NULL);
	kit_wait();
	store_message_free(&m);
	ck_assert_uint_eq(rcpts_of(30), 1);
	ck_assert_int_eq(recover(0), WHY_NONE);
	ck_assert_uint_eq(rcpts_of(30), 0);
	ck_assert_uint_eq(rcpts_of(7), 3);
}
END_TEST

START_TEST(without_a_journal)
{
	store_flight_close(&kit_store->flight);
	after = aftermath_new(kit_store);
	kit_reset();
	aftermath_recover(after, kit_done, NULL);
	kit_wait();
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	ck_assert_uint_eq(rcpts_of(7), 3);
	aftermath_settled(NULL, 7, 1);
	ck_assert_int_eq(aftermath_suspects(NULL, 1), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp aftermath");
	TCase *c = tcase_create("memory");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, accepted_is_delivered);
	tcase_add_test(c, ids_that_do_not_fit);
	tcase_add_test(c, dot_is_a_doubt);
	tcase_add_test(c, poison_is_held);
	tcase_add_test(c, the_innocent_go_alone);
	tcase_add_test(c, accepted_is_no_suspect);
	tcase_add_loop_test(c, success_is_told, 0, LENGTH(wishes));
	tcase_add_test(c, copies_are_put_right);
	tcase_add_test(c, without_a_journal);
	suite_add_tcase(s, c);
	return kit_run(s);
}
