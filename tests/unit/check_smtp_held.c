/* SPDX-License-Identifier: ISC */
/* Held mail: told at each step once, left to an administrator's hand, counted, never tried. */
#include "relayd/smtp/held.h"

#include "lib/queue/id.h"
#include "tests/unit/ctl_kit.h"

static struct held *held;

static void
on_cleared(void *arg, const struct why *why)
{
}

static void
put_held(uint64_t id, int64_t age, const char *reason, int64_t due)
{
	struct store_message *m = kit_message(id, "a@x.example b@y.example", "Subject: s\r\n\r\nx\r\n");

	m->created = clock_queue_ms() - age;
	m->rcpts[0].state = STORE_HELD;
	m->rcpts[0].due = due;
	m->rcpts[0].last = must_strdup("held by admin uid 0: secret");
	m->rcpts[1].due = INT64_MAX;
	free(m->rcpts[1].notify);
	free(m->rcpts[0].notify);
	m->rcpts[0].notify = m->rcpts[1].notify = NULL;
	if (reason != NULL)
		m->rcpts[0].reason = must_strdup(reason);
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

/* Until the watcher sleeps; its timer is woken by hand. */
static void
look(void)
{
	if (held != NULL)
		held_free(&held);
	held = held_new(kit_base, sched);
	turn();
	for (int i = 0; i < 60; i++)
		(void)kit_dests();	/* behind what is under way */
}

/* The one message in the queue beside `id`: its text. NULL: there is none. */
static const char *
notice_beside(uint64_t id)
{
	const struct store_message *m = NULL;

	(void)kit_list(0, 100);
	for (size_t i = 0; i < kit.n; i++)
		if (kit.messages[i]->id != id) {
			ck_assert_ptr_null(m);
			m = kit.messages[i];
		}
	if (m == NULL)
		return NULL;
	ck_assert_str_eq(m->sender, "");
	ck_assert_str_eq(m->rcpts[0].address, "from@corp.example");
	ck_assert_int_eq(kit_body(m->id), WHY_NONE);
	return kit.body->data;
}

static void
is_still_held(uint64_t id, int told)
{
	const struct store_rcpt *r;
	int64_t now = clock_queue_ms();

	ck_assert_uint_eq(kit_fetch(id), 1);
	r = &kit.messages[0]->rcpts[0];
	ck_assert_int_eq(r->state, STORE_HELD);
	ck_assert_str_eq(r->last, "held by admin uid 0: secret");
	ck_assert_uint_eq(r->tries, 0);
	ck_assert_int_gt(r->due, now);
	ck_assert_int_le(r->due, now + 24LL * HOUR);
	ck_assert_int_eq(r->warned != 0, told);
	ck_assert_int_eq(kit.messages[0]->rcpts[1].state, STORE_DUE);
	ck_assert_int_eq(kit.messages[0]->rcpts[1].due, INT64_MAX);
}

START_TEST(told_once)
{
	const char *text;

	put_held(1, 5LL * HOUR, NULL, 0);
	look();
	is_still_held(1, 1);
	text = notice_beside(1);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(strstr(text, "X-Relayd-Reason: held\r\n"));
	ck_assert_ptr_null(strstr(text, "secret"));
	look();
	is_still_held(1, 1);
	ck_assert_ptr_nonnull(notice_beside(1));	/* still one */
}
END_TEST

START_TEST(too_early)
{
	put_held(1, 3LL * HOUR, NULL, 0);
	look();
	is_still_held(1, 0);
	ck_assert_ptr_null(notice_beside(1));
}
END_TEST

START_TEST(damage_is_told_as_such)
{
	const char *text;

	put_held(1, 0, "corrupt", 0);
	look();
	is_still_held(1, 1);
	text = notice_beside(1);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(strstr(text, "X-Relayd-Reason: corrupt\r\n"));
}
END_TEST

/* What somebody has in his hand, or what is not due, is left alone. */
START_TEST(left_alone)
{
	struct dest *dest;
	struct store_message *m, *whole;
	struct job *j;

	put_held(1, 5LL * HOUR, NULL, clock_queue_ms() + HOUR);
	look();
	ck_assert_ptr_null(notice_beside(1));
	ck_assert_int_eq(kit_settle(1, kit_rcpt_id(1, 0), STORE_HOLD, 0), WHY_NONE);
	ck_assert_uint_eq(kit_fetch(1), 1);
	whole = kit.messages[0];
	kit.n = 0;
	m = sched_split(whole);
	store_message_free(&whole);
	j = sched_claim(sched, &m, &dest);
	ck_assert_ptr_nonnull(j);
	look();
	ck_assert_ptr_null(notice_beside(1));
	j->settled = NULL;
	dest_settled(dest, j, 1, 0);
}
END_TEST

START_TEST(many)
{
	for (uint64_t id = 1; id <= 250; id++)
		put_held(id, 5LL * HOUR, NULL, (int64_t)id);
	look();
	for (uint64_t id = 1; id <= 250; id++)
		is_still_held(id, 1);
}
END_TEST

START_TEST(counted)
{
	uint64_t all, aged;

	put_held(1, 5LL * HOUR, NULL, 0);
	put_held(queue_id_next(), 0, NULL, 0);
	look();
	held_counts(held, &all, &aged);
	ck_assert_uint_eq(all, 2);
	ck_assert_uint_eq(aged, 1);
	sched->held = held;
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	ck_assert_int_eq((int)json_integer_value(json_object_get(answer.lines[0],
	    "held_recipients")), 2);
}
END_TEST

static void
end(void)
{
	kit_store->ops->note_put(kit_store, "x", NULL, on_cleared, NULL);
	held_free(&held);
	teardown();
}

int
main(void)
{
	Suite *s = suite_create("smtp_held");
	static void (*const setups[])(void) = { setup_sqlite, setup_memory };
	static const char *const names[] = { "sqlite", "memory" };

	for (size_t i = 0; i < LENGTH(setups); i++) {
		TCase *c = tcase_create(names[i]);

		tcase_add_checked_fixture(c, setups[i], end);
		tcase_set_timeout(c, 60);
		tcase_add_test(c, told_once);
		tcase_add_test(c, too_early);
		tcase_add_test(c, damage_is_told_as_such);
		tcase_add_test(c, left_alone);
		tcase_add_test(c, many);
		tcase_add_test(c, counted);
		suite_add_tcase(s, c);
	}
	return kit_run(s);
}
