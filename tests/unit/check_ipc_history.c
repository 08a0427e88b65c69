/* SPDX-License-Identifier: ISC */
/* The TLS history on the wire: round trip, every truncation, every bit, every limit. */
#include <stdlib.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/ipc/ipc.h"
#include "tests/unit/ipc_kit.h"

static void
put_proven(struct buf *b)
{
	const struct ipc_proven p = { "dest.example", "mx.dest.example",
		{ { [PLAN_ENCRYPT] = 1, [PLAN_DANE] = 1 } } };

	ipc_proven_put(b, &p);
}

static int
get_proven(const void *data, size_t n)
{
	struct ipc_proven p;

	if (ipc_proven_get(data, n, &p) == -1)
		return -1;
	ck_assert(p.domain[0] != '\0' && p.host[0] != '\0');
	for (size_t i = 0; i < PLAN_LEVELS; i++)
		ck_assert(p.shown.proven[i] == 0 || p.shown.proven[i] == 1);
	return 0;
}

static void
put_ask(struct buf *b)
{
	const struct ipc_history_ask a = { IPC_HISTORY_ACCEPT, "dest.example", 1000,
		"moved \xc3\xa9" };

	ipc_history_ask_put(b, &a);
}

static int
get_ask(const void *data, size_t n)
{
	struct ipc_history_ask a;

	if (ipc_history_ask_get(data, n, &a) == -1)
		return -1;
	ck_assert(a.verb <= IPC_HISTORY_ACCEPT);
	ck_assert(a.verb != IPC_HISTORY_ACCEPT || (a.domain[0] != '\0' && a.reason[0] != '\0'));
	return 0;
}

static struct history_row wire_rows[2] = {
	{ "dest.example", "mx.dest.example", PLAN_DANE, 1, HISTORY_TIME_MAX, UINT32_MAX },
	{ "dest.example", "", PLAN_ENCRYPT, 0, 0, 1 },
};
static struct history_accepted wire_accepted = { "dest.example", 7, UINT32_MAX, PLAN_STS, "why" };

static void
put_answer(struct buf *b)
{
	struct ipc_history h = { .forgotten = 3, .more = 1, .rows = wire_rows, .nrows = 2,
		.accepted = &wire_accepted, .naccepted = 1 };

	why_set(&h.why, WHY_LOCAL_STORAGE, "history.db: no");
	ipc_history_put(b, &h);
}

static int
get_answer(const void *data, size_t n)
{
	struct ipc_history h;
	int rc = ipc_history_get(data, n, &h);

	ck_assert(rc == 0 || (h.rows == NULL && h.accepted == NULL));
	for (size_t i = 0; i < h.nrows; i++)
		ck_assert(h.rows[i].level <= PLAN_DANE && h.rows[i].last >= 0);
	ipc_history_fini(&h);
	return rc;
}

static const struct message messages[] = {
	{ put_proven, get_proven }, { put_ask, get_ask }, { put_answer, get_answer },
};

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
	struct ipc_history h;
	struct ipc_proven p;
	struct buf b;

	buf_init(&b);
	put_answer(&b);
	ck_assert_int_eq(ipc_history_get(buf_data(&b), buf_len(&b), &h), 0);
	ck_assert(h.why.reason == WHY_LOCAL_STORAGE && h.forgotten == 3 && h.more == 1);
	ck_assert(h.nrows == 2 && h.rows[0].level == PLAN_DANE && h.rows[0].first == 1 &&
	    h.rows[0].last == HISTORY_TIME_MAX && h.rows[0].count == UINT32_MAX);
	ck_assert_str_eq(h.rows[0].host, "mx.dest.example");
	ck_assert_str_eq(h.rows[1].host, "");
	ck_assert(h.naccepted == 1 && h.accepted[0].uid == UINT32_MAX);
	ck_assert_str_eq(h.accepted[0].reason, "why");
	ipc_history_fini(&h);
	buf_clear(&b);
	put_proven(&b);
	ck_assert_int_eq(ipc_proven_get(buf_data(&b), buf_len(&b), &p), 0);
	ck_assert(p.shown.proven[PLAN_ENCRYPT] && p.shown.proven[PLAN_DANE] &&
	    !p.shown.proven[PLAN_VERIFY] && !p.shown.proven[PLAN_STS]);
	buf_fini(&b);
}
END_TEST

static const struct ask_row {
	struct ipc_history_ask	ask;
	int			ok;
} ask_rows[] = {
	{ { IPC_HISTORY_LIST, "", 0, "" }, 1 },
	{ { IPC_HISTORY_LIST, "a.example", 0, "" }, 1 },
	{ { IPC_HISTORY_SHOW, "", 0, "" }, 0 },
	{ { IPC_HISTORY_SHOW, "a.example", 0, "" }, 1 },
	{ { IPC_HISTORY_SHOW, "A.example", 0, "" }, 0 },
	{ { IPC_HISTORY_ACCEPT, "a.example", 0, "" }, 0 },
	{ { IPC_HISTORY_ACCEPT, "", 0, "x" }, 0 },
	{ { IPC_HISTORY_ACCEPT, "a.example", 0, "x" }, 1 },
	{ { IPC_HISTORY_ACCEPT, "a.example", 0, "x\ny" }, 0 },
	{ { IPC_HISTORY_ACCEPT, "a.example", 0, "x\033[2J" }, 0 },
	{ { (enum ipc_history_verb)3, "a.example", 0, "x" }, 0 },
};

START_TEST(questions)
{
	struct buf b;

	buf_init(&b);
	ipc_history_ask_put(&b, &ask_rows[_i].ask);
	ck_assert_int_eq(get_ask(buf_data(&b), buf_len(&b)), ask_rows[_i].ok ? 0 : -1);
	buf_fini(&b);
}
END_TEST

START_TEST(too_many)
{
	struct ipc_history h = { .nrows = IPC_HISTORY_MAX + 1 };
	struct buf b;

	h.rows = calloc(h.nrows, sizeof *h.rows);
	buf_init(&b);
	ipc_history_put(&b, &h);
	ck_assert_int_eq(get_answer(buf_data(&b), buf_len(&b)), -1);
	h.nrows--;
	buf_clear(&b);
	ipc_history_put(&b, &h);
	ck_assert_int_eq(get_answer(buf_data(&b), buf_len(&b)), 0);
	buf_fini(&b);
	free(h.rows);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ipc_history");
	TCase *tc = tcase_create("history");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, every_length, 0, LENGTH(messages));
	tcase_add_loop_test(tc, every_bit, 0, LENGTH(messages));
	tcase_add_test(tc, round_trip);
	tcase_add_loop_test(tc, questions, 0, LENGTH(ask_rows));
	tcase_add_test(tc, too_many);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
