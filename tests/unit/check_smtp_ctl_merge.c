/* SPDX-License-Identifier: ISC */
/* check_smtp_ctl_merge: two rows become one, many become a list; nothing that they say is trusted. */
#include "relayd/smtp/ctl_merge.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "relayd/smtp/ctl_call.h"

static json_t *
object(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	ck_assert_msg(json_is_object(o), "%s", text);
	return o;
}

/* ---- two rows ---- */

static const struct ctl_field fields[] = {
	{ .key = "n", .join = CTL_ADD },
	{ .key = "why", .join = CTL_WITH, .by = "late" },
	{ .key = "late", .join = CTL_LATEST }, { .key = "early", .join = CTL_EARLIEST },
	{ .key = "any", .join = CTL_ANY }, { .key = "all", .join = CTL_ALL },
	{ .key = NULL },
};

static const struct { const char *into, *row, *sum; } joins[] = {
	{ "{}", "{}", "{}" },
	{ "{\"n\":1}", "{\"n\":2}", "{\"n\":3}" },
	{ "{\"n\":1}", "{}", "{\"n\":1}" },
	{ "{}", "{\"n\":2}", "{\"n\":2}" },
	{ "{\"n\":1}", "{\"n\":\"x\"}", "{\"n\":1}" },
	{ "{\"n\":null}", "{\"n\":2}", "{\"n\":2}" },
	{ "{\"n\":9223372036854775807}", "{\"n\":1}", "{\"n\":9223372036854775807}" },
	{ "{\"late\":5}", "{\"late\":7}", "{\"late\":7}" },
	{ "{\"late\":7}", "{\"late\":5}", "{\"late\":7}" },
	{ "{\"late\":null}", "{\"late\":5}", "{\"late\":5}" },
	{ "{\"late\":5}", "{\"late\":null}", "{\"late\":5}" },
	{ "{\"early\":5}", "{\"early\":7}", "{\"early\":5}" },
	{ "{\"early\":7}", "{\"early\":5}", "{\"early\":5}" },
	{ "{\"early\":null}", "{\"early\":5}", "{\"early\":5}" },
	{ "{\"early\":5}", "{\"early\":null}", "{\"early\":5}" },
	{ "{\"late\":5,\"why\":\"a\"}", "{\"late\":7,\"why\":\"b\"}", "{\"late\":7,\"why\":\"b\"}" },
	{ "{\"late\":7,\"why\":\"a\"}", "{\"late\":5,\"why\":\"b\"}", "{\"late\":7,\"why\":\"a\"}" },
	{ "{\"late\":5,\"why\":\"a\"}", "{\"late\":7}", "{\"late\":7}" },
	{ "{\"late\":0}", "{\"late\":0,\"why\":\"b\"}", "{\"late\":0,\"why\":\"b\"}" },
	{ "{\"any\":false}", "{\"any\":true}", "{\"any\":true}" },
	{ "{\"any\":true}", "{\"any\":false}", "{\"any\":true}" },
	{ "{\"any\":false}", "{\"any\":7}", "{\"any\":false}" },
	{ "{\"all\":true}", "{\"all\":false}", "{\"all\":false}" },
	{ "{\"all\":false}", "{\"all\":true}", "{\"all\":false}" },
	{ "{\"all\":true}", "{}", "{\"all\":true}" },
	{ "{\"other\":1}", "{\"other\":2}", "{\"other\":1}" },
	{ "{\"n\":1}", "{\"n\":[1,2]}", "{\"n\":1}" },
};

START_TEST(join)
{
	json_t *into = object(joins[_i].into), *row = object(joins[_i].row);
	json_t *sum = object(joins[_i].sum);

	ctl_merge_join(fields, into, row);
	ck_assert_msg(json_equal(into, sum), "%d", _i);
	json_decref(into);
	json_decref(row);
	json_decref(sum);
}
END_TEST

/* ---- many ---- */

static int
is_big(const struct ctl_call *c, const json_t *row)
{
	return json_integer_value(json_object_get(row, "n")) > 1;
}

static void
add(struct ctl_rows *r, unsigned worker, const char *text)
{
	json_t *o = object(text);

	ck_assert_int_eq(ctl_rows_add(r, worker, o), 0);
	json_decref(o);
}

static void
is(const struct ctl_rows *r, size_t i, const char *key, const char *value)
{
	json_t *o = ctl_rows_get(r, i);

	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(json_string_value(json_object_get(o, key)), value);
	json_decref(o);
}

