/* SPDX-License-Identifier: ISC */
/* check_base_rand: bounds, spread, forks, and SipHash's published vectors. */
#include "lib/base/rand.h"

#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/list.h"

/* SipHash paper, appendix A, and its reference vectors: key 00..0f, data 00..(n-1). */
static const struct {
	size_t		n;
	uint64_t	hash;
} vectors[] = {
	{ 0, 0x726fdb47dd0e0e31u }, { 1, 0x74f839c593dc67fdu }, { 2, 0x0d6c8009d9a94f5au },
	{ 7, 0xab0200f58b01d137u }, { 8, 0x93f5f5799a932462u }, { 15, 0xa129ca6149be45e5u },
};

START_TEST(siphash_is_siphash)
{
	uint8_t key[16], data[16];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = data[i] = i;
	ck_assert(rand_siphash(key, data, vectors[_i].n) == vectors[_i].hash);
}
END_TEST

START_TEST(hash_is_stable_and_keyed)
{
	uint8_t zero[16] = { 0 };

	ck_assert(rand_hash("abc", 3) == rand_hash("abc", 3));
	ck_assert(rand_hash("abc", 3) != rand_hash("abd", 3));
	ck_assert(rand_hash("abc", 3) != rand_hash("abc\0", 4));
	ck_assert(rand_hash("abc", 3) != rand_siphash(zero, "abc", 3));
}
END_TEST

START_TEST(below_is_below_and_spread)
{
	unsigned seen[7] = { 0 };

	for (int i = 0; i < 7000; i++) {
		uint32_t v = rand_below(7);

		ck_assert_uint_lt(v, 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++)		/* 1000 each; 300 is ten deviations off */
		ck_assert(seen[i] > 700 && seen[i] < 1300);
	ck_assert_uint_eq(rand_below(1), 0);
	rand_below(UINT32_MAX);
}
END_TEST

START_TEST(shuffle_keeps_all)
{
	uint16_t items[300], sum = 0, moved = 0;

	for (uint16_t i = 0; i < 300; i++)
		items[i] = i;
	rand_shuffle(items, 300, sizeof items[0]);
	for (uint16_t i = 0; i < 300; i++) {
		sum = (uint16_t)(sum + items[i]);
		moved = (uint16_t)(moved + (items[i] != i));
		for (uint16_t j = 0; j < i; j++)
			ck_assert_uint_ne(items[i], items[j]);
	}
	ck_assert_uint_eq(sum, 300 * 299 / 2);
	ck_assert_uint_gt(moved, 200);
	rand_shuffle(items, 1, sizeof items[0]);
	rand_shuffle(NULL, 0, sizeof items[0]);
}
END_TEST

static const struct {
	int64_t		ms;
	unsigned	percent;
	int64_t		low, high;
} jitters[] = {
	{ 1000, 10, 900, 1100 }, { 1000, 0, 1000, 1000 }, { 0, 50, 0, 0 }, { -5, 50, -5, -5 },
	{ 1000, 100, 0, 2000 }, { 1000, 400, 0, 2000 }, { 3, 10, 3, 3 },
	{ INT64_MAX, 50, INT64_MAX, INT64_MAX },
	{ INT64_MAX - 10, 1, INT64_MAX - 20, INT64_MAX },
};

START_TEST(jitter_stays_in_range)
{
	for (int i = 0; i < 1000; i++) {
		int64_t v = rand_jitter(jitters[_i].ms, jitters[_i].percent);

		ck_assert_int_ge(v, jitters[_i].low);
		ck_assert_int_le(v, jitters[_i].high);
	}
}
END_TEST

START_TEST(fork_does_not_repeat)
{
	uint64_t mine, theirs = 0;
	int pipes[2], status;
	pid_t pid;

	rand_u64();
	ck_assert_int_eq(pipe(pipes), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		theirs = rand_u64();
		_exit(write(pipes[1], &theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
	}
	mine = rand_u64();
	ck_assert_int_eq(read(pipes[0], &theirs, sizeof theirs), sizeof theirs);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(mine != theirs);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_rand");
	TCase *tc = tcase_create("rand");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, siphash_is_siphash, 0, LENGTH(vectors));
	tcase_add_test(tc, hash_is_stable_and_keyed);
	tcase_add_test(tc, below_is_below_and_spread);
	tcase_add_test(tc, shuffle_keeps_all);
	tcase_add_loop_test(tc, jitter_stays_in_range, 0, LENGTH(jitters));
	tcase_add_test(tc, fork_does_not_repeat);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
