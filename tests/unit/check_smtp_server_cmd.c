/* SPDX-License-Identifier: ISC */
/* Server sessions: pipelining, STARTTLS, a random walk beside a model (HARDENING I4, I5, I9). */
#include "tests/unit/smtp_door.h"

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
	{ IN, "BDAT 10 LAST\r\n", "", 0, 1 },
	{ IN, "BDAT 10 LAST\r\nQUIT\r\nNOOP", "503", 0, 1 },
	{ IN, "BDAT x\r\nMAIL FROM:<a@b.example>\r\n", "501", 0, 0 },
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

#define INJECT								\
	"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.com>\r\n"

/* Cut at every place: what follows STARTTLS in clear is never a command. */
START_TEST(starttls_injection)
{
	size_t cut = (size_t)_i;

	door_enter(OLD, 1);
	EXPECT_CODES("", "220");
	EXPECT_CODES(HELLO, "250");
	door_say(INJECT, cut, 65536);
	door_say(&INJECT[cut], sizeof INJECT - 1 - cut, 65536);
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

/* ---- HARDENING I9: a random walk beside a model of the session ---- */

enum model_state { M_NEW, M_READY, M_MAIL, M_RCPT, M_CHUNKS, M_SPOILT };
static struct {
	enum model_state	 state;
	int			 errors, junk, messages, rcpts, stranger;
	const char		*told;		/* SPOILT: the refusal */
	unsigned long		 octets;	/* by BDAT in this transaction */
	unsigned		 chunks;
	int			 queued;	/* by what was said last */
} model;

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
#define ANY	(S(NEW) | S(READY) | S(MAIL) | S(RCPT) | S(CHUNKS) | S(SPOILT))
#define NAMED	(ANY & ~S(NEW))
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
	{ "STARTTLS\r\n", NAMED, "503", "503", FREE, -1 },
	{ "AUTH PLAIN x\r\n", ANY, "502", "", ERROR, -1 },
	{ "EXPN x\r\n", ANY, "502", "", ERROR, -1 },
	{ "WHAT\r\n", ANY, "500", "", ERROR, -1 },
	{ "\r\n", ANY, "500", "", ERROR, -1 },
	{ "NOOP \r x\r\n", ANY, "500", "", ERROR, -1 },
	{ "NOOP\n", ANY, "250", "", JUNK, -1 },
	/* RFC 3030: code is what a chunk is told that nothing is wrong with */
	{ "BDAT 6\r\nNOOP\r\n", ANY, "bdat", "", FREE, -1 },
	{ "BDAT 0\r\n", ANY, "bdat", "", FREE, -1 },
	{ "BDAT 6 LAST\r\nQUIT\r\n", ANY, "last", "", FREE, -1 },
	{ "BDAT 0 LAST\r\n", ANY, "last", "", FREE, -1 },
	{ "BDAT 3\r\n\0\r\n", ANY, "nul!", "", FREE, -1 },
	{ "BDAT 102401\r\n", ANY, "big!", "", FREE, -1 },
	{ "BDAT 99999999\r\n", ANY, "huge", "", FREE, -1 },
	{ "BDAT 6x\r\n", ANY, "501!", "", FREE, -1 },
};

/* What a walk says; its octets, where a chunk announces more than the text of the row holds. */
static const char *
walk_say(const struct said *s)
{
	static char octets[102401];

	if (strcmp(s->code, "nul!") == 0) {
		door_say(s->text, strlen("BDAT 3\r\n") + 3, 65536);
	} else if (strcmp(s->code, "big!") == 0) {
		memset(octets, '\n', sizeof octets);
		door_say(s->text, strlen(s->text), 65536);
		door_say(octets, sizeof octets, 65536);
	} else {
		return door_ask(s->text);
	}
	return door_codes();
}

