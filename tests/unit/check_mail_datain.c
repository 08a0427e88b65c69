/* SPDX-License-Identifier: ISC */
/*
 * check_mail_datain: end of data, un-stuffing and cleaning. Every text is fed
 * whole, octet by octet and cut at every position; the results must agree and
 * what is stored must be clean.
 */
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/mail/answer.h"
#include "lib/mail/datain.h"
#include "tests/unit/mail_vectors.h"

struct outcome {
	struct mail_datain	 d;
	struct buf		 text;
	size_t			 used;
	int			 ended;
};

static void
run(const struct mail_datain_param *param, const char *s, size_t n, size_t first, size_t step,
    struct outcome *o)
{
	size_t len, used;

	buf_init(&o->text);
	o->used = 0;
	o->ended = 0;
	mail_datain_init(&o->d, param);
	while (o->used < n && !o->ended) {
		len = o->used == 0 && first > 0 ? first : step;
		if (len > n - o->used)
			len = n - o->used;
		o->ended = mail_datain_feed(&o->d, s + o->used, len, &used, &o->text);
		EXPECT(used <= len, "used");
		if (!o->ended)
			EXPECT(used == len, "used");
		o->used += used;
	}
	if (param->bdat)
		mail_datain_finish(&o->d, &o->text);
	if (!o->d.refused)
		EXPECT(o->d.size == buf_len(&o->text), "size");
}

static int
same_text(const struct buf *a, const struct buf *b)
{
	return buf_len(a) == buf_len(b) &&
	    (buf_len(a) == 0 || memcmp(buf_data(a), buf_data(b), buf_len(a)) == 0);
}

static void
check_same(struct outcome *a, struct outcome *b, const char *id)
{
	EXPECT(a->ended == b->ended && a->used == b->used, id);
	EXPECT(same_text(&a->text, &b->text), id);
	EXPECT(memcmp(&a->d, &b->d, sizeof a->d) == 0, id);
}

/* Stored text: only CRLF, no NUL, ends with a line. */
static void
check_clean(const struct outcome *o, const char *id)
{
	const char *s = buf_data(&o->text);
	size_t n = buf_len(&o->text);

	for (size_t i = 0; i < n; i++) {
		EXPECT(s[i] != '\0', id);
		if (s[i] == '\r')
			EXPECT(i + 1 < n && s[i + 1] == '\n', id);
		if (s[i] == '\n')
			EXPECT(i > 0 && s[i - 1] == '\r', id);
	}
	if (o->d.ended && n > 0 && !o->d.refused)
		EXPECT(s[n - 1] == '\n', id);
}

static const struct mail_datain_param normal = { 0 }, strict = { .strict = 1 },
    lenient = { .lenient_eod = 1 }, bdat = { .bdat = 1 };

static void
check_cuts(const struct mail_datain_param *param, const char *s, size_t n, const char *id)
{
	struct outcome whole, other;

	run(param, s, n, 0, n, &whole);
	if (whole.d.ended || param->bdat)
		check_clean(&whole, id);
	run(param, s, n, 0, 1, &other);
	check_same(&whole, &other, id);
	buf_fini(&other.text);
	for (size_t cut = 1; cut < n && cut < 300; cut++) {
		run(param, s, n, cut, n, &other);
		check_same(&whole, &other, id);
		buf_fini(&other.text);
	}
	buf_fini(&whole.text);
}

static void
check_all_cuts(const char *s, size_t n, const char *id)
{
	check_cuts(&normal, s, n, id);
	check_cuts(&strict, s, n, id);
	check_cuts(&lenient, s, n, id);
	check_cuts(&bdat, s, n, id);
}

