/* SPDX-License-Identifier: ISC */
/* Server sessions against clients that pipeline, smuggle, stall, lie and vanish. */
#include <jansson.h>

#include "tests/unit/mail_vectors.h"
#include "tests/unit/smtp_door.h"

#define IN	"10.0.0.1"
#define STRICT	"10.1.0.1"
#define OLD	"10.2.0.1"
#define TLS	"10.3.0.1"
#define FOREIGN	"192.0.2.1"

#define HELLO	"EHLO printer\r\n"
#define ENVELOPE "MAIL FROM:<a@corp.example>\r\nRCPT TO:<b@example.com>\r\n"
#define LETTER	"Subject: x\r\n\r\ntext\r\n.\r\n"

/* The same numbers on every run, so that a failure comes again; SEED=n for others. */
static uint64_t
number(void)
{
	static uint64_t state;

	if (state == 0)
		state = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) | 1 : 88172645463325252u;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static void set_up(void) { door_build(1); }
static void set_up_plain(void) { door_build(0); }
static void tear_down(void) { door_demolish(); }

#define EXPECT_CODES(said, codes)	ck_assert_str_eq(door_ask(said), codes)

static void
enter(const char *ip)
{
	door_enter(ip, 0);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
}

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
	door_store.full = 1;
	EXPECT_CODES("RSET\r\nMAIL FROM:<a@corp.example>\r\n", "250 452");
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
	"<victim@[192.0.2.1]>", "<victim@[IPv6:2001:db8::1]>", "<postmaster>", "<postmaster@relay.example.org>",
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

/* ---- pipelining where it is not allowed ---- */

static const struct { const char *ip, *said, *codes; int listener, open; } groups[] = {
	{ IN, HELLO "NOOP\r\n", "554", 0, 0 },
	{ IN, "HELO x\r\n.", "554", 0, 0 },
	{ OLD, HELLO "NOOP\r\n", "250 250", 0, 1 },
	{ IN, HELLO, "250", 0, 1 },
	{ STRICT, HELLO "M", "554", 0, 0 },
	{ FOREIGN, HELLO "NOOP\r\n", "554", 0, 0 },
	{ IN, "GET / HTTP/1.1\r\nHost: x\r\n", "500", 0, 0 },
	{ IN, "NOOP\r\nHost: x\r\n", "250 500", 0, 0 },
	{ IN, "\x16\x03\x01\x02\x00", "500", 0, 0 },
	{ IN, "SSH-2.0-x\r\n", "500", 0, 0 },
	{ IN, "BDAT 10 LAST\r\n", "502", 0, 0 },
	{ IN, "BDAT x\r\nMAIL FROM:<a@b.example>\r\n", "502", 0, 0 },
	{ IN, "MAIL FROM:<a@b.example>\r\n", "503", 0, 1 },
	{ IN, "QUIT\r\nNOOP\r\n", "221", 0, 0 },
	{ IN, "NO\0OP\r\n", "", 0, 1 },
	{ OLD, "STARTTLS\r\nNOOP\r\n", "503 250", 1, 1 },
};

START_TEST(grouped)
{
	door_enter(groups[_i].ip, (unsigned)groups[_i].listener);
	EXPECT_CODES("", "220");
	EXPECT_CODES(groups[_i].said, groups[_i].codes);
	ck_assert_int_eq(door_closed, !groups[_i].open);
}
END_TEST

START_TEST(text_behind_data)
{
	enter(IN);
	EXPECT_CODES(ENVELOPE "DATA\r\n" LETTER, "250 250 554");
	ck_assert_int_eq(door_closed, 1);
	enter(OLD);
	EXPECT_CODES(ENVELOPE "DATA\r\n" LETTER, "250 250 354 250");
	ck_assert_uint_eq(door_queued, 1);
}
END_TEST

START_TEST(early_talker)
{
	static const struct { const char *ip, *codes; } who[] = { { IN, "554" }, { OLD, "220 250" } };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd[2];

	for (size_t i = 0; i < LENGTH(who); i++) {
		door_leave();
		io_pair(fd);
		inet_pton(AF_INET, who[i].ip, &in.sin_addr);
		door_fd = fd[1];
		ck_assert_int_eq((int)send(door_fd, HELLO, strlen(HELLO), 0), (int)strlen(HELLO));
		server_open(&house, door_generation, 0, fd[0], (struct sockaddr *)&in);
		EXPECT_CODES("", who[i].codes);
	}
}
END_TEST

/* ---- STARTTLS ---- */

#define INJECT	"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.com>\r\n"

