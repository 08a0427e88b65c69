/* SPDX-License-Identifier: ISC */
/* The cached MTA-STS policy on the wire: round trip, every truncation, every bit, every limit. */
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/ipc/ipc.h"
#include "tests/unit/ipc_kit.h"

static char wire_patterns[2][DNS_NAME_MAX] = { "*.mx.dest.example", "mx.dest.example" };

static void
put_ask(struct buf *b)
{
	const struct ipc_cache_ask a = { IPC_CACHE_FORGET, "dest.example", UINT32_MAX };

	ipc_cache_ask_put(b, &a);
}

static int
get_ask(const void *data, size_t n)
{
	struct ipc_cache_ask a;

	if (ipc_cache_ask_get(data, n, &a) == -1)
		return -1;
	ck_assert(a.verb <= IPC_CACHE_FORGET && a.domain[0] != '\0');
	return 0;
}

static struct ipc_cache
full(void)
{
	struct ipc_cache c = {
		.found = 1, .mode = PLAN_STS_ENFORCE, .id = "20260101T0", .max_age = 86400,
		.fetched = 1, .expires = HISTORY_TIME_MAX, .tried = 3, .used = 4,
		.patterns = wire_patterns, .npatterns = 2, .failed = 1, .failed_id = "x2",
		.failed_first = 5, .failed_last = 6, .gone = 7,
	};

	why_clear(&c.why);
	why_set(&c.failure, WHY_STS_FETCH, "404 \\ and \x01");
	return c;
}

static void
put_answer(struct buf *b)
{
	const struct ipc_cache c = full();

	ipc_cache_put(b, &c);
}

static int
get_answer(const void *data, size_t n)
{
	struct ipc_cache c;
	int rc = ipc_cache_get(data, n, &c);

	ck_assert(rc == 0 || (c.patterns == NULL && c.npatterns == 0));
	ck_assert(c.mode <= PLAN_STS_ENFORCE && c.npatterns <= PLAN_PATTERNS_MAX);
	ck_assert(c.fetched >= 0 && c.expires >= 0 && c.failed_last >= 0);
	ipc_cache_fini(&c);
	return rc;
}

static const struct message messages[] = { { put_ask, get_ask }, { put_answer, get_answer } };

START_TEST(every_length)
{
	check_lengths(&messages[_i]);
}
END_TEST

START_TEST(every_bit)
{
	check_bits(&messages[_i]);
}
END_TEST

START_TEST(round_trip)
{
	struct ipc_cache c;
	struct buf b, again;

	buf_init(&b);
	buf_init(&again);
	put_answer(&b);
	ck_assert_int_eq(ipc_cache_get(buf_data(&b), buf_len(&b), &c), 0);
	ck_assert(c.found && c.mode == PLAN_STS_ENFORCE && c.max_age == 86400 && c.fetched == 1 &&
	    c.expires == HISTORY_TIME_MAX && c.tried == 3 && c.used == 4 && c.npatterns == 2);
	ck_assert_str_eq(c.id, "20260101T0");
	ck_assert_str_eq(c.patterns[1], "mx.dest.example");
	ck_assert(c.failed && c.failed_first == 5 && c.failed_last == 6 && c.gone == 7);
	ck_assert_str_eq(c.failed_id, "x2");
	ck_assert_int_eq((int)c.failure.reason, WHY_STS_FETCH);
	ipc_cache_put(&again, &c);
	ck_assert_uint_eq(buf_len(&again), buf_len(&b));
	ck_assert_int_eq(memcmp(buf_data(&again), buf_data(&b), buf_len(&b)), 0);
	ipc_cache_fini(&c);
	buf_fini(&again);
	buf_fini(&b);
}
END_TEST

static void say_mode(struct ipc_cache *c) { c->mode = PLAN_STS_FAILED; }
static void say_id(struct ipc_cache *c) { str_copy(c->id, "a\x1b[m", sizeof c->id); }
static void say_failed_id(struct ipc_cache *c) { str_copy(c->failed_id, "a b", sizeof c->failed_id); }
static void say_late(struct ipc_cache *c) { c->expires = HISTORY_TIME_MAX + 1; }
static void say_early(struct ipc_cache *c) { c->fetched = -1; }
static void say_many(struct ipc_cache *c) { c->npatterns = PLAN_PATTERNS_MAX + 1; }

static void (*const lies[])(struct ipc_cache *) = {
	say_mode, say_id, say_failed_id, say_late, say_early, say_many,
};

START_TEST(lie)
{
	static char many[PLAN_PATTERNS_MAX + 1][DNS_NAME_MAX];
	struct ipc_cache c = full();
	struct buf b;

	c.patterns = many;
	lies[_i](&c);
	buf_init(&b);
	ipc_cache_put(&b, &c);
	ck_assert_int_eq(get_exact(get_answer, buf_data(&b), buf_len(&b)), -1);
	buf_fini(&b);
}
END_TEST

static const struct ask_row {
	struct ipc_cache_ask	ask;
	int			ok;
} ask_rows[] = {
	{ { IPC_CACHE_SHOW, "a.example", 0 }, 1 },
	{ { IPC_CACHE_REFRESH, "a.example", 1 }, 1 },
	{ { IPC_CACHE_SHOW, "", 0 }, 0 },
	{ { IPC_CACHE_SHOW, "A.example", 0 }, 0 },
	{ { IPC_CACHE_SHOW, "a.example.", 0 }, 0 },
	{ { (enum ipc_cache_verb)3, "a.example", 0 }, 0 },
};

START_TEST(question)
{
	struct ipc_cache_ask a;
	struct buf b;

	buf_init(&b);
	ipc_cache_ask_put(&b, &ask_rows[_i].ask);
	ck_assert_int_eq(ipc_cache_ask_get(buf_data(&b), buf_len(&b), &a) == 0, ask_rows[_i].ok);
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ipc_cache");
	TCase *t = tcase_create("cache");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, every_length, 0, LENGTH(messages));
	tcase_add_loop_test(t, every_bit, 0, LENGTH(messages));
	tcase_add_test(t, round_trip);
	tcase_add_loop_test(t, lie, 0, LENGTH(lies));
	tcase_add_loop_test(t, question, 0, LENGTH(ask_rows));
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
