/* SPDX-License-Identifier: ISC */
/* The outgoing client against servers that refuse, lie, cut and stall. */
#include "tests/unit/smtp_client_kit.h"

/* ---- TLS: each way to fail has its own reason (RULES P06) ---- */

static const struct {
	const char		*name;
	enum why_reason		 reason;
	const char		*script[14];
} tls_failures[] = {
	{ "not offered", WHY_STARTTLS_NOT_SUPPORTED,
	  { "220 mx", ">EHLO", "250 mx", ">STARTTLS", "502 what", "<hang>" } },
	{ "not offered, HELO", WHY_STARTTLS_NOT_SUPPORTED,
	  { "220 mx", ">EHLO", "502 what", ">HELO", "250 mx", ">STARTTLS", "502 what", "<hang>" } },
	{ "refused 454", WHY_STARTTLS_REFUSED, { EHLO_TLS, ">STARTTLS", "454 later", "<hang>" } },
	{ "refused 354", WHY_STARTTLS_REFUSED, { EHLO_TLS, ">STARTTLS", "354 what", "<hang>" } },
	{ "mangled", WHY_STARTTLS_MANGLED,
	  { "220 mx", ">EHLO", "250-mx\r\n250 XXXXXXXA", ">STARTTLS", "502 what", "<hang>" } },
	{ "injection", WHY_STARTTLS_INJECTION,
	  { EHLO_TLS, ">STARTTLS", "220 go\r\n250 injected", "<hang>" } },
	{ "injection of half a line", WHY_STARTTLS_INJECTION,
	  { EHLO_TLS, ">STARTTLS", "!220 go\r\n2", "<hang>" } },
	{ "end", WHY_TLS_EOF, { EHLO_TLS, ">STARTTLS", "220 go", "<close>" } },
	{ "garbage", WHY_TLS_ALERT, { EHLO_TLS, ">STARTTLS", "!220 go\r\n", "<late>", "<hang>" } },
	{ "untrusted", WHY_CERT_NOT_TRUSTED,
	  { EHLO_TLS, ">STARTTLS", "220 go", "<tls!>", ">EHLO", "250 mx", "<hang>" } },
	{ "refused under TLS", WHY_REMOTE_DEFERRED,
	  { EHLO_TLS, ">STARTTLS", "220 go", "<tls>", ">EHLO", "550 no", "<hang>" } },
	{ "cut under TLS", WHY_CONNECTION_LOST,
	  { EHLO_TLS, ">STARTTLS", "220 go", "<tls>", ">EHLO", "!250 m", "<close>" } },
	{ "greeting 554", WHY_REMOTE_DEFERRED, { "554 no", "<hang>" } },
	{ "greeting bogus", WHY_PROTOCOL_ERROR, { "bogus", "<hang>" } },
	{ "greeting and more", WHY_PROTOCOL_ERROR, { "220 mx\r\n250 mx", "<hang>" } },
	{ "two replies to EHLO", WHY_PROTOCOL_ERROR,
	  { "220 mx", ">EHLO", "250 STARTTLS\r\n220 go", "<hang>" } },
	{ "closed", WHY_CONNECTION_LOST, { "<close>" } },
	{ "421 to EHLO", WHY_REMOTE_BUSY, { "220 mx", ">EHLO", "421 no", "<hang>" } },
};

START_TEST(tls_failure)
{
	const char *const *script = tls_failures[_i].script;
	const char *copy[14];
	size_t n = 0;

	/* <late>: bytes that come when the handshake is on its way. */
	for (; script[n] != NULL && strcmp(script[n], "<late>") != 0; n++)
		copy[n] = script[n];
	copy[n] = NULL;
	dial(copy, PLAN_VERIFY);
	if (script[n] != NULL) {
		PEER_UNTIL(client->state == CLIENT_HANDSHAKE && *peer.script == NULL);
		io_turn(3);
		peer_send("250 what is this\r\n", 18);
	}
	expect_ended(tls_failures[_i].reason);
	ck_assert_int_eq(ready, 0);
	expect_silence();
	ck_assert(!peer_saw_hidden("MAIL"));
}
END_TEST

