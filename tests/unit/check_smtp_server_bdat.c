/* SPDX-License-Identifier: ISC */
/* Server sessions: BDAT (RFC 3030). Octets are counted, and never taken for commands. */
#include "tests/unit/smtp_door.h"

#define CMD(n)		"BDAT " #n "\r\n"
#define LAST(n)		"BDAT " #n " LAST\r\n"
#define TWENTY		"Subject: x\r\n\r\n\r\ntext"		/* 20 octets */
#define LAST_TWENTY	LAST(20) TWENTY

/* ---- dialogues, each said in one segment and octet by octet ---- */

static const struct {
	const char	*ip, *said, *codes;
	unsigned	 queued;
	int		 open;
} dialogues[] = {
	{ IN, ENVELOPE LAST_TWENTY, "250 250 250", 1, 1 },
	{ IN, ENVELOPE CMD(10) "Subject: x" LAST(4) "\r\n\r\n", "250 250 250 250", 1, 1 },
	{ IN, ENVELOPE CMD(20) TWENTY LAST(0), "250 250 250 250", 1, 1 },
	{ IN, ENVELOPE CMD(0) CMD(0) LAST_TWENTY "NOOP\r\n", "250 250 250 250 250 250", 1, 1 },
	{ IN, ENVELOPE LAST(0), "250 250 250", 1, 1 },
	{ IN, ENVELOPE "bdat 20 last\r\n" TWENTY, "250 250 250", 1, 1 },
	{ IN, ENVELOPE LAST_TWENTY ENVELOPE LAST_TWENTY, "250 250 250 250 250 250", 2, 1 },
	{ IN, ENVELOPE LAST_TWENTY ENVELOPE "DATA\r\n", "250 250 250 250 250 354", 1, 1 },
	/* no end of data, no dots */
	{ IN, ENVELOPE LAST(6) "\r\n.\r\n" "x" "NOOP\r\n", "250 250 250 250", 1, 1 },
	{ IN, ENVELOPE LAST(22) "\r\n.\r\nQUIT\r\nDATA\r\nx\r\n\r\n" "NOOP\r\n",
	  "250 250 250 250", 1, 1 },
	/* out of order: read, refused, nothing changed */
	{ IN, LAST_TWENTY "NOOP\r\n", "503 250", 0, 1 },
	{ IN, CMD(6) "QUIT\r\n" ENVELOPE LAST_TWENTY, "503 250 250 250", 1, 1 },
	{ IN, "MAIL FROM:<a@b.example>\r\n" LAST_TWENTY "RCPT TO:<b@c.example>\r\n" LAST_TWENTY,
	  "250 554 250 250", 1, 1 },
	{ IN, "MAIL FROM:<a@b.example>\r\nRCPT TO:<@>\r\n" CMD(6) "QUIT\r\n" LAST(0) "NOOP\r\n",
	  "250 553 554 554 250", 0, 1 },
	{ FOREIGN, ENVELOPE LAST_TWENTY "NOOP\r\n", "250 550 554 250", 0, 1 },
	{ IN, ENVELOPE LAST_TWENTY LAST_TWENTY "NOOP\r\n", "250 250 250 503 250", 1, 1 },
	/* between chunks */
	{ IN, ENVELOPE CMD(4) "text" "DATA\r\n" "NOOP\r\n" LAST(0),
	  "250 250 250 503 250 250", 1, 1 },
	{ IN, ENVELOPE CMD(4) "text" "MAIL FROM:<a@b.example>\r\n" LAST(0),
	  "250 250 250 503 250", 1, 1 },
	{ IN, ENVELOPE CMD(4) "text" "RCPT TO:<b@c.example>\r\n" LAST(0),
	  "250 250 250 503 250", 1, 1 },
	{ IN, ENVELOPE CMD(4) "text" "RSET\r\n" LAST(0) "NOOP\r\n",
	  "250 250 250 250 503 250", 0, 1 },
	{ IN, ENVELOPE CMD(4) "text" "RSET\r\n" ENVELOPE LAST_TWENTY,
	  "250 250 250 250 250 250 250", 1, 1 },
	{ IN, ENVELOPE CMD(4) "text" HELLO, "250 250 250 250", 0, 1 },
	{ IN, ENVELOPE CMD(4) "text" "QUIT\r\n", "250 250 250 221", 0, 0 },
	{ IN, ENVELOPE CMD(4) "text" "VRFY x\r\n" LAST(0), "250 250 250 252 250", 1, 1 },
	/* a refused chunk: the rest of the message is read and told the same */
	{ STRICT, ENVELOPE CMD(4) "a\nb\n" CMD(6) "QUIT\r\n" LAST(0) "NOOP\r\n",
	  "250 250 550 550 550 250", 0, 1 },
	{ STRICT, ENVELOPE CMD(4) "a\nb\n" "MAIL FROM:<a@b.example>\r\n" "RSET\r\n" ENVELOPE LAST_TWENTY,
	  "250 250 550 503 250 250 250 250", 1, 1 },
	{ STRICT, ENVELOPE CMD(4) "a\nb\n" "DATA\r\n" "RSET\r\n" LAST(0),
	  "250 250 550 503 250 503", 0, 1 },
	{ STRICT, ENVELOPE LAST(4) "a\nb\n" ENVELOPE LAST_TWENTY, "250 250 550 250 250 250", 1, 1 },
	/* bare CR and LF, and what only looks like them at a border */
	{ STRICT, ENVELOPE CMD(2) "a\r" LAST(2) "\nb", "250 250 250 250", 1, 1 },
	{ STRICT, ENVELOPE CMD(2) "a\r" LAST(1) "b", "250 250 250 550", 0, 1 },
	{ STRICT, ENVELOPE CMD(2) "a\r" LAST(0), "250 250 250 550", 0, 1 },
	{ STRICT, ENVELOPE LAST(2) "a\r", "250 250 550", 0, 1 },
	{ IN, ENVELOPE CMD(2) "a\r" LAST(0), "250 250 250 250", 1, 1 },
	/* nobody knows how many octets follow */
	{ IN, ENVELOPE "BDAT\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT -1\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT +4\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT 0x4\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT 4 LAST x\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT 4 FIRST\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT 4LAST\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT 18446744073709551616\r\n" "NOOP\r\n", "250 250 501", 0, 0 },
	{ IN, ENVELOPE "BDAT 4 \r x\r\n" "NOOP\r\n", "250 250 500", 0, 0 },
	/* more than may be: told at once, whatever follows */
	{ IN, ENVELOPE "BDAT 18446744073709551615\r\n" "NOOP\r\n", "250 250 552", 0, 0 },
	{ IN, ENVELOPE CMD(4) "text" "BDAT 18446744073709551615 LAST\r\n" "NOOP\r\n",
	  "250 250 250 552", 0, 0 },
	{ IN, "BDAT 2000000 LAST\r\n" "NOOP\r\n", "503", 0, 0 },
	{ FOREIGN, "BDAT 1100000 LAST\r\n" "NOOP\r\n", "503", 0, 0 },
};

