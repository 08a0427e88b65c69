/* SPDX-License-Identifier: ISC */
/* check_mail_header: header scan, Received field, queue ids. */
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/mail/answer.h"
#include "lib/mail/header.h"
#include "lib/mail/queue_id.h"
#include "lib/mail/received.h"
#include "tests/unit/mail_vectors.h"

static struct mail_header h;

static const struct {
	const char	*text;
	size_t		 len;
	unsigned	 fields, received, from, date, message_id;
	int		 no, fresh_line;
} rows[] = {
	{ "From: a\r\n\r\nbody", 11, 1, 0, 1, 0, 0, 0, 0 },
	{ "from: a\r\nDATE : x\r\nmessage-id:y\r\n\r\n", 35, 3, 0, 1, 1, 1, 0, 0 },
	{ "Received: a\r\n\tb\r\nReceived: c\r\n\r\n", 32, 2, 2, 0, 0, 0, 0, 0 },
	{ "Subject: x\r\n Received: no\r\n\r\n", 29, 1, 0, 0, 0, 0, 0, 0 },
	{ "Subject: x\r\n\r\nReceived: body\r\n", 14, 1, 0, 0, 0, 0, 0, 0 },
	{ "TLS-Required: No\r\n\r\n", 20, 1, 0, 0, 0, 0, 1, 0 },
	{ "tls-required:\r\n no \r\n\r\n", 23, 1, 0, 0, 0, 0, 1, 0 },
	{ "TLS-Required: Nope\r\n\r\n", 22, 1, 0, 0, 0, 0, 0, 0 },
	{ "TLS-Required: Yes\r\n\r\n", 21, 1, 0, 0, 0, 0, 0, 0 },
	{ "TLS-Required: No\r\nTLS-Required: No\r\n\r\n", 38, 2, 0, 0, 0, 0, 0, 0 },
	{ "X-TLS-Required: No\r\n\r\n", 22, 1, 0, 0, 0, 0, 0, 0 },
	{ "\r\nbody\r\n", 2, 0, 0, 0, 0, 0, 0, 0 },
	{ "just text\r\n", 0, 0, 0, 0, 0, 0, 0, 1 },
	{ " From: folded\r\n\r\n", 0, 0, 0, 0, 0, 0, 0, 1 },
	{ "From a@b Mon\r\nFrom: x\r\n\r\n", 0, 0, 0, 0, 0, 0, 0, 1 },
	{ "From: a\r\nno colon\r\n", 9, 1, 0, 1, 0, 0, 0, 0 },
	{ ": x\r\n\r\n", 0, 0, 0, 0, 0, 0, 0, 1 },
	{ "", 0, 0, 0, 0, 0, 0, 0, 1 },
	{ "From: a", 7, 1, 0, 1, 0, 0, 0, 0 },
	{ "From: a\r\n", 9, 1, 0, 1, 0, 0, 0, 0 },
	{ "R\xc3\xa9: a\r\n", 0, 0, 0, 0, 0, 0, 0, 1 },
};

START_TEST(scan_rows)
{
	size_t n = strlen(rows[_i].text);

	mail_header_scan(rows[_i].text, n, 1, NULL, &h);
	ck_assert_msg(h.len == rows[_i].len, "%s: %zu", rows[_i].text, h.len);
	ck_assert_uint_eq(h.fields, rows[_i].fields);
	ck_assert_uint_eq(h.received, rows[_i].received);
	ck_assert_uint_eq(h.from, rows[_i].from);
	ck_assert_uint_eq(h.date, rows[_i].date);
	ck_assert_uint_eq(h.message_id, rows[_i].message_id);
	ck_assert_int_eq(h.tls_required_no, rows[_i].no);
	ck_assert_int_eq(h.fresh_line, rows[_i].fresh_line);
	ck_assert(h.complete && !h.too_big && !h.too_many);
	ck_assert_int_eq(mail_header_judge(&h, 100, NULL), 0);
	/* Any part of it: no crash, and never more than the whole. */
	for (size_t cut = 0; cut < n; cut++) {
		mail_header_scan(rows[_i].text, cut, 0, NULL, &h);
		ck_assert_uint_le(h.len, cut);
		ck_assert_uint_le(h.fields, rows[_i].fields);
	}
}
END_TEST