START_TEST(handshake_timeout)
{
	dial(SCRIPT(EHLO_TLS, ">STARTTLS", "220 go", "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(client->state == CLIENT_HANDSHAKE);
	io_turn(3);
	io_stream_deadline(client->stream, 1);
	expect_ended(WHY_TLS_TIMEOUT);
	expect_silence();
}
END_TEST

START_TEST(refused_connection)
{
	close(peer.listener);
	peer.listener = dup(0);
	dial(SCRIPT("<hang>"), PLAN_VERIFY);
	IO_UNTIL(ended);
	ck_assert_int_eq((int)why_ended.reason, WHY_CONNECT_REFUSED);
	ck_assert_int_eq(client_spoke(client), 0);
}
END_TEST

/* ---- the gate ---- */

/* Fails if enter_admit does not ask plan_admits: nothing but a verified server gets mail. */
START_TEST(gate_per_connection)
{
	static const enum plan_level levels[] = { PLAN_NO_LEVEL, PLAN_VERIFY, PLAN_STS, PLAN_DANE };

	for (size_t i = 0; i < LENGTH(levels); i++) {
		transfer(SCRIPT(EHLO_TLS, ">STARTTLS", "220 go", "<tls!>", ">EHLO", "250 mx",
		    "<serve>"), levels[i]);
		ck_assert_int_eq(ready, 0);
		ck_assert_int_eq(ended, 1);
		expect_silence();
		ck_assert(!peer_saw_hidden("MAIL"));
	}
}
END_TEST

/* HARDENING C7: what was true for the first message need not be for the second. */
START_TEST(gate_per_message)
{
	transfer(SCRIPT(ONE_BY_ONE, "<serve>"), PLAN_VERIFY);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
	PEER_UNTIL(ready == 2);
	client->facts.pkix_name = 0;
	buf_clear(&peer.hidden);
	client_give(client, make_job(1, TEXT));
	PEER_UNTIL(done == 2 && ended);
	ck_assert_int_eq((int)results[0].fate, JOB_DEFERRED);
	ck_assert_int_eq((int)results[0].why.reason, WHY_CERT_MISMATCH);
	ck_assert(!peer_saw_hidden("MAIL"));
}
END_TEST

/* RFC 8689 s4.2.1: behind every wall, and the offer counts under TLS alone. */
#define OFFER	"250-mx\r\n250 REQUIRETLS"

static const struct {
	const char	*name, *sender;
	int		 lane, named, message;	/* lane: opened for such messages */
	enum why_reason	 reason;		/* NONE: the message is taken */
	const char	*mail;			/* that the server saw; NULL: none */
	const char	*script[10];
} demands[] = {
	{ "all there", "a@b.example", 1, 1, 1, WHY_NONE, "MAIL FROM:<a@b.example> REQUIRETLS\r\n",
	  { SECURE(OFFER), "<serve>" } },
	{ "not offered", "a@b.example", 1, 1, 1, WHY_REQUIRETLS_UNSUPPORTED, NULL,
	  { SECURE("250 mx"), "<serve>" } },
	{ "offered in clear alone", "a@b.example", 1, 1, 1, WHY_REQUIRETLS_UNSUPPORTED, NULL,
	  { "220 mx", ">EHLO", "250-mx\r\n250-REQUIRETLS\r\n250 STARTTLS", ">STARTTLS", "220 go",
	    "<tls>", ">EHLO", "250 mx", "<serve>" } },
	{ "no proven name", "a@b.example", 1, 0, 1, WHY_REQUIRETLS_NO_TLS, NULL,
	  { SECURE(OFFER), "<serve>" } },
	{ "wrong lane", "a@b.example", 0, 1, 1, WHY_REQUIRETLS_UNSUPPORTED, NULL,
	  { SECURE("250 mx"), "<serve>" } },
	{ "no name, wrong lane", "a@b.example", 0, 0, 1, WHY_REQUIRETLS_NO_TLS, NULL,
	  { SECURE(OFFER), "<serve>" } },
	{ "a notice", "", 0, 1, 1, WHY_NONE, "MAIL FROM:<> REQUIRETLS\r\n",
	  { SECURE(OFFER), "<serve>" } },
	{ "a notice, not offered", "", 0, 1, 1, WHY_NONE, "MAIL FROM:<>\r\n",
	  { SECURE("250 mx"), "<serve>" } },
	{ "a notice, no proven name", "", 0, 0, 1, WHY_NONE, "MAIL FROM:<>\r\n",
	  { SECURE(OFFER), "<serve>" } },
	{ "other mail", "a@b.example", 0, 1, 0, WHY_NONE, "MAIL FROM:<a@b.example>\r\n",
	  { SECURE(OFFER), "<serve>" } },
};

START_TEST(requiretls)
{
	struct job *job = make_job(1, TEXT);

	free(job->msg->sender);
	job->msg->sender = must_strdup(demands[_i].sender);
	job->msg->requiretls = demands[_i].message;
	dial(demands[_i].script, PLAN_VERIFY);
	client->requiretls = demands[_i].lane;
	route->plan.targets[0].named = demands[_i].named;
	route->plan.sts_state = PLAN_STS_NONE;
	PEER_UNTIL(ready || ended);
	if (ready) {
		client_give(client, job);
		PEER_UNTIL(done);
		ck_assert_int_eq((int)results[0].why.reason, (int)demands[_i].reason);
	} else {
		job_free(&job);
		ck_assert_int_eq((int)why_ended.reason, (int)demands[_i].reason);
	}
	expect_silence();
	if (demands[_i].mail != NULL)
		ck_assert_msg(peer_saw_hidden(demands[_i].mail), "%s", demands[_i].name);
	else
		ck_assert_msg(!peer_saw_hidden("MAIL"), "%s", demands[_i].name);
}
END_TEST

START_TEST(plaintext_by_exception)
{
	transfer(SCRIPT("220 mx", ">EHLO", "250 mx", "<serve>"), PLAN_PLAINTEXT);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
	ck_assert(peer_saw_clear("MAIL FROM:<from@corp.example>\r\n"));
	ck_assert(peer_saw_clear("\r\n..dot\r\n.\r\n"));
	/* Offered and refused: in clear all the same; 421 and 354 are no refusals. */
	transfer(SCRIPT(EHLO_TLS, ">STARTTLS", "454 no", "<serve>"), PLAN_PLAINTEXT);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
	transfer(SCRIPT(EHLO_TLS, ">STARTTLS", "421 no", "<serve>"), PLAN_PLAINTEXT);
	ck_assert(ended && !peer_saw_clear("MAIL"));
	transfer(SCRIPT(EHLO_TLS, ">STARTTLS", "354 no", "<serve>"), PLAN_PLAINTEXT);
	ck_assert(ended && !peer_saw_clear("MAIL"));
}
END_TEST

/* MAIL has one way in. */
START_TEST(edges)
{
	for (int from = 0; from < CLIENT__COUNT; from++) {
		enum client_state f = (enum client_state)from;

		ck_assert_int_eq(client_may_move(f, CLIENT_MAIL), f == CLIENT_ADMIT);
		ck_assert_int_eq(client_may_move(f, CLIENT_BODY),
		    f == CLIENT_DATA || f == CLIENT_RCPT || f == CLIENT_CHUNK);
		ck_assert_int_eq(client_may_move(f, CLIENT_CHUNK), f == CLIENT_BODY);
		ck_assert_int_eq(client_may_move(f, CLIENT_DATA), f == CLIENT_RCPT);
		ck_assert_int_eq(client_may_move(f, CLIENT_CLOSED), 1);
		ck_assert_int_eq(client_may_move(CLIENT_CLOSED, f), f == CLIENT_CLOSED);
	}
}
END_TEST

/* ---- a transaction ---- */

static const struct trial trials[] = {
	{ "good", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 1,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 2.0.0 ok", "<hang>" } },
	{ "good, pipelined", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 1,
	  { PIPELINED, PMRD, "250 a\r\n250 b\r\n250 c\r\n354 go", "<text>", "250 ok", "<hang>" } },
	{ "MAIL 451", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 1,
	  { ONE_BY_ONE, ">MAIL", "451 no", ">RSET", "250 ok", "<hang>" } },
	{ "MAIL 550, pipelined", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { PIPELINED, PMRD, "550 a\r\n503 b\r\n503 c\r\n503 d", ">RSET", "250 ok", "<hang>" } },
	{ "MAIL 550, pipelined, then close", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 0,
	  { PIPELINED, PMRD, "550 a", "<close>" } },
	{ "one RCPT 550", JOB_FAILED, JOB_DELIVERED, WHY_REMOTE_REJECTED, 1,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "550 5.1.1 who", ">RCPT", "250 ok", ">DATA",
	    "354 go", "<text>", "250 ok", "<hang>" } },
	{ "one RCPT 451, pipelined", JOB_DELIVERED, JOB_DEFERRED, WHY_NONE, 1,
	  { PIPELINED, PMRD, "250 a\r\n250 b\r\n451 c\r\n354 go", "<text>", "250 ok", "<hang>" } },
	{ "all RCPT refused", JOB_FAILED, JOB_DEFERRED, WHY_REMOTE_REJECTED, 1,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "550 no", ">RCPT", "451 no", ">RSET", "250 ok",
	    "<hang>" } },
	{ "all RCPT refused, pipelined, 354", JOB_FAILED, JOB_DEFERRED, WHY_REMOTE_REJECTED, 1,
	  { PIPELINED, PMRD, "250 a\r\n550 b\r\n451 c\r\n354 go", ">.", "503 none", "<hang>" } },
	{ "all RCPT refused, pipelined, 354, 250", JOB_FAILED, JOB_DEFERRED, WHY_REMOTE_REJECTED, 1,
	  { PIPELINED, PMRD, "250 a\r\n550 b\r\n451 c\r\n354 go", ">.", "250 what", "<hang>" } },
	{ "MAIL refused, RCPT taken, 354", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 0,
	  { PIPELINED, PMRD, "550 a\r\n250 b\r\n250 c\r\n354 go", "<hang>" } },
	{ "421 to MAIL", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_BUSY, 0,
	  { ONE_BY_ONE, ">MAIL", "421 no", "<hang>" } },
	{ "421 to the second RCPT", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_BUSY, 0,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "250 ok", ">RCPT", "421 no", "<hang>" } },
	{ "354 to RCPT", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "354 what", "<hang>" } },
	{ "354 before DATA", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "250 ok", ">RCPT", "250 ok\r\n354 go", "<hang>" } },
	{ "DATA 550", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { ONE_BY_ONE, MR, ">DATA", "550 no", ">RSET", "250 ok", "<hang>" } },
	{ "DATA 250", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, MR, ">DATA", "250 what", "<hang>" } },
	{ "421 to DATA", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_BUSY, 0,
	  { ONE_BY_ONE, MR, ">DATA", "421 no", "<hang>" } },
	{ "250 before the text", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go\r\n250 got it", "<hang>" } },
	{ "dot 451", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 1,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "451 no", "<hang>" } },
	{ "dot 554", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "554 5.7.1 no", "<hang>" } },
	{ "dot 421", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_BUSY, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "421 no", "<hang>" } },
	{ "dot 354", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "354 again", "<hang>" } },
	{ "reset behind the dot", JOB_DEFERRED, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "<reset>" } },
	{ "cut in the reply to the dot", JOB_DEFERRED, JOB_DEFERRED, WHY_CONNECTION_LOST, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "!250 2.0.0 o", "<close>" } },
	{ "250, then reset", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok", "<reset>" } },
	{ "250 twice", JOB_DELIVERED, JOB_DELIVERED, WHY_NONE, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok\r\n250 ok", "<hang>" } },
	{ "RSET refused", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 0,
	  { ONE_BY_ONE, ">MAIL", "451 no", ">RSET", "500 no", ">QUIT", "221 bye", "<hang>" } },
	{ "bogus", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, ">MAIL", "2500 ok", "<hang>" } },
	{ "codes differ", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, ">MAIL", "250-a\r\n550 b", "<hang>" } },
};