START_TEST(dialogue)
{
	size_t k = (size_t)_i / 2;

	enter(dialogues[k].ip);
	door_say(dialogues[k].said, strlen(dialogues[k].said), _i % 2 ? 1 : 65536);
	ck_assert_msg(strcmp(door_codes(), dialogues[k].codes) == 0, "%zu: %s", k,
	    dialogues[k].said);
	ck_assert_uint_eq(door_queued, dialogues[k].queued);
	ck_assert_int_eq(door_closed, !dialogues[k].open);
	if (dialogues[k].open)
		ck_assert_int_eq(door_store.spools, 0);
}
END_TEST

START_TEST(offered)
{
	door_enter(IN, 0);
	EXPECT_CODES("", "220");
	door_say(HELLO, strlen(HELLO), 65536);
	ck_assert_ptr_nonnull(strstr(buf_str(&door_heard), "250-CHUNKING\r\n"));
	ck_assert_ptr_null(strstr(buf_str(&door_heard), "BINARYMIME"));
	(void)door_codes();
	EXPECT_CODES("MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n", "504");
	EXPECT_CODES("MAIL FROM:<a@b.example> BODY=8BITMIME\r\n", "250");
}
END_TEST

/* ---- what is stored ---- */

/* The text behind the Received field. */
static const char *
stored(size_t *n)
{
	const char *p = door_last->body->data, *end = p + door_last->body->size, *lf;

	do {
		lf = memchr(p, '\n', (size_t)(end - p));
		ck_assert_ptr_nonnull(lf);
		p = lf + 1;
	} while (p < end && *p == '\t');
	*n = (size_t)(end - p);
	return p;
}

