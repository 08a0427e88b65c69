/* SPDX-License-Identifier: ISC */
/* check_base_heap: order holds through every push, move and removal. */
#include "lib/base/heap.h"

#include <check.h>

#include "lib/base/rand.h"

struct item {
	int			number;
	struct heap_node	node;
};

/* The slow truth. */
static int64_t
least(const struct item *items, size_t n)
{
	int64_t min = INT64_MAX;

	for (size_t i = 0; i < n; i++)
		if (items[i].node.at != 0 && items[i].node.key < min)
			min = items[i].node.key;
	return min;
}

START_TEST(agrees_with_the_slow_truth)
{
	struct item items[64] = { { 0 } };
	struct heap h;

	heap_init(&h);
	for (int round = 0; round < 5000; round++) {
		struct item *it = &items[rand_below(64)];

		if (rand_below(3) == 0)
			heap_remove(&h, &it->node);
		else
			heap_set(&h, &it->node, (int64_t)rand_below(100) - 50);
		if (heap_min(&h) == NULL)
			ck_assert_int_eq(least(items, 64), INT64_MAX);
		else
			ck_assert_int_eq(heap_min(&h)->key, least(items, 64));
	}
	heap_fini(&h);
	for (int i = 0; i < 64; i++)
		ck_assert_uint_eq(items[i].node.at, 0);
}
END_TEST

START_TEST(drains_in_order)
{
	struct item items[500] = { { 0 } };
	int64_t last = INT64_MIN;
	struct heap_node *n;
	struct heap h;
	size_t count = 0;

	heap_init(&h);
	for (int i = 0; i < 500; i++) {
		items[i].number = i;
		heap_set(&h, &items[i].node, (int64_t)rand_u64());
	}
	while ((n = heap_min(&h)) != NULL) {
		struct item *it = HEAP_OWNER(n, struct item, node);

		ck_assert_ptr_eq(it, &items[it->number]);
		ck_assert_int_ge(n->key, last);
		last = n->key;
		heap_remove(&h, n);
		count++;
	}
	ck_assert_uint_eq(count, 500);
	heap_fini(&h);
}
END_TEST

START_TEST(extremes_and_absence)
{
	struct heap_node a = { 0 }, b = { 0 }, c = { 0 };
	struct heap h;

	heap_init(&h);
	ck_assert_ptr_null(heap_min(&h));
	heap_remove(&h, &a);
	heap_set(&h, &a, INT64_MAX);
	heap_set(&h, &b, INT64_MIN);
	heap_set(&h, &c, 0);
	ck_assert_ptr_eq(heap_min(&h), &b);
	heap_set(&h, &b, INT64_MAX);
	ck_assert_ptr_eq(heap_min(&h), &c);
	heap_remove(&h, &c);
	heap_remove(&h, &c);
	ck_assert_uint_eq(h.n, 2);
	heap_fini(&h);
	heap_fini(&h);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_heap");
	TCase *tc = tcase_create("heap");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_test(tc, agrees_with_the_slow_truth);
	tcase_add_test(tc, drains_in_order);
	tcase_add_test(tc, extremes_and_absence);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
