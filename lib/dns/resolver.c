/* SPDX-License-Identifier: ISC */
/*
 * resolver: see resolver.h. libunbound may call back from inside its own
 * functions and cannot forget a question safely, so between it and a query
 * stands a struct call that lives until libunbound is done with it; answers
 * are kept in the query and delivered from a timer of its own.
 */
#include "lib/dns/resolver.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/dns/answer.h"
#include "lib/dns/dns_int.h"
#include "lib/dns/name.h"

#define RESOLVER_MAGIC	0x444e5352u
#define CALLS_MAX	8192		/* questions in libunbound at once */
#define TIMEOUT_DEFAULT	30000
#define CLASS_IN	1

/* What libunbound holds. */
struct call {
	struct dns_resolver	*resolver;
	struct question		*question;	/* NULL: nobody waits any more */
	TAILQ_ENTRY(call)	 link;
};

struct question {
	struct dns_query	 query;		/* first: the handle */
	struct call		*call;		/* NULL: answered */
	struct event		*timer;		/* deadline, then delivery */
	struct dns_answer	 answer;
	dns_answer_fn		*fn;
	void			*arg;
};

struct dns_resolver {
	unsigned			 magic;
	struct event_base		*base;
	struct ub_ctx			*ctx;
	int64_t				 timeout_ms;
	size_t				 ncalls;
	int				 closing;
	TAILQ_HEAD(, call)		 calls;
	TAILQ_HEAD(, dns_query)		 queries;
};

static void
call_free(struct call *c)
{
	TAILQ_REMOVE(&c->resolver->calls, c, link);
	c->resolver->ncalls--;
	free(c);
}

/* Delivery happens in the next turn of the loop, never under libunbound. */
static void
question_ready(struct question *q)
{
	static const struct timeval now = { 0, 0 };

	q->call = NULL;
	evtimer_add(q->timer, &now);
}

static void
question_fail(struct question *q, enum dns_status status, const char *words)
{
	struct why why;
	char name[DNS_NAME_MAX];
	uint16_t type = q->answer.type;

	str_copy(name, q->answer.name, sizeof name);
	why_set(&why, status == DNS_BOGUS ? WHY_DNSSEC_INVALID : WHY_DNS_FAILURE, "%s: %s", name,
	    words);
	dns_answer_fail(&q->answer, name, type, status, &why);
}

static void
on_unbound(void *arg, int rcode, void *packet, int len, int sec, char *why_bogus, int limited)
{
	struct call *c = arg;
	struct question *q = c->question;
	char name[DNS_NAME_MAX], words[32];

	if (c->resolver->closing)
		return;
	call_free(c);
	if (q == NULL)
		return;
	str_copy(name, q->answer.name, sizeof name);
	if (sec == 1)
		question_fail(q, DNS_BOGUS, why_bogus != NULL ? why_bogus : "not valid");
	else if ((rcode == 0 || rcode == 3) && packet != NULL && len > 0)
		dns_answer_parse(&q->answer, name, q->answer.type, packet, (size_t)len, sec == 2);
	else if (limited)
		question_fail(q, DNS_FAILED, "too many questions to its servers");
	else {
		str_fmt(words, sizeof words, rcode == 2 ? "no server answers properly" :
		    "error %d", rcode);
		question_fail(q, DNS_FAILED, words);
	}
	question_ready(q);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct question *q = arg;
	struct dns_answer answer;
	dns_answer_fn *fn = q->fn;
	void *fn_arg = q->arg;

	MUST(q->query.magic == DNS_QUERY_MAGIC);
	if (q->call != NULL) {
		q->call->question = NULL;
		q->call = NULL;
		question_fail(q, DNS_FAILED, "no answer in time");
	}
	answer = q->answer;
	memset(&q->answer, 0, sizeof q->answer);
	q->query.drop(&q->query);
	fn(fn_arg, &answer);
	dns_answer_fini(&answer);
}

static void
question_drop(struct dns_query *query)
{
	struct question *q = (struct question *)query;

	dns_query_close(query);
	if (q->call != NULL)
		q->call->question = NULL;
	event_free(q->timer);
	dns_answer_fini(&q->answer);
	free(q);
}

static struct call *
call_new(struct dns_resolver *r, struct question *q)
{
	struct call *c = must_calloc(1, sizeof *c);

	c->resolver = r;
	c->question = q;
	TAILQ_INSERT_TAIL(&r->calls, c, link);
	r->ncalls++;
	return c;
}

/*
 * Makes libunbound build what it otherwise builds at the first question, so
 * that nothing is opened later and nothing fails later.
 */
