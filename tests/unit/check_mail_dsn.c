/* SPDX-License-Identifier: ISC */
/* check_mail_dsn: what every notification must hold, and what it must never let in. */
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/mail/dsn.h"
#include "tests/unit/mail_vectors.h"

static const char original[] =
    "Received: from scanner\r\nFrom: a@corp.example\r\nSubject: x\r\n\r\nbody line\r\n";

static struct mail_dsn_rcpt rcpt;
static struct mail_dsn dsn;
static struct mail_dsn_made made;
static struct buf out;

static void
setup(void)
{
	rcpt = (struct mail_dsn_rcpt){
		.final = "b@dest.example", .action = MAIL_DSN_FAILED, .status = "5.7.5",
		.words = "the certificate is for another name",
		.token = "certificate-host-mismatch", .why = "mx.dest.example: wanted x, found y",
		.remote_mta = "mx.dest.example", .diagnostic = "550 5.1.1 no such user",
		.last_attempt = 1795306063000,
	};
	dsn = (struct mail_dsn){
		.host = "relay.example", .queue_id = "00000000BCDF", .own_id = "00000000BCDG",
		.sender = "a@corp.example", .received_from = "scanner ([10.8.0.7])",
		.arrival = 1795306063000, .now = 1795306163000, .ret = MAIL_RET_NONE,
		.original = original, .original_len = sizeof original - 1, .whole = 1,
		.rcpts = &rcpt, .nrcpts = 1,
	};
	buf_init(&out);
}

static void
teardown(void)
{
	buf_fini(&out);
}

static const char *
compose(void)
{
	buf_clear(&out);
	mail_dsn_compose(&out, &dsn, &made);
	return buf_str(&out);
}

#define HOLDS(s)	ck_assert_msg(strstr(compose(), s) != NULL, "%s\n%s", s, buf_str(&out))
#define LACKS(s)	ck_assert_msg(strstr(compose(), s) == NULL, "%s\n%s", s, buf_str(&out))

/* CRLF only, no NUL, lines below 998 octets, three parts and an end. */
static void
check_made(void)
{
	const char *s = buf_str(&out), *boundary;
	size_t n = buf_len(&out), line = 0, parts = 0, len;
	char delimiter[80];

	for (size_t i = 0; i < n; i++) {
		EXPECT(s[i] != '\0', "octets");
		if (s[i] == '\r')
			EXPECT(s[i + 1] == '\n', "octets");
		if (s[i] == '\n')
			EXPECT(i > 0 && s[i - 1] == '\r', "octets");
		line = s[i] == '\n' ? 0 : line + 1;
		EXPECT(line <= 999, "line length");
		if (!made.eightbit)
			EXPECT((unsigned char)s[i] < 0x80, "octets");
	}
	boundary = strstr(s, "\r\n\tboundary=\"") + 13;
	len = strcspn(boundary, "\"");
	snprintf(delimiter, sizeof delimiter, "\r\n--%.*s", (int)len, boundary);
	for (const char *p = s; (p = strstr(p, delimiter)) != NULL; p += len)
		parts++;
	ck_assert_uint_eq(parts, 4);
	ck_assert(n > 4 && memcmp(s + n - 4, "--\r\n", 4) == 0);
}

static void
check_shape(void)
{
	(void)compose();
	check_made();
}

