/* SPDX-License-Identifier: ISC */
/* The outgoing client: reuse, large texts, abilities, the scripts of others. */
#include <jansson.h>

#include "tests/unit/mail_vectors.h"
#include "tests/unit/smtp_client_kit.h"

/* ---- reuse ---- */

#define DELIVERED(...)	SCRIPT(ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok", __VA_ARGS__)

/* A second message comes back as it was: the server has seen nothing but MAIL. */
static void
close_on_the_second(void)
{
	PEER_UNTIL(ready == 2);
	peer.script = SCRIPT(">MAIL", "<close>");
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(done == 2);
	ck_assert_int_eq(untried, 1);
}

START_TEST(closed_while_kept)
{
	transfer(DELIVERED("<hang>"), PLAN_VERIFY);
	close_on_the_second();
	expect_ended(WHY_CONNECTION_LOST);
}
END_TEST

/* Also where the first message was refused. */
START_TEST(closed_after_a_refusal)
{
	transfer(SCRIPT(ONE_BY_ONE, ">MAIL", "550 no", ">RSET", "250 ok", "<hang>"), PLAN_VERIFY);
	close_on_the_second();
}
END_TEST

/* The end is known here and not yet to the owner, who gives a job: it comes back. */
START_TEST(given_when_it_has_ended)
{
	transfer(DELIVERED("<hang>"), PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	client_enter(client, CLIENT_CLOSED);
	client_give(client, make_job(2, TEXT));
	ck_assert_int_eq(done, 1);
	PEER_UNTIL(ended);
	ck_assert_int_eq(done, 2);
	ck_assert_int_eq(untried, 1);
}
END_TEST

START_TEST(given_when_it_is_quitting)
{
	transfer(DELIVERED(">QUIT", "221 bye"), PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	client_quit(client);
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(ended);
	ck_assert_int_eq(done, 2);
	ck_assert_int_eq(untried, 1);
	ck_assert_int_eq((int)why_ended.reason, WHY_NONE);
}
END_TEST

static const struct {
	const char	*says;
	enum why_reason	 reason;
} unasked[] = {
	{ "250 hello", WHY_PROTOCOL_ERROR }, { "250 he", WHY_PROTOCOL_ERROR },
	{ "garbage", WHY_PROTOCOL_ERROR },
	/* RFC 5321 s3.8: it has waited long enough, and no host is passed over for that. */
	{ "421 bye", WHY_NONE }, { "<close>", WHY_NONE },
};

START_TEST(unasked_while_idle)
{
	transfer(DELIVERED("<hang>"), PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	peer.script = SCRIPT(unasked[_i].says);
	PEER_UNTIL(ended);
	ck_assert_int_eq(done, 1);
	ck_assert_int_eq((int)why_ended.reason, (int)unasked[_i].reason);
}
END_TEST

/* ---- what the server cannot take ---- */

static const struct {
	const char	*offers;
	int		 eightbit, utf8;
	enum why_reason	 reason;
	const char	*mail;		/* what MAIL must hold */
} abilities[] = {
	{ NULL, 1, 0, WHY_REMOTE_NO_8BITMIME, NULL },
	{ "250-8BITMIME\r\n", 1, 1, WHY_REMOTE_NO_SMTPUTF8, NULL },
	{ "250-SIZE 5\r\n", 0, 0, WHY_REMOTE_SIZE, NULL },
	{ "250-SIZE 0\r\n", 0, 0, WHY_NONE, " SIZE=20" },
	{ "250-SIZE 18446744073709551616\r\n", 0, 0, WHY_NONE, "SIZE=20" },
	{ "250-8BITMIME\r\n", 1, 0, WHY_NONE, "BODY=8BITMIME" },
	{ "250-SMTPUTF8\r\n250-8BITMIME\r\n", 1, 1, WHY_NONE, "SMTPUTF8" },
};

START_TEST(ability)
{
	struct job *j = make_job(1, TEXT);

	peer.offers = abilities[_i].offers;
	j->msg->eightbit = abilities[_i].eightbit;
	j->msg->utf8 = abilities[_i].utf8;
	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, j);
	PEER_UNTIL(done && ready == 2);		/* the connection is still good */
	ck_assert_int_eq((int)results[0].why.reason, (int)abilities[_i].reason);
	ck_assert_int_eq((int)results[0].fate, abilities[_i].mail ? JOB_DELIVERED : JOB_FAILED);
	ck_assert_int_eq(peer_saw_hidden("MAIL"), abilities[_i].mail != NULL);
	if (abilities[_i].mail != NULL)
		ck_assert(peer_saw_hidden(abilities[_i].mail));
}
END_TEST

/* ---- texts in files ---- */

START_TEST(large_text)
{
	struct job *j = make_file_job(50000);

	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, j);
	setsockopt(io_stream_fd(client->stream), SOL_SOCKET, SO_SNDBUF, &(int){ 65536 }, sizeof(int));
	PEER_UNTIL((peer.deaf = peer.in_text));
	expect_bounded_memory();
	ck_assert(peer_saw_hidden("\r\n..0000000000000000000000000000000000000000000000000000000049999\r\n"
	    ".\r\n"));
}
END_TEST

START_TEST(text_ends_too_early)
{
	struct job *j = make_file_job(5000);

	j->msg->body->size += 64;
	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	expect_corrupt(j, "\r\n.\r\n");
}
END_TEST

START_TEST(refused_during_the_text)
{
	struct job *j = make_file_job(150000);

	dial(SCRIPT(ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "250 ok", ">DATA", "354 go", "552 5.3.4 big",
	    "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, j);
	PEER_UNTIL(ended);
	ck_assert_int_eq((int)results[0].fate, JOB_FAILED);
	ck_assert_str_eq(results[0].why.dsn, "5.3.4");
}
END_TEST

/* A reply to a dot that is still on this side is no reply to it (and the rest does not follow). */
START_TEST(reply_before_the_dot_left)
{
	struct job *j = make_file_job(3500);

	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	setsockopt(io_stream_fd(client->stream), SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int));
	client_give(client, j);
	PEER_UNTIL((peer.deaf = peer.in_text));
	IO_UNTIL(client->state == CLIENT_DOT);
	ck_assert_uint_gt(io_stream_unsent(client->stream), 0);
	peer_send("250 got it\r\n", 12);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)results[0].fate, JOB_DEFERRED);
	ck_assert_int_eq((int)results[0].why.reason, WHY_PROTOCOL_ERROR);
	peer.deaf = 0;
	for (int i = 0; i < 50; i++)
		peer_turn();
	ck_assert(!peer_saw_hidden("\r\n.\r\n"));
}
END_TEST

