/* SPDX-License-Identifier: ISC */
/* Queue ids: sorted by time, never the same again. */
#include "lib/queue/id.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/clock.h"

#define NOW	INT64_C(1795305600000)	/* 2026-11-22 */
#define ID_OF(ms) ((uint64_t)((ms) - INT64_C(1577836800000)) << 20)
#define N(count)	((count) << 6)	/* above the worker's bits */

static const struct {
	uint64_t	last;
	int64_t		wall;
	uint32_t	random;
	uint64_t	want;
} rows[] = {
	{ 0, NOW, 0, ID_OF(NOW) },
	{ 0, NOW, 5, ID_OF(NOW) + N(5) },
	{ 0, NOW, UINT32_MAX, ID_OF(NOW) + N(0x1fff) },
	/* same millisecond: counts on, whatever the random bits */
	{ ID_OF(NOW) + N(5), NOW, 3, ID_OF(NOW) + N(6) },
	{ ID_OF(NOW) + N(5), NOW, 900, ID_OF(NOW) + N(6) },
	/* behind an id of another worker */
	{ ID_OF(NOW) + N(5) + 63, NOW, 3, ID_OF(NOW) + N(6) },
	{ ID_OF(NOW) + N(5) + 1, NOW, 3, ID_OF(NOW) + N(6) },
	/* the count runs over into the next millisecond: still upwards */
	{ ID_OF(NOW) + 0xfffff, NOW, 0, ID_OF(NOW + 1) },
	{ ID_OF(NOW + 1), NOW + 1, 7, ID_OF(NOW + 1) + N(1) },
	/* clock back by a day, to 1970, before all time */
	{ ID_OF(NOW) + N(5), NOW - 86400000, 3, ID_OF(NOW) + N(6) },
	{ ID_OF(NOW) + N(5), 0, 3, ID_OF(NOW) + N(6) },
	{ ID_OF(NOW) + N(5), INT64_MIN, 3, ID_OF(NOW) + N(6) },
	/* at the epoch itself there is still an id, and it is not 0 */
	{ 0, 0, 0, N(1) },
	/* clock centuries ahead: in range */
	{ 0, INT64_MAX, UINT32_MAX, ((INT64_MAX >> 21) << 20) + N(0x1fff) },
};

START_TEST(follows)
{
	uint64_t id = queue_id_after(rows[_i].last, rows[_i].wall, rows[_i].random, 0);

	ck_assert_uint_eq(id, rows[_i].want);
	ck_assert_uint_gt(id, rows[_i].last);
	ck_assert_uint_le(id, INT64_MAX);
}
END_TEST

START_TEST(upwards_whatever_the_clock_does)
{
	uint64_t last = 0;
	uint32_t seed = 12345;
	int64_t wall = NOW;

	for (int i = 0; i < 200000; i++) {
		uint64_t id;

		seed = seed * 1664525u + 1013904223u;
		if (seed >> 28 == 0)
			wall += (int64_t)(seed >> 8 & 0xffff) - 0x8000;
		id = queue_id_after(last, wall, seed, seed >> 20 & 63);
		ck_assert_uint_gt(id, last);
		ck_assert_uint_eq(id & 63, seed >> 20 & 63);
		last = id;
	}
}
END_TEST

START_TEST(next_uses_clock_and_worker)
{
	uint64_t a, b;

	clock_virtual(0, NOW);
	a = queue_id_next();
	ck_assert_uint_eq(a >> 20 << 20, ID_OF(NOW));
	b = queue_id_next();
	ck_assert_uint_eq(b, a + N(1));
	queue_id_worker(63);
	ck_assert_uint_eq(queue_id_next(), a + N(2) + 63);
	queue_id_worker(0);
	ck_assert_uint_eq(queue_id_next(), a + N(3));
}
END_TEST

/* Whatever clock and chance do, two workers never give the same one. */
START_TEST(workers_never_meet)
{
	uint64_t a = 0, b = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		a = queue_id_after(a, NOW + i / 700, i * 2654435761u, 1);
		b = queue_id_after(i % 3 == 0 ? a : b, NOW + i / 700, i * 2654435761u, 2);
		ck_assert_uint_ne(a, b);
		ck_assert_uint_eq(a & 63, 1);
		ck_assert_uint_eq(b & 63, 2);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue id");
	TCase *c = tcase_create("id");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, follows, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(c, upwards_whatever_the_clock_does);
	tcase_add_test(c, next_uses_clock_and_worker);
	tcase_add_test(c, workers_never_meet);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