START_TEST(must_hold)
{
	static const char *const all[] = {
		"From: Mail Delivery System <MAILER-DAEMON@relay.example>\r\n",
		"\r\nTo: <a@corp.example>\r\n",
		"\r\nDate: Sun, 22 Nov 2026 00:09:23 +0000\r\n",
		"\r\nMessage-ID: <00000000BCDG.dsn@relay.example>\r\n",
		"\r\nAuto-Submitted: auto-replied\r\n",
		"\r\nMIME-Version: 1.0\r\n",
		"\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n",
		"\r\nContent-Type: text/plain; charset=us-ascii\r\n",
		"\r\nContent-Type: message/delivery-status\r\n",
		"\r\nContent-Type: text/rfc822-headers\r\n",
		"\r\nReporting-MTA: dns; relay.example\r\n",
		"\r\nReceived-From-MTA: dns; scanner ([10.8.0.7])\r\n",
		"\r\nArrival-Date: Sun, 22 Nov 2026 00:07:43 +0000\r\n",
		"\r\nX-Relayd-Queue-Id: 00000000BCDF\r\n\r\n"
		"Final-Recipient: rfc822; b@dest.example\r\n"
		"Action: failed\r\nStatus: 5.7.5\r\nRemote-MTA: dns; mx.dest.example\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
		"Last-Attempt-Date: Sun, 22 Nov 2026 00:07:43 +0000\r\n",
		"<b@dest.example>", "the certificate is for another name",
		"reason: certificate-host-mismatch", "wanted x, found y", "Subject: x\r\n",
	};

	for (size_t i = 0; i < LENGTH(all); i++)
		HOLDS(all[i]);
	LACKS("Original-Recipient");
	LACKS("Original-Envelope-Id");
	LACKS("Will-Retry-Until");
	LACKS("body line");
	check_shape();
	ck_assert(!made.eightbit && !made.utf8);
}
END_TEST

START_TEST(optional_fields)
{
	rcpt.orcpt = "rfc822;Bob@Example.COM";
	dsn.envid = "QQ 314159";
	HOLDS("\r\nOriginal-Recipient: rfc822;Bob@Example.COM\r\nFinal-Recipient:");
	HOLDS("\r\nOriginal-Envelope-Id: QQ 314159\r\n");
	rcpt.diagnostic = NULL;
	HOLDS("\r\nDiagnostic-Code: x-relayd; mx.dest.example: wanted x, found y\r\n");
	check_shape();
}
END_TEST

START_TEST(returned_part)
{
	dsn.ret = MAIL_RET_FULL;
	HOLDS("Content-Type: message/rfc822\r\n");
	HOLDS("\r\n\r\nbody line\r\n\r\n--");
	dsn.requiretls = 1;			/* RFC 8689 s5 */
	LACKS("body line");
	dsn.requiretls = 0;
	dsn.whole = 0;
	LACKS("body line");
	dsn.whole = 1;
	rcpt.action = MAIL_DSN_DELAYED;		/* RFC 3461 s4.3 */
	LACKS("body line");
	rcpt.action = MAIL_DSN_FAILED;
	dsn.ret = MAIL_RET_HDRS;
	LACKS("body line");
	dsn.original = NULL;
	dsn.original_len = 0;
	check_shape();
}
END_TEST

static const struct {
	enum mail_dsn_action	 action;
	const char		*status, *want;
} statuses[] = {
	{ MAIL_DSN_FAILED, "5.1.1", "Action: failed\r\nStatus: 5.1.1\r\n" },
	{ MAIL_DSN_FAILED, "2.0.0", "Action: failed\r\nStatus: 5.0.0\r\n" },
	{ MAIL_DSN_FAILED, NULL, "Action: failed\r\nStatus: 5.0.0\r\n" },
	{ MAIL_DSN_FAILED, "5.1", "Status: 5.0.0\r\n" },
	{ MAIL_DSN_FAILED, "5.1.1\r\nX: y", "Status: 5.0.0\r\n" },
	{ MAIL_DSN_FAILED, "5.1000.1", "Status: 5.0.0\r\n" },
	{ MAIL_DSN_EXPIRED, "4.7.5", "Action: failed\r\nStatus: 4.7.5\r\n" },
	{ MAIL_DSN_EXPIRED, "", "Action: failed\r\nStatus: 4.4.7\r\n" },
	{ MAIL_DSN_DELAYED, "4.4.1", "Action: delayed\r\nStatus: 4.4.1\r\n" },
	{ MAIL_DSN_DELAYED, "5.4.1", "Action: delayed\r\nStatus: 4.0.0\r\n" },
	{ MAIL_DSN_DELIVERED, "2.1.5", "Action: delivered\r\nStatus: 2.1.5\r\n" },
	{ MAIL_DSN_RELAYED, "5.0.0", "Action: relayed\r\nStatus: 2.0.0\r\n" },
};