START_TEST(loops)
{
	struct mail_received r = { .host = "relay.example", .client_ip = "192.0.2.1", .when = 1 };
	struct mail_answer answer;
	char marker[320];
	struct buf text;

	buf_init(&text);
	mail_received_marker(marker, sizeof marker, r.host);
	for (unsigned i = 1; i <= 100; i++) {
		mail_received_add(&text, &r);
		if (i > 3 && i < 99)
			continue;
		mail_header_scan(buf_data(&text), buf_len(&text), 1, marker, &h);
		ck_assert_uint_eq(h.received, i);
		ck_assert_uint_eq(h.own, i);
		ck_assert_int_eq(mail_header_judge(&h, 100, &answer), i < 3 ? 0 : -1);
		if (i >= 3)
			ck_assert_str_eq(answer.dsn, "5.4.6");
		mail_header_scan(buf_data(&text), buf_len(&text), 1, "by other.example (relayd)",
		    &h);
		ck_assert_uint_eq(h.own, 0);
		ck_assert_int_eq(mail_header_judge(&h, 100, &answer), i < 100 ? 0 : -1);
	}
	buf_fini(&text);
}
END_TEST

static void
fill_fields(struct buf *text, size_t count, size_t len)
{
	buf_clear(text);
	for (size_t i = 0; i < count; i++) {
		buf_adds(text, "X: ");
		for (size_t k = 5; k < len; k++)
			buf_addc(text, 'x');
		buf_adds(text, "\r\n");
	}
}

START_TEST(limits)
{
	struct mail_answer answer;
	struct buf text;

	buf_init(&text);
	fill_fields(&text, MAIL_HEADER_FIELDS_MAX, 10);
	mail_header_scan(buf_data(&text), buf_len(&text), 1, NULL, &h);
	ck_assert_int_eq(mail_header_judge(&h, 100, &answer), 0);
	fill_fields(&text, MAIL_HEADER_FIELDS_MAX + 1, 10);
	mail_header_scan(buf_data(&text), buf_len(&text), 1, NULL, &h);
	ck_assert_int_eq(mail_header_judge(&h, 100, &answer), -1);
	ck_assert_str_eq(answer.dsn, "5.6.0");

	/* 256 KiB of header in all, blank line included. */
	fill_fields(&text, 1, MAIL_HEADER_MAX - 2);
	buf_adds(&text, "\r\nbody\r\n");
	mail_header_scan(buf_data(&text), buf_len(&text), 1, NULL, &h);
	ck_assert_int_eq(mail_header_judge(&h, 100, &answer), 0);
	ck_assert_uint_eq(h.len, MAIL_HEADER_MAX);
	fill_fields(&text, 1, MAIL_HEADER_MAX - 1);
	buf_adds(&text, "\r\nbody\r\n");
	mail_header_scan(buf_data(&text), buf_len(&text), 1, NULL, &h);
	ck_assert_int_eq(mail_header_judge(&h, 100, &answer), -1);
	ck_assert_int_eq(answer.code, 552);
	buf_fini(&text);
}
END_TEST

START_TEST(eightbit_headers)
{
	static const char in[] = "Subject: \xc3\xa9\r\n\r\nx";

	mail_header_scan(in, sizeof in - 1, 1, NULL, &h);
	ck_assert(h.eightbit);
	mail_header_scan("A: b\r\n\r\n\xc3", 9, 1, NULL, &h);
	ck_assert(!h.eightbit);
}
END_TEST

static void
compose(const struct mail_received *r, const char *want)
{
	struct buf out;

	buf_init(&out);
	mail_received_add(&out, r);
	ck_assert_str_eq(buf_str(&out), want);
	buf_fini(&out);
}