static void
say_chunk(const char *s, size_t n, int last)
{
	char head[64];

	str_fmt(head, sizeof head, "BDAT %zu%s\r\n", n, last ? " LAST" : "");
	door_say(head, strlen(head), 65536);
	door_say(s, n, 65536);
	ck_assert_str_eq(door_codes(), "250");
}

/* A text is the same wherever it is cut, in its header, its line ends and its dots. */
START_TEST(cut_anywhere)
{
#define HEADER	"Subject: x\r\nX-Long: a\r\n\tb\r\n\r\n"
	static const char text[] = HEADER ".\r\n..dot\n.\n\r.\r\r\nend";
	static const char clean[] = HEADER ".\r\n..dot\r\n.\r\n . \r\nend\r\n";
	const char *got;
	size_t n, at = (size_t)_i;

	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	say_chunk(text, at, 0);
	say_chunk(text + at, 1, 0);
	say_chunk(text + at + 1, sizeof text - 2 - at, 1);
	got = stored(&n);
	ck_assert_uint_eq(n, sizeof clean - 1);
	ck_assert_mem_eq(got, clean, n);
}
END_TEST

/* HARDENING section 3: no look-alike ends anything, in chunks of one octet. */
static const char *const looks[] = {
	"\n.\r\n", "\n.\n", "\r\n.\n", "\r.\r\n", "\r.\n", "\r.\r", "\n.\r", "\r\n.\r",
	"\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n.\r\n",
};

START_TEST(smuggling)
{
	static const char inner[] = "MAIL FROM:<evil@a.example>\r\nRCPT TO:<v@b.example>\r\nDATA\r\n"
	    "Subject: smuggled\r\n\r\nx\r\n.\r\n";
	const char *look = looks[_i], *body;
	size_t n;

	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	say_chunk("Subject: outer\r\n\r\nouter", 23, 0);
	for (size_t i = 0; look[i] != '\0'; i++)
		say_chunk(&look[i], 1, 0);
	say_chunk(inner, strlen(inner), 0);
	ck_assert_uint_eq(door_queued, 0);
	say_chunk("", 0, 1);
	ck_assert_uint_eq(door_queued, 1);
	EXPECT_CODES("RCPT TO:<b@example.com>\r\n", "503");
	body = stored(&n);
	ck_assert_ptr_nonnull(memmem(body, n, "smuggled", 8));
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(body[i] == '\n', i > 0 && body[i - 1] == '\r');
		ck_assert(body[i] != '\r' || (i + 1 < n && body[i + 1] == '\n'));
	}
}
END_TEST

START_TEST(nul)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	door_say("BDAT 3 LAST\r\na\0b", 16, 65536);
	ck_assert_str_eq(door_codes(), "550");
	EXPECT_CODES("NOOP\r\n", "250");
	ck_assert_uint_eq(door_queued, 0);
}
END_TEST

/* ---- limits ---- */

#define CRUMBS	1015	/* of one octet: 1,000 and one for each 64 octets */