START_TEST(actions)
{
	rcpt.action = statuses[_i].action;
	rcpt.status = statuses[_i].status;
	rcpt.retry_until = 1795306163000;
	HOLDS(statuses[_i].want);
	if (rcpt.action == MAIL_DSN_DELAYED)
		HOLDS("\r\nWill-Retry-Until: Sun, 22 Nov 2026 00:09:23 +0000\r\n");
	else
		LACKS("Will-Retry-Until");
	check_shape();
}
END_TEST

START_TEST(international)
{
	rcpt.final = "m\xc3\xb8x@rem\xc3\xb8te.example";
	HOLDS("\r\nFinal-Recipient: utf-8; m\\x{F8}x@rem\\x{F8}te.example\r\n");
	HOLDS("Content-Type: message/delivery-status\r\n");
	ck_assert(!made.utf8);
	check_shape();
	dsn.smtputf8 = 1;
	dsn.sender = "s\xc3\xb8n@corp.example";
	HOLDS("\r\nTo: <s\xc3\xb8n@corp.example>\r\n");
	HOLDS("\r\nFinal-Recipient: utf-8; m\xc3\xb8x@rem\xc3\xb8te.example\r\n");
	HOLDS("Content-Type: message/global-delivery-status\r\n");
	HOLDS("Content-Type: message/global-headers\r\n");
	HOLDS("multipart/report; report-type=global-delivery-status;\r\n");
	ck_assert(made.utf8 && made.eightbit);
	check_shape();
	dsn.ret = MAIL_RET_FULL;
	HOLDS("Content-Type: message/global\r\n");
	/* Whose own address is ASCII may be at a server without SMTPUTF8. */
	dsn.sender = "a@corp.example";
	HOLDS("Content-Type: message/rfc822\r\n");
	HOLDS("\r\nFinal-Recipient: utf-8; m\\x{F8}x@rem\\x{F8}te.example\r\n");
	HOLDS("multipart/report; report-type=delivery-status;\r\n");
	ck_assert(!made.utf8 && !made.eightbit);
	check_shape();
}
END_TEST

START_TEST(eightbit_original)
{
	static const char eight[] = "Subject: \xc3\xa9\r\n\r\nx\r\n";

	dsn.original = eight;
	dsn.original_len = sizeof eight - 1;
	/* A header alone goes through every server. */
	HOLDS("Content-Type: text/rfc822-headers\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nSubject: =C3=A9\r\n");
	ck_assert(!made.eightbit && !made.utf8);
	check_shape();
	dsn.smtputf8 = 1;
	HOLDS("Content-Type: message/global-headers\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n");
	ck_assert(!made.eightbit && !made.utf8);
	dsn.ret = MAIL_RET_FULL;
	HOLDS("Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n");
	ck_assert(made.eightbit && !made.utf8);
	check_shape();
	dsn.smtputf8 = 0;
	HOLDS("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n");
	ck_assert(made.eightbit);
}
END_TEST

