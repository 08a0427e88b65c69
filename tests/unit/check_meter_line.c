/* SPDX-License-Identifier: ISC */
/* A family of metrics as JSON and as text: what is hostile is escaped or refused. */
#include "lib/meter/line.h"

#include <check.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/meter/count.h"

/* text NULL: refused. */
static const struct { const char *json, *text; } lines[] = {
	{ "{\"metric\":\"a_total\",\"type\":\"counter\",\"help\":\"h\",\"samples\":[{\"value\":3}]}",
	    "# HELP a_total h\n# TYPE a_total counter\na_total 3\n" },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"help\":\"\",\"samples\":[]}",
	    "# HELP a \n# TYPE a gauge\n" },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"labels\":{},\"value\":-1}]}",
	    "# HELP a \n# TYPE a gauge\na -1\n" },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"help\":\"x\\\\y\\n\\\"z\\\"\",\"samples\":[]}",
	    "# HELP a x\\\\y\\n\"z\"\n# TYPE a gauge\n" },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"labels\":"
	    "{\"l\":\"\\\"} 1\\na 2\\\\\\r\",\"m\":\"\"},\"value\":1}]}",
	    "# HELP a \n# TYPE a gauge\na{l=\"\\\"} 1\\na 2\\\\ \",m=\"\"} 1\n" },
	{ "{\"metric\":\"h\",\"type\":\"histogram\",\"samples\":[{\"suffix\":\"_sum\","
	    "\"value\":0.25}]}", "# HELP h \n# TYPE h histogram\nh_sum 0.25\n" },
	{ "{}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\"}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":{}}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[1]}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{}]}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"value\":\"1\"}]}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"value\":true}]}", NULL },
	{ "{\"metric\":\"\",\"type\":\"gauge\",\"samples\":[]}", NULL },
	{ "{\"metric\":\"a b\",\"type\":\"gauge\",\"samples\":[]}", NULL },
	{ "{\"metric\":\"1a\",\"type\":\"gauge\",\"samples\":[]}", NULL },
	{ "{\"metric\":\"a\\n\",\"type\":\"gauge\",\"samples\":[]}", NULL },
	{ "{\"metric\":7,\"type\":\"gauge\",\"samples\":[]}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\\nx 1\",\"samples\":[]}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"suffix\":\" 1\\nb\",\"value\":1}]}",
	    NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"labels\":{\"l=\":\"\"},"
	    "\"value\":1}]}", NULL },
	{ "{\"metric\":\"a\",\"type\":\"gauge\",\"samples\":[{\"labels\":{\"l\":1},"
	    "\"value\":1}]}", NULL },
};

START_TEST(text)
{
	json_t *o = json_loads(lines[_i].json, 0, NULL);
	struct buf b;

	ck_assert_ptr_nonnull(o);
	buf_init(&b);
	buf_adds(&b, "before\n");
	ck_assert_int_eq(meter_line_text(&b, o), lines[_i].text != NULL ? 0 : -1);
	ck_assert_str_eq(buf_str(&b) + strlen("before\n"),
	    lines[_i].text != NULL ? lines[_i].text : "");
	buf_fini(&b);
	json_decref(o);
}
END_TEST

static const char *
text_of(enum meter_family f, struct buf *b)
{
	json_t *o = meter_line(f);

	buf_init(b);
	ck_assert_int_eq(meter_line_text(b, o), 0);
	json_decref(o);
	return buf_str(b);
}

START_TEST(every_family_has_a_text)
{
	struct buf b;

	for (int f = 0; f < METER__FAMILIES; f++) {
		if (meter_family_type(f) == METER_GAUGE)
			continue;
		ck_assert_ptr_nonnull(strstr(text_of(f, &b), meter_family_name(f)));
		buf_fini(&b);
	}
}
END_TEST

START_TEST(few_are_shown_at_zero_many_when_they_occur)
{
	struct buf b;
	const char *t = text_of(METER_EXCEPTION_USED, &b);

	ck_assert_ptr_nonnull(
	    strstr(t, "relayd_exception_used_total{allow=\"plaintext\",needed=\"yes\"} 0\n"));
	buf_fini(&b);
	meter_count(METER_BLOCKED, METER_DANE, WHY_TLSA_MISMATCH);
	t = text_of(METER_BLOCKED, &b);
	ck_assert_ptr_nonnull(strstr(t, "counter\nrelayd_enforcement_blocked_total"
	    "{policy=\"dane\",reason=\"tlsa-mismatch\"} 1\n"));
	ck_assert_ptr_null(strstr(t, " 0\n"));
	buf_fini(&b);
	meter_count_close();
}
END_TEST

START_TEST(a_histogram_adds_up)
{
	struct buf b;
	const char *t;

	meter_count_time(METER_DELAY, 100);
	meter_count_time(METER_DELAY, 750);
	meter_count_time(METER_DELAY, 1000000000);
	t = text_of(METER_DELAY, &b);
	ck_assert_ptr_nonnull(strstr(t, "_bucket{le=\"0.1\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(t, "_bucket{le=\"1\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(t, "_bucket{le=\"432000\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(t, "_bucket{le=\"+Inf\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(t, "_sum 1000000.85\n"));
	ck_assert_ptr_nonnull(strstr(t, "_count 3\n"));
	buf_fini(&b);
	meter_count_close();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("meter_line");
	TCase *t = tcase_create("line");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, text, 0, (int)(sizeof lines / sizeof lines[0]));
	tcase_add_test(t, every_family_has_a_text);
	tcase_add_test(t, few_are_shown_at_zero_many_when_they_occur);
	tcase_add_test(t, a_histogram_adds_up);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