START_TEST(vectors_unstuff)
{
	json_t *root = vectors_load("data-framing/dot-unstuff-in.json"), *row, *end;
	struct text wire, text;
	struct outcome o;
	size_t i;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		wire = vectors_hex(row, "wire_hex");
		text = vectors_hex(row, "text_hex");
		run(&normal, wire.p, wire.n, 0, wire.n, &o);
		end = json_object_get(row, "end_at");
		ck_assert_msg(o.ended == json_is_integer(end), "%s", vectors_id(row));
		if (o.ended)
			ck_assert_msg(o.used == (size_t)json_integer_value(end), "%s: %zu",
			    vectors_id(row), o.used);
		if (text.p != NULL)
			ck_assert_msg(buf_len(&o.text) == text.n &&
			    (text.n == 0 || memcmp(buf_data(&o.text), text.p, text.n) == 0),
			    "%s: %s", vectors_id(row), buf_str(&o.text));
		buf_fini(&o.text);
		check_all_cuts(wire.p, wire.n, vectors_id(row));
		free((void *)(uintptr_t)wire.p);
		free((void *)(uintptr_t)text.p);
	}
	json_decref(root);
}
END_TEST

START_TEST(vectors_smuggling)
{
	json_t *root = vectors_load("data-framing/smuggling-in.json"), *row;
	struct text data, seq;
	struct outcome o;
	size_t i, want;
	int ends;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		data = vectors_hex(row, "data_hex");
		seq = vectors_hex(row, "sequence_hex");
		ends = json_is_true(json_object_get(row, "ends_data"));
		want = data.n;
		if (ends)
			want = (size_t)((char *)memmem(data.p, data.n, seq.p, seq.n) - data.p) +
			    seq.n;
		run(&normal, data.p, data.n, 0, data.n, &o);
		ck_assert_msg(o.ended && o.used == want, "%s: %zu", vectors_id(row), o.used);
		buf_fini(&o.text);
		/* Strict ends at the same place, and refuses what is odd. */
		run(&strict, data.p, data.n, 0, data.n, &o);
		ck_assert_msg(o.ended && o.used == want, "%s: %zu", vectors_id(row), o.used);
		if (o.d.had_bare_cr || o.d.had_bare_lf || o.d.had_nul)
			ck_assert_int_eq(mail_datain_verdict(&o.d, NULL), -1);
		buf_fini(&o.text);
		check_all_cuts(data.p, data.n, vectors_id(row));
		free((void *)(uintptr_t)data.p);
		free((void *)(uintptr_t)seq.p);
	}
	json_decref(root);
}
END_TEST

/* HARDENING section 3, row by row. NULL text: not compared. */
static const struct {
	const char	*in;
	const char	*text;
	int		 bare_lf, bare_cr;
} rows[] = {
	{ "a\r\n.\r\n", "a\r\n", 0, 0 },
	{ "a\n.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", 1, 0 },
	{ "a\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", 1, 0 },
	{ "a\r\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", 1, 0 },
	{ "a\r.\r\nb\r\n.\r\n", "a .\r\nb\r\n", 0, 1 },
	{ "a\r.\nb\r\n.\r\n", "a .\r\nb\r\n", 1, 1 },
	{ "a\r.\rb\r\n.\r\n", "a . b\r\n", 0, 1 },
	{ "a\n.\rb\r\n.\r\n", "a\r\n. b\r\n", 1, 1 },
	{ "a\r\n.\rb\r\n.\r\n", "a\r\n. b\r\n", 0, 1 },
	{ "a\r\n.\r\r\nb\r\n.\r\n", "a\r\n. \r\nb\r\n", 0, 1 },
	{ "a\r\r\n.\r\r\nb\r\n.\r\n", "a \r\n. \r\nb\r\n", 0, 1 },
	{ "a\r\r\n.\r\n", "a \r\n", 0, 1 },
	{ "\r\r\n.\r\n", " \r\n", 0, 1 },
	{ ".\r\n", "", 0, 0 },
	{ "..\r\n.\r\n", ".\r\n", 0, 0 },
	{ ".a\r\n.\r\n", "a\r\n", 0, 0 },
	{ ". \r\n.\r\n", " \r\n", 0, 0 },
	{ "\n.\r\n\r\n.\r\n", "\r\n.\r\n\r\n", 1, 0 },
	{ "a\n..\r\n.\r\n", "a\r\n..\r\n", 1, 0 },
	{ "\r\n\r\n.\r\n", "\r\n\r\n", 0, 0 },
};

