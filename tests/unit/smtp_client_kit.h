/* SPDX-License-Identifier: ISC */
/* smtp_client_kit: a client under test, its owner, a job for it, and the starts of dialogues. */
#ifndef TESTS_UNIT_SMTP_CLIENT_KIT_H
#define TESTS_UNIT_SMTP_CLIENT_KIT_H

#include "relayd/smtp/client_int.h"
#include "tests/unit/smtp_peer.h"

static struct generation *generation;
static struct store *store;
static struct route *route;
static struct client *client;

/* what the owner was told */
static int ready, done, ended, untried;
static struct job_result results[8];
static struct why why_ended;

KIT_UNUSED void ev_ready(void *arg, struct client *c) { ready++; }

KIT_UNUSED void
ev_done(void *arg, struct client *c, struct job *j)
{
	ck_assert_int_eq(ended, 0);
	done++;
	untried = j->results[0].fate == JOB_OPEN;
	for (size_t i = 0; i < j->msg->nrcpts && i < LENGTH(results); i++) {
		ck_assert_int_eq(j->results[i].fate == JOB_OPEN && !j->results[i].put_off, untried);
		results[i] = j->results[i];
	}
	job_free(&j);
}

KIT_UNUSED void
ev_ended(void *arg, struct client *c, const struct why *why)
{
	ended++;
	why_ended = *why;
}

static const struct client_events events = {
	.ready = ev_ready, .done = ev_done, .ended = ev_ended,
};

KIT_UNUSED struct route *
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
	if (level <= PLAN_ENCRYPT) {
		t->requirement.proof = PLAN_BY_EXCEPTION;
		str_copy(t->requirement.exception, "EX-1", sizeof t->requirement.exception);
	}
	return r;
}

KIT_UNUSED void
set_up_with(const char *conf)
{
	io_base = event_base_new();
	io_idle_ms = 0;
	store = store_memory_open(io_base);
	generation = smtp_generation(conf, 1);
	peer_open();
}

KIT_UNUSED void set_up(void) { set_up_with("hostname = \"relay.example.org\";"); }

KIT_UNUSED void
drop_client(void)
{
	client_free(&client);
	route_unref(&route);
	ready = done = ended = untried = 0;
	memset(results, 0, sizeof results);
	why_clear(&why_ended);
}

KIT_UNUSED void
tear_down(void)
{
	drop_client();
	peer_close();
	io_turn(10);			/* streams that say goodbye */
	generation_unref(&generation);
	store->ops->close(&store);
	event_base_free(io_base);
}

/* The route is taken. */
KIT_UNUSED void
dial_by(const char *const *script, struct route *by)
{
	struct client_param p = { .base = io_base, .store = store, .generation = generation,
	    .address = { AF_INET, { 127, 0, 0, 1 } }, .port = peer.port, .route = by };

	drop_client();
	route = by;
	peer_begin(script);
	client = client_new(&p, &events, NULL);
	ck_assert(ready == 0 && ended == 0);
}

KIT_UNUSED void
dial(const char *const *script, enum plan_level level)
{
	dial_by(script, make_route(level));
}

KIT_UNUSED struct job *
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

static int stored;
static struct store_body *file;
KIT_UNUSED void on_stored(void *arg, const struct why *why) { stored++; }

KIT_UNUSED void
on_file(void *arg, const struct why *why, struct store_body *b)
{
	file = b;
}

/* A job whose text, taken from the buffer, is read by chunks. */
KIT_UNUSED struct job *
make_file_job_of(struct buf *text)
{
	struct job *j = make_job(1, "");
	char *data;
	size_t n;

	stored = 0;
	file = NULL;
	buf_take(text, &data, &n);
	store_body_unref(&j->msg->body);
	j->msg->body = store_body_new(&data, n);
	j->msg->size = n;
	store->ops->put(store, j->msg, NULL, on_stored, NULL);
	store->ops->body(store, j->msg->id, on_file, NULL);
	IO_UNTIL(stored && file != NULL);
	ck_assert_ptr_null(file->data);
	store_body_unref(&j->msg->body);
	j->msg->body = file;
	return j;
}

/* So many lines of 64 octets. */
KIT_UNUSED struct job *
make_file_job(size_t lines)
{
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < lines; i++)
		buf_addf(&b, ".%061zu\r\n", i);
	return make_file_job_of(&b);
}

