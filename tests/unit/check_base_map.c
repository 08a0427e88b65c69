/* SPDX-License-Identifier: ISC */
/* check_base_map: sets, gets, removes, also while it is walked. */
#include "lib/base/map.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

static char values[5000];

START_TEST(holds_many)
{
	struct map *m = map_new();
	char key[16];

	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		ck_assert_ptr_null(map_puts(m, key, &values[i]));
	}
	ck_assert_uint_eq(map_count(m), 5000);
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		ck_assert_ptr_eq(map_gets(m, key), &values[i]);
	}
	for (int i = 0; i < 5000; i += 2) {
		snprintf(key, sizeof key, "k%d", i);
		ck_assert_ptr_eq(map_removes(m, key), &values[i]);
		ck_assert_ptr_null(map_removes(m, key));
		ck_assert_ptr_null(map_gets(m, key));
	}
	ck_assert_uint_eq(map_count(m), 2500);
	map_free(&m);
	ck_assert_ptr_null(m);
	map_free(&m);
}
END_TEST

START_TEST(keys_are_bytes)
{
	struct map *m = map_new();
	char key[] = "abc";

	ck_assert_ptr_null(map_put(m, "a\0b", 3, &values[0]));
	ck_assert_ptr_null(map_put(m, "a\0c", 3, &values[1]));
	ck_assert_ptr_null(map_put(m, "a", 1, &values[2]));
	ck_assert_ptr_null(map_put(m, NULL, 0, &values[3]));
	ck_assert_ptr_eq(map_get(m, "a\0b", 3), &values[0]);
	ck_assert_ptr_eq(map_get(m, "a\0c", 3), &values[1]);
	ck_assert_ptr_eq(map_gets(m, "a"), &values[2]);
	ck_assert_ptr_eq(map_gets(m, ""), &values[3]);
	ck_assert_ptr_null(map_get(m, "a\0", 2));
	ck_assert_ptr_null(map_gets(m, "A"));
	/* The key was copied. */
	map_puts(m, key, &values[4]);
	memset(key, 'x', 3);
	ck_assert_ptr_eq(map_gets(m, "abc"), &values[4]);
	map_free(&m);
}
END_TEST

START_TEST(put_replaces)
{
	struct map *m = map_new();

	ck_assert_ptr_null(map_puts(m, "k", &values[0]));
	ck_assert_ptr_eq(map_puts(m, "k", &values[1]), &values[0]);
	ck_assert_ptr_eq(map_gets(m, "k"), &values[1]);
	ck_assert_uint_eq(map_count(m), 1);
	map_free(&m);
}
END_TEST

static void
remove_it(void *value, void *arg)
{
	char key[16];

	snprintf(key, sizeof key, "k%td", (char *)value - values);
	ck_assert_ptr_eq(map_removes(arg, key), value);
}

static void
add_one(void *value, void *arg)
{
	char key[16];

	snprintf(key, sizeof key, "new%td", (char *)value - values);
	map_puts(arg, key, &values[4999]);
}

START_TEST(walk_may_remove)
{
	struct map *m = map_new();
	char key[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		map_puts(m, key, &values[i]);
	}
	map_each(m, remove_it, m);
	ck_assert_uint_eq(map_count(m), 0);
	map_free(&m);
}
END_TEST

/* A put during a walk is not promised to be shown, but nothing breaks. */
START_TEST(walk_survives_put)
{
	struct map *m = map_new();
	char key[16];

	for (int i = 0; i < 16; i++) {
		snprintf(key, sizeof key, "k%d", i);
		map_puts(m, key, &values[i]);
	}
	map_each(m, add_one, m);
	ck_assert_uint_ge(map_count(m), 32);
	for (int i = 0; i < 16; i++) {
		snprintf(key, sizeof key, "new%d", i);
		ck_assert_ptr_nonnull(map_gets(m, key));
	}
	map_free(&m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_map");
	TCase *tc = tcase_create("map");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_test(tc, holds_many);
	tcase_add_test(tc, keys_are_bytes);
	tcase_add_test(tc, put_replaces);
	tcase_add_test(tc, walk_may_remove);
	tcase_add_test(tc, walk_survives_put);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