START_TEST(transactions)
{
	run_trial(&trials[_i]);
}
END_TEST

/* Every state of the dialogue x every class of reply, then a server that goes on politely. */
static const char *const stops[] = { "BANNER", "EHLO", "STARTTLS", "TLS_EHLO", "MAIL", "RCPT",
    "DATA", "DOT" };
static const struct {
	const char	*reply;
	const char	*passes;	/* stops where the dialogue goes on to a delivery */
	int		 fails;		/* permanent at MAIL and later */
} replies[] = {
	{ "220 x", "BANNER STARTTLS EHLO MAIL RCPT DOT", 0 },
	{ "250 x", "EHLO TLS_EHLO MAIL RCPT DOT", 0 },
	{ "354 x", "EHLO DATA", 0 },
	{ "199 x", "EHLO", 0 },
	{ "421 x", "", 0 }, { "451 x", "EHLO", 0 }, { "550 x", "EHLO", 1 },
	{ "600 x", "", 0 }, { "hello", "", 0 }, { "<close>", "", 0 }, { "<reset>", "", 0 },
};

static void
walk_one(size_t r, size_t stop, int pipelined)
{
	const char *script[32], *const full[] = { "220 mx", ">EHLO", "250-mx\r\n250 STARTTLS",
	    ">STARTTLS", "220 go", "<tls>", ">EHLO",
	    pipelined ? "250-mx\r\n250 PIPELINING" : "250 mx", ">MAIL", "250 ok", ">RCPT", "250 ok",
	    ">RCPT", "250 ok", ">DATA", "354 go", "<text>", "250 ok" };
	static const size_t at[LENGTH(stops)] = { 0, 2, 4, 7, 9, 11, 15, 17 };
	int passes = strstr(replies[r].passes, stops[stop]) != NULL &&
	    !(stop == 1 && strstr(replies[r].passes, " EHLO") == NULL &&
	    strncmp(replies[r].passes, "EHLO", 4) != 0);

	memcpy(script, full, at[stop] * sizeof full[0]);
	script[at[stop]] = replies[r].reply;
	if (stop == 5 && replies[r].reply[0] != '<') {	/* the second recipient, too */
		script[12] = ">RCPT";
		script[13] = replies[r].reply;
		script[14] = "<serve>";
		script[15] = NULL;
	} else if (stop == 6 && passes) {
		memcpy(&script[16], (const char *const[]){ "<text>", "250 ok", "<serve>", NULL },
		    4 * sizeof script[0]);
	} else {
		script[at[stop] + 1] = stop == 2 && passes ? "<tls>" : "<serve>";
		script[at[stop] + 2] = stop == 2 && passes ? "<serve>" : NULL;
		script[at[stop] + 3] = NULL;
	}
	transfer(script, PLAN_VERIFY);
	expect_silence();
	if (stop < 4) {
		ck_assert_msg((ready > 0) == passes, "%s: %s", stops[stop], replies[r].reply);
		return;
	}
	ck_assert_int_eq(done, 1);
	ck_assert_msg((int)results[0].fate == (passes ? JOB_DELIVERED : replies[r].fails ? JOB_FAILED :
	    JOB_DEFERRED), "%s: %s -> %d %s", stops[stop], replies[r].reply, results[0].fate,
	    results[0].why.text);
	ck_assert_int_eq((int)results[0].fate, (int)results[1].fate);
	PEER_UNTIL(ended || ready == 2);
}