/* Cut at every place: what follows STARTTLS in clear is never a command. */
START_TEST(starttls_injection)
{
	size_t cut = (size_t)_i;

	door_enter(OLD, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	door_say(INJECT, cut, 65536);
	door_say(INJECT + cut, sizeof INJECT - 1 - cut, 65536);
	ck_assert_str_eq(door_codes(), cut == 10 ? "220" : "554");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

static SSL_CTX *tls_ctx;
static SSL *tls;

static const char *
tls_ask(const char *s)
{
	char data[4096];
	int n;

	ERR_clear_error();
	if (*s != '\0')
		SSL_write(tls, s, (int)strlen(s));
	door_turn(6);
	buf_clear(&door_heard);
	while ((n = SSL_read(tls, data, sizeof data)) > 0)
		buf_add(&door_heard, data, (size_t)n);
	return door_codes();
}

static void
tls_shake(void)
{
	tls_ctx = SSL_CTX_new(TLS_client_method());
	tls = SSL_new(tls_ctx);
	SSL_set_fd(tls, door_fd);
	SSL_set_connect_state(tls);
	for (int i = 0; i < 500 && SSL_do_handshake(tls) != 1; i++)
		door_turn(1);
	ck_assert_int_eq(SSL_is_init_finished(tls), 1);
	door_turn(3);
}

static void
tls_end(void)
{
	SSL_free(tls);
	SSL_CTX_free(tls_ctx);
}

/* RFC 3207 s4.2: nothing said in clear counts under TLS. */
START_TEST(starttls_forgets)
{
	door_enter(TLS, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	EXPECT_CODES("STARTTLS\r\n", "220");
	tls_shake();
	ck_assert_str_eq(tls_ask("MAIL FROM:<a@corp.example>\r\n"), "503");
	ck_assert_str_eq(tls_ask("STARTTLS\r\n"), "503");
	ck_assert_str_eq(tls_ask(HELLO), "250");
	ck_assert_str_eq(tls_ask("STARTTLS\r\n"), "503");
	ck_assert_str_eq(tls_ask(ENVELOPE "DATA\r\n"), "250 250 354");
	ck_assert_str_eq(tls_ask(LETTER), "250");
	ck_assert_uint_eq(door_queued, 1);
	tls_end();
}
END_TEST

START_TEST(implicit_tls)
{
	door_enter(IN, 2);
	tls_shake();
	ck_assert_str_eq(tls_ask(""), "220");
	ck_assert_str_eq(tls_ask(HELLO), "250");
	tls_end();
	door_enter(IN, 2);
	EXPECT_CODES(HELLO, "");
	ck_assert_int_eq(door_closed, 1);
}
END_TEST

START_TEST(transaction_is_gone_behind_starttls)
{
	door_enter(IN, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	EXPECT_CODES(ENVELOPE, "250 250");
	EXPECT_CODES("STARTTLS\r\n", "220");
	tls_shake();
	ck_assert_str_eq(tls_ask("DATA\r\n"), "503");
	ck_assert_str_eq(tls_ask("RCPT TO:<b@example.com>\r\n"), "503");
	tls_end();
}
END_TEST

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
	size_t cut = 1 + (size_t)_i * 6000 + number() % 6000;

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

/* ---- HARDENING I9: a random walk beside a model of the session ---- */

enum model_state { M_NEW, M_READY, M_MAIL, M_RCPT };
static struct { enum model_state state; int errors, junk, messages, rcpts, stranger; } model;

enum model_cost { FREE, JUNK, ERROR };

/* What the model answers to the n-th thing that can be said; NULL text: ends the list. */
static const struct said {
	const char	*text;
	unsigned	 states;	/* where it is taken */
	const char	*code, *otherwise;
	enum model_cost	 cost;
	int		 leads_to;	/* -1: stays */
} says[] = {
#define S(id)	(1u << M_##id)
#define ANY	(S(NEW) | S(READY) | S(MAIL) | S(RCPT))
	{ "EHLO x\r\n", ANY, "250", "", JUNK, M_READY },
	{ "HELO x\r\n", ANY, "250", "", JUNK, M_READY },
	{ "RSET\r\n", ANY, "250", "", JUNK, -2 },
	{ "NOOP\r\n", ANY, "250", "", JUNK, -1 },
	{ "VRFY x\r\n", ANY, "252", "", JUNK, -1 },
	{ "HELP\r\n", ANY, "214", "", JUNK, -1 },
	{ "MAIL FROM:<a@b.example>\r\n", S(READY), "250", "503", FREE, M_MAIL },
	{ "mail from:<>\r\n", S(READY), "250", "503", FREE, M_MAIL },
	{ "MAIL FROM:<a@b.example> SIZE=999999\r\n", S(READY), "552", "503", ERROR, -1 },
	{ "MAIL FROM:<a b>\r\n", ANY, "553", "", ERROR, -1 },
	{ "MAIL FROM:<\xc3\xa9@b.example>\r\n", ANY, "553", "", ERROR, -1 },
	{ "RCPT TO:<c@d.example>\r\n", S(MAIL) | S(RCPT), "rcpt", "503", FREE, M_RCPT },
	{ "RCPT TO:<c@>\r\n", ANY, "553", "", ERROR, -1 },
	{ "RCPT TO:<postmaster>\r\n", S(MAIL) | S(RCPT), "post", "503", ERROR, -1 },
	{ "DATA\r\n", S(RCPT), "354", "503", FREE, M_READY },
	{ "DATA x\r\n", ANY, "501", "", ERROR, -1 },
	{ "STARTTLS\r\n", S(READY) | S(MAIL) | S(RCPT), "503", "503", FREE, -1 },
	{ "AUTH PLAIN x\r\n", ANY, "502", "", ERROR, -1 },
	{ "EXPN x\r\n", ANY, "502", "", ERROR, -1 },
	{ "WHAT\r\n", ANY, "500", "", ERROR, -1 },
	{ "\r\n", ANY, "500", "", ERROR, -1 },
	{ "NOOP \r x\r\n", ANY, "500", "", ERROR, -1 },
	{ "NOOP\n", ANY, "250", "", JUNK, -1 },
};

static const struct { const char *text, *code; int queued; } texts[] = {
	{ "Subject: x\r\n\r\nx\r\n.\r\n", "250", 1 },
	{ ".\r\n", "250", 1 },
	{ "a\nb\r.\r\n..\r\n.\r\n", "250", 1 },
	{ "MAIL FROM:<x@y.example>\r\nDATA\r\nQUIT\r\n.\r\n", "250", 1 },
};

static void
model_begin(void)
{
	static const char *const who[] = { IN, IN, FOREIGN };
	size_t k = number() % LENGTH(who);

	memset(&model, 0, sizeof model);
	model.stranger = k == 2;
	door_enter(who[k], 0);
	EXPECT_CODES("", "220");
}

/* Fills what must be heard; 1 if the session ends by it. */
static int
model_say(const struct said *s, char *codes, size_t cap)
{
	int taken = (s->states & 1u << model.state) != 0;
	const char *code = taken ? s->code : s->otherwise;
	enum model_cost cost = taken ? s->cost : ERROR;

	if (taken && model.state == M_READY && strncmp(code, "250", 3) == 0 && s->leads_to == M_MAIL &&
	    !model.stranger && model.messages >= 4) {
		str_copy(codes, "421", cap);
		return 1;
	}
	if (strcmp(code, "rcpt") == 0 || strcmp(code, "post") == 0) {
		int post = code[0] == 'p', full = model.rcpts >= 3;

		code = model.stranger ? "550" : full ? "452" : post ? "550" : "250";
		cost = code[0] == '5' ? ERROR : FREE;
		model.rcpts += code[0] == '2';
	}
	model.errors += cost == ERROR;
	model.junk += cost == JUNK;
	if (taken && s->leads_to == -2)
		model.state = model.state == M_NEW ? M_NEW : M_READY;
	else if (taken && s->leads_to >= 0 && (code[0] == '2' || code[0] == '3'))
		model.state = (enum model_state)s->leads_to;
	if (model.state <= M_MAIL && code[0] == '2' && s->leads_to != -1)
		model.rcpts = 0;
	str_copy(codes, code, cap);
	if (model.errors < 5 && model.junk < 8)
		return 0;
	str_cat(codes, " 421", cap);
	return 1;
}

#define WALK_COMMANDS	100000

START_TEST(random_walk)
{
	uint64_t queued = 0;
	char codes[32];

	door_turns = 1;
	door_generation->conf->limits.connects_per_minute = 0;
	model_begin();
	for (int i = 0; i < WALK_COMMANDS; i++) {
		const struct said *s = &says[number() % LENGTH(says)];
		int over = model_say(s, codes, sizeof codes);
		const char *heard = door_ask(s->text);

		if (strcmp(heard, codes) != 0)
			ck_abort_msg("%s: \"%s\" instead of \"%s\"", s->text, heard, codes);
		if (strcmp(codes, "354") == 0) {
			size_t k = number() % LENGTH(texts);

			heard = door_ask(texts[k].text);
			if (strcmp(heard, texts[k].code) != 0)
				ck_abort_msg("text %zu: \"%s\"", k, heard);
			queued += (uint64_t)texts[k].queued;
			model.messages++;
			model.junk = 0;
			model.rcpts = 0;
		}
		if (door_queued != queued || door_closed != over)
			ck_abort_msg("%s: queued %d, closed %d", s->text, (int)door_queued, door_closed);
		if (over)
			model_begin();
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_server");
	TCase *tc = tcase_create("server"), *walk = tcase_create("walk");

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
	tcase_add_loop_test(tc, grouped, 0, (int)LENGTH(groups));
	tcase_add_test(tc, text_behind_data);
	tcase_add_test(tc, early_talker);
	tcase_add_loop_test(tc, starttls_injection, 1, (int)sizeof INJECT - 1);
	tcase_add_test(tc, starttls_forgets);
	tcase_add_test(tc, implicit_tls);
	tcase_add_test(tc, transaction_is_gone_behind_starttls);
	tcase_add_loop_test(tc, smuggling, 0, 3 * (int)LENGTH(looks));
	tcase_add_test(tc, smuggling_vectors);
	tcase_add_loop_test(tc, vanishes_in_the_text, 0, 14);
	tcase_add_test(tc, vanishes_in_the_commit);
	tcase_add_test(tc, half_closed_in_the_commit);
	tcase_add_test(tc, draining);
	tcase_add_test(tc, draining_in_the_text);
	tcase_add_test(tc, draining_in_the_handshake);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(walk, 60);
	tcase_add_checked_fixture(walk, set_up_plain, tear_down);
	tcase_add_test(walk, random_walk);
	suite_add_tcase(suite, walk);
	return io_run(suite);
}
