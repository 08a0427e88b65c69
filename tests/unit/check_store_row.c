/* SPDX-License-Identifier: ISC */
/* The row decoder: one good row, and everything that can be wrong with a cell. */
#include "lib/store/row.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"

static uint8_t digest[32];

#define INT(v)	{ .type = ROW_INT, .num = (v) }
#define TEXT(s)	{ .type = ROW_TEXT, .bytes = (s), .len = sizeof (s) - 1 }
#define NONE	{ .type = ROW_NULL }

static const struct row_cell good_message[ROW_M__COUNT] = {
	INT(77), INT(10), INT(2), INT(1000), INT(4096), INT(ROW_INLINE), INT(1), INT(0), INT(0),
	INT(0), INT(0), { .type = ROW_BLOB, .bytes = digest, .len = 32 }, TEXT("a@b.example"),
	TEXT("host[10.0.0.1]"), NONE, TEXT(""), NONE,
};
static const struct row_cell good_rcpt[ROW_R__COUNT] = {
	INT(10), INT(77), INT(STORE_HELD), INT(5), INT(3), INT(0), INT(0), TEXT("x.example"),
	TEXT("u@x.example"), NONE, TEXT("NEVER"), TEXT("because"), INT(-7), TEXT("timeout"),
};

/* Rows with a right checksum, so that only the cell under test is wrong. */
static void
message_cells(struct row_cell c[ROW_M__COUNT])
{
	struct store_message m = { .id = 77, .created = 1000, .size = 4096, .eightbit = 1 };
	struct row_where w = { .first = 10, .count = 2, .place = ROW_INLINE };
	char sender[] = "a@b.example", client[] = "host[10.0.0.1]", envid[] = "";

	m.sender = sender;
	m.client = client;
	m.envid = envid;
	memcpy(c, good_message, sizeof good_message);
	c[ROW_M_SUM].num = row_message_sum(&m, &w);
}

static void
rcpt_cells(struct row_cell c[ROW_R__COUNT])
{
	char dest[] = "x.example", address[] = "u@x.example", notify[] = "NEVER";
	struct store_rcpt r = { .id = 10, .dest = dest, .address = address, .notify = notify };

	memcpy(c, good_rcpt, sizeof good_rcpt);
	c[ROW_R_SUM].num = row_rcpt_sum(77, &r);
}

static void
rcpt_fini(struct store_rcpt *r)
{
	free(r->address);
	free(r->dest);
	free(r->orcpt);
	free(r->notify);
	free(r->last);
	free(r->reason);
}

START_TEST(good_rows)
{
	struct row_cell m_cells[ROW_M__COUNT], r_cells[ROW_R__COUNT];
	struct why why = { 0 };
	struct store_message *m;
	struct store_rcpt r;
	struct row_where w;
	uint64_t message, flow;

	message_cells(m_cells);
	ck_assert_int_eq(row_message_get(m_cells, &m, &w, &why), 0);
	ck_assert_str_eq(m->sender, "a@b.example");
	ck_assert_str_eq(m->envid, "");
	ck_assert_ptr_null(m->ret);
	ck_assert_int_eq(w.count, 2);
	store_message_free(&m);
	rcpt_cells(r_cells);
	ck_assert_int_eq(row_rcpt_get(r_cells, &message, &flow, &r, &why), 0);
	ck_assert_uint_eq(message, 77);
	ck_assert_int_eq(r.state, STORE_HELD);
	ck_assert_str_eq(r.last, "because");
	ck_assert_str_eq(r.reason, "timeout");
	ck_assert_uint_eq(flow, UINT64_MAX - 6);
	rcpt_fini(&r);
}
END_TEST

static char long_text[9000];

