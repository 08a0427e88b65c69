/* SPDX-License-Identifier: ISC */
/* check_smtp_ctl_queue: operators' hands: what a request selects, and what becomes of it. */
#include "lib/base/map.h"
#include "relayd/smtp/ctl_select.h"
#include "relayd/smtp/pause.h"
#include "tests/unit/ctl_kit.h"

/* ---- selection: pure ---- */

#define MATCH(...)	{ .older = -1, .state = -1, __VA_ARGS__ }
static const uint64_t other_ids[] = { 8, 9 }, these_ids[] = { 8, 7 };

static const struct { struct ctl_select select; int matches; } selections[] = {
	{ MATCH(.domain = NULL), 1 },
	{ MATCH(.domain = "x.example"), 1 },
	{ MATCH(.domain = "example"), 0 },
	{ MATCH(.domain = "y.x.example"), 0 },
	{ MATCH(.sender = "from@corp.example"), 1 },
	{ MATCH(.sender = "FROM@Corp.Example"), 1 },
	{ MATCH(.sender = "@corp.example"), 1 },
	{ MATCH(.sender = "@orp.example"), 0 },
	{ MATCH(.sender = "from"), 0 },
	{ MATCH(.sender = "<>"), 0 },
	{ MATCH(.sender = "@"), 0 },
	{ MATCH(.recipient = "a@x.example"), 1 },
	{ MATCH(.recipient = "@x.example"), 1 },
	{ MATCH(.recipient = "b@x.example"), 0 },
	{ MATCH(.recipient = "<>"), 0 },
	{ MATCH(.recipient = "aa@x.example"), 0 },
	{ MATCH(.recipient = "@"), 0 },
	{ MATCH(.recipient = "a@"), 0 },
	{ MATCH(.reason = "TIMED out"), 1 },
	{ MATCH(.reason = "starttls-not-supported"), 1 },
	{ MATCH(.reason = "starttls"), 0 },
	{ MATCH(.reason = "no encryption"), 1 },
	{ MATCH(.reason = "certificate"), 0 },
	{ MATCH(.reason = "greylisted"), 1 },
	{ MATCH(.reason = "greylist"), 0 },
	{ .select = { .older = 60000, .state = -1 }, .matches = 1 },
	{ .select = { .older = 60001, .state = -1 }, .matches = 0 },
	{ .select = { .older = 0, .state = -1 }, .matches = 1 },
	{ .select = { .older = -1, .state = CTL_BLOCKED }, .matches = 1 },
	{ .select = { .older = -1, .state = CTL_HELD }, .matches = 0 },
	{ MATCH(.ids = these_ids, .nids = 2), 1 },
	{ MATCH(.ids = other_ids, .nids = 2), 0 },
	{ MATCH(.ids = these_ids, .nids = 2, .after = 6), 1 },
	{ MATCH(.ids = these_ids, .nids = 2, .after = 7), 0 },
	{ MATCH(.after = 7), 0 },
	{ MATCH(.domain = "x.example", .sender = "@corp.example", .recipient = "b@x.example"), 0 },
};

START_TEST(selection)
{
	struct store_message *m = kit_message(7, "a@x.example", "body");
	struct why block = { 0 };
	struct ctl_select_facts facts = { .now = 1060000, .state = CTL_BLOCKED, .block = &block };

	(void)why_set(&block, WHY_STARTTLS_NOT_SUPPORTED, "no encryption here");
	m->rcpts[0].last = must_strdup("it timed out");
	m->rcpts[0].reason = must_strdup("greylisted");
	ck_assert_int_eq(ctl_select_matches(&selections[_i].select, m, &m->rcpts[0], &facts),
	    selections[_i].matches);
	store_message_free(&m);
}
END_TEST

static const struct { const char *value; int ok; } pauses[] = {
	{ "1 0 5 because", 1 }, { "1 4294967295 5 ", 1 }, { "", 0 }, { "1", 0 }, { "2 0 5 x", 0 },
	{ "0 0 5 x", 0 }, { "1 x 5 x", 0 }, { "1 4294967296 5 x", 0 }, { "1 0 -5 x", 0 },
	{ "1 0 5", 0 }, { "1 0 99999999999999999999999999999 x", 0 }, { "  1 0 5 x", 0 },
};

START_TEST(pause_text)
{
	struct pause p = { .reason = "" };
	char again[256];

	ck_assert_int_eq(pause_parse(pauses[_i].value, &p), pauses[_i].ok ? 0 : -1);
	if (!pauses[_i].ok)
		return;
	pause_print(&p, again, sizeof again);
	ck_assert_str_eq(again, pauses[_i].value);
}
END_TEST