/* Half of it leads on: a walk that only stumbles sees little of the later states. */
static const struct said *
walk_next(void)
{
	static const char *const onward[] = {
		[M_NEW] = "EHLO", [M_READY] = "MAIL", [M_MAIL] = "RCPT",
		[M_RCPT] = "BDAT", [M_CHUNKS] = "BDAT", [M_SPOILT] = "BDAT",
	};
	int on = number() % 2 == 0;
	const struct said *s;

	do
		s = &says[number() % LENGTH(says)];
	while (on && strncmp(s->text, onward[model.state], 4) != 0);
	return s;
}

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

/*
 * RFC 3030 s2, and what a refused chunk leaves behind: outside a transaction
 * nothing changes; inside, all is lost up to LAST or RSET, and is told once as
 * an error.
 */
static const char *
model_chunk(const char *kind, size_t octets, enum model_cost *cost, int *ends)
{
	int last = strcmp(kind, "last") == 0, nul = strcmp(kind, "nul!") == 0;
	const char *refusal = model.state <= M_READY ? "503" : model.state == M_MAIL ? "554" :
	    model.state == M_SPOILT ? model.told : NULL;

	if (strcmp(kind, "501!") == 0) {
		*ends = 1;
		return "501";
	}
	if (model.state < M_CHUNKS)
		model.octets = model.chunks = 0;
	model.octets += octets;
	model.chunks++;
	if (refusal == NULL)
		refusal = model.octets > DOOR_MAX_MESSAGE ? "552" : nul ? "550" : NULL;
	*ends = model.octets > (1 << 20) + (model.stranger ? 0 : DOOR_MAX_MESSAGE);
	if (*ends)
		return refusal;
	*ends = model.chunks > 60 * (1 + (model.octets >> 20));
	if (*ends)
		return "554";
	if (refusal == NULL) {
		model.state = last ? M_READY : M_CHUNKS;
		model.queued = last;
		return "250";
	}
	*cost = model.state == M_SPOILT ? FREE : ERROR;
	if (model.state >= M_RCPT) {
		model.state = last ? M_READY : M_SPOILT;
		model.told = refusal;
	}
	return refusal;
}

/* Fills what must be heard; 1 if the session ends by it. */
static int
model_say(const struct said *s, char *codes, size_t cap)
{
	int taken = (s->states & 1u << model.state) != 0;
	const char *code = taken ? s->code : s->otherwise;
	enum model_cost cost = taken ? s->cost : ERROR;
	int ends = 0;

	model.queued = 0;
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
	if (strncmp(s->text, "BDAT", 4) == 0)
		code = model_chunk(code, strtoul(s->text + 4, NULL, 10), &cost, &ends);
	model.errors += cost == ERROR;
	model.junk += cost == JUNK;
	if (taken && s->leads_to == -2)
		model.state = model.state == M_NEW ? M_NEW : M_READY;
	else if (taken && s->leads_to >= 0 && (code[0] == '2' || code[0] == '3'))
		model.state = (enum model_state)s->leads_to;
	if (model.state <= M_MAIL && code[0] == '2' && s->leads_to != -1)
		model.rcpts = 0;
	str_copy(codes, code, cap);
	if (model.queued) {
		model.messages++;
		model.junk = model.rcpts = 0;
	}
	if (ends || model.queued)
		return ends;
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
		const struct said *s = walk_next();
		int over = model_say(s, codes, sizeof codes);
		const char *heard = walk_say(s);

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
		queued += (uint64_t)model.queued;
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
	Suite *suite = suite_create("smtp_server_cmd");
	TCase *tc = tcase_create("server"), *walk = tcase_create("walk");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, grouped, 0, (int)LENGTH(groups));
	tcase_add_test(tc, text_behind_data);
	tcase_add_test(tc, early_talker);
	tcase_add_loop_test(tc, starttls_injection, 1, (int)sizeof INJECT - 1);
	tcase_add_test(tc, starttls_forgets);
	tcase_add_test(tc, implicit_tls);
	tcase_add_test(tc, transaction_is_gone_behind_starttls);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(walk, 60);
	tcase_add_checked_fixture(walk, set_up_plain, tear_down);
	tcase_add_test(walk, random_walk);
	suite_add_tcase(suite, walk);
	return io_run(suite);
}