static const struct {
	enum ctl_merge_order	 order;
	const char		*first, *second, *third;
} orders[] = {
	{ CTL_AS_IT_COMES, "b", "a", "c" }, { CTL_BY_KEY, "a", "b", "c" },
	{ CTL_BY_WEIGHT, "c", "a", "b" },
};

START_TEST(order)
{
	const struct ctl_merge m = {
		.kind = CTL_SUMMED, .key = "k", .fields = fields, .order = orders[_i].order,
		.weight = "n", .wanted = is_big,
	};
	struct ctl_rows *r = ctl_rows_new(&m);

	add(r, 0, "{\"k\":\"b\",\"n\":2}");
	add(r, 0, "{\"k\":\"a\",\"n\":1}");
	add(r, 0, "{\"k\":\"few\",\"n\":1}");
	add(r, 1, "{\"k\":\"c\",\"n\":7}");
	add(r, 1, "{\"k\":\"a\",\"n\":2}");
	ck_assert_uint_eq(ctl_rows_conclude(r, NULL), 3);
	is(r, 0, "k", orders[_i].first);
	is(r, 1, "k", orders[_i].second);
	is(r, 2, "k", orders[_i].third);
	ck_assert_ptr_null(ctl_rows_get(r, 3));
	ctl_rows_free(&r);
}
END_TEST

/* Of lines behind a row, the first worker's that has any stay. */
START_TEST(lines)
{
	const struct ctl_merge m = { .kind = CTL_SUMMED, .key = "k", .fields = fields };
	struct ctl_rows *r = ctl_rows_new(&m);
	json_t *line;

	add(r, 0, "{\"plan\":\"of nobody\"}");
	add(r, 0, "{\"k\":\"a\",\"n\":1}");
	add(r, 1, "{\"plan\":\"of nobody\"}");
	add(r, 1, "{\"k\":\"a\",\"n\":1}");
	add(r, 1, "{\"plan\":\"first\"}");
	add(r, 1, "{\"host\":\"second\"}");
	add(r, 2, "{\"k\":\"a\",\"n\":1}");
	add(r, 2, "{\"plan\":\"third\"}");
	add(r, 2, "{\"k\":7}");
	ck_assert_uint_eq(ctl_rows_conclude(r, NULL), 1);
	line = ctl_rows_line(r, 0, 0);
	ck_assert_str_eq(json_string_value(json_object_get(line, "plan")), "first");
	json_decref(line);
	line = ctl_rows_line(r, 0, 1);
	ck_assert_str_eq(json_string_value(json_object_get(line, "host")), "second");
	json_decref(line);
	ck_assert_ptr_null(ctl_rows_line(r, 0, 2));
	ctl_rows_free(&r);
}
END_TEST

/* Without a key all rows are one; without rows there is none. */
START_TEST(one)
{
	const struct ctl_merge m = { .kind = CTL_SUMMED, .fields = fields };
	struct ctl_rows *r = ctl_rows_new(&m);
	json_t *o;

	for (unsigned i = 0; i < 3; i++)
		add(r, i, "{\"n\":2}");
	ck_assert_uint_eq(ctl_rows_conclude(r, NULL), 1);
	o = ctl_rows_get(r, 0);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "n")), 6);
	json_decref(o);
	ctl_rows_free(&r);
	r = ctl_rows_new(&m);
	ck_assert_uint_eq(ctl_rows_conclude(r, NULL), 0);
	ck_assert_ptr_null(ctl_rows_get(r, 0));
	ctl_rows_free(&r);
}
END_TEST

START_TEST(too_much)
{
	const struct ctl_merge m = { .kind = CTL_SUMMED, .key = "k" };
	struct ctl_rows *r = ctl_rows_new(&m);
	char *long_text = must_calloc(1, (1u << 20) + 1);
	int n = 0, result = 0;

	memset(long_text, 'x', 1u << 20);
	for (; n < 100 && result == 0; n++) {
		json_t *o = json_pack("{s:s, s:s}", "k", "a", "x", long_text);

		if (n > 0)
			MUST(json_object_del(o, "k") == 0);
		result = ctl_rows_add(r, 0, o);
		json_decref(o);
	}
	ck_assert_int_eq(n, 64);
	free(long_text);
	ctl_rows_free(&r);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_ctl_merge");
	TCase *t = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, join, 0, LENGTH(joins));
	tcase_add_loop_test(t, order, 0, LENGTH(orders));
	tcase_add_test(t, lines);
	tcase_add_test(t, one);
	tcase_add_test(t, too_much);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
