/* SPDX-License-Identifier: ISC */
/* The outgoing client: BDAT (RFC 3030), recipients that are too many (RFC 5321 s4.5.3.1.10). */
#include "tests/unit/smtp_client_kit.h"

/* ---- one chunk ---- */

static const struct trial trials[] = {
	{ "good", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 1,
	  { CHUNKED, MR, "<last>", "250 2.0.0 ok", "<hang>" } },
	{ "good, pipelined", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n250 c", "<last>", "250 ok", "<hang>" } },
	{ "one RCPT refused", JOB_FAILED, JOB_DELIVERED, WHY_REMOTE_REJECTED, 1,
	  { BOTH, PMR, "250 a\r\n550 b\r\n250 c", "<last>", "250 ok", "<hang>" } },
	{ "all RCPT refused: no BDAT", JOB_FAILED, JOB_DEFERRED, WHY_REMOTE_REJECTED, 1,
	  { BOTH, PMR, "250 a\r\n550 b\r\n450 c", ">RSET", "250 ok", "<hang>" } },
	{ "MAIL refused: no BDAT", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { BOTH, PMR, "550 a\r\n503 b\r\n503 c", ">RSET", "250 ok", "<hang>" } },
	{ "MAIL refused, RCPT taken: no BDAT", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { BOTH, PMR, "550 a\r\n250 b\r\n250 c", ">RSET", "250 ok", "<hang>" } },
	{ "LAST 451", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 1,
	  { CHUNKED, MR, "<last>", "451 no", ">RSET", "250 ok", "<hang>" } },
	{ "LAST 554", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { CHUNKED, MR, "<last>", "554 5.7.1 no", ">RSET", "250 ok", "<hang>" } },
	{ "LAST 421", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_BUSY, 0,
	  { CHUNKED, MR, "<last>", "421 no", "<hang>" } },
	{ "LAST 354", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { CHUNKED, MR, "<last>", "354 what", "<hang>" } },
	{ "BDAT is not known", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { CHUNKED, MR, "<last>", "502 5.5.1 what", "<hang>" } },
	{ "BDAT is out of order", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { CHUNKED, MR, "<last>", "503 what", "<hang>" } },
	{ "the text is taken for commands", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { CHUNKED, MR, "<last>", "500 what\r\n500 what\r\n500 what", "<hang>" } },
	{ "closed behind LAST", JOB_DEFERRED, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { CHUNKED, MR, "<last>", "<close>" } },
	{ "reset behind LAST", JOB_DEFERRED, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { CHUNKED, MR, "<last>", "<reset>" } },
	{ "cut in the reply", JOB_DEFERRED, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { CHUNKED, MR, "<last>", "!250 2.0.0 o", "<close>" } },
	{ "250 twice", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 0,
	  { CHUNKED, MR, "<last>", "250 ok\r\n250 ok", "<hang>" } },
	{ "too many, then good", JOB_DELIVERED, JOB_OPEN, WHY_NONE, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n452 4.5.3 c", "<last>", "250 ok", "<hang>" } },
	{ "too many, 552", JOB_DELIVERED, JOB_OPEN, WHY_NONE, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n552 5.5.3 c", "<last>", "250 ok", "<hang>" } },
	{ "too many, 552 of the wrong class", JOB_DELIVERED, JOB_OPEN, WHY_NONE, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n552 4.5.3 c", "<last>", "250 ok", "<hang>" } },
	{ "too many, by DATA", JOB_DELIVERED, JOB_OPEN, WHY_NONE, 1,
	  { PIPELINED, PMRD, "250 a\r\n250 b\r\n452 c\r\n354 go", "<text>", "250 ok", "<hang>" } },
	{ "a full mailbox is not too many", JOB_DELIVERED, JOB_DEFERRED, WHY_NONE, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n452 4.2.2 c", "<last>", "250 ok", "<hang>" } },
	{ "a full mailbox, 552", JOB_DELIVERED, JOB_FAILED, WHY_NONE, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n552 5.2.2 c", "<last>", "250 ok", "<hang>" } },
	{ "too many from the first on", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_BUSY, 1,
	  { BOTH, PMR, "250 a\r\n452 4.5.3 b\r\n452 4.5.3 c", ">RSET", "250 ok", "<hang>" } },
	{ "too many, 552, from the first on", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 1,
	  { BOTH, PMR, "250 a\r\n552 b\r\n552 c", ">RSET", "250 ok", "<hang>" } },
	{ "too many, and the text refused", JOB_FAILED, JOB_OPEN, WHY_REMOTE_REJECTED, 1,
	  { BOTH, PMR, "250 a\r\n250 b\r\n452 c", "<last>", "550 no", ">RSET", "250 ok", "<hang>" } },
	{ "too many, and cut", JOB_DEFERRED, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { BOTH, PMR, "250 a\r\n250 b\r\n452 c", "<last>", "<close>" } },
};

START_TEST(transactions)
{
	const struct trial *t = &trials[_i];

	run_trial(t);
	ck_assert_int_eq(results[1].put_off, results[1].fate == JOB_OPEN ||
	    strcmp(t->name, "too many, and cut") == 0);
}
END_TEST

/* Octet for octet: no dots are doubled, nothing is behind the last octet. */
START_TEST(as_it_is)
{
	transfer(SCRIPT(BOTH, PMR, "250 a\r\n250 b\r\n250 c", "<last>", "250 ok", "<hang>"),
	    PLAN_VERIFY);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
	ck_assert(peer_saw_hidden("BDAT 20 LAST\r\n" TEXT));
	ck_assert(!peer_saw_hidden("DATA\r\n"));
	ck_assert_uint_eq(buf_len(&peer.in), 0);
}
END_TEST

/* HARDENING I3: bad text is never announced to its end. */
static const char *const bad_texts[] = {
	"a\nb\r\n", "a\rb\r\n", "a", "a\r\nb", "a\r", "a\r\n\r\n.\n",
};

START_TEST(bad_text)
{
	dial(SCRIPT(BOTH, "<serve>"), PLAN_VERIFY);
	expect_corrupt(make_job(1, bad_texts[_i]), "BDAT");
}
END_TEST

/* What failed once goes by DATA. */
START_TEST(second_try)
{
	struct job *j = make_job(2, TEXT);

	dial(SCRIPT(BOTH, PMRD, "250 a\r\n250 b\r\n250 c\r\n354 go", "<text>", "250 ok", "<hang>"),
	    PLAN_VERIFY);
	j->msg->rcpts[0].tries = 1;
	PEER_UNTIL(ready);
	client_give(client, j);
	PEER_UNTIL(done);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
}
END_TEST

/* ---- many chunks ---- */

#define LINES_PER_CHUNK	16384u		/* of 64 octets, make_file_job */
#define START(...)	BOTH, ">MAIL", ">RCPT", "250 a\r\n250 b", __VA_ARGS__

static const struct large {
	const char		*name;
	size_t			 lines;
	enum job_fate		 fate;
	enum why_reason		 reason;
	int			 goes_on;
	const char		*script[26];
} larges[] = {
	{ "just one", LINES_PER_CHUNK, JOB_DELIVERED, WHY_NONE, 1,
	  { START("<last>", "250 ok", "<hang>") } },
	{ "a line more", LINES_PER_CHUNK + 1, JOB_DELIVERED, WHY_NONE, 1,
	  { START("<chunk>", "250 ok", "<last>", "250 ok", "<hang>") } },
	{ "three", 3 * LINES_PER_CHUNK, JOB_DELIVERED, WHY_NONE, 1,
	  { START("<chunk>", "250 ok", "<chunk>", "250 ok", "<last>", "250 ok", "<hang>") } },
	{ "first 552", 3 * LINES_PER_CHUNK, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { START("<chunk>", "552 5.3.4 big", ">RSET", "250 ok", "<hang>") } },
	{ "second 451", 3 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 1,
	  { START("<chunk>", "250 ok", "<chunk>", "451 no", ">RSET", "250 ok", "<hang>") } },
	{ "second 421", 3 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_REMOTE_BUSY, 0,
	  { START("<chunk>", "250 ok", "<chunk>", "421 no", "<hang>") } },
	{ "second 354", 3 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { START("<chunk>", "250 ok", "<chunk>", "354 go", "<hang>") } },
	{ "second 500", 3 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { START("<chunk>", "250 ok", "<chunk>", "500 what", "<hang>") } },
	{ "250 and closed: no delivery", 2 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { START("<chunk>", "250 2.0.0 queued as ABC", "<close>") } },
	{ "250 twice: no delivery", 2 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { START("<chunk>", "250 ok\r\n250 ok", "<hang>") } },
	{ "replies before the octets", 3 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { START("250 ok", "<hang>") } },
	{ "closed in the chunk", 3 * LINES_PER_CHUNK, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { START("<chunk>", "250 ok", "<reset>") } },
};

START_TEST(chunks)
{
	const struct large *t = &larges[_i];
	struct job *j = make_file_job(t->lines);

	dial(t->script, PLAN_VERIFY);
	PEER_UNTIL(ready);
	setsockopt(io_stream_fd(client->stream), SOL_SOCKET, SO_SNDBUF, &(int){ 65536 },
	    sizeof(int));
	client_give(client, j);
	PEER_UNTIL(done);
	ck_assert_msg(results[0].fate == t->fate && results[0].why.reason == t->reason, "%s: %d %s",
	    t->name, results[0].fate, results[0].why.text);
	expect_kept(t->name, t->goes_on);
}
END_TEST

/* The line ends fall on every place of a block and of a chunk, and all of it arrives. */
START_TEST(line_ends)
{
	size_t n = (size_t)(2 << 20) + 4096, from;
	char *data = must_calloc(1, n), *at;
	struct buf text;

	memset(data, 'x', n);
	for (size_t i = (size_t)_i + 1; i < n; i += 3)
		memcpy(&data[i - 1], "\r\n", 2);
	memcpy(&data[n - 4], "xx\r\n", 4);
	if (data[n - 5] == '\r')	/* whose LF is gone */
		data[n - 5] = 'x';
	buf_init(&text);
	buf_add(&text, data, n);
	dial(SCRIPT(BOTH, "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, make_file_job_of(&text));
	PEER_UNTIL(done);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
	from = 0;
	for (size_t len = 1 << 20; from < n; from += len) {
		char head[64];

		len = n - from < len ? n - from : len;
		str_fmt(head, sizeof head, "BDAT %zu%s\r\n", len, from + len == n ? " LAST" : "");
		ck_assert(peer_saw_hidden(head));
		at = memmem(buf_data(&peer.hidden), buf_len(&peer.hidden), head, strlen(head));
		buf_drop(&peer.hidden, (size_t)(at - buf_data(&peer.hidden)) + strlen(head));
		ck_assert_uint_ge(buf_len(&peer.hidden), len);
		ck_assert_mem_eq(buf_data(&peer.hidden), data + from, len);
	}
	free(data);
}
END_TEST

START_TEST(text_ends_too_early)
{
	struct job *j = make_file_job(LINES_PER_CHUNK);

	j->msg->body->size += 64;	/* a second chunk that is not there */
	dial(SCRIPT(BOTH, "<serve>"), PLAN_VERIFY);
	expect_corrupt(j, "LAST");
}
END_TEST

START_TEST(bounded_memory)
{
	dial(SCRIPT(BOTH, "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, make_file_job(4 * LINES_PER_CHUNK));
	setsockopt(io_stream_fd(client->stream), SOL_SOCKET, SO_SNDBUF, &(int){ 65536 },
	    sizeof(int));
	PEER_UNTIL((peer.deaf = peer.chunk > 0));
	expect_bounded_memory();
}
END_TEST

/* A reply to a chunk that is still on this side is no reply to it. */
START_TEST(reply_before_the_chunk_left)
{
	const struct mail_reply ok = { .code = 250, .text = "got it" };

	dial(SCRIPT(START("<chunk>", "<hang>")), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, make_file_job(2 * LINES_PER_CHUNK));
	PEER_UNTIL(client->state == CLIENT_CHUNK && io_stream_unsent(client->stream) == 0);
	buf_adds(io_stream_out(client->stream), "the last octets");
	client_reply(client, &ok, 0);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)results[0].fate, JOB_DEFERRED);
	ck_assert_int_eq((int)results[0].why.reason, WHY_PROTOCOL_ERROR);
}
END_TEST

/* Freed behind any number of turns, thus in every state. */
START_TEST(freed_anywhere)
{
	for (int turns = 0; turns < 120; turns += 2) {
		struct job *j = make_file_job(LINES_PER_CHUNK + 1);

		dial(SCRIPT(START("<chunk>", "250 ok", "<last>", "250 ok", "<hang>")), PLAN_VERIFY);
		for (int i = 0; i < turns; i++) {
			io_turn(1);
			peer_turn();
			if (ready && j != NULL) {
				client_give(client, j);
				j = NULL;
			}
		}
		client_free(&client);
		job_free(&j);
		io_turn(3);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_client_bdat");
	TCase *tc = tcase_create("client");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, transactions, 0, (int)LENGTH(trials));
	tcase_add_test(tc, as_it_is);
	tcase_add_loop_test(tc, bad_text, 0, (int)LENGTH(bad_texts));
	tcase_add_test(tc, second_try);
	tcase_add_loop_test(tc, chunks, 0, (int)LENGTH(larges));
	tcase_add_loop_test(tc, line_ends, 0, 3);
	tcase_add_test(tc, text_ends_too_early);
	tcase_add_test(tc, bounded_memory);
	tcase_add_test(tc, reply_before_the_chunk_left);
	tcase_add_test(tc, freed_anywhere);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