START_TEST(walk)
{
	for (size_t stop = 0; stop < LENGTH(stops); stop++) {
		walk_one((size_t)_i, stop, 0);
		walk_one((size_t)_i, stop, 1);
	}
}
END_TEST

/* RFC 5321 s4.5.3.2: what a server may take at least. */
static const struct {
	enum client_state	 state;
	unsigned		 seconds;
} patience[] = {
	{ CLIENT_BANNER, 300 }, { CLIENT_EHLO, 300 }, { CLIENT_TLS_EHLO, 300 }, { CLIENT_MAIL, 300 },
	{ CLIENT_RCPT, 300 }, { CLIENT_DATA, 120 }, { CLIENT_BODY, 180 }, { CLIENT_DOT, 600 },
};

START_TEST(patient)
{
	ck_assert_uint_ge(client_state_seconds(patience[_i].state), patience[_i].seconds);
	ck_assert_uint_le(client_state_seconds(patience[_i].state), 600);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_client");
	TCase *tc = tcase_create("client");

	smtp_quiet();
	tcase_set_timeout(tc, 30);
	tcase_add_unchecked_fixture(tc, smtp_certificates, smtp_certificates_free);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, tls_failure, 0, (int)LENGTH(tls_failures));
	tcase_add_test(tc, handshake_timeout);
	tcase_add_test(tc, refused_connection);
	tcase_add_test(tc, gate_per_connection);
	tcase_add_test(tc, gate_per_message);
	tcase_add_loop_test(tc, requiretls, 0, (int)LENGTH(demands));
	tcase_add_test(tc, plaintext_by_exception);
	tcase_add_test(tc, edges);
	tcase_add_loop_test(tc, transactions, 0, (int)LENGTH(trials));
	tcase_add_loop_test(tc, walk, 0, (int)LENGTH(replies));
	tcase_add_loop_test(tc, patient, 0, (int)LENGTH(patience));
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
