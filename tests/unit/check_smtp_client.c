/* SPDX-License-Identifier: ISC */
/* The outgoing client against servers that refuse, lie, cut and stall. */
#include <jansson.h>

#include "lib/plan/admit.h"
#include "relayd/smtp/client_int.h"
#include "tests/unit/mail_vectors.h"
#include "tests/unit/smtp_peer.h"

static struct generation *generation;
static struct store *store;
static struct route *route;
static struct client *client;

/* what the owner was told */
static int ready, done, ended, untried;
static struct job_result results[8];
static struct why why_ended;

static void ev_ready(void *arg, struct client *c) { ready++; }

static void
ev_done(void *arg, struct client *c, struct job *j)
{
	ck_assert_int_eq(ended, 0);
	done++;
	untried = j->results[0].fate == JOB_OPEN;
	for (size_t i = 0; i < j->msg->nrcpts && i < LENGTH(results); i++) {
		ck_assert_int_eq(j->results[i].fate == JOB_OPEN, untried);
		results[i] = j->results[i];
	}
	job_free(&j);
}

static void
ev_ended(void *arg, struct client *c, const struct why *why)
{
	ended++;
	why_ended = *why;
}

static const struct client_events events = {
	.ready = ev_ready, .done = ev_done, .ended = ev_ended,
};

static struct route *
make_route(enum plan_level level)
{
	struct route *r = route_new();
	struct plan_target *t = r->plan.targets = must_calloc(1, sizeof *t);

	r->plan.verdict = PLAN_GO;
	r->plan.ntargets = 1;
	r->plan.expires = INT64_MAX;
	t->usable = 1;
	str_copy(t->host.name, "mx.example.com", sizeof t->host.name);
	t->requirement.level = level;
	t->requirement.want.min_version = TLS_V1_2;
	str_copy(t->requirement.want.sni, t->host.name, DNS_NAME_MAX);
	str_copy(t->requirement.want.host, t->host.name, DNS_NAME_MAX);
	if (level == PLAN_PLAINTEXT) {
		t->requirement.proof = PLAN_BY_EXCEPTION;
		str_copy(t->requirement.exception, "EX-1", sizeof t->requirement.exception);
	}
	return r;
}

static void
set_up(void)
{
	io_base = event_base_new();
	io_idle_ms = 0;
	store = store_memory_open(io_base);
	generation = smtp_generation("hostname = \"relay.example.org\";", 1);
	peer_open();
}

static void
drop_client(void)
{
	client_free(&client);
	route_unref(&route);
	ready = done = ended = untried = 0;
	memset(results, 0, sizeof results);
	why_clear(&why_ended);
}

static void
tear_down(void)
{
	drop_client();
	peer_close();
	io_turn(10);			/* streams that say goodbye */
	generation_unref(&generation);
	store->ops->close(&store);
	event_base_free(io_base);
}

static void
dial(const char *const *script, enum plan_level level)
{
	struct client_param p = { .base = io_base, .store = store, .generation = generation,
	    .address = { AF_INET, { 127, 0, 0, 1 } }, .port = peer.port };

	drop_client();
	route = p.route = make_route(level);
	peer_begin(script);
	client = client_new(&p, &events, NULL);
	ck_assert(ready == 0 && ended == 0);
}

static struct job *
make_job(size_t nrcpts, const char *text)
{
	struct store_message *m = must_calloc(1, sizeof *m);
	char *data = must_strdup(text);

	m->id = 1;
	m->sender = must_strdup("from@corp.example");
	m->size = strlen(text);
	m->body = store_body_new(&data, m->size);
	m->nrcpts = nrcpts;
	m->rcpts = must_calloc(nrcpts, sizeof *m->rcpts);
	for (size_t i = 0; i < nrcpts; i++) {
		m->rcpts[i].address = must_strdup(i == 0 ? "a@example.com" : "b@example.com");
		m->rcpts[i].dest = must_strdup("example.com");
	}
	return job_new(m);
}

#define TEXT	"Subject: x\r\n\r\n.dot\r\n"

/* Dials, gives one job of two recipients when ready, runs to the end. */
static void
transfer(const char *const *script, enum plan_level level)
{
	dial(script, level);
	PEER_UNTIL(ready || ended);
	if (!ready)
		return;
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(done);
}

static void
expect_ended(enum why_reason reason)
{
	PEER_UNTIL(ended);
	ck_assert_msg(why_ended.reason == reason, "%s: %s", why_token(why_ended.reason),
	    why_ended.text);
}

/* No envelope in clear, whatever happened. */
static void
expect_silence(void)
{
	static const char *const never[] = { "MAIL", "RCPT", "DATA", "AUTH", "BDAT", "Subject", "corp" };

	for (size_t i = 0; i < LENGTH(never); i++)
		ck_assert_msg(!peer_saw_clear(never[i]), "%s in clear", never[i]);
}