START_TEST(many_chunks)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	for (int i = 0; i < CRUMBS; i++)
		EXPECT_CODES("BDAT 1\r\nx", "250");
	EXPECT_CODES(LAST(1) "x", "554");
	ck_assert_int_eq(door_closed, 1);
	ck_assert_uint_eq(door_queued, 0);
	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	for (int i = 0; i < CRUMBS - 1; i++)
		EXPECT_CODES("BDAT 1\r\nx", "250");
	EXPECT_CODES(LAST(1) "x", "250");
}
END_TEST

/* n octets by BDAT, in chunks of at most so many; the code of the last one. */
static const char *
send_octets(size_t n, size_t most)
{
	static char text[DOOR_MAX_MESSAGE + 2 * (1 << 20)];
	const char *code = "";

	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	for (size_t at = 0, len; at < n; at += len) {
		char head[64];

		len = n - at < most ? n - at : most;
		str_fmt(head, sizeof head, "BDAT %zu%s\r\n", len, at + len == n ? " LAST" : "");
		door_say(head, strlen(head), 65536);
		door_say(text + at, len, 65536);
		code = door_codes();
		if (at + len < n && strcmp(code, "250") != 0)
			return code;
	}
	return code;
}

START_TEST(too_large)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE, "250 250");
	ck_assert_str_eq(send_octets(DOOR_MAX_MESSAGE - 2, 30000), "250");
	EXPECT_CODES(ENVELOPE, "250 250");
	ck_assert_str_eq(send_octets(DOOR_MAX_MESSAGE + 1, DOOR_MAX_MESSAGE + 1), "552");
	EXPECT_CODES(ENVELOPE, "250 250");
	ck_assert_str_eq(send_octets(DOOR_MAX_MESSAGE + 1, DOOR_MAX_MESSAGE), "552");
	EXPECT_CODES("NOOP\r\n", "250");
	ck_assert_uint_eq(door_queued, 1);
	ck_assert_int_eq(door_store.spools, 0);
	/* A chunk that is within all bounds is read to its end, one that is not is not read. */
	EXPECT_CODES(ENVELOPE, "250 250");
	ck_assert_str_eq(send_octets(DOOR_MAX_MESSAGE + (1 << 20), SIZE_MAX), "552");
	EXPECT_CODES(ENVELOPE "BDAT 1150977\r\n", "250 250 552");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

