/* SPDX-License-Identifier: ISC */
/* check_base_buf: appending, dropping, and reading foreign bytes in bounds. */
#include "lib/base/buf.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/rand.h"

START_TEST(grows_and_drops)
{
	struct buf b;

	buf_init(&b);
	ck_assert_str_eq(buf_str(&b), "");
	buf_add(&b, NULL, 0);
	buf_adds(&b, "hello");
	buf_addc(&b, ' ');
	buf_addf(&b, "%d-%0200d", 7, 1);	/* longer than the first guess */
	ck_assert_uint_eq(buf_len(&b), 5 + 1 + 2 + 200);
	buf_drop(&b, 6);
	ck_assert_int_eq(strncmp(buf_str(&b), "7-000", 5), 0);
	buf_drop(&b, buf_len(&b));
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_fini(&b);
	ck_assert_ptr_null(buf_data(&b));
}
END_TEST

/* A queue: bytes come out as they went in, whatever the sizes. */
START_TEST(is_a_queue)
{
	uint8_t in = 0, out = 0;
	struct buf b;

	buf_init(&b);
	for (int round = 0; round < 2000; round++) {
		for (uint32_t n = rand_below(300); n > 0; n--)
			buf_addc(&b, (char)in++);
		for (uint32_t n = rand_below(300); n > 0 && buf_len(&b) > 0; n--) {
			ck_assert_int_eq((uint8_t)*buf_data(&b), out++);
			buf_drop(&b, 1);
		}
	}
	ck_assert_uint_lt(b.cap, 1 << 20);
	buf_fini(&b);
}
END_TEST

START_TEST(gives_its_memory_away)
{
	struct buf b;
	char *data;
	size_t len;

	buf_init(&b);
	buf_adds(&b, "xxabc");
	buf_drop(&b, 2);
	buf_take(&b, &data, &len);
	ck_assert_str_eq(data, "abc");
	ck_assert_uint_eq(len, 3);
	ck_assert_uint_eq(buf_len(&b), 0);
	free(data);
	buf_take(&b, &data, NULL);
	ck_assert_str_eq(data, "");
	free(data);
}
END_TEST

static void
make_row(struct buf *b)
{
	buf_init(b);
	buf_add_u8(b, 0x12);
	buf_add_u16(b, 0x3456);
	buf_add_u32(b, 0x789abcdeu);
	buf_add_u64(b, 0xf0123456789abcdeu);
	buf_add_str(b, "text");
	buf_add_str(b, NULL);
	buf_add_blob(b, "a\0b", 3);
}

/* How many of the row's fields can be read. */
static int
read_row(struct buf_reader *r)
{
	const void *blob;
	char text[5];
	uint64_t u64 = 0;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	size_t len;
	int n = 0;

	n += buf_get_u8(r, &u8) == 0 && u8 == 0x12;
	n += buf_get_u16(r, &u16) == 0 && u16 == 0x3456;
	n += buf_get_u32(r, &u32) == 0 && u32 == 0x789abcdeu;
	n += buf_get_u64(r, &u64) == 0 && u64 == 0xf0123456789abcdeu;
	n += buf_get_str(r, text, sizeof text) == 0 && strcmp(text, "text") == 0;
	n += buf_get_str(r, text, sizeof text) == 0 && strcmp(text, "") == 0;
	n += buf_get_blob(r, &blob, &len, 3) == 0 && len == 3 && memcmp(blob, "a\0b", 3) == 0;
	return n;
}

START_TEST(rows_come_back)
{
	struct buf_reader r;
	struct buf b;

	make_row(&b);
	ck_assert_uint_eq((uint8_t)buf_data(&b)[1], 0x34);	/* big-endian */
	r = buf_reader_of(buf_data(&b), buf_len(&b));
	ck_assert_int_eq(read_row(&r), 7);
	ck_assert_int_eq(buf_reader_done(&r), 0);
	buf_addc(&b, 'x');
	r = buf_reader_of(buf_data(&b), buf_len(&b));
	ck_assert_int_eq(read_row(&r), 7);
	ck_assert_int_eq(buf_reader_done(&r), -1);		/* one byte remains */
	buf_fini(&b);
}
END_TEST

START_TEST(every_truncation_fails)
{
	struct buf b;

	make_row(&b);
	for (size_t cut = 0; cut < buf_len(&b); cut++) {
		char *exact = malloc(cut ? cut : 1);
		struct buf_reader r = buf_reader_of(exact, cut);

		memcpy(exact, buf_data(&b), cut);
		ck_assert_int_lt(read_row(&r), 7);
		ck_assert_int_eq(buf_reader_done(&r), -1);
		free(exact);
	}
	buf_fini(&b);
}
END_TEST

static const struct {
	const char	*bytes;
	size_t		 n;
} bad_strings[] = {
	{ "\0\0\0\5text", 8 },		/* longer than what is there */
	{ "\xff\xff\xff\xfftext", 8 },
	{ "\0\0\0\4te\0t", 8 },		/* NUL inside */
	{ "\0\0\0\5abcde", 9 },		/* does not fit */
	{ "\0\0\0", 3 },
};

START_TEST(bad_strings_fail_for_good)
{
	struct buf_reader r = buf_reader_of(bad_strings[_i].bytes, bad_strings[_i].n);
	char to[5] = "old";
	uint8_t u8;

	ck_assert_int_eq(buf_get_str(&r, to, sizeof to), -1);
	ck_assert_str_eq(to, "");
	ck_assert_int_eq(buf_get_u8(&r, &u8), -1);	/* failed once, failed for good */
	ck_assert_int_eq(buf_reader_done(&r), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_buf");
	TCase *tc = tcase_create("buf");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_test(tc, grows_and_drops);
	tcase_add_test(tc, is_a_queue);
	tcase_add_test(tc, gives_its_memory_away);
	tcase_add_test(tc, rows_come_back);
	tcase_add_test(tc, every_truncation_fails);
	tcase_add_loop_test(tc, bad_strings_fail_for_good, 0, LENGTH(bad_strings));
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
