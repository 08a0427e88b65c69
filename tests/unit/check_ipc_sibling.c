/* SPDX-License-Identifier: ISC */
/* check_ipc_sibling: messages between workers: there and back, and every cut of them. */
#include "lib/ipc/sibling.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"

static struct buf b;

static void
setup(void)
{
	buf_init(&b);
}

static void
teardown(void)
{
	buf_fini(&b);
}

/* get fails on each shorter one, and on one that is longer. */
#define EVERY_CUT(get, value) do {						\
	for (size_t n = 0; n < buf_len(&b); n++)				\
		ck_assert_int_eq(get(buf_data(&b), n, &(value)), -1);		\
	ck_assert_int_eq(get(buf_data(&b), buf_len(&b), &(value)), 0);		\
	buf_addc(&b, 'x');							\
	ck_assert_int_eq(get(buf_data(&b), buf_len(&b), &(value)), -1);		\
} while (0)

START_TEST(ask)
{
	const struct ipc_ctl_ask in = { .uid = 4294967295u, .line = "{\"v\":1}", .len = 7 };
	struct ipc_ctl_ask out;

	ipc_ctl_ask_put(&b, &in);
	ck_assert_int_eq(ipc_ctl_ask_get(buf_data(&b), buf_len(&b), &out), 0);
	ck_assert_uint_eq(out.uid, in.uid);
	ck_assert_uint_eq(out.len, 7);
	ck_assert_int_eq(memcmp(out.line, in.line, 7), 0);
	EVERY_CUT(ipc_ctl_ask_get, out);
}
END_TEST

START_TEST(ask_too_long)
{
	struct ipc_ctl_ask out;
	char *line = calloc(1, IPC_REQUEST_MAX + 1);

	ipc_ctl_ask_put(&b, &(struct ipc_ctl_ask){ .line = line, .len = IPC_REQUEST_MAX });
	ck_assert_int_eq(ipc_ctl_ask_get(buf_data(&b), buf_len(&b), &out), 0);
	buf_clear(&b);
	ipc_ctl_ask_put(&b, &(struct ipc_ctl_ask){ .line = line, .len = IPC_REQUEST_MAX + 1 });
	ck_assert_int_eq(ipc_ctl_ask_get(buf_data(&b), buf_len(&b), &out), -1);
	free(line);
}
END_TEST

START_TEST(lease)
{
	const struct ipc_lease in = { .id = "EX-7", .word = IPC_LEASE_OVER, .uses = INT64_MAX };
	struct ipc_lease out;

	ipc_lease_put(&b, &in);
	ck_assert_int_eq(ipc_lease_get(buf_data(&b), buf_len(&b), &out), 0);
	ck_assert_str_eq(out.id, "EX-7");
	ck_assert_int_eq((int)out.word, IPC_LEASE_OVER);
	ck_assert_uint_eq(out.uses, INT64_MAX);
	EVERY_CUT(ipc_lease_get, out);
}
END_TEST

static const struct { const char *id; uint8_t word; uint64_t uses; } leases[] = {
	{ "", 0, 0 }, { "EX", 3, 0 }, { "EX", 255, 0 }, { "EX", 0, (uint64_t)INT64_MAX + 1 },
	{ "0123456789012345678901234567890123456789012345678901234567890123", 0, 0 },
};

START_TEST(lease_refused)
{
	struct ipc_lease out;

	buf_add_str(&b, leases[_i].id);
	buf_add_u8(&b, leases[_i].word);
	buf_add_u64(&b, leases[_i].uses);
	ck_assert_int_eq(ipc_lease_get(buf_data(&b), buf_len(&b), &out), -1);
}
END_TEST

START_TEST(replan)
{
	char out[IPC_REPLAN_CAP];

	ipc_replan_put(&b, "x.example");
	ck_assert_int_eq(ipc_replan_get(buf_data(&b), buf_len(&b), out), 0);
	ck_assert_str_eq(out, "x.example");
	for (size_t n = 0; n < buf_len(&b); n++)
		ck_assert_int_eq(ipc_replan_get(buf_data(&b), n, out), -1);
	buf_clear(&b);
	ipc_replan_put(&b, "");
	ck_assert_int_eq(ipc_replan_get(buf_data(&b), buf_len(&b), out), -1);
}
END_TEST

START_TEST(a_pause)
{
	const struct ipc_pause in = { .domain = "x.example", .value = "1 0 5 why" };
	struct ipc_pause out;

	ipc_pause_put(&b, &in);
	ck_assert_int_eq(ipc_pause_get(buf_data(&b), buf_len(&b), &out), 0);
	ck_assert_str_eq(out.domain, in.domain);
	ck_assert_str_eq(out.value, in.value);
	EVERY_CUT(ipc_pause_get, out);
	buf_clear(&b);
	ipc_pause_put(&b, &(struct ipc_pause){ .value = "1 0 5 " });
	ck_assert_int_eq(ipc_pause_get(buf_data(&b), buf_len(&b), &out), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ipc_sibling");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, ask);
	tcase_add_test(t, ask_too_long);
	tcase_add_test(t, lease);
	tcase_add_loop_test(t, lease_refused, 0, LENGTH(leases));
	tcase_add_test(t, replan);
	tcase_add_test(t, a_pause);
	suite_add_tcase(suite, t);
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
