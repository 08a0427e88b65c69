/* SPDX-License-Identifier: ISC */
/* Server sessions: a message and its commit, limits, who may relay, draining. */
#include "tests/unit/smtp_door.h"

/* ---- one message ---- */

START_TEST(a_message)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	EXPECT_CODES("DATA\r\n", "354");
	EXPECT_CODES(LETTER, "250");
	ck_assert_uint_eq(door_queued, 1);
	ck_assert_str_eq(door_last->rcpts[0].dest, "example.com");
	EXPECT_CODES("RCPT TO:<b@example.com>\r\n", "503");
	EXPECT_CODES("QUIT\r\n", "221");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

/* Promise 2. Fails if anything says 250 before the store's callback. */
START_TEST(no_250_before_the_commit)
{
	enter(IN);
	door_store.hold_puts = 1;
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	EXPECT_CODES(LETTER "NOOP\r\n", "");
	door_turn(50);
	ck_assert_str_eq(door_codes(), "");
	ck_assert_uint_eq(door_store.nputs, 1);
	ck_assert_uint_eq(door_queued, 0);
	door_release_puts(WHY_NONE);
	ck_assert_uint_eq(door_queued, 0);
	EXPECT_CODES("", "250 250");		/* the dot's, and NOOP's */
	ck_assert_uint_eq(door_queued, 1);
}
END_TEST

/* The same for a text that went to a file. */
START_TEST(no_250_before_the_commit_of_a_file)
{
	static char line[80000];

	memset(line, 'x', sizeof line);
	for (size_t i = 78; i + 1 < sizeof line; i += 80)
		memcpy(line + i, "\r\n", 2);
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	EXPECT_CODES("Subject: x\r\n\r\n", "");
	door_say(line, sizeof line, 8000);
	ck_assert_int_eq(door_store.spools, 1);
	door_store.hold_puts = 1;
	EXPECT_CODES(".\r\n", "");
	door_release_puts(WHY_NONE);
	EXPECT_CODES("", "250");
	ck_assert_uint_gt(door_last->size, sizeof line);
}
END_TEST

static const struct { enum why_reason reason; const char *code; } failures[] = {
	{ WHY_LOCAL_STORAGE, "451" }, { WHY_LOCAL_SPACE, "452" },
};

START_TEST(store_failure)
{
	enter(IN);
	door_store.hold_puts = 1;
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	EXPECT_CODES(LETTER, "");
	door_release_puts(failures[_i].reason);
	EXPECT_CODES("", failures[_i].code);
	ck_assert_uint_eq(door_queued, 0);
	EXPECT_CODES(ENVELOPE, "250 250");	/* the session goes on */
	door_store.refusal = failures[_i].reason;
	EXPECT_CODES("RSET\r\n", "250");
	EXPECT_CODES("MAIL FROM:<a@corp.example>\r\n", failures[_i].code);
}
END_TEST

/* An append fails while the text is on its way, and four are owed at that moment. */
START_TEST(spool_failure)
{
	static char line[64000];

	memset(line, 'x', sizeof line);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	EXPECT_CODES("Subject: x\r\n\r\n", "");
	door_store.hold_appends = 1;
	door_say(line, sizeof line, 4000);
	door_say(line, sizeof line / 2, 4000);
	ck_assert_uint_ge(door_store.nappends, 1);
	door_release_appends(failures[_i].reason);
	EXPECT_CODES("\r\n.\r\n", failures[_i].code);
	ck_assert_uint_eq(door_queued, 0);
	ck_assert_int_eq(door_store.spools, 0);
	EXPECT_CODES("NOOP\r\n", "250");
}
END_TEST

/* Too large while appends are owed: nothing hangs, nothing leaks, the dot is answered. */
START_TEST(too_large_with_appends_owed)
{
	static char line[60000];

	memset(line, 'x', sizeof line);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	EXPECT_CODES("Subject: x\r\n\r\n", "");
	door_store.hold_appends = 1;
	door_say(line, sizeof line, 30000);
	door_say(line, sizeof line, 30000);
	EXPECT_CODES(".\r\n", "552");
	ck_assert_int_eq(door_store.spools, 0);
	EXPECT_CODES("NOOP\r\n", "250");
	door_release_appends(WHY_NONE);
}
END_TEST

/* ---- limits, each at the limit and one above ---- */

static void
say_message(size_t size)
{
	char *text = must_calloc(1, size + 1);

	memset(text, 'x', size);
	memcpy(text, "Subject: x\r\n\r\n.", 15);
	for (size_t i = 998; i + 3 < size; i += 1000)
		memcpy(text + i, "\r\n", 2);
	memcpy(text + size - 2, "\r\n", 2);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	/* The dot that begins the body's line is stuffed on the way. */
	door_say(text, 14, 65536);
	door_say(".", 1, 1);
	door_say(text + 14, size - 14, 16000);
	free(text);
}