/* Errors and the bound of what is read and dropped hold for refused chunks, too. */
START_TEST(errors_count)
{
	enter(IN);
	for (int i = 0; i < 4; i++)
		EXPECT_CODES(LAST(1) "x", "503");
	EXPECT_CODES(LAST(1) "x" "NOOP\r\n", "503 421");
	ck_assert_int_eq(door_closed, 1);
	enter(STRICT);
	EXPECT_CODES(ENVELOPE CMD(1) "\n", "250 250 550");
	for (int i = 0; i < 20; i++)
		EXPECT_CODES(CMD(1) "x", "550");
	EXPECT_CODES("BDAT 1200000\r\n", "550");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

/* ---- the store ---- */

START_TEST(behind_the_commit)
{
	enter(IN);
	door_store.hold_puts = 1;
	EXPECT_CODES(ENVELOPE CMD(4) "text" LAST(0) "NOOP\r\n", "250 250 250");
	door_release_puts(_i ? WHY_LOCAL_STORAGE : WHY_NONE);
	EXPECT_CODES("", _i ? "451 250" : "250 250");
	ck_assert_uint_eq(door_queued, !_i);
}
END_TEST

/* Says octets until so many appends are owed; how many these were. */
static size_t
fill_spool(size_t most, size_t appends)
{
	static char text[500];
	size_t n = 0;

	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	for (; n < most && door_store.nappends < appends; n += sizeof text)
		door_say(text, sizeof text, sizeof text);
	return n;
}

/* A store that is slow makes the client wait, in the middle of a chunk and behind its last octet. */
START_TEST(slow_spool)
{
	int last = _i % 2, fails = _i / 2 % 2, middle = _i / 4;
	char head[32];
	size_t n;

	door_generation->conf->queue.max_message = 1 << 20;
	enter(IN);
	door_store.hold_appends = 1;
	EXPECT_CODES(ENVELOPE "BDAT 1000000\r\n", "250 250");
	n = fill_spool(SIZE_MAX, 4);
	door_leave();
	door_release_appends(WHY_NONE);

	enter(IN);
	door_store.hold_appends = 1;
	str_fmt(head, sizeof head, "BDAT %zu%s\r\n", n + (middle ? 1 : 0), last ? " LAST" : "");
	EXPECT_CODES(ENVELOPE, "250 250");
	door_say(head, strlen(head), 65536);
	ck_assert_uint_eq(fill_spool(n, SIZE_MAX), n);
	ck_assert_uint_eq(door_store.nappends, 4);
	EXPECT_CODES(middle ? "x" : "", "");
	door_release_appends(fails ? WHY_LOCAL_SPACE : WHY_NONE);
	EXPECT_CODES("", fails ? "452" : "250");
	EXPECT_CODES(last ? "NOOP\r\n" : LAST(0), last || !fails ? "250" : "452");
	ck_assert_uint_eq(door_queued, !fails);
	ck_assert_int_eq(door_store.spools, 0);
}
END_TEST

/* No message and no file is left, wherever the client goes. */
START_TEST(vanishes)
{
	static char text[90000];
	size_t cut = 1 + (size_t)_i * 7000;

	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	enter(IN);
	EXPECT_CODES(ENVELOPE "BDAT 70000\r\n", "250 250");
	door_say(text, cut < 70000 ? cut : 70000, 5000);
	if (cut > 70000) {
		EXPECT_CODES("BDAT 20000 LAST\r\n", "250");
		door_say(text, cut - 70000, 5000);
	}
	door_leave();
	ck_assert_int_eq(server_house_empty(&house), 1);
	ck_assert_int_eq(door_store.spools, 0);
	ck_assert_uint_eq(door_queued, 0);
}
END_TEST

/* HARDENING O5: a message in the middle may come to its end, nothing else. */
START_TEST(draining)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE CMD(4) "text" CMD(4) "te", "250 250 250");
	server_house_drain(&house);
	EXPECT_CODES("xt", "250");
	if (_i == 0)
		EXPECT_CODES(LAST(4) "text", "250 421");
	else
		EXPECT_CODES("RSET\r\n", "250 421");
	ck_assert_int_eq(door_closed, 1);
	ck_assert_uint_eq(door_queued, _i == 0);
}
END_TEST

START_TEST(starttls_between)
{
	door_enter(IN, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	EXPECT_CODES(ENVELOPE CMD(4) "text", "250 250 250");
	EXPECT_CODES("STARTTLS\r\n", "220");
	ck_assert_int_eq(door_store.spools, 0);
	ck_assert_uint_eq(door_queued, 0);
}
END_TEST

/* A floor for the pace of the whole text, and a longest time. */
START_TEST(too_slow)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE CMD(4) "text", "250 250 250");
	TAILQ_FIRST(&house.live)->text_began -= _i == 0 ? 61000 : 30000;
	EXPECT_CODES(LAST(4) "text", _i == 0 ? "421" : "250");
	ck_assert_int_eq(door_closed, _i == 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_server_bdat");
	TCase *tc = tcase_create("server");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, dialogue, 0, 2 * (int)LENGTH(dialogues));
	tcase_add_test(tc, offered);
	tcase_add_loop_test(tc, cut_anywhere, 0, 46);
	tcase_add_loop_test(tc, smuggling, 0, (int)LENGTH(looks));
	tcase_add_test(tc, nul);
	tcase_add_test(tc, many_chunks);
	tcase_add_test(tc, too_large);
	tcase_add_test(tc, errors_count);
	tcase_add_loop_test(tc, behind_the_commit, 0, 2);
	tcase_add_loop_test(tc, slow_spool, 0, 8);
	tcase_add_loop_test(tc, vanishes, 0, 12);
	tcase_add_loop_test(tc, draining, 0, 2);
	tcase_add_test(tc, starttls_between);
	tcase_add_loop_test(tc, too_slow, 0, 2);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
