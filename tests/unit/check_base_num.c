/* SPDX-License-Identifier: ISC */
/* check_base_num: numbers with units are read strictly and written back. */
#include "lib/base/num.h"

#include <stdint.h>

#include <check.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"

#define BAD	UINT64_MAX

static const struct {
	const char	*in;
	uint64_t	 max, out;
} integers[] = {
	{ "0", 10, 0 }, { "10", 10, 10 }, { "007", 10, 7 },
	{ "18446744073709551614", UINT64_MAX, UINT64_MAX - 1 },
	{ "11", 10, BAD }, { "18446744073709551616", UINT64_MAX, BAD },
	{ "99999999999999999999", UINT64_MAX, BAD },
	{ "", 10, BAD }, { "-1", 10, BAD }, { "+1", 10, BAD }, { " 1", 10, BAD }, { "1 ", 10, BAD },
	{ "1x", 10, BAD }, { "0x1", 10, BAD }, { "1.0", 10, BAD }, { "1e1", 10, BAD },
};

START_TEST(reads_integers)
{
	uint64_t v = BAD;

	ck_assert_int_eq(num_u64(integers[_i].in, integers[_i].max, &v),
	    integers[_i].out == BAD ? -1 : 0);
	ck_assert_uint_eq(v, integers[_i].out);
}
END_TEST

static const struct {
	const char	*in;
	uint64_t	 out;
	const char	*back;
} sizes[] = {
	{ "0", 0, "0" }, { "0G", 0, "0" }, { "1", 1, "1" }, { "17B", 17, "17" },
	{ "1024", 1024, "1K" }, { "1536", 1536, "1536" }, { "25M", 25u << 20, "25M" },
	{ "1024K", 1u << 20, "1M" }, { "3G", 3ull << 30, "3G" },
	{ "17179869183G", 17179869183ull << 30, "17179869183G" },
	{ "17179869184G", BAD, NULL }, { "", BAD, NULL }, { "M", BAD, NULL }, { "1m", BAD, NULL },
	{ "1 M", BAD, NULL }, { "1MB", BAD, NULL }, { "-1M", BAD, NULL }, { "1.5M", BAD, NULL },
	{ "1M ", BAD, NULL }, { "1T", BAD, NULL },
};

START_TEST(reads_sizes)
{
	uint64_t v = BAD;
	char back[32];

	ck_assert_int_eq(num_size(sizes[_i].in, &v), sizes[_i].out == BAD ? -1 : 0);
	ck_assert_uint_eq(v, sizes[_i].out);
	if (sizes[_i].back == NULL)
		return;
	num_size_print(back, sizeof back, v);
	ck_assert_str_eq(back, sizes[_i].back);
}
END_TEST

static const struct {
	const char	*in;
	int64_t		 out;
	const char	*back;
} durations[] = {
	{ "0", 0, "0" }, { "0s", 0, "0" }, { "1ms", 1, "1ms" }, { "1500ms", 1500, "1500ms" },
	{ "300s", 300000, "5m" }, { "90m", 5400000, "90m" }, { "24h", 86400000, "1d" },
	{ "5d", 432000000, "5d" }, { "7d", 604800000, "1w" },
	{ "9223372036854775807ms", INT64_MAX, "9223372036854775807ms" },
	{ "9223372036854775808ms", -1, NULL }, { "99999999999999999w", -1, NULL },
	{ "", -1, NULL }, { "s", -1, NULL }, { "1", -1, NULL }, { "00", -1, NULL },
	{ "1 s", -1, NULL }, { "1S", -1, NULL }, { "1.5h", -1, NULL }, { "-1s", -1, NULL },
	{ "1h30m", -1, NULL }, { "1y", -1, NULL }, { "1sec", -1, NULL },
};

START_TEST(reads_durations)
{
	int64_t v = -1;
	char back[32];

	ck_assert_int_eq(num_duration(durations[_i].in, &v), durations[_i].out == -1 ? -1 : 0);
	ck_assert_int_eq(v, durations[_i].out);
	if (durations[_i].back == NULL)
		return;
	num_duration_print(back, sizeof back, v);
	ck_assert_str_eq(back, durations[_i].back);
}
END_TEST

static const struct {
	const char	*in;
	uint64_t	 count;
	int64_t		 per_ms;
} rates[] = {
	{ "60/m", 60, 60000 }, { "1/s", 1, 1000 }, { "0/d", 0, 86400000 }, { "5/h", 5, 3600000 },
	{ "60", BAD, -1 }, { "60/", BAD, -1 }, { "/m", BAD, -1 }, { "60/x", BAD, -1 },
	{ "60/5m", BAD, -1 }, { "60 /m", BAD, -1 }, { "-1/m", BAD, -1 }, { "", BAD, -1 },
};

START_TEST(reads_rates)
{
	uint64_t count = BAD;
	int64_t per_ms = -1;

	ck_assert_int_eq(num_rate(rates[_i].in, &count, &per_ms), rates[_i].per_ms == -1 ? -1 : 0);
	ck_assert_uint_eq(count, rates[_i].count);
	ck_assert_int_eq(per_ms, rates[_i].per_ms);
}
END_TEST

START_TEST(prints_into_little_room)
{
	char to[3];

	num_size_print(to, sizeof to, 123456);
	ck_assert_str_eq(to, "12");
	num_duration_print(to, sizeof to, -5);
	ck_assert_str_eq(to, "0");
}
END_TEST

static const struct {
	int64_t		 wall_ms;
	const char	*rfc5322, *rfc3339;
} dates[] = {
	{ 0, "Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000Z" },
	{ -1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59.999Z" },
	{ 1795306063123, "Sun, 22 Nov 2026 00:07:43 +0000", "2026-11-22T00:07:43.123Z" },
	{ 951782399999, "Mon, 28 Feb 2000 23:59:59 +0000", "2000-02-28T23:59:59.999Z" },
	{ 951868799000, "Tue, 29 Feb 2000 23:59:59 +0000", "2000-02-29T23:59:59.000Z" },
};

START_TEST(prints_dates)
{
	char to[64];

	clock_rfc5322(to, sizeof to, dates[_i].wall_ms);
	ck_assert_str_eq(to, dates[_i].rfc5322);
	clock_rfc3339(to, sizeof to, dates[_i].wall_ms);
	ck_assert_str_eq(to, dates[_i].rfc3339);
}
END_TEST

START_TEST(stands_still_when_told)
{
	clock_virtual(5, 7);
	ck_assert_int_eq(clock_mono_ms(), 5);
	ck_assert_int_eq(clock_mono_us(), 5000);
	ck_assert_int_eq(clock_wall_ms(), 7);
	clock_real();
	ck_assert_int_gt(clock_wall_ms(), 1600000000000);
	ck_assert_int_le(clock_mono_ms(), clock_mono_us() / 1000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_num");
	TCase *tc = tcase_create("num");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, reads_integers, 0, LENGTH(integers));
	tcase_add_loop_test(tc, reads_sizes, 0, LENGTH(sizes));
	tcase_add_loop_test(tc, reads_durations, 0, LENGTH(durations));
	tcase_add_loop_test(tc, reads_rates, 0, LENGTH(rates));
	tcase_add_test(tc, prints_into_little_room);
	tcase_add_loop_test(tc, prints_dates, 0, LENGTH(dates));
	tcase_add_test(tc, stands_still_when_told);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