START_TEST(table_rows)
{
	struct mail_answer answer;
	struct outcome o;
	size_t n = strlen(rows[_i].in);

	run(&normal, rows[_i].in, n, 0, n, &o);
	ck_assert(o.ended && o.used == n);
	ck_assert_str_eq(buf_str(&o.text), rows[_i].text);
	ck_assert_int_eq(o.d.had_bare_lf, rows[_i].bare_lf);
	ck_assert_int_eq(o.d.had_bare_cr, rows[_i].bare_cr);
	ck_assert_int_eq(mail_datain_verdict(&o.d, &answer), 0);
	buf_fini(&o.text);
	run(&strict, rows[_i].in, n, 0, n, &o);
	ck_assert(o.ended && o.used == n);
	if (rows[_i].bare_lf || rows[_i].bare_cr) {
		ck_assert_int_eq(mail_datain_verdict(&o.d, &answer), -1);
		ck_assert_int_eq(answer.code, 550);
		ck_assert_str_eq(answer.dsn, "5.6.0");
	}
	buf_fini(&o.text);
	check_all_cuts(rows[_i].in, n, rows[_i].in);
}
END_TEST

START_TEST(nul_is_refused_at_the_true_end)
{
	static const char in[] = "a\r\n\0.\r\nMAIL\r\n.\0\r\n\r\n.\r\nQUIT\r\n";
	struct mail_answer answer;
	struct outcome o;

	run(&normal, in, sizeof in - 1, 0, sizeof in - 1, &o);
	ck_assert(o.ended && o.d.had_nul);
	ck_assert_uint_eq(o.used, sizeof in - 1 - 6);
	ck_assert_int_eq(mail_datain_verdict(&o.d, &answer), -1);
	ck_assert_int_eq(answer.code, 550);
	ck_assert_str_eq(buf_str(&o.text), "a\r\n");
	buf_fini(&o.text);
	check_all_cuts(in, sizeof in - 1, "nul");
}
END_TEST

static const struct {
	const char	*in;
	size_t		 used;		/* 0: no end */
	const char	*text;
	int		 lenient;
} endings[] = {
	{ "a\nb\n.\n", 6, "a\r\nb\r\n", 1 },
	{ ".\n", 2, "", 1 },
	{ "a\n..\n.b\n.\n", 10, "a\r\n.\r\nb\r\n", 1 },
	{ "a\r\nb\n.\nc\r\n.\r\n", 13, "a\r\nb\r\n.\r\nc\r\n", 0 },
	{ "a\n.\r\n.\r\n", 8, "a\r\n.\r\n", 0 },
	{ "a\n.\r\n.\n", 0, NULL, 0 },
	{ "a\n.\rb\n.\n", 8, "a\r\n. b\r\n", 1 },
};

START_TEST(lenient_end)
{
	struct outcome o;
	size_t n = strlen(endings[_i].in);

	run(&lenient, endings[_i].in, n, 0, n, &o);
	ck_assert_msg(o.ended == (endings[_i].used > 0), "%s", endings[_i].in);
	if (o.ended) {
		ck_assert_uint_eq(o.used, endings[_i].used);
		ck_assert_str_eq(buf_str(&o.text), endings[_i].text);
		ck_assert_int_eq(o.d.ended_lenient, endings[_i].lenient);
	}
	buf_fini(&o.text);
	check_all_cuts(endings[_i].in, n, "lenient");
}
END_TEST