START_TEST(received_forms)
{
	struct mail_received r = { .helo = "scanner", .client_ip = "10.8.0.7",
	    .host = "relay.example", .queue_id = "000000000001", .when = 1795306063000 };

	compose(&r, "Received: from scanner ([10.8.0.7])\r\n"
	    "\tby relay.example (relayd) with SMTP id 000000000001;\r\n"
	    "\tSun, 22 Nov 2026 00:07:43 +0000\r\n");
	r.esmtp = r.auth = 1;
	r.client_name = "s.example";
	r.client_ip = "2001:db8::1";
	r.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
	r.rcpt = "a@b.example";
	compose(&r, "Received: from scanner (s.example [IPv6:2001:db8::1])\r\n"
	    "\t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
	    "\tby relay.example (relayd) with ESMTPSA id 000000000001\r\n"
	    "\tfor <a@b.example>;\r\n"
	    "\tSun, 22 Nov 2026 00:07:43 +0000\r\n");
}
END_TEST

START_TEST(received_hostile)
{
	struct mail_received r = { .helo = "a\r\nX-Evil: 1\xc3\xa9 (b)", .client_ip = "x)\r\n",
	    .client_name = "n\nm", .host = "h\r\n.x", .queue_id = "q\n", .tls = "v\r\n) c\\",
	    .rcpt = "\"a\r\nb\xff\"@c", .esmtp = 1, .utf8 = 1, .when = 1 };
	struct buf out;
	unsigned lines = 0;
	const char *s;

	buf_init(&out);
	mail_received_add(&out, &r);
	s = buf_str(&out);
	for (size_t i = 0; i < buf_len(&out); i++) {
		ck_assert(s[i] == '\r' || s[i] == '\n' || s[i] == '\t' ||
		    (s[i] >= 32 && s[i] < 127));
		if (s[i] != '\n')
			continue;
		lines++;
		ck_assert(s[i - 1] == '\r');
		ck_assert(i + 1 == buf_len(&out) || s[i + 1] == '\t');
	}
	ck_assert_uint_eq(lines, 5);
	ck_assert(strstr(s, "UTF8SMTPS id") != NULL);
	buf_fini(&out);
}
END_TEST

START_TEST(queue_ids)
{
	static const uint64_t ids[] = { 0, 1, 51, 52, 1795306063000, UINT64_MAX - 1, UINT64_MAX };
	char text[MAIL_QUEUE_ID_LEN + 1], before[MAIL_QUEUE_ID_LEN + 1] = "";
	uint64_t back;

	for (size_t i = 0; i < LENGTH(ids); i++) {
		mail_queue_id_print(text, ids[i]);
		ck_assert_uint_eq(strlen(text), MAIL_QUEUE_ID_LEN);
		ck_assert_int_eq(mail_queue_id_parse(text, &back), 0);
		ck_assert(back == ids[i]);
		ck_assert(strpbrk(text, "aeiouAEIOU") == NULL);
		ck_assert(strcmp(before, text) < 0);
		memcpy(before, text, sizeof before);
	}
	ck_assert_int_eq(mail_queue_id_parse("", &back), -1);
	ck_assert_int_eq(mail_queue_id_parse("00000000000", &back), -1);
	ck_assert_int_eq(mail_queue_id_parse("0000000000000", &back), -1);
	ck_assert_int_eq(mail_queue_id_parse("00000000000a", &back), -1);
	ck_assert_int_eq(mail_queue_id_parse("zzzzzzzzzzzz", &back), -1);
	ck_assert_int_eq(mail_queue_id_parse("00000000000 ", &back), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_header");
	TCase *tc = tcase_create("header");

	tcase_add_loop_test(tc, scan_rows, 0, LENGTH(rows));
	tcase_add_test(tc, loops);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, eightbit_headers);
	tcase_add_test(tc, received_forms);
	tcase_add_test(tc, received_hostile);
	tcase_add_test(tc, queue_ids);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