/* ---- requests that are refused ---- */

static const struct { const char *verb, *rest, *error; } refusals[] = {
	{ "queue.hold", NULL, "which mail" },
	{ "queue.delete", "\"dry\":true", "which mail" },
	{ "queue.delete", "\"all\":false", "which mail" },
	{ "queue.delete", "\"all\":true,\"domain\":\"x.example\"", "which mail" },
	{ "queue.delete", "\"id\":[]", "queue ids" },
	{ "queue.delete", "\"id\":[\"x\"]", "no queue id" },
	{ "queue.delete", "\"id\":[[]]", "no queue id" },
	{ "queue.delete", "\"older\":5", "a duration" },
	{ "queue.delete", "\"older\":\"5\"", "a duration" },
	{ "queue.delete", "\"older\":\"-5d\"", "a duration" },
	{ "queue.delete", "\"sender\":\"\"", "a mail address" },
	{ "queue.delete", "\"sender\":7", "a mail address" },
	{ "queue.delete", "\"state\":\"gone\"", "not known" },
	{ "queue.delete", "\"all\":true,\"to\":\"a@b.example\"", "no argument" },
	{ "queue.redirect", "\"all\":true", "to is missing" },
	{ "queue.redirect", "\"all\":true,\"to\":\"nobody\"", "no mail address" },
	{ "queue.redirect", "\"all\":true,\"to\":\"a@b.example\\n\"", "no mail address" },
	{ "queue.hold", "\"all\":true,\"note\":\"a\\nb\"", "one printable line" },
	{ "dest.pause", NULL, "domain is missing" },
	{ "dest.pause", "\"domain\":\"a..b\"", "no domain" },
	{ "dest.resume", "\"domain\":\"x.example\",\"note\":\"x\"", "no argument" },
};

START_TEST(refusal)
{
	const char *error;

	ck_assert_int_eq(kit_put(1, "a@x.example", "body"), WHY_NONE);
	ck_assert_int_eq(ask_verb(refusals[_i].verb, refusals[_i].rest), -1);
	error = json_string_value(json_object_get(answer.last, "error"));
	ck_assert_msg(strstr(error, refusals[_i].error) != NULL, "%s", error);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 1);
}
END_TEST

/* ---- changes ---- */

static void
put_many(uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++)
		ck_assert_int_eq(kit_put(i, "a@x.example b@y.example", "Subject: x\r\n\r\nbody\r\n"),
		    WHY_NONE);
}

static int
number(const char *key)
{
	return (int)json_integer_value(json_object_get(answer.lines[0], key));
}

START_TEST(dry)
{
	put_many(70);
	ck_assert_int_eq(ask_verb("queue.delete", "\"domain\":\"y.example\",\"dry\":true"), 70);
	ck_assert_int_eq(number("recipients"), 70);
	ck_assert_int_eq(number("messages"), 70);
	ck_assert_str_eq(text_of(0, "action"), "delete");
	ck_assert_int_eq(ask_verb("queue.list", NULL), 140);
}
END_TEST

START_TEST(hold_and_release)
{
	put_many(70);
	sched_on_disk(sched, "x.example", 70, clock_wall_ms());
	ck_assert_int_eq(ask_verb("queue.hold", "\"domain\":\"x.example\",\"note\":\"wait\""), 70);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), 70);
	ck_assert_str_eq(text_of(0, "recipient"), "a@x.example");
	ck_assert_ptr_nonnull(strstr(text_of(0, "last"), "held by admin uid"));
	ck_assert_ptr_nonnull(strstr(text_of(0, "last"), ": wait"));
	ck_assert_int_eq(ask_verb("queue.hold", "\"domain\":\"x.example\""), 0);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(number("recipients"), 0);
	ck_assert_int_eq(ask_verb("queue.release", "\"reason\":\"wait\",\"max\":10"), 10);
	ck_assert_ptr_nonnull(json_object_get(answer.last, "next"));
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), 60);
	ck_assert_int_eq(ask_verb("queue.release", "\"id\":[\"00000000000z\",\"0000000000ZZ\"]"), 1);
	ck_assert_int_eq(ask_verb("queue.release", "\"all\":true"), 59);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(number("recipients"), 70);
}
END_TEST