START_TEST(size_limit)
{
	enter(IN);
	say_message(DOOR_MAX_MESSAGE);
	EXPECT_CODES(".\r\n", "250");
	say_message(DOOR_MAX_MESSAGE + 1);
	EXPECT_CODES(".\r\n", "552");
	ck_assert_uint_eq(door_queued, 1);
	EXPECT_CODES("MAIL FROM:<a@corp.example> SIZE=102400\r\n", "250");
	EXPECT_CODES("RSET\r\nMAIL FROM:<a@corp.example> SIZE=102401\r\n", "250 552");
	/* HARDENING I8: an endless message is not read to its end. */
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	for (int i = 0; i < 100 && !door_closed; i++) {
		static char junk[32768];

		memset(junk, 'x', sizeof junk);
		door_say(junk, sizeof junk, sizeof junk);
	}
	ck_assert_int_eq(door_closed, 1);
	ck_assert_str_eq(door_codes(), "552");
}
END_TEST

START_TEST(recipient_limit)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE "RCPT TO:<c@example.com>\r\nRCPT TO:<d@example.com>\r\n", "250 250 250 250");
	EXPECT_CODES("RCPT TO:<e@example.com>\r\n", "452");
	EXPECT_CODES("RCPT TO:<f@example.com>\r\nRCPT TO:<g@example.com>\r\nRCPT TO:<h@example.com>\r\n"
	    "RCPT TO:<i@example.com>\r\nRCPT TO:<j@example.com>\r\n", "452 452 452 452 452");
	EXPECT_CODES("DATA\r\n", "354");	/* those who were taken get it */
	EXPECT_CODES(LETTER, "250");
	ck_assert_uint_eq(door_last->nrcpts, 3);
}
END_TEST

