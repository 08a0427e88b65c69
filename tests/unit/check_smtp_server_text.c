/* SPDX-License-Identifier: ISC */
/* Server sessions: smuggling (HARDENING section 3) and clients that vanish in the text. */
#include <jansson.h>

#include "tests/unit/mail_vectors.h"
#include "tests/unit/smtp_door.h"

/* ---- smuggling (HARDENING section 3), in segments of one octet and of many ---- */

static const struct {
	const char	*name, *said;
	size_t		 len;
	const char	*plain, *strict;	/* codes of the whole */
} looks[] = {
#define LOOK(name, s, plain, strict)	{ name, s, sizeof s - 1, plain, strict }
	LOOK("LF.CRLF", "\n.\r\n", "250", "550"),
	LOOK("LF.LF", "\n.\n", "250", "550"),
	LOOK("CRLF.LF", "\r\n.\n", "250", "550"),
	LOOK("CR.CRLF", "\r.\r\n", "250", "550"),
	LOOK("CR.LF", "\r.\n", "250", "550"),
	LOOK("CR.CR", "\r.\r", "250", "550"),
	LOOK("LF.CR", "\n.\r", "250", "550"),
	LOOK("CRLF.CR", "\r\n.\r", "250", "550"),
	LOOK("CRLF.CRCRLF", "\r\n.\r\r\n", "250", "550"),
	LOOK("CRCRLF.CRCRLF", "\r\r\n.\r\r\n", "250", "550"),
	LOOK("CRLF NUL.CRLF", "\r\n\0.\r\n", "550", "550"),
	LOOK("CRLF.NUL CRLF", "\r\n.\0\r\n", "550", "550"),
	LOOK("CRLF. CRLF", "\r\n. \r\n", "250", "250"),
	LOOK("CRLF.TAB CRLF", "\r\n.\t\r\n", "250", "250"),
};

START_TEST(smuggling)
{
	static const char inner[] = "MAIL FROM:<evil@a.example>\r\nRCPT TO:<v@b.example>\r\nDATA\r\n"
	    "Subject: smuggled\r\n\r\nx\r\n.\r\n";
	size_t k = (size_t)_i / 3;
	struct buf b;

	buf_init(&b);
	buf_adds(&b, "Subject: outer\r\n\r\nouter");
	buf_add(&b, looks[k].said, looks[k].len);
	buf_adds(&b, inner);
	enter(_i % 3 == 1 ? STRICT : _i % 3 == 0 ? IN : OLD);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	door_say(buf_data(&b), buf_len(&b), _i % 3 == 0 ? 1 : 65536);
	ck_assert_str_eq(door_codes(), _i % 3 == 1 ? looks[k].strict : looks[k].plain);
	ck_assert_uint_le(door_queued, 1);
	EXPECT_CODES("RCPT TO:<b@example.com>\r\n", "503");
	if (door_queued == 1) {
		const char *body = door_last->body->data;
		size_t n = door_last->body->size;

		ck_assert_ptr_nonnull(memmem(body, n, "smuggled", 8));
		for (size_t i = 0; i < n; i++) {
			ck_assert(body[i] != '\0');
			ck_assert_int_eq(body[i] == '\n', i > 0 && body[i - 1] == '\r');
			ck_assert(body[i] != '\r' || (i + 1 < n && body[i + 1] == '\n'));
		}
	}
	buf_fini(&b);
}
END_TEST

START_TEST(smuggling_vectors)
{
	json_t *root = vectors_load("data-framing/smuggling-in.json"), *row;
	size_t i;

	if (root == NULL)
		return;
	json_array_foreach(json_object_get(root, "cases"), i, row) {
		uint64_t before = door_queued;
		struct text data;

		if (json_is_true(json_object_get(row, "ends_data")))
			continue;
		data = vectors_hex(row, "data_hex");
		enter(IN);
		EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
		door_say(data.p, data.n, 1);
		ck_assert_msg(strlen(door_codes()) == 3, "%s", vectors_id(row));
		ck_assert_uint_le(door_queued, before + 1);
		free((char *)(uintptr_t)data.p);
	}
	json_decref(root);
}
END_TEST

/* ---- clients that vanish ---- */

/* No message and no file is left, wherever in the text the client goes. */
START_TEST(vanishes_in_the_text)
{
	static char text[90000];
	size_t cut = 1 + (size_t)_i * 6000 + (size_t)_i * 977 % 6000;

	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	door_store.hold_appends = _i % 2;
	door_say(text, cut, 5000);
	door_leave();
	ck_assert_int_eq(server_house_empty(&house), 1);
	ck_assert_int_eq(door_store.spools, 0);
	door_release_appends(WHY_NONE);
	door_turn(5);
	ck_assert_uint_eq(door_queued, 0);
}
END_TEST

/* Behind the dot it is ours: the message is kept, whatever became of the client. */
START_TEST(vanishes_in_the_commit)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	door_store.hold_puts = 1;
	EXPECT_CODES(LETTER, "");
	close(door_fd);
	door_fd = -1;
	door_turn(5);
	door_release_puts(WHY_NONE);
	door_turn(5);
	ck_assert_uint_eq(door_queued, 1);
	ck_assert_int_eq(server_house_empty(&house), 1);
}
END_TEST

/* A client that has nothing more to say may still listen. */
START_TEST(half_closed_in_the_commit)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n", "250 250 354");
	door_store.hold_puts = 1;
	EXPECT_CODES(LETTER "QUIT\r\n", "");
	shutdown(door_fd, SHUT_WR);
	door_turn(5);
	door_release_puts(WHY_NONE);
	EXPECT_CODES("", "250 221");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_server_text");
	TCase *tc = tcase_create("server");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, smuggling, 0, 3 * (int)LENGTH(looks));
	tcase_add_test(tc, smuggling_vectors);
	tcase_add_loop_test(tc, vanishes_in_the_text, 0, 14);
	tcase_add_test(tc, vanishes_in_the_commit);
	tcase_add_test(tc, half_closed_in_the_commit);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