static const struct bad {
	int		column;
	struct row_cell	cell;
} bad_messages[] = {
	{ ROW_M_ID, INT(0) }, { ROW_M_ID, INT(-1) }, { ROW_M_ID, INT(INT64_MIN) }, { ROW_M_ID, NONE },
	{ ROW_M_ID, TEXT("77") }, { ROW_M_ID, { .type = ROW_OTHER } }, { ROW_M_ID, INT(78) },
	{ ROW_M_FIRST, INT(0) }, { ROW_M_FIRST, INT(INT64_MAX) }, { ROW_M_FIRST, INT(11) },
	{ ROW_M_COUNT, INT(0) }, { ROW_M_COUNT, INT(-1) }, { ROW_M_COUNT, INT(INT64_C(1) << 31) },
	{ ROW_M_COUNT, INT(INT64_MAX) }, { ROW_M_COUNT, INT(3) },
	{ ROW_M_CREATED, INT(-1) }, { ROW_M_CREATED, INT(1001) },
	{ ROW_M_SIZE, INT(-1) }, { ROW_M_SIZE, INT(INT64_MIN) }, { ROW_M_SIZE, INT(4097) },
	{ ROW_M_PLACE, INT(-1) }, { ROW_M_PLACE, INT(ROW_PLACE__COUNT) }, { ROW_M_PLACE, INT(ROW_FILE) },
	{ ROW_M_EIGHTBIT, INT(2) }, { ROW_M_EIGHTBIT, INT(0) }, { ROW_M_UTF8, INT(-1) },
	{ ROW_M_UTF8, INT(1) }, { ROW_M_REQUIRETLS, INT(1) }, { ROW_M_REQUIRETLS, NONE },
	{ ROW_M_CORRUPT, INT(2) }, { ROW_M_SUM, INT(0) }, { ROW_M_SUM, NONE },
	{ ROW_M_DIGEST, NONE }, { ROW_M_DIGEST, TEXT("text") },
	{ ROW_M_DIGEST, { .type = ROW_BLOB, .bytes = digest, .len = 31 } },
	{ ROW_M_DIGEST, { .type = ROW_BLOB, .bytes = long_text, .len = 33 } },
	{ ROW_M_DIGEST, { .type = ROW_BLOB, .bytes = "x2345678901234567890123456789012", .len = 32 } },
	{ ROW_M_SENDER, NONE }, { ROW_M_SENDER, INT(5) }, { ROW_M_SENDER, TEXT("") },
	{ ROW_M_SENDER, TEXT("a@b.examplf") }, { ROW_M_SENDER, TEXT("a\0@b") },
	{ ROW_M_SENDER, { .type = ROW_TEXT, .bytes = long_text, .len = 8193 } },
	{ ROW_M_CLIENT, NONE }, { ROW_M_CLIENT_NAME, TEXT("") }, { ROW_M_ENVID, NONE },
	{ ROW_M_RET, TEXT("HDRS") }, { ROW_M_RET, { .type = ROW_BLOB, .bytes = "x", .len = 1 } },
};

static const struct bad bad_rcpts[] = {
	{ ROW_R_ID, INT(0) }, { ROW_R_ID, INT(-1) }, { ROW_R_ID, INT(11) },
	{ ROW_R_MESSAGE, INT(0) }, { ROW_R_MESSAGE, INT(-77) }, { ROW_R_MESSAGE, INT(78) },
	{ ROW_R_STATE, INT(-1) }, { ROW_R_STATE, INT(2) }, { ROW_R_STATE, INT(INT64_MAX) },
	{ ROW_R_DUE, INT(-1) }, { ROW_R_DUE, NONE }, { ROW_R_TRIES, INT(-1) },
	{ ROW_R_TRIES, INT(INT64_C(1) << 32) }, { ROW_R_WARNED, INT(-1) }, { ROW_R_SUM, INT(1) },
	{ ROW_R_DEST, NONE }, { ROW_R_DEST, TEXT("") }, { ROW_R_DEST, TEXT("y.example") },
	{ ROW_R_DEST, { .type = ROW_TEXT, .bytes = long_text, .len = ROW_DEST_MAX + 1 } },
	{ ROW_R_ADDRESS, NONE }, { ROW_R_ADDRESS, TEXT("") }, { ROW_R_ADDRESS, TEXT("v@x.example") },
	{ ROW_R_ADDRESS, TEXT("u@x.example\0") }, { ROW_R_ORCPT, TEXT("") },
	{ ROW_R_NOTIFY, NONE }, { ROW_R_NOTIFY, TEXT("SUCCESS") }, { ROW_R_LAST, INT(1) },
	{ ROW_R_LAST, { .type = ROW_TEXT, .bytes = long_text, .len = ROW_LAST_MAX + 1 } },
	{ ROW_R_FLOW, NONE }, { ROW_R_FLOW, TEXT("1") }, { ROW_R_REASON, INT(1) },
	{ ROW_R_REASON, { .type = ROW_TEXT, .bytes = long_text, .len = ROW_REASON_MAX + 1 } },
};

START_TEST(bad_message)
{
	struct row_cell c[ROW_M__COUNT];
	struct why why = { 0 };
	struct store_message *m;
	struct row_where w;

	message_cells(c);
	c[bad_messages[_i].column] = bad_messages[_i].cell;
	ck_assert_int_eq(row_message_get(c, &m, &w, &why), -1);
	ck_assert_ptr_null(m);
	ck_assert_int_eq(why.reason, WHY_CORRUPT);
}
END_TEST

START_TEST(bad_rcpt)
{
	struct row_cell c[ROW_R__COUNT];
	struct why why = { 0 };
	struct store_rcpt r;
	uint64_t message, flow;

	rcpt_cells(c);
	c[bad_rcpts[_i].column] = bad_rcpts[_i].cell;
	ck_assert_int_eq(row_rcpt_get(c, &message, &flow, &r, &why), -1);
	ck_assert_ptr_null(r.address);
	ck_assert_int_eq(why.reason, WHY_CORRUPT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store row");
	TCase *c = tcase_create("row");
	SRunner *runner = srunner_create(s);
	int failed;

	memset(long_text, 'x', sizeof long_text);
	tcase_add_test(c, good_rows);
	tcase_add_loop_test(c, bad_message, 0, LENGTH(bad_messages));
	tcase_add_loop_test(c, bad_rcpt, 0, LENGTH(bad_rcpts));
	suite_add_tcase(s, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
