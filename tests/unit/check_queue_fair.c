/* SPDX-License-Identifier: ISC */
/* Turns: over clients, then over a client's senders. */
#include "lib/queue/fair.h"

#include <check.h>

#include "lib/base/heap.h"

#define FLOW(client, sender)	((uint64_t)(client) << 32 | (sender))

struct item {
	struct queue_fair_node	node;
	uint64_t		flow;
};

static struct item items[2000];
static size_t nitems;

static struct item *
add(struct queue_fair *f, uint32_t client, uint32_t sender)
{
	struct item *i = &items[nitems++];

	*i = (struct item){ .flow = FLOW(client, sender) };
	queue_fair_add(f, &i->node, i->flow);
	return i;
}

static struct item *
next(struct queue_fair *f)
{
	struct queue_fair_node *n = queue_fair_next(f, NULL, NULL);

	return n != NULL ? HEAP_OWNER(n, struct item, node) : NULL;
}

static void
begin(struct queue_fair *f)
{
	nitems = 0;
	queue_fair_init(f);
}

START_TEST(a_burst_does_not_hide_anybody)
{
	struct queue_fair f;
	struct item *single;

	begin(&f);
	for (int i = 0; i < 1000; i++)
		add(&f, 1, 7);
	single = add(&f, 2, 9);
	ck_assert_uint_eq(next(&f)->flow, FLOW(1, 7));
	ck_assert_ptr_eq(next(&f), single);
	ck_assert_uint_eq(f.n, 999);
	queue_fair_fini(&f);
	ck_assert_uint_eq(f.n, 0);
}
END_TEST

/* A client that writes a new sender into each message gets one turn a round all the same. */
START_TEST(senders_do_not_multiply_a_client)
{
	struct queue_fair f;
	unsigned of_two = 0;

	begin(&f);
	for (uint32_t i = 0; i < 500; i++)
		add(&f, 1, i + 1);
	for (int i = 0; i < 100; i++)
		add(&f, 2, 5);
	for (int i = 0; i < 100; i++)
		of_two += next(&f)->flow == FLOW(2, 5);
	ck_assert_uint_eq(of_two, 50);
	queue_fair_fini(&f);
}
END_TEST

START_TEST(senders_of_a_client_take_turns)
{
	struct queue_fair f;

	begin(&f);
	for (int i = 0; i < 10; i++)
		add(&f, 1, 1);
	add(&f, 1, 2);
	ck_assert_uint_eq(next(&f)->flow, FLOW(1, 1));
	ck_assert_uint_eq(next(&f)->flow, FLOW(1, 2));
	ck_assert_uint_eq(next(&f)->flow, FLOW(1, 1));
	queue_fair_fini(&f);
}
END_TEST

START_TEST(oldest_first_within_a_sender)
{
	struct queue_fair f;
	struct item *a, *b;

	begin(&f);
	a = add(&f, 1, 1);
	b = add(&f, 1, 1);
	ck_assert_ptr_eq(next(&f), a);
	queue_fair_add_first(&f, &a->node, a->flow);
	ck_assert_ptr_eq(next(&f), a);
	ck_assert_ptr_eq(next(&f), b);
	ck_assert_ptr_null(next(&f));
}
END_TEST

START_TEST(put_back_is_the_next)
{
	struct queue_fair f;
	struct item *a;

	begin(&f);
	a = add(&f, 1, 1);
	for (uint32_t i = 2; i < 20; i++)
		add(&f, i, 1);
	ck_assert_ptr_eq(next(&f), a);
	queue_fair_add_first(&f, &a->node, a->flow);
	ck_assert_ptr_eq(next(&f), a);
	queue_fair_fini(&f);
}
END_TEST

START_TEST(removed_from_anywhere)
{
	struct queue_fair f;

	begin(&f);
	for (uint32_t i = 0; i < 100; i++)
		add(&f, i % 5, i % 7);
	ck_assert_uint_eq(queue_fair_waiting(&f, 3), 20);
	for (size_t i = 0; i < nitems; i += 2) {
		queue_fair_remove(&f, &items[i].node);
		queue_fair_remove(&f, &items[i].node);
	}
	ck_assert_uint_eq(f.n, 50);
	for (size_t i = 1; i < nitems; i += 2)
		ck_assert_ptr_nonnull(next(&f));
	ck_assert_ptr_null(next(&f));
	ck_assert_uint_eq(queue_fair_waiting(&f, 3), 0);
}
END_TEST

static int
only_two(void *arg, uint32_t client)
{
	++*(int *)arg;
	return client == 2;
}

START_TEST(who_may_not_is_passed_over)
{
	struct queue_fair f;
	struct item *two;
	int asked = 0;

	begin(&f);
	for (int i = 0; i < 100; i++)
		add(&f, 1, 1);
	ck_assert_ptr_null(queue_fair_next(&f, only_two, &asked));
	ck_assert(!queue_fair_any(&f, only_two, &asked));
	ck_assert_int_eq(asked, 2);		/* by client, not by entry */
	two = add(&f, 2, 1);
	ck_assert_ptr_eq(queue_fair_next(&f, only_two, &asked), &two->node);
	ck_assert_uint_eq(f.n, 100);
	queue_fair_fini(&f);
}
END_TEST

static const struct {
	size_t	own, used, max;
	int	may;
} shares[] = {
	{ 0, 0, 1, 1 }, { 1, 1, 1, 0 }, { 0, 1, 1, 0 },
	{ 1, 1, 2, 0 }, { 0, 1, 2, 1 },
	{ 2, 2, 4, 1 }, { 3, 3, 4, 0 }, { 0, 3, 4, 1 },
	{ 449, 449, 500, 1 }, { 450, 450, 500, 0 }, { 0, 450, 500, 1 }, { 44, 494, 500, 1 },
	{ 0, 499, 500, 1 }, { 1, 499, 500, 0 }, { 0, 500, 500, 0 }, { 0, 600, 500, 0 },
};

START_TEST(share)
{
	ck_assert_int_eq(queue_fair_share(shares[_i].own, shares[_i].used, shares[_i].max),
	    shares[_i].may);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue fair");
	TCase *c = tcase_create("fair");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, a_burst_does_not_hide_anybody);
	tcase_add_test(c, senders_do_not_multiply_a_client);
	tcase_add_test(c, senders_of_a_client_take_turns);
	tcase_add_test(c, oldest_first_within_a_sender);
	tcase_add_test(c, put_back_is_the_next);
	tcase_add_test(c, removed_from_anywhere);
	tcase_add_test(c, who_may_not_is_passed_over);
	tcase_add_loop_test(c, share, 0, sizeof shares / sizeof shares[0]);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