START_TEST(error_limit)
{
	enter(IN);
	EXPECT_CODES("WHAT\r\nWHAT\r\nWHAT\r\nWHAT\r\n", "500 500 500 500");
	EXPECT_CODES("WHAT\r\nNOOP\r\n", "500 421");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

START_TEST(refused_mail_is_an_error)
{
	enter(IN);
	for (int i = 0; i < 4; i++)
		EXPECT_CODES("MAIL FROM:<a@corp.example> SIZE=999999\r\n", "552");
	EXPECT_CODES("MAIL FROM:<a@corp.example> SIZE=999999\r\n", "552 421");
}
END_TEST

static const char *const junk[] = { "NOOP\r\n", "RSET\r\n", "VRFY x\r\n", "HELP\r\n", HELLO };

START_TEST(junk_limit)
{
	enter(IN);			/* EHLO was the first */
	for (int i = 0; i < 6; i++)
		ck_assert_uint_eq(strlen(door_ask(junk[_i])), 3);
	ck_assert_uint_eq(strlen(door_ask(junk[_i])), 7);
	ck_assert_int_eq(door_closed, 1);
	/* A message begins a new count. */
	enter(IN);
	for (int i = 0; i < 3; i++) {
		EXPECT_CODES("RSET\r\nNOOP\r\nNOOP\r\n" ENVELOPE "DATA\r\n", "250 250 250 250 250 354");
		EXPECT_CODES(LETTER, "250");
	}
}
END_TEST

START_TEST(message_limit)
{
	enter(IN);
	for (int i = 0; i < 4; i++) {
		EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
		EXPECT_CODES(LETTER, "250");
	}
	EXPECT_CODES("MAIL FROM:<a@corp.example>\r\n", "421");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

START_TEST(line_limit)
{
	static char line[70000];

	memset(line, 'x', sizeof line);
	enter(IN);
	memcpy(line, "NOOP ", 5);
	memcpy(line + 510, "\r\n", 3);
	EXPECT_CODES(line, "250");
	memcpy(line + 510, "x\r\n", 4);
	EXPECT_CODES(line, "500");
	memset(line, 'x', sizeof line);
	door_say(line, 4098, 1000);
	ck_assert_str_eq(door_codes(), "");
	door_say(line, 1, 1);
	ck_assert_str_eq(door_codes(), "500");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

START_TEST(session_limits)
{
	int fds[20];
	size_t n = 0;

	for (int i = 0; i < 3; i++, door_fd = -1) {
		door_enter(IN, 0);
		fds[n++] = door_fd;
		EXPECT_CODES("", "220");
	}
	door_enter(IN, 0);			/* one more of the same */
	EXPECT_CODES("", "421");
	for (int i = 0; i < 9; i++) {
		char ip[20];

		str_fmt(ip, sizeof ip, "10.0.1.%d", i / 3);
		door_enter(ip, 0);
		EXPECT_CODES("", "220");
		fds[n++] = door_fd;
		door_fd = -1;
	}
	door_enter("10.0.2.1", 0);		/* one more in all */
	EXPECT_CODES("", "421");
	close(fds[0]);
	door_enter("10.0.2.1", 0);
	EXPECT_CODES("", "220");
	while (--n > 0)
		close(fds[n]);
}
END_TEST

/* HARDENING I7: one clock for a line, however many octets keep it going. */
START_TEST(one_deadline_for_a_line)
{
	enter(IN);
	door_generation->conf->limits.command = 60;
	for (int i = 0; i < 40 && !door_closed; i++) {
		door_say("N", 1, 1);
		poll(NULL, 0, 5);
	}
	ck_assert_str_eq(door_codes(), "421");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

/* ---- who may what ---- */

static const char *const odd[] = {
	"<victim@example.com>", "<@relay.example.org:victim@example.com>",
	"<victim%example.com@relay.example.org>", "<example.com!victim@relay.example.org>",
	"<\"victim@example.com\"@relay.example.org>", "<\"victim@example.com\">", "<victim>",
	"<victim@[192.0.2.1]>", "<victim@[IPv6:2001:db8::1]>", "<postmaster>",
	"<postmaster@relay.example.org>",
	"<victim@example.com@relay.example.org>", "victim@example.com", "<victim@localhost>",
	"<@a,@b:victim@example.com>", "<>", "<\\victim@example.com>", "<\xc3\xa9@example.com>",
	"<victim@example.com> NOTIFY=NEVER",
};

/* Promise 1, at the other door. Fails if the client's network is not asked. */
START_TEST(no_relay_for_strangers)
{
	char line[200];
	const char *codes;

	enter(FOREIGN);
	EXPECT_CODES("MAIL FROM:<a@corp.example>\r\n", "250");
	str_fmt(line, sizeof line, "RCPT TO:%s\r\n", odd[_i]);
	codes = door_ask(line);
	ck_assert_msg(codes[0] == '5', "%s: %s", odd[_i], codes);
	if (_i == 0)
		ck_assert_str_eq(codes, "550");
	EXPECT_CODES("DATA\r\n", "503");
	EXPECT_CODES(LETTER, "500 500 500 421");
	ck_assert_uint_eq(door_queued, 0);
}
END_TEST

START_TEST(tls_required)
{
	door_enter(TLS, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	EXPECT_CODES("MAIL FROM:<a@corp.example>\r\n", "530");
	EXPECT_CODES("RCPT TO:<b@example.com>\r\n", "503");
}
END_TEST

/* RFC 8689 s2: neither offered nor taken in clear. Under TLS: tests/system/72-requiretls. */
START_TEST(requiretls_in_clear)
{
	door_enter(IN, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	EXPECT_CODES("MAIL FROM:<a@corp.example> REQUIRETLS\r\n", "530");
	EXPECT_CODES("RCPT TO:<b@example.com>\r\n", "503");
	EXPECT_CODES(ENVELOPE, "250 250");
}
END_TEST

/* ---- draining ---- */

START_TEST(draining)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	server_house_drain(&house);
	EXPECT_CODES("", "421");
	ck_assert_int_eq(server_house_empty(&house), 1);
}
END_TEST

START_TEST(draining_in_the_text)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	server_house_drain(&house);
	EXPECT_CODES("", "");
	door_store.hold_puts = 1;
	EXPECT_CODES(LETTER, "");
	server_house_drain(&house);
	door_release_puts(WHY_NONE);
	EXPECT_CODES("", "250 421");
	ck_assert_uint_eq(door_queued, 1);
	ck_assert_int_eq(server_house_empty(&house), 1);
}
END_TEST

START_TEST(draining_in_the_handshake)
{
	door_enter(IN, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	EXPECT_CODES("STARTTLS\r\n", "220");
	server_house_drain(&house);
	EXPECT_CODES("", "");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_server");
	TCase *tc = tcase_create("server");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_message);
	tcase_add_test(tc, no_250_before_the_commit);
	tcase_add_test(tc, no_250_before_the_commit_of_a_file);
	tcase_add_loop_test(tc, store_failure, 0, (int)LENGTH(failures));
	tcase_add_loop_test(tc, spool_failure, 0, (int)LENGTH(failures));
	tcase_add_test(tc, too_large_with_appends_owed);
	tcase_add_test(tc, size_limit);
	tcase_add_test(tc, recipient_limit);
	tcase_add_test(tc, error_limit);
	tcase_add_test(tc, refused_mail_is_an_error);
	tcase_add_loop_test(tc, junk_limit, 0, (int)LENGTH(junk));
	tcase_add_test(tc, message_limit);
	tcase_add_test(tc, line_limit);
	tcase_add_test(tc, session_limits);
	tcase_add_test(tc, one_deadline_for_a_line);
	tcase_add_loop_test(tc, no_relay_for_strangers, 0, (int)LENGTH(odd));
	tcase_add_test(tc, tls_required);
	tcase_add_test(tc, requiretls_in_clear);
	tcase_add_test(tc, draining);
	tcase_add_test(tc, draining_in_the_text);
	tcase_add_test(tc, draining_in_the_handshake);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