/* For a server without 8BITMIME: what was composed for one that has it. */
START_TEST(to_ascii)
{
	static const char eight[] = "Subject: \xc3\xa9\r\n\r\nbody \xff\r\n";
	struct buf plain;

	buf_init(&plain);
	dsn.original = eight;
	dsn.original_len = sizeof eight - 1;
	ck_assert_int_eq(mail_dsn_to_ascii(&plain, compose(), strlen(compose())), -1);
	dsn.ret = MAIL_RET_FULL;
	dsn.sender = "\"boundary=\"@corp.example";	/* in front of the one that counts */
	for (dsn.smtputf8 = 0; dsn.smtputf8 < 2; dsn.smtputf8++) {
		const char *whole = compose();
		size_t n = strlen(whole);

		ck_assert(made.eightbit && !made.utf8);
		for (size_t cut = 0; cut < n - 60; cut++)
			if (mail_dsn_to_ascii(&plain, whole, cut) == -1)
				ck_assert_uint_eq(buf_len(&plain), 0);
			else
				buf_clear(&plain);
		ck_assert_int_eq(mail_dsn_to_ascii(&plain, whole, n), 0);
		buf_clear(&out);
		buf_add(&out, buf_data(&plain), buf_len(&plain));
		buf_clear(&plain);
		made.eightbit = 0;
		check_made();
		ck_assert(strstr(buf_str(&out), "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "Subject: =C3=A9\r\n") != NULL);
		ck_assert(strstr(buf_str(&out), "8bit") == NULL);
		ck_assert(strstr(buf_str(&out), dsn.smtputf8 ?
		    "Content-Type: message/global-headers\r\n" :
		    "Content-Type: text/rfc822-headers\r\n") != NULL);
	}
	dsn.sender = "s\xc3\xb8n@corp.example";
	dsn.smtputf8 = 1;
	ck_assert_int_eq(mail_dsn_to_ascii(&plain, compose(), strlen(compose())), -1);
	buf_fini(&plain);
}
END_TEST

/* No line that servers count is passed on: the text stays out, the header is folded away. */
START_TEST(long_lines)
{
	struct buf text;

	buf_init(&text);
	buf_adds(&text, "Subject: x\r\n\r\n");
	for (int i = 0; i < 1200; i++)
		buf_addc(&text, 'y');
	buf_adds(&text, "\r\n");
	dsn.original = buf_str(&text);
	dsn.original_len = buf_len(&text);
	dsn.ret = MAIL_RET_FULL;
	HOLDS("Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n");
	LACKS("yyy");
	check_shape();
	buf_clear(&text);
	buf_adds(&text, "Subject: ");
	for (int i = 0; i < 1200; i++)
		buf_addc(&text, 'y');
	buf_adds(&text, "\r\n\r\nx\r\n");
	dsn.original = buf_str(&text);
	dsn.original_len = buf_len(&text);
	HOLDS("Content-Transfer-Encoding: quoted-printable\r\n\r\nSubject: yyy");
	check_shape();
	buf_fini(&text);
}
END_TEST

START_TEST(quoted_lines)
{
	struct buf text;

	buf_init(&text);
	buf_adds(&text, "Subject: a=b \t\r\nX: ");
	for (int i = 0; i < 100; i++)
		buf_adds(&text, "\xe2\x82\xac");
	buf_adds(&text, "\r\n\r\n");
	dsn.original = buf_str(&text);
	dsn.original_len = buf_len(&text);
	HOLDS("Subject: a=3Db =09\r\n");
	for (const char *p = strstr(compose(), "a=3Db"), *q; (q = strstr(p, "\r\n")) != NULL;
	    p = q + 2)
		ck_assert_int_le(q - p, 76);
	check_shape();
	buf_fini(&text);
}
END_TEST

static const struct {
	const char *original, *id;
} ids[] = {
	{ "Message-ID: <1@a>\r\n\r\n", "<1@a>" },
	{ "From: x\r\nmessage-id :\r\n <1@a> x\r\n\r\n", "<1@a>" },
	{ "From: x\r\n\r\nMessage-ID: <1@a>\r\n", NULL },
	{ "X: y\r\n Message-ID: <1@a>\r\n\r\n", NULL },
	{ "Message-ID: 1@a\r\n\r\n", NULL },
	{ "Message-ID: <1\r\n @a>\r\n\r\n", NULL },
	{ "Message-ID: <1@a\r\n\r\n", NULL },
	{ "Message-ID: <1@\xc3\xa9>\r\n\r\n", NULL },
	{ "Message-ID:\r\n\r\n", NULL },
	{ "Message-IDs: <1@a>\r\n\r\n", NULL },
};

START_TEST(references)
{
	char want[64];

	dsn.original = ids[_i].original;
	dsn.original_len = strlen(ids[_i].original);
	if (ids[_i].id == NULL) {
		LACKS("References");
		return;
	}
	snprintf(want, sizeof want, "\r\nIn-Reply-To: %s\r\nReferences: %s\r\n", ids[_i].id,
	    ids[_i].id);
	HOLDS(want);
	check_shape();
}
END_TEST

/* No value starts a field, a line or a part (OpenSMTPD CVE-2020-8794). */
START_TEST(injection)
{
	static const char evil[] = "x\r\nX-Evil: 1\r\n\r\n--b\r\n\x1b[2J\xff\xe2\x80\xa8\n.\r\n";

	rcpt.final = rcpt.orcpt = rcpt.status = rcpt.words = rcpt.token = rcpt.why = evil;
	rcpt.remote_mta = rcpt.diagnostic = evil;
	dsn.host = dsn.queue_id = dsn.own_id = dsn.sender = dsn.envid = dsn.received_from = evil;
	dsn.smtputf8 = _i;
	LACKS("\nX-Evil");
	LACKS("\x1b");
	LACKS("\xe2\x80\xa8");
	LACKS("\n.\r\n");
	check_shape();
	dsn.original = evil;
	dsn.original_len = sizeof evil - 1;
	dsn.ret = MAIL_RET_FULL;
	check_shape();
}
END_TEST

START_TEST(subjects)
{
	static const char *const want[MAIL_DSN__COUNT] = {
		[MAIL_DSN_FAILED] = "\r\nAction: failed\r\n", [MAIL_DSN_EXPIRED] = "\r\nAction: failed\r\n",
		[MAIL_DSN_DELAYED] = "\r\nAction: delayed\r\n", [MAIL_DSN_HELD] = "\r\nAction: delayed\r\n",
		[MAIL_DSN_DELIVERED] = "\r\nAction: delivered\r\n",
		[MAIL_DSN_RELAYED] = "\r\nAction: relayed\r\n",
	};

	rcpt.action = (enum mail_dsn_action)_i;
	HOLDS(want[_i]);
	if (_i == MAIL_DSN_FAILED || _i == MAIL_DSN_EXPIRED)
		HOLDS("\r\nSubject: Undelivered mail");
	else if (_i == MAIL_DSN_DELAYED || _i == MAIL_DSN_HELD)
		HOLDS("\r\nSubject: Delayed mail");
	else
		HOLDS("\r\nSubject: Successful mail");
	dsn.own_id = NULL;
	HOLDS("\r\nMessage-ID: <");
	check_shape();
}
END_TEST

START_TEST(long_values)
{
	char *big = malloc(100001);
	struct mail_dsn_rcpt many[50];
	struct buf text;

	memset(big, 'a', 100000);
	big[100000] = '\0';
	rcpt.final = rcpt.orcpt = rcpt.words = rcpt.why = rcpt.remote_mta = rcpt.diagnostic = big;
	dsn.host = dsn.sender = dsn.envid = dsn.received_from = big;
	check_shape();
	for (size_t i = 0; i < 100000; i += 7)
		big[i] = ' ';
	check_shape();
	HOLDS("\r\n aaaaaa");
	for (size_t i = 0; i < LENGTH(many); i++)
		many[i] = rcpt;
	dsn.rcpts = many;
	dsn.nrcpts = LENGTH(many);
	check_shape();
	/* A header beyond what is returned is cut at a line. */
	buf_init(&text);
	while (buf_len(&text) < MAIL_DSN_RETURN_MAX + 500)
		buf_adds(&text, "X: some words that fill a line\r\n folded to another line\r\n");
	dsn.original = buf_str(&text);
	dsn.original_len = buf_len(&text);
	check_shape();
	buf_fini(&text);
	free(big);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_dsn");
	TCase *tc = tcase_create("dsn");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, must_hold);
	tcase_add_test(tc, optional_fields);
	tcase_add_test(tc, returned_part);
	tcase_add_loop_test(tc, actions, 0, LENGTH(statuses));
	tcase_add_test(tc, international);
	tcase_add_test(tc, eightbit_original);
	tcase_add_test(tc, to_ascii);
	tcase_add_test(tc, long_lines);
	tcase_add_test(tc, quoted_lines);
	tcase_add_loop_test(tc, references, 0, LENGTH(ids));
	tcase_add_loop_test(tc, injection, 0, 2);
	tcase_add_loop_test(tc, subjects, 0, MAIL_DSN__COUNT);
	tcase_add_test(tc, long_values);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
