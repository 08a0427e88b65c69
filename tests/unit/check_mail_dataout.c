/* SPDX-License-Identifier: ISC */
/* check_mail_dataout: dot stuffing, the guard against odd line ends, and there and back. */
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/why.h"
#include "lib/mail/datain.h"
#include "lib/mail/dataout.h"
#include "tests/unit/mail_vectors.h"

/* In pieces: the first of `first` octets, the rest of `step`. 0 or -1. */
static int
stuff(const char *s, size_t n, size_t first, size_t step, struct buf *wire, struct why *why)
{
	struct mail_dataout d;
	size_t len;

	buf_clear(wire);
	mail_dataout_init(&d);
	for (size_t at = 0; at < n; at += len) {
		len = at == 0 && first > 0 ? first : step;
		if (len > n - at)
			len = n - at;
		if (mail_dataout_add(&d, s + at, len, wire, why) == -1) {
			ck_assert_int_eq(mail_dataout_finish(&d, wire, NULL), -1);
			return -1;
		}
	}
	return mail_dataout_finish(&d, wire, why);
}

/* Between 354 and the end: CRLF only, no NUL, no lone dot but the last (HARDENING I3). */
static void
check_wire(const struct buf *wire)
{
	const char *s = buf_data(wire);
	size_t n = buf_len(wire);

	EXPECT(n >= 3 && memcmp(s + n - 3, ".\r\n", 3) == 0, "wire");
	for (size_t i = 0; i < n; i++) {
		EXPECT(s[i] != '\0', "wire");
		if (s[i] == '\r')
			EXPECT(i + 1 < n && s[i + 1] == '\n', "wire");
		if (s[i] == '\n')
			EXPECT(i > 0 && s[i - 1] == '\r', "wire");
		if (s[i] == '.' && (i == 0 || s[i - 1] == '\n'))
			EXPECT(s[i + 1] == '.' || i == n - 3, "wire");
	}
}

static int
same(const struct buf *b, struct text t)
{
	return buf_len(b) == t.n && memcmp(buf_data(b), t.p, t.n) == 0;
}

START_TEST(vectors_stuff)
{
	json_t *root = vectors_load("data-framing/dot-stuff-out.json"), *row;
	struct text text, wire;
	struct why why;
	struct buf out;
	size_t i;
	int rc;

	if (root == NULL)
		return;
	buf_init(&out);
	VECTORS_EACH(root, i, row) {
		text = vectors_hex(row, "text_hex");
		wire = vectors_hex(row, "wire_hex");
		for (size_t first = 0; first <= text.n; first++) {
			rc = stuff(text.p, text.n, first, first == 0 ? 1 : text.n, &out, &why);
			ck_assert_msg((rc == 0) == (wire.p != NULL), "%s", vectors_id(row));
			if (rc == 0)
				ck_assert_msg(same(&out, wire), "%s: %s", vectors_id(row),
				    buf_str(&out));
			else
				ck_assert_int_eq(why.reason, WHY_CORRUPT);
		}
		free((void *)(uintptr_t)text.p);
		free((void *)(uintptr_t)wire.p);
	}
	buf_fini(&out);
	json_decref(root);
}
END_TEST

/* What clients hand in, by DATA or by BDAT, leaves clean. */
static void
relay(struct text in, int bdat, const json_t *row)
{
	struct mail_datain d;
	struct buf text, wire;
	json_t *seq;
	size_t used, i;

	buf_init(&text);
	buf_init(&wire);
	mail_datain_init(&d, &(struct mail_datain_param){ .bdat = bdat });
	mail_datain_feed(&d, in.p, in.n, &used, &text);
	if (bdat)
		mail_datain_finish(&d, &text);
	ck_assert(d.ended);
	if (mail_datain_verdict(&d, NULL) == 0) {
		ck_assert_int_eq(stuff(buf_data(&text), buf_len(&text), 0, 7, &wire, NULL), 0);
		check_wire(&wire);
		json_array_foreach(json_object_get(row, "must_not_appear_on_wire_hex"), i, seq) {
			json_t *holder = json_pack("{s:O}", "x", seq);
			struct text bad = vectors_hex(holder, "x");
			/* The true end behind the text holds some of them. */
			void *found = memmem(buf_data(&wire), buf_len(&wire) - 3, bad.p, bad.n);

			ck_assert_msg(found == NULL, "%s", vectors_id(row));
			free((void *)(uintptr_t)bad.p);
			json_decref(holder);
		}
	}
	buf_fini(&text);
	buf_fini(&wire);
}

START_TEST(vectors_smuggling_out)
{
	json_t *root = vectors_load("data-framing/smuggling-out.json"), *row;
	struct text in;
	size_t i;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		in = vectors_hex(row, "accepted_text_hex");
		relay(in, 0, row);
		relay(in, 1, NULL);
		free((void *)(uintptr_t)in.p);
	}
	json_decref(root);
}
END_TEST