#define EHLO_TLS	"220 mx", ">EHLO", "250-mx\r\n250-STARTTLS\r\n250 SIZE"
#define SECURE(ehlo)	EHLO_TLS, ">STARTTLS", "220 go", "<tls>", ">EHLO", ehlo
#define ONE_BY_ONE	SECURE("250 mx")
#define PIPELINED	SECURE("250-mx\r\n250 PIPELINING")
#define SCRIPT(...)	(const char *const[]){ __VA_ARGS__, NULL }

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
	{ "421 to EHLO", WHY_REMOTE_DEFERRED, { "220 mx", ">EHLO", "421 no", "<hang>" } },
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
		ck_assert_int_eq(client_may_move(f, CLIENT_BODY), f == CLIENT_DATA);
		ck_assert_int_eq(client_may_move(f, CLIENT_DATA), f == CLIENT_RCPT);
		ck_assert_int_eq(client_may_move(f, CLIENT_CLOSED), 1);
		ck_assert_int_eq(client_may_move(CLIENT_CLOSED, f), f == CLIENT_CLOSED);
	}
}
END_TEST

/* ---- a transaction ---- */

struct trial {
	const char		*name;
	enum job_fate		 first, second;
	enum why_reason		 reason;	/* of the first */
	int			 goes_on;	/* the connection is ready again */
	const char		*script[26];
};
#define MR	">MAIL", "250 ok", ">RCPT", "250 ok", ">RCPT", "250 ok"
#define PMRD	">MAIL", ">RCPT", ">RCPT", ">DATA"
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
	{ "421 to MAIL", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 0,
	  { ONE_BY_ONE, ">MAIL", "421 no", "<hang>" } },
	{ "421 to the second RCPT", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 0,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "250 ok", ">RCPT", "421 no", "<hang>" } },
	{ "354 to RCPT", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "354 what", "<hang>" } },
	{ "354 before DATA", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, ">MAIL", "250 ok", ">RCPT", "250 ok", ">RCPT", "250 ok\r\n354 go", "<hang>" } },
	{ "DATA 550", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { ONE_BY_ONE, MR, ">DATA", "550 no", ">RSET", "250 ok", "<hang>" } },
	{ "DATA 250", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, MR, ">DATA", "250 what", "<hang>" } },
	{ "421 to DATA", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 0,
	  { ONE_BY_ONE, MR, ">DATA", "421 no", "<hang>" } },
	{ "250 before the text", JOB_DEFERRED, JOB_DEFERRED, WHY_PROTOCOL_ERROR, 0,
	  { ONE_BY_ONE, MR, ">DATA", "354 go\r\n250 got it", "<hang>" } },
	{ "dot 451", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 1,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "451 no", "<hang>" } },
	{ "dot 554", JOB_FAILED, JOB_FAILED, WHY_REMOTE_REJECTED, 1,
	  { ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "554 5.7.1 no", "<hang>" } },
	{ "dot 421", JOB_DEFERRED, JOB_DEFERRED, WHY_REMOTE_DEFERRED, 0,
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
	const struct trial *t = &trials[_i];

	transfer(t->script, PLAN_VERIFY);
	expect_silence();
	ck_assert_int_eq(done, 1);
	ck_assert_int_eq(untried, 0);
	ck_assert_msg(results[0].fate == t->first && results[1].fate == t->second, "%s: %d %d: %s",
	    t->name, results[0].fate, results[1].fate, results[0].why.text);
	ck_assert_msg(results[0].why.reason == t->reason, "%s: %s", t->name, results[0].why.text);
	PEER_UNTIL(ended || ready == 2);
	if (ended != !t->goes_on && ready == 2)
		PEER_UNTIL(ended);	/* one may be told of a kept connection before its end */
	ck_assert_msg(ended == !t->goes_on, "%s: %s", t->name, why_ended.text);
}
END_TEST

/* Every state of the dialogue x every class of reply, then a server that goes on politely. */
static const char *const stops[] = { "BANNER", "EHLO", "STARTTLS", "TLS_EHLO", "MAIL", "RCPT", "DATA",
    "DOT" };
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

/* ---- reuse ---- */