/* Nothing of a text that is cut short may look whole. */
KIT_UNUSED void
expect_corrupt(struct job *j, const char *never)
{
	PEER_UNTIL(ready);
	client_give(client, j);
	PEER_UNTIL(ended);
	ck_assert_int_eq((int)results[0].fate, JOB_DEFERRED);
	ck_assert_int_eq((int)results[0].why.reason, WHY_CORRUPT);
	for (int i = 0; i < 50; i++)
		peer_turn();
	ck_assert(!peer_saw_hidden(never));
}

/* While the peer does not read for a while; then all of it arrives. */
KIT_UNUSED void
expect_bounded_memory(void)
{
	size_t most = 0;

	ck_assert(peer.deaf);
	for (int i = 0; i < 200; i++) {
		size_t now;

		io_turn(1);
		now = io_stream_unsent(client->stream) + buf_len(&client->checked);
		most = now > most ? now : most;
	}
	ck_assert_uint_gt(most, 100000);
	ck_assert_uint_lt(most, (256 << 10) + 3 * 65536);
	peer.deaf = 0;
	PEER_UNTIL(done);
	ck_assert_int_eq((int)results[0].fate, JOB_DELIVERED);
}

#define TEXT	"Subject: x\r\n\r\n.dot\r\n"

/* Dials, gives one job of two recipients when ready, runs to the end. */
KIT_UNUSED void
transfer(const char *const *script, enum plan_level level)
{
	dial(script, level);
	PEER_UNTIL(ready || ended);
	if (!ready)
		return;
	client_give(client, make_job(2, TEXT));
	PEER_UNTIL(done);
}

KIT_UNUSED void
expect_ended(enum why_reason reason)
{
	PEER_UNTIL(ended);
	ck_assert_msg(why_ended.reason == reason, "%s: %s", why_token(why_ended.reason),
	    why_ended.text);
}

/* No envelope in clear, whatever happened. */
KIT_UNUSED void
expect_silence(void)
{
	static const char *const never[] = { "MAIL", "RCPT", "DATA", "AUTH", "BDAT", "Subject", "corp" };

	for (size_t i = 0; i < LENGTH(never); i++)
		ck_assert_msg(!peer_saw_clear(never[i]), "%s in clear", never[i]);
}

/* One message to two recipients. */
struct trial {
	const char		*name;
	enum job_fate		 first, second;
	enum why_reason		 reason;	/* of the first */
	int			 goes_on;	/* the connection is ready again */
	const char		*script[26];
};

/* All of the script happened, and the connection is kept or not. */
KIT_UNUSED void
expect_kept(const char *name, int kept)
{
	PEER_UNTIL(ended || (ready == 2 && *peer.script != NULL &&
	    strcmp(*peer.script, "<hang>") == 0));
	if (!kept)
		PEER_UNTIL(ended);	/* one may be told of a kept connection before its end */
	ck_assert_msg(ended == !kept, "%s: %s", name, why_ended.text);
}

KIT_UNUSED void
run_trial(const struct trial *t)
{
	transfer(t->script, PLAN_VERIFY);
	expect_silence();
	ck_assert_int_eq(done, 1);
	ck_assert_int_eq(untried, 0);
	ck_assert_msg(results[0].fate == t->first && results[1].fate == t->second, "%s: %d %d: %s",
	    t->name, results[0].fate, results[1].fate, results[0].why.text);
	ck_assert_msg(results[0].why.reason == t->reason, "%s: %s", t->name, results[0].why.text);
	expect_kept(t->name, t->goes_on);
}

#define EHLO_TLS	"220 mx", ">EHLO", "250-mx\r\n250-STARTTLS\r\n250 SIZE"
#define SECURE(ehlo)	EHLO_TLS, ">STARTTLS", "220 go", "<tls>", ">EHLO", ehlo
#define ONE_BY_ONE	SECURE("250 mx")
#define PIPELINED	SECURE("250-mx\r\n250 PIPELINING")
#define CHUNKED		SECURE("250-mx\r\n250 CHUNKING")
#define BOTH		SECURE("250-mx\r\n250-PIPELINING\r\n250 CHUNKING")
#define SCRIPT(...)	(const char *const[]){ __VA_ARGS__, NULL }
#define MR	">MAIL", "250 ok", ">RCPT", "250 ok", ">RCPT", "250 ok"
#define PMR	">MAIL", ">RCPT", ">RCPT"
#define PMRD	">MAIL", ">RCPT", ">RCPT", ">DATA"

#endif
