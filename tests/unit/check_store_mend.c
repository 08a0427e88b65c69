/* SPDX-License-Identifier: ISC */
/* check_store_mend: a database with damaged pages goes on with what can be read (D8). */
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/store_kit.h"

static const char *
path_of(const char *name)
{
	static char path[256];

	(void)str_fmt(path, sizeof path, "%s/%s", kit_dir, name);
	return path;
}

/* The last page of this kind (its first byte) is all zero. */
static void
wipe_page(unsigned char kind)
{
	char page[4096], nothing[4096] = { 0 };
	int fd = open(path_of("queue.db"), O_RDWR);
	off_t last = 0;

	for (off_t at = 4096; pread(fd, page, sizeof page, at) == sizeof page; at += 4096)
		if ((unsigned char)page[0] == kind)
			last = at;
	ck_assert_int_gt(last, 4096);
	ck_assert_int_eq(pwrite(fd, nothing, sizeof nothing, last), sizeof nothing);
	(void)close(fd);
}

#define MANY	20	/* messages of MANY recipients: several pages of each kind */

/* D8: what a damaged page holds is lost, or (an index) nothing; the rest goes on, in a new file. */
START_TEST(damaged_pages_are_mended)
{
	static const unsigned char kinds[] = { 0x0a, 0x0d };	/* leaf of an index, of a table */
	char to[MANY * 16 + 1] = "";
	size_t n;

	for (int i = 0; i < MANY; i++)
		(void)str_fmt(to + strlen(to), sizeof to - strlen(to), "a%d@x.example ", i);
	kit_open();
	for (uint64_t id = 1; id <= MANY; id++)
		ck_assert_int_eq(kit_put(id, to, "body"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	wipe_page(kinds[_i]);
	kit_open();
	(void)kit_dests();
	(void)kit_load("x.example", INT64_MAX, 1000, NULL, 0);
	n = 0;
	for (size_t i = 0; i < kit.n; i++)
		n += kit.messages[i]->nrcpts;
	ck_assert_uint_ge(n, kinds[_i] == 0x0a ? MANY * MANY : 1);
	ck_assert_int_eq(access(path_of("queue.db.damaged.1"), F_OK), 0);
	ck_assert_int_eq(access(path_of("queue.db.new"), F_OK), -1);
	/* As good as new. */
	ck_assert_int_eq(kit_put(1000, "c@z.example", "new"), WHY_NONE);
	kit_store->ops->close(&kit_store);
	kit_open();
	ck_assert_int_eq(kit_dests(), 2);
	ck_assert_int_eq(kit_body(1000), WHY_NONE);
	ck_assert_int_eq(access(path_of("queue.db.damaged.2"), F_OK), -1);
}
END_TEST

static void
put_of(uint64_t id, uint64_t flow)
{
	struct store_message *m = kit_message(id, "a@x.example", "body");

	m->flow = flow;
	ck_assert_int_eq(kit_put_message(m), WHY_NONE);
	store_message_free(&m);
}

/* The key of the second share becomes one that stands before that of the first. */
static void
disorder_shares(void)
{
	static const char key[] = "\x0a\x0b\x0c\x0d\x0e", less[] = "\0\0\0\0\x01";
	char page[4096];
	int fd = open(path_of("queue.db"), O_RDWR), found = 0;

	for (off_t at = 4096; pread(fd, page, sizeof page, at) == sizeof page; at += 4096) {
		char *p = page[0] == 0x0a ? memmem(page, sizeof page, key, sizeof key - 1) : NULL;

		if (p == NULL)
			continue;
		found++;
		ck_assert_int_eq(pwrite(fd, less, sizeof less - 1, at + (p - page)), sizeof less - 1);
	}
	ck_assert_int_eq(found, 1);
	(void)close(fd);
}

/* What stands behind it is found by no search, and a walk to the next greater one may never end. */
START_TEST(an_index_out_of_order)
{
	kit_open();
	put_of(1, UINT64_C(0x0102030405) << 24);
	put_of(2, UINT64_C(0x0a0b0c0d0e) << 24);
	put_of(3, UINT64_C(0x0b0b0c0d0e) << 24);
	kit_store->ops->close(&kit_store);
	disorder_shares();
	kit_open();
	ck_assert_int_eq(kit_dests(), 1);
	ck_assert_uint_eq(kit.dests[0].count, 3);
	ck_assert_uint_eq(kit_load("x.example", INT64_MAX, 10, NULL, 0), 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_mend");
	TCase *c = tcase_create("mend");

	tcase_add_checked_fixture(c, kit_dir_new, kit_dir_remove);
	tcase_add_loop_test(c, damaged_pages_are_mended, 0, 2);
	tcase_add_test(c, an_index_out_of_order);
	suite_add_tcase(s, c);
	return kit_run(s);
}