static const struct { const char *in; size_t n; } bad[] = {
	{ "a\rb\r\n", 5 }, { "a\nb\r\n", 5 }, { "a\0b\r\n", 5 }, { "\n", 1 }, { "\r", 1 },
	{ "\r\r\n", 3 }, { "a\r\n\n", 4 }, { "a\r\n\r", 4 }, { "x", 1 }, { ".", 1 },
};

START_TEST(never_on_the_wire)
{
	struct buf wire;
	struct why why;

	buf_init(&wire);
	for (size_t first = 0; first < bad[_i].n; first++) {
		ck_assert_int_eq(stuff(bad[_i].in, bad[_i].n, first, first == 0 ? bad[_i].n : 1,
		    &wire, &why), -1);
		ck_assert_int_eq(why.reason, WHY_CORRUPT);
		for (size_t i = 0; i < buf_len(&wire); i++) {
			char c = buf_data(&wire)[i];

			ck_assert(c != '\0');
			if (c == '\r')
				ck_assert(i + 1 < buf_len(&wire) && buf_data(&wire)[i + 1] == '\n');
			if (c == '\n')
				ck_assert(i > 0 && buf_data(&wire)[i - 1] == '\r');
		}
		ck_assert(strstr(buf_str(&wire), "\r\n.\r\n") == NULL);
	}
	buf_fini(&wire);
}
END_TEST

START_TEST(failed_chunk_adds_nothing)
{
	struct mail_dataout d;
	struct buf wire;

	buf_init(&wire);
	mail_dataout_init(&d);
	ck_assert_int_eq(mail_dataout_add(&d, ".a\r\n", 4, &wire, NULL), 0);
	ck_assert_int_eq(mail_dataout_add(&d, "ok\r\n.ok\r\nbad\n", 13, &wire, NULL), -1);
	ck_assert_str_eq(buf_str(&wire), "..a\r\n");
	ck_assert_int_eq(mail_dataout_add(&d, "ok\r\n", 4, &wire, NULL), -1);
	ck_assert_str_eq(buf_str(&wire), "..a\r\n");
	buf_fini(&wire);
}
END_TEST

START_TEST(bdat_chunks)
{
	struct mail_dataout d;
	struct buf wire;

	buf_init(&wire);
	mail_dataout_init_bdat(&d);
	ck_assert_int_eq(mail_dataout_add(&d, ".a\r\n.\r", 6, &wire, NULL), 0);
	ck_assert_int_eq(mail_dataout_add(&d, "\n", 1, &wire, NULL), 0);
	ck_assert_int_eq(mail_dataout_finish(&d, &wire, NULL), 0);
	ck_assert_str_eq(buf_str(&wire), ".a\r\n.\r\n");
	mail_dataout_init_bdat(&d);
	ck_assert_int_eq(mail_dataout_add(&d, "a\n", 2, &wire, NULL), -1);
	buf_fini(&wire);
}
END_TEST

/* Any octets -> cleaned -> wire -> decoded again: the same text, however it is cut. */
START_TEST(there_and_back)
{
	static const char octets[] = "\r\n\r\n\r\n...ab \x80";
	struct mail_datain d;
	struct buf text, wire, other, back;
	uint32_t seed = 4711;
	char in[80];
	size_t used;

	buf_init(&text);
	buf_init(&wire);
	buf_init(&other);
	buf_init(&back);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof in; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = octets[(seed >> 16) % (sizeof octets - 1)];
		}
		buf_clear(&text);
		buf_clear(&back);
		mail_datain_init(&d, &(struct mail_datain_param){ .bdat = 1 });
		mail_datain_feed(&d, in, 1 + (size_t)round % sizeof in, &used, &text);
		mail_datain_finish(&d, &text);
		EXPECT(stuff(buf_data(&text), buf_len(&text), 0, 80, &wire, NULL) == 0, "stuff");
		check_wire(&wire);
		EXPECT(stuff(buf_data(&text), buf_len(&text), (size_t)round % 60, 3,
		    &other, NULL) == 0, "stuff");
		EXPECT(same(&other, (struct text){ buf_data(&wire), buf_len(&wire) }), "back");
		mail_datain_init(&d, &(struct mail_datain_param){ 0 });
		EXPECT(mail_datain_feed(&d, buf_data(&wire), buf_len(&wire), &used, &back) == 1,
		    "end");
		EXPECT(used == buf_len(&wire), "end");
		EXPECT(!d.had_bare_cr && !d.had_bare_lf, "back");
		EXPECT(same(&back, (struct text){ buf_data(&text), buf_len(&text) }), "back");
	}
	buf_fini(&text);
	buf_fini(&wire);
	buf_fini(&other);
	buf_fini(&back);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_dataout");
	TCase *tc = tcase_create("dataout");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, vectors_stuff);
	tcase_add_test(tc, vectors_smuggling_out);
	tcase_add_loop_test(tc, never_on_the_wire, 0, LENGTH(bad));
	tcase_add_test(tc, failed_chunk_adds_nothing);
	tcase_add_test(tc, bdat_chunks);
	tcase_add_test(tc, there_and_back);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