START_TEST(bdat_text)
{
	static const struct { const char *in, *text; } cases[] = {
		{ ".\r\n", ".\r\n" }, { "a\r\n.\r\nb", "a\r\n.\r\nb\r\n" }, { "", "" },
		{ "a\r", "a \r\n" }, { "a\nb\rc\r\n", "a\r\nb c\r\n" }, { "\r\n", "\r\n" },
		{ "..a\r\n", "..a\r\n" },
	};
	struct outcome o;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		size_t n = strlen(cases[i].in);

		run(&bdat, cases[i].in, n, 0, n > 0 ? n : 1, &o);
		ck_assert_str_eq(buf_str(&o.text), cases[i].text);
		ck_assert(o.d.ended);
		buf_fini(&o.text);
	}
}
END_TEST

START_TEST(facts)
{
	struct outcome o;
	struct buf in;

	buf_init(&in);
	for (int i = 0; i < 1000; i++)
		buf_addc(&in, 'x');
	buf_adds(&in, "\r\nshort\r\n.\r\n");
	run(&normal, buf_data(&in), buf_len(&in), 0, 7, &o);
	ck_assert_uint_eq(o.d.longest, 1000);
	ck_assert(!o.d.eightbit && o.d.had_crlf);
	buf_fini(&o.text);
	run(&normal, "\xc3\xa9\r\n.\r\n", 7, 0, 7, &o);
	ck_assert(o.d.eightbit);
	buf_fini(&o.text);
	/* Octets behind the end are not looked at. */
	run(&normal, "a\r\n.\r\n\xc3\xa9\0\n", 10, 0, 10, &o);
	ck_assert(!o.d.eightbit && !o.d.had_nul && !o.d.had_bare_lf && o.used == 6);
	buf_fini(&o.text);
	buf_fini(&in);
}
END_TEST

START_TEST(dropping)
{
	struct mail_datain d;
	size_t used;

	mail_datain_init(&d, &normal);
	ck_assert_int_eq(mail_datain_feed(&d, "abc\r\n.\r\nQUIT", 12, &used, NULL), 1);
	ck_assert_uint_eq(used, 8);
	ck_assert_uint_eq(d.size, 5);
}
END_TEST

/* Random texts over the octets that matter: all feeds agree, output is clean. */
START_TEST(random_texts)
{
	static const char octets[] = "\r\n\r\n..\r\nab \0\x80";
	uint32_t seed = 12345;
	char in[64];
	size_t n;

	for (int round = 0; round < 20000; round++) {
		n = 1 + (size_t)round % (sizeof in);
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = octets[(seed >> 16) % (sizeof octets - 1)];
		}
		if (round % 10 == 0)
			check_all_cuts(in, n, "random");
		else
			check_cuts(&normal, in, n, "random");
	}
}
END_TEST

/* Odd line ends must not cost more than linear time. */
START_TEST(linear_time)
{
	static const char fill[] = { '\r', '\n', '.', 'x', '\0' };
	char *in = malloc(1 << 22);
	struct outcome o;

	for (size_t i = 0; i < sizeof fill; i++) {
		memset(in, fill[i], 1 << 22);
		run(&normal, in, 1 << 22, 0, 1 << 22, &o);
		ck_assert(!o.ended);
		buf_fini(&o.text);
	}
	free(in);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_datain");
	TCase *tc = tcase_create("datain");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, vectors_unstuff);
	tcase_add_test(tc, vectors_smuggling);
	tcase_add_loop_test(tc, table_rows, 0, LENGTH(rows));
	tcase_add_test(tc, nul_is_refused_at_the_true_end);
	tcase_add_loop_test(tc, lenient_end, 0, LENGTH(endings));
	tcase_add_test(tc, bdat_text);
	tcase_add_test(tc, facts);
	tcase_add_test(tc, dropping);
	tcase_add_test(tc, random_texts);
	tcase_add_test(tc, linear_time);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