START_TEST(freed_while_reading)
{
	struct job *j = make_file_job(50000);

	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, j);
	PEER_UNTIL((peer.deaf = peer.in_text));
	/* The store answers from the loop: ask it behind its back. */
	while (io_stream_unsent(client->stream) > 0)
		buf_drop(io_stream_out(client->stream), io_stream_unsent(client->stream));
	ck_assert_ptr_null(client->reading);
	client_text_continue(client);
	ck_assert_ptr_nonnull(client->reading);
	client_free(&client);
	io_turn(5);
	ck_assert_int_eq(done, 0);
}
END_TEST

/* Freed behind any number of turns, thus in every state. */
START_TEST(freed_anywhere)
{
	for (int turns = 0; turns < 60; turns++) {
		dial(SCRIPT(PIPELINED, PMRD, "250 a\r\n250 b\r\n250 c\r\n354 go", "<text>", "250 ok",
		    "<hang>"), PLAN_VERIFY);
		for (int i = 0; i < turns; i++) {
			io_turn(1);
			peer_turn();
			if (ready && client->job == NULL && client->state == CLIENT_IDLE && !done)
				client_give(client, make_job(2, TEXT));
		}
		client_free(&client);
		io_turn(3);
	}
}
END_TEST

/* ---- others' scripts ---- */

/* Every server that misleads about STARTTLS: no envelope in clear. */
START_TEST(east_servers)
{
	json_t *root = vectors_load("smtp-client/east-servers.json"), *row;
	size_t i;

	if (root == NULL)
		return;
	json_array_foreach(json_object_get(root, "cases"), i, row) {
		const char *greeting = json_string_value(json_object_get(row, "greeting"));
		const char *answer = json_string_value(json_object_get(row, "starttls_reply"));
		const char *odd = json_string_value(json_object_get(json_object_get(row,
		    "reply_overrides"), "ehlo"));
		char hello[600], reply[600], ehlo[600];
		const char *script[] = { hello, ">EHLO", ehlo, ">", reply, "<serve>", NULL };

		if (greeting == NULL || answer == NULL)
			continue;
		str_fmt(hello, sizeof hello, "!%s", greeting);
		str_fmt(reply, sizeof reply, "!%s", answer);
		str_fmt(ehlo, sizeof ehlo, "!%s", odd != NULL ? odd :
		    json_is_true(json_object_get(row, "starttls_advertised")) ?
		    "250-x\r\n250 STARTTLS\r\n" : "250-x\r\n250 AUTH PLAIN\r\n");
		dial(script, PLAN_VERIFY);
		for (int turn = 0; turn < 60 && !ended; turn++) {
			io_turn(2);
			peer_turn();
			if (ready == 1 && client->job == NULL && !done)
				client_give(client, make_job(1, TEXT));
		}
		expect_silence();
	}
	json_decref(root);
}
END_TEST