START_TEST(delete)
{
	put_many(3);
	ck_assert_int_eq(ask_verb("queue.delete", "\"id\":\"000000000002\""), 2);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 4);
	ck_assert_int_eq(ask_verb("queue.delete", "\"recipient\":\"b@y.example\""), 2);
	ck_assert_int_eq(ask_verb("queue.delete", "\"sender\":\"<>\""), 0);
	ck_assert_int_eq(ask_verb("queue.delete", "\"older\":\"1h\""), 2);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 0);
}
END_TEST

/* One notice for each destination of the message, to its sender; held ones are returned, too. */
START_TEST(give_up)
{
	static const char *const verbs[] = { "queue.bounce", "queue.expire" };

	put_many(1);
	ck_assert_int_eq(ask_verb("queue.hold", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(ask_verb(verbs[_i], "\"all\":true"), 2);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_str_eq(text_of(i, "sender"), "");
		ck_assert_str_eq(text_of(i, "recipient"), "from@corp.example");
	}
	ck_assert_ptr_null(map_gets(sched->dests, "x.example"));
}
END_TEST

START_TEST(redirect)
{
	put_many(2);
	ck_assert_int_eq(ask_verb("queue.redirect",
	    "\"recipient\":\"a@x.example\",\"to\":\"New@Z.example\""), 2);
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"x.example\""), 0);
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"y.example\""), 2);
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"z.example\""), 2);
	ck_assert_str_eq(text_of(0, "recipient"), "New@Z.example");
	ck_assert_str_eq(text_of(0, "sender"), "from@corp.example");
	ck_assert_int_eq(number("size"), 20);
	ck_assert_int_eq(number("arrived"), 1000000);
	ck_assert_int_eq(ask_verb("queue.redirect",
	    "\"domain\":\"y.example\",\"to\":\"\xc3\xbc@z.example\""), -1);
	ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"y.example\""), 2);
}
END_TEST

/* A text in the spool is copied piece by piece, to the last octet. */
START_TEST(redirect_large)
{
	size_t size = 3 * STORE_INLINE_MAX + 17, chars = 0;
	char *body = must_calloc(1, size + 1);
	char id[32];

	memset(body, 'm', size);
	if (kit_put(1, "a@x.example b@x.example", body) == WHY_NONE) {
		ck_assert_int_eq(ask_verb("queue.redirect",
		    "\"recipient\":\"a@x.example\",\"to\":\"c@z.example\""), 1);
		ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"x.example\""), 1);
		ck_assert_str_eq(text_of(0, "recipient"), "b@x.example");
		ck_assert_int_eq(ask_verb("queue.list", "\"domain\":\"z.example\""), 1);
		ck_assert_str_eq(text_of(0, "recipient"), "c@z.example");
		ck_assert_str_ne(text_of(0, "state"), "held");
		ck_assert_int_eq(number("size"), (int64_t)size);
		(void)str_fmt(id, sizeof id, "\"id\":\"%s\",\"body\":true", text_of(0, "id"));
		ck_assert_int_eq(ask_verb("queue.show", id), 1);
		for (size_t i = 0; i < answer.n; i++)
			chars += json_object_get(answer.lines[i], "body") != NULL ?
			    strlen(text_of(i, "body")) : 0;
		ck_assert_uint_eq(chars, (size + 2) / 3 * 4);
		ck_assert_ptr_nonnull(map_gets(sched->dests, "z.example"));
	}
	free(body);
}
END_TEST

/* What is with a lane is not touched; what is only in memory is. */
START_TEST(in_flight)
{
	struct dest *dest;
	struct job *job;

	put_many(1);
	ck_assert_uint_eq(kit_fetch(1), 1);
	kit.messages[0]->nrcpts = 1;	/* the rest is freed with the array below */
	store_rcpt_fini(&kit.messages[0]->rcpts[1]);
	sched_on_disk(sched, "x.example", 1, clock_wall_ms() + HOUR);
	job = sched_claim(sched, &kit.messages[0], &dest);
	kit.n = 0;
	ck_assert_ptr_nonnull(job);
	ck_assert_int_eq(ask_verb("queue.delete", "\"domain\":\"x.example\""), -1);
	ck_assert_str_eq(kind(), "busy");
	ck_assert_int_eq(ask_verb("queue.delete", "\"all\":true"), 1);
	ck_assert_int_eq(number("refused"), 1);
	ck_assert_ptr_nonnull(strstr(text_of(0, "why"), "being delivered"));
	ck_assert_int_eq(ask_verb("queue.list", NULL), 1);
	dest_settled(dest, job, 0, clock_wall_ms());
	ck_assert_int_eq(ask_verb("queue.delete", "\"all\":true"), 1);
	ck_assert_int_eq(ask_verb("queue.list", NULL), 0);
}
END_TEST