START_TEST(closed_while_kept)
{
	transfer(SCRIPT(ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok", "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	peer.script = SCRIPT(">MAIL", "<close>");
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(done == 2);
	ck_assert_int_eq(untried, 1);
	expect_ended(WHY_CONNECTION_LOST);
}
END_TEST

/* Also where the first message was refused. */
START_TEST(closed_after_a_refusal)
{
	transfer(SCRIPT(ONE_BY_ONE, ">MAIL", "550 no", ">RSET", "250 ok", "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	peer.script = SCRIPT(">MAIL", "<close>");
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(done == 2);
	ck_assert_int_eq(untried, 1);
}
END_TEST

/* The end is known here and not yet to the owner, who gives a job: it comes back. */
START_TEST(given_when_it_has_ended)
{
	transfer(SCRIPT(ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok", "<hang>"), PLAN_VERIFY);
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
	transfer(SCRIPT(ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok", ">QUIT", "221 bye"),
	    PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	client_quit(client);
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(ended);
	ck_assert_int_eq(done, 2);
	ck_assert_int_eq(untried, 1);
	ck_assert_int_eq((int)why_ended.reason, WHY_NONE);
}
END_TEST

static const char *const unasked[] = { "250 hello", "421 bye", "250 he", "garbage", "<close>" };

START_TEST(unasked_while_idle)
{
	transfer(SCRIPT(ONE_BY_ONE, MR, ">DATA", "354 go", "<text>", "250 ok", "<hang>"), PLAN_VERIFY);
	PEER_UNTIL(ready == 2);
	peer.script = SCRIPT(unasked[_i]);
	PEER_UNTIL(ended);
	ck_assert_int_eq(done, 1);
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

static int stored;
static struct store_body *file;
static void on_stored(void *arg, const struct why *why) { stored++; }

static void
on_file(void *arg, const struct why *why, struct store_body *b)
{
	file = b;
}

/* A job whose text of that many lines of 64 octets is read by chunks. */
static struct job *
make_file_job(size_t lines)
{
	struct job *j = make_job(1, "");
	struct buf b;
	char *data;
	size_t n;

	buf_init(&b);
	for (size_t i = 0; i < lines; i++)
		buf_addf(&b, ".%060zu\r\n", i);
	buf_take(&b, &data, &n);
	store_body_unref(&j->msg->body);
	j->msg->body = store_body_new(&data, n);
	store->ops->put(store, j->msg, NULL, on_stored, NULL);
	store->ops->body(store, j->msg->id, on_file, NULL);
	IO_UNTIL(stored && file != NULL);
	ck_assert_ptr_null(file->data);
	store_body_unref(&j->msg->body);
	j->msg->body = file;
	return j;
}

START_TEST(large_text)
{
	size_t most = 0;
	struct job *j = make_file_job(50000);

	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, j);
	setsockopt(io_stream_fd(client->stream), SOL_SOCKET, SO_SNDBUF, &(int){ 65536 }, sizeof(int));
	PEER_UNTIL((peer.deaf = peer.in_text));	/* the peer stops reading for a while */
	for (int i = 0; i < 200; i++) {
		io_turn(1);
		if (io_stream_unsent(client->stream) > most)
			most = io_stream_unsent(client->stream);
	}
	ck_assert_uint_gt(most, 100000);
	ck_assert_uint_lt(most, (256 << 10) + 3 * 65536);
	peer.deaf = 0;
	PEER_UNTIL(done);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
	ck_assert(peer_saw_hidden("\r\n..000000000000000000000000000000000000000000000000000000049999\r\n"
	    ".\r\n"));
}
END_TEST

/* Nothing of a text that is cut short may look whole. */
START_TEST(text_ends_too_early)
{
	struct job *j = make_file_job(5000);

	j->msg->body->size += 64;
	dial(SCRIPT("220 mx", "<serve>"), PLAN_VERIFY);
	PEER_UNTIL(ready);
	client_give(client, j);
	PEER_UNTIL(ended);
	ck_assert_int_eq((int)results[0].fate, JOB_DEFERRED);
	ck_assert_int_eq((int)results[0].why.reason, WHY_CORRUPT);
	for (int i = 0; i < 50; i++)
		peer_turn();
	ck_assert(!peer_saw_hidden("\r\n.\r\n"));
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
	client_xfer_continue(client);
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
	tcase_add_test(tc, plaintext_by_exception);
	tcase_add_test(tc, edges);
	tcase_add_loop_test(tc, transactions, 0, (int)LENGTH(trials));
	tcase_add_loop_test(tc, walk, 0, (int)LENGTH(replies));
	tcase_add_test(tc, closed_while_kept);
	tcase_add_test(tc, closed_after_a_refusal);
	tcase_add_test(tc, given_when_it_has_ended);
	tcase_add_test(tc, given_when_it_is_quitting);
	tcase_add_loop_test(tc, unasked_while_idle, 0, (int)LENGTH(unasked));
	tcase_add_loop_test(tc, ability, 0, (int)LENGTH(abilities));
	tcase_add_test(tc, large_text);
	tcase_add_test(tc, text_ends_too_early);
	tcase_add_test(tc, refused_during_the_text);
	tcase_add_test(tc, freed_while_reading);
	tcase_add_test(tc, freed_anywhere);
	tcase_add_test(tc, east_servers);
	tcase_add_test(tc, client_scripts);
	tcase_add_test(tc, endless_replies);
	suite_add_tcase(suite, tc);
	return io_run(suite);
}