/* The dialogues of others, in clear under an exception; then as an enforcing client. */
START_TEST(client_scripts)
{
	json_t *root = vectors_load("smtp-client/client-scripts.json"), *row, *line;
	size_t i, k;

	if (root == NULL)
		return;
	json_array_foreach(json_object_get(root, "cases"), i, row) {
		const char *script[40], *expect = json_string_value(json_object_get(row, "expect"));
		const char *id = vectors_id(row);

		json_array_foreach(json_object_get(row, "server"), k, line) {
			script[k] = json_string_value(line);
			if (strcmp(script[k], ">QUIT") == 0)	/* where we go on with RSET */
				break;
		}
		script[k] = "<hang>";
		script[k + 1] = NULL;
		if (strstr(id, "rset-before-second") == NULL && strstr(id, "starttls") == NULL) {
			dial(script, PLAN_PLAINTEXT);
			PEER_UNTIL(ready || ended);
			if (ready) {
				client_give(client, make_job(strstr(id, "all-rcpt") ? 2 : 1, TEXT));
				PEER_UNTIL(done);
				ck_assert_msg(results[0].fate == (strncmp(expect, "permanent", 9) == 0 ?
				    JOB_FAILED : JOB_DEFERRED), "%s: %s", id, results[0].why.text);
			}
			ck_assert_msg(results[0].fate != JOB_DELIVERED, "%s", id);
		}
		for (k = 0; script[k] != NULL && strncmp(script[k], ">MAIL", 5) != 0; k++)
			continue;
		script[k] = NULL;
		dial(script, PLAN_VERIFY);
		for (int turn = 0; turn < 20 && !ended; turn++) {
			peer_turn();
			io_turn(2);
			if (*peer.script != NULL && strncmp(*peer.script, ">MAIL", 5) == 0)
				break;
		}
		ck_assert_int_eq(ready, 0);
		expect_silence();
	}
	json_decref(root);
}
END_TEST

/* A megabyte without a line end, lines without an end. */
START_TEST(endless_replies)
{
	static char junk[8192];

	memset(junk, '2', sizeof junk - 1);
	dial(SCRIPT("220 mx", ">EHLO", "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(client->state == CLIENT_EHLO);
	for (int i = 0; i < 4 && !ended; i++) {
		peer_turn();
		peer_send(junk, sizeof junk - 1);
		io_turn(3);
	}
	expect_ended(WHY_PROTOCOL_ERROR);
	dial(SCRIPT("220 mx", ">EHLO", "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(client->state == CLIENT_EHLO);
	for (int i = 0; i < 200 && !ended; i++) {
		peer_turn();
		peer_send("250-x\r\n", 7);
		io_turn(2);
	}
	expect_ended(WHY_PROTOCOL_ERROR);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_client_xfer");
	TCase *tc = tcase_create("client");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, closed_while_kept);
	tcase_add_test(tc, closed_after_a_refusal);
	tcase_add_test(tc, given_when_it_has_ended);
	tcase_add_test(tc, given_when_it_is_quitting);
	tcase_add_loop_test(tc, unasked_while_idle, 0, (int)LENGTH(unasked));
	tcase_add_loop_test(tc, ability, 0, (int)LENGTH(abilities));
	tcase_add_test(tc, large_text);
	tcase_add_test(tc, text_ends_too_early);
	tcase_add_test(tc, refused_during_the_text);
	tcase_add_test(tc, reply_before_the_dot_left);
	tcase_add_test(tc, freed_while_reading);
	tcase_add_test(tc, freed_anywhere);
	tcase_add_test(tc, east_servers);
	tcase_add_test(tc, client_scripts);
	tcase_add_test(tc, endless_replies);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