/* An asker that leaves at any moment: what was begun is carried out, nothing stays claimed. */
static int nabandoned;

static void
on_abandoned(void *arg)
{
	nabandoned++;
	ck_assert_ptr_eq(arg, &nabandoned);
}

static void
on_never(void *arg)
{
	ck_abort_msg("it was settled");
}

/* The store is closed between the text that a notice quotes and its settlement. */
START_TEST(abandoned)
{
	struct dest *dest;
	struct job *job;
	struct why why;

	nabandoned = 0;
	put_many(1);
	ck_assert_uint_eq(kit_fetch(1), 1);
	kit.messages[0]->nrcpts = 1;
	store_rcpt_fini(&kit.messages[0]->rcpts[1]);
	sched_on_disk(sched, "x.example", 1, clock_wall_ms() + HOUR);
	job = sched_claim(sched, &kit.messages[0], &dest);
	kit.n = 0;
	job->settled = on_never;
	job->abandoned = on_abandoned;
	job->settled_arg = &nabandoned;
	(void)why_set(&why, WHY_ADMIN, "returned");
	why.dsn[0] = '5';
	job_settle_open(job, JOB_FAILED, &why, NULL);
	dest_give_up(dest, job);
	forget();
	ctlserve_free(&ctl);
	kit_store->ops->close(&kit_store);
	ck_assert_uint_eq(outcome_pending(outcome), 1);
	ck_assert_int_eq(nabandoned, 0);
	sched_free(&sched);
	outcome_free(&outcome);
	ck_assert_int_eq(nabandoned, 1);
}
END_TEST

/* One of two recipients is out: the other one is changed, and a dry run knows it. */
START_TEST(half_in_flight)
{
	struct dest *dest;
	struct job *job;

	ck_assert_int_eq(kit_put(1, "a@x.example c@x.example", "Subject: x\r\n\r\nbody\r\n"),
	    WHY_NONE);
	ck_assert_uint_eq(kit_fetch(1), 1);
	kit.messages[0]->nrcpts = 1;
	store_rcpt_fini(&kit.messages[0]->rcpts[1]);
	sched_on_disk(sched, "x.example", 2, clock_wall_ms() + HOUR);
	job = sched_claim(sched, &kit.messages[0], &dest);
	kit.n = 0;
	ck_assert_ptr_nonnull(job);
	ck_assert_int_eq(ask_verb("queue.delete", "\"recipient\":\"a@x.example\",\"dry\":true"), -1);
	ck_assert_str_eq(kind(), "busy");
	for (int earnest = 0; earnest < 2; earnest++) {
		ck_assert_int_eq(ask_verb("queue.delete",
		    earnest ? "\"all\":true" : "\"all\":true,\"dry\":true"), 1);
		ck_assert_int_eq(number("recipients"), 1);
		ck_assert_int_eq(number("refused"), 1);
	}
	ck_assert_int_eq(ask_verb("queue.list", NULL), 1);
	ck_assert_str_eq(text_of(0, "recipient"), "a@x.example");
	dest_settled(dest, job, 0, clock_wall_ms());
	ck_assert_int_eq(ask_verb("queue.delete", "\"all\":true"), 1);
}
END_TEST

START_TEST(gone)
{
	static const char line[] = "{\"v\":1,\"verb\":\"queue.hold\",\"all\":true}\n";
	int fd = dial();

	put_many(60);
	ck_assert_int_gt(send(fd, line, sizeof line - 1, 0), 0);
	for (int i = 0; i < _i; i++)
		turn();
	close(fd);
	for (int i = 0; i < 200; i++)
		turn();
	(void)ask_verb("queue.hold", "\"all\":true");
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\""), 120);
}
END_TEST

/* What is in somebody's hands is not written over with what was read before. */
START_TEST(flush_spares_what_is_out)
{
	const int64_t far = clock_queue_ms() + 24LL * HOUR;
	struct dest *dest;
	struct store_message *m = kit_message(1, "a@x.example", "body"), *part;
	struct job *j;

	m->created = clock_queue_ms();
	m->rcpts[0].due = far;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	part = sched_split(m);
	store_message_free(&m);
	j = sched_claim(sched, &part, &dest);
	ck_assert_ptr_nonnull(j);
	(void)ask_verb("queue.flush", "\"all\":true");
	ck_assert_uint_eq(kit_fetch(1), 1);
	ck_assert_int_eq(kit.messages[0]->rcpts[0].due, far);
	dest_settled(dest, j, 0, 0);
	(void)ask_verb("queue.flush", "\"all\":true");
	ck_assert_uint_eq(kit_fetch(1), 1);
	ck_assert_int_lt(kit.messages[0]->rcpts[0].due, far);
}
END_TEST

