/* SPDX-License-Identifier: ISC */
/*
 * fuzz_smtp_client (F7): what a server says, in segments that end at an 0xff
 * octet, which is left out. First octet: bit 0 = an enforcing destination, else one with a
 * plaintext exception. An enforcing client never says MAIL in clear; a job is
 * settled once and whole, but for a recipient that is put off; it counts as
 * delivered only if the final dot or the last chunk went out; the client ends
 * when the server does.
 */
#include <stddef.h>
#include <stdint.h>

#include "relayd/smtp/client_int.h"
#include "tests/unit/smtp_peer.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int ended, done, delivered;

static void
give(void *arg, struct client *c)
{
	struct store_message *m;
	char *data;

	if (client_sent(c) + (unsigned)done > 2)
		return;
	m = must_calloc(1, sizeof *m);
	data = must_strdup("Subject: x\r\n\r\ntext\r\n");
	m->sender = must_strdup("a@corp.example");
	m->size = strlen(data);
	m->body = store_body_new(&data, m->size);
	m->rcpts = must_calloc(2, sizeof *m->rcpts);
	for (m->nrcpts = 0; m->nrcpts < 2; m->nrcpts++)
		m->rcpts[m->nrcpts].address = must_strdup("b@example.com");
	client_give(c, job_new(m));
}

static void
on_done(void *arg, struct client *c, struct job *j)
{
	MUST(!ended);
	done++;
	MUST(!j->results[0].put_off);
	MUST((j->results[0].fate == JOB_OPEN) ==
	    (j->results[1].fate == JOB_OPEN && !j->results[1].put_off));
	for (int i = 0; i < 2; i++) {
		delivered |= j->results[i].fate == JOB_DELIVERED;
		MUST(!j->results[i].put_off || j->results[0].fate != JOB_OPEN);
		MUST(j->results[i].fate == JOB_DELIVERED || j->results[i].fate == JOB_OPEN ||
		    why_is_set(&j->results[i].why));
	}
	job_free(&j);
}

static void
on_ended(void *arg, struct client *c, const struct why *why)
{
	ended++;
}

static const struct client_events events = { .ready = give, .done = on_done, .ended = on_ended };

static struct route *
make_route(int enforce)
{
	struct route *r = route_new();
	struct plan_target *t = r->plan.targets = must_calloc(1, sizeof *t);

	r->plan.verdict = PLAN_GO;
	r->plan.ntargets = 1;
	t->usable = 1;
	str_copy(t->host.name, "mx.example.com", sizeof t->host.name);
	t->requirement.level = enforce ? PLAN_ENCRYPT : PLAN_PLAINTEXT;
	t->requirement.proof = enforce ? PLAN_BY_DEFAULT : PLAN_BY_EXCEPTION;
	str_copy(t->requirement.exception, enforce ? "" : "EX-1", sizeof t->requirement.exception);
	t->requirement.want.min_version = TLS_V1_2;
	return r;
}

static void
turn(void)
{
	for (int i = 0; i < 3; i++) {
		event_base_loop(io_base, EVLOOP_NONBLOCK);
		peer_turn();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const nothing[] = { "<hang>", NULL };
	static struct generation *generation;
	struct client_param p = { .address = { AF_INET, { 127, 0, 0, 1 } } };
	int enforce = n > 0 && data[0] & 1;
	struct client *client;
	struct why why;

	ended = done = delivered = 0;
	if (generation == NULL) {
		smtp_quiet();
		io_base = event_base_new();
		generation = smtp_generation("hostname = \"relay.example.org\";", 0);
		generation->tls = tls_client_new(&why);
		peer_open();
	}
	peer_begin(nothing);
	p.base = io_base;
	p.store = store_memory_open(io_base);
	p.generation = generation;
	p.route = make_route(enforce);
	p.port = peer.port;
	client = client_new(&p, &events, NULL);
	for (int i = 0; i < 100 && peer.fd == -1; i++)
		turn();
	for (size_t at = 1, len; at < n; at += len + 1) {
		const uint8_t *stop = memchr(data + at, 0xff, n - at);

		len = stop == NULL ? n - at : (size_t)(stop - data) - at;
		peer_send((const char *)data + at, len);
		turn();
	}
	MUST(!enforce || !(peer_saw_clear("MAIL") || peer_saw_clear("RCPT") ||
	    peer_saw_clear("DATA") || peer_saw_clear("BDAT")));
	MUST(!delivered || peer_saw_clear("\r\n.\r\n") ||
	    peer_saw_clear("BDAT 20 LAST\r\nSubject: x\r\n\r\ntext\r\n"));
	shutdown(peer.fd, SHUT_WR);
	for (int i = 0; i < 200 && !ended; i++)
		turn();
	MUST(ended == 1);
	client_free(&client);
	route_unref(&p.route);
	p.store->ops->close(&p.store);
	return 0;
}