static int
settle(struct dns_resolver *r, struct why *why)
{
	struct call *c = call_new(r, NULL);
	int e, id;

	e = ub_resolve_event(r->ctx, "localhost.", 1, CLASS_IN, c, on_unbound, &id);
	if (e == 0)
		return 0;
	call_free(c);
	return dns_unbound_says(why, "start", e);
}

struct dns_resolver *
dns_resolver_new(struct event_base *base, const struct dns_param *p, struct why *why)
{
	struct dns_resolver *r = must_calloc(1, sizeof *r);

	r->magic = RESOLVER_MAGIC;
	r->base = base;
	r->timeout_ms = p->timeout_ms > 0 ? p->timeout_ms : TIMEOUT_DEFAULT;
	TAILQ_INIT(&r->calls);
	TAILQ_INIT(&r->queries);
	r->ctx = ub_ctx_create_event(base);
	if (r->ctx == NULL) {
		why_set(why, WHY_DNS_FAILURE, "resolver: libunbound does not start");
		dns_resolver_free(&r);
		return NULL;
	}
	if (dns_resolver_configure(r->ctx, p, why) == -1 || settle(r, why) == -1)
		dns_resolver_free(&r);
	return r;
}

void
dns_resolver_free(struct dns_resolver **rp)
{
	struct dns_resolver *r = *rp;
	struct dns_query *q;
	struct call *c;

	if (r == NULL)
		return;
	MUST(r->magic == RESOLVER_MAGIC);
	*rp = NULL;
	while ((q = TAILQ_FIRST(&r->queries)) != NULL)
		q->drop(q);
	r->closing = 1;
	if (r->ctx != NULL)
		ub_ctx_delete(r->ctx);
	while ((c = TAILQ_FIRST(&r->calls)) != NULL)
		call_free(c);
	free(r);
}

void
dns_query_open(struct dns_resolver *r, struct dns_query *q, void (*drop)(struct dns_query *))
{
	MUST(r->magic == RESOLVER_MAGIC);
	q->magic = DNS_QUERY_MAGIC;
	q->resolver = r;
	q->drop = drop;
	TAILQ_INSERT_TAIL(&r->queries, q, link);
}

void
dns_query_close(struct dns_query *q)
{
	MUST(q->magic == DNS_QUERY_MAGIC);
	q->magic = 0;
	TAILQ_REMOVE(&q->resolver->queries, q, link);
}

void
dns_query_cancel(struct dns_query **qp)
{
	struct dns_query *q = *qp;

	if (q == NULL)
		return;
	MUST(q->magic == DNS_QUERY_MAGIC);
	*qp = NULL;
	q->drop(q);
}

/* Hands the question to libunbound, with a dot at the end: names are absolute. */
static void
ask(struct dns_resolver *r, struct question *q)
{
	char absolute[DNS_NAME_MAX + 1];
	int e, id;

	if (r->ncalls >= CALLS_MAX) {
		question_fail(q, DNS_FAILED, "too many questions at once");
		question_ready(q);
		return;
	}
	str_fmt(absolute, sizeof absolute, "%s.", q->answer.name);
	q->call = call_new(r, q);
	/* May answer in here; then q->call is NULL when it returns. */
	e = ub_resolve_event(r->ctx, absolute, q->answer.type, CLASS_IN, q->call, on_unbound, &id);
	if (e == 0)
		return;
	call_free(q->call);
	question_fail(q, DNS_FAILED, ub_strerror(e));
	question_ready(q);
}

struct dns_query *
dns_query(struct dns_resolver *r, const char *name, uint16_t type, dns_answer_fn *fn, void *arg)
{
	struct question *q = must_calloc(1, sizeof *q);
	struct timeval deadline = {
		.tv_sec = (time_t)(r->timeout_ms / 1000),
		.tv_usec = (suseconds_t)(r->timeout_ms % 1000 * 1000)
	};

	dns_query_open(r, &q->query, question_drop);
	q->fn = fn;
	q->arg = arg;
	q->answer.type = type;
	q->timer = evtimer_new(r->base, on_timer, q);
	MUST(q->timer != NULL);
	if (dns_name_normalize(name, strlen(name), q->answer.name) == -1) {
		str_escape_to(q->answer.name, sizeof q->answer.name, name, strlen(name));
		question_fail(q, DNS_FAILED, "not a domain name");
		question_ready(q);
		return &q->query;
	}
	evtimer_add(q->timer, &deadline);
	ask(r, q);
	return &q->query;
}

const char *
dns_status_name(enum dns_status status)
{
	static const char *const names[] = {
		[DNS_FAILED] = "failed", [DNS_BOGUS] = "bogus", [DNS_FOUND] = "found",
		[DNS_NODATA] = "nodata", [DNS_NXDOMAIN] = "nxdomain",
	};

	return (size_t)status < LENGTH(names) ? names[status] : "?";
}