/* What is old is given up while it waits. */
static void
put_young(void)
{
	struct store_message *m = kit_message(1, "a@x.example b@y.example", "body");

	m->created = clock_queue_ms();
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

START_TEST(paused)
{
	ck_assert_int_eq(ask_verb("dest.resume", "\"domain\":\"x.example\""), 0);
	ck_assert_int_eq(ask_verb("dest.pause", "\"domain\":\"X.example\",\"note\":\"moving\""), 1);
	ck_assert_int_eq(ask_verb("dest.list", NULL), 1);
	ck_assert(json_is_true(json_object_get(answer.lines[0], "paused")));
	ck_assert_str_eq(text_of(0, "paused_why"), "moving");
	ck_assert_int_eq(ask_verb("status", NULL), 1);
	ck_assert_int_eq(number("paused_destinations"), 1);
	put_young();
	sched_on_disk(sched, "x.example", 1, 0);
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(number("loaded"), 0);
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"paused\""), 1);
	ck_assert_int_eq(ask_verb("dest.resume", "\"domain\":\"x.example\""), 1);
	ck_assert_int_eq(ask_verb("dest.show", "\"domain\":\"x.example\""), 1);
	ck_assert(json_is_false(json_object_get(answer.lines[0], "paused")));
}
END_TEST

static void
on_recovered(void *arg, const struct why *why)
{
	*(int *)arg = 1 + why_is_set(why);
}

START_TEST(pause_survives)
{
	int done = 0;

	ck_assert_int_eq(ask_verb("dest.pause", "\"domain\":\"x.example\""), 1);
	sched_free(&sched);
	sched = sched_new(kit_base, kit_store, ask, outcome, generation, NULL);
	sched_recover(sched, on_recovered, &done);
	for (int i = 0; i < 2000 && !done; i++) {
		turn();
		usleep(100);
	}
	ck_assert_int_eq(done, 1);
	ck_assert_ptr_nonnull(pause_of(sched->pauses, "x.example"));
	ck_assert_ptr_nonnull(map_gets(sched->dests, "x.example"));
}
END_TEST

/* Held ones of a new message are not given to delivery. */
START_TEST(held_at_intake)
{
	struct store_message *m = kit_message(1, "a@x.example b@y.example", "body");

	m->rcpts[0].state = STORE_HELD;
	m->rcpts[0].last = must_strdup("held by rule relayd.conf:12");
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	sched_add(sched, m);
	ck_assert_ptr_null(map_gets(sched->dests, "x.example"));
	ck_assert_ptr_nonnull(map_gets(sched->dests, "y.example"));
	ck_assert_int_eq(ask_verb("queue.list", "\"state\":\"held\",\"reason\":\"conf:12\""), 1);
}
END_TEST

static void
add_pure(Suite *suite)
{
	TCase *t = tcase_create("pure");

	tcase_add_loop_test(t, selection, 0, LENGTH(selections));
	tcase_add_loop_test(t, pause_text, 0, LENGTH(pauses));
	suite_add_tcase(suite, t);
}

static void
add_tests(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, refusal, 0, LENGTH(refusals));
	tcase_add_test(t, dry);
	tcase_add_test(t, hold_and_release);
	tcase_add_test(t, delete);
	tcase_add_loop_test(t, give_up, 0, 2);
	tcase_add_test(t, redirect);
	tcase_add_test(t, redirect_large);
	tcase_add_test(t, in_flight);
	tcase_add_test(t, half_in_flight);
	tcase_add_loop_test(t, gone, 0, 12);
	tcase_add_test(t, paused);
	tcase_add_test(t, flush_spares_what_is_out);
	tcase_add_test(t, pause_survives);
	tcase_add_test(t, held_at_intake);
	suite_add_tcase(suite, t);
}

/* The double settles whatever it was asked before it closes. */
static void
add_ends(Suite *suite)
{
	TCase *t = tcase_create("ends");

	tcase_add_checked_fixture(t, setup_sqlite, teardown);
	tcase_add_test(t, abandoned);
	suite_add_tcase(suite, t);
}

int
main(void)
{
	Suite *suite = suite_create("smtp_ctl_queue");

	add_ends(suite);
	add_pure(suite);
	add_tests(suite, "sqlite", setup_sqlite);
	add_tests(suite, "memory", setup_memory);
	return kit_run(suite);
}
