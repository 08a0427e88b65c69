/* SPDX-License-Identifier: ISC */
/*
 * resolver: see resolver.h. libunbound may call back from inside its own
 * functions and cannot forget a question safely, so between it and a query
 * stands a struct call that lives until libunbound is done with it; answers
 * are kept in the query and delivered from a timer of its own.
 */
#include "lib/dns/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/dns/answer.h"
#include "lib/dns/dns_int.h"
#include "lib/dns/name.h"

#define RESOLVER_MAGIC	0x444e5352u
#define CALLS_MAX	8192		/* questions in libunbound at once */
#define TIMEOUT_DEFAULT	30000
#define CACHE_DEFAULT	((size_t)64 << 20)
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

/*
 * Everything that matters is said here and not left to defaults. val-log-level
 * is what makes libunbound keep the reason of a bogus answer.
 */
static const struct option {
	const char	*name, *value;
} options[] = {
	{ "module-config:",		"validator iterator" },
	{ "do-not-query-localhost:",	"no" },		/* a resolver on this machine is fine */
	{ "val-log-level:",		"2" },
	{ "val-permissive-mode:",	"no" },
	{ "val-clean-additional:",	"yes" },
	{ "ignore-cd-flag:",		"yes" },
	{ "serve-expired:",		"no" },
	{ "harden-glue:",		"yes" },
	{ "harden-dnssec-stripped:",	"yes" },
	{ "harden-below-nxdomain:",	"yes" },
	{ "harden-large-queries:",	"yes" },
	{ "harden-short-bufsize:",	"yes" },
	{ "trust-anchor-signaling:",	"no" },
	{ "edns-buffer-size:",		"1232" },
	{ "cache-min-ttl:",		"0" },
	{ "cache-max-ttl:",		"86400" },
	{ "cache-max-negative-ttl:",	"3600" },
	{ "num-queries-per-thread:",	"2048" },
	{ "outgoing-range:",		"512" },
};

/* RFC 6761 names that a private internet may well serve and sign. */
static const char *const unlocal_zones[] = { "test.", "home.arpa." };

static int
unbound_says(struct why *why, const char *what, int error)
{
	return why_set(why, WHY_DNS_FAILURE, "resolver: %s: %s", what, ub_strerror(error));
}

static int
set_options(struct dns_resolver *r, const struct dns_param *p, struct why *why)
{
	size_t i, bytes = p->cache_bytes > 0 ? p->cache_bytes : CACHE_DEFAULT;
	struct option sizes[] = {
		{ "msg-cache-size:", NULL }, { "rrset-cache-size:", NULL },
		{ "key-cache-size:", NULL }, { "neg-cache-size:", NULL },
	};
	char share[32];
	int e;

	for (i = 0; i < LENGTH(options); i++)
		if ((e = ub_ctx_set_option(r->ctx, options[i].name, options[i].value)) != 0)
			return unbound_says(why, options[i].name, e);
	/* RRsets take half, messages a quarter, keys and denials an eighth each. */
	for (i = 0; i < LENGTH(sizes); i++) {
		str_fmt(share, sizeof share, "%zu", bytes / (i == 1 ? 2 : i == 0 ? 4 : 8));
		if ((e = ub_ctx_set_option(r->ctx, sizes[i].name, share)) != 0)
			return unbound_says(why, sizes[i].name, e);
	}
	return 0;
}

/* "ip", "ip:port", "[v6]:port" -> "ip@port". */
static int
forwarder_spell(const char *from, char *to, size_t cap)
{
	struct dns_address a;
	char host[64], *end;
	const char *port = "53";
	uint64_t n;

	if (dns_address_parse(from, &a) == 0) {
		str_fmt(to, cap, "%s@53", from);
		return 0;
	}
	if (str_copy(host, from + (from[0] == '['), sizeof host) >= sizeof host)
		return -1;
	end = from[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
	if (end == NULL)
		return -1;
	if (*end == ']') {
		*end++ = '\0';
		if (*end != '\0' && *end != ':')
			return -1;
	}
	if (*end == ':') {
		*end = '\0';
		port = end + 1;
	}
	if (dns_address_parse(host, &a) == -1 || num_u64(port, 65535, &n) == -1 || n == 0)
		return -1;
	return str_fmt(to, cap, "%s@%u", host, (unsigned)n);
}

static int
set_forwarders(struct dns_resolver *r, const struct dns_param *p, struct why *why)
{
	char addr[80];
	size_t i;
	int e;

	for (i = 0; i < p->nforward; i++) {
		if (forwarder_spell(p->forward[i], addr, sizeof addr) == -1)
			return why_set(why, WHY_DNS_FAILURE, "\"%s\" is not an address of a "
			    "resolver", p->forward[i]);
		if ((e = ub_ctx_set_fwd(r->ctx, addr)) != 0)
			return unbound_says(why, p->forward[i], e);
	}
	return 0;
}

/*
 * One record of a zone file from *text, comments gone, parentheses joined.
 * 1 and the line (maybe blank), or 0 at the end.
 */
static int
anchor_line(const char **text, struct buf *line)
{
	const char *s = *text;
	int depth = 0;

	if (*s == '\0')
		return 0;
	buf_clear(line);
	for (; *s != '\0' && (*s != '\n' || depth > 0); s++) {
		if (*s == ';') {
			while (s[1] != '\0' && s[1] != '\n')
				s++;
			continue;
		}
		depth += (*s == '(') - (*s == ')');
		buf_addc(line, strchr("()\r\n\t", *s) != NULL ? ' ' : *s);
	}
	*text = s + (*s == '\n');
	return 1;
}

static int
set_anchors(struct dns_resolver *r, const char *text, struct why *why)
{
	struct buf line;
	const char *s;
	size_t n = 0;
	int e = 0;

	buf_init(&line);
	while (e == 0 && text != NULL && anchor_line(&text, &line)) {
		s = buf_str(&line);
		s += strspn(s, " ");
		if (*s == '\0')
			continue;
		e = ub_ctx_add_ta(r->ctx, s);
		n++;
	}
	buf_fini(&line);
	if (e != 0)
		return unbound_says(why, "trust anchor", e);
	if (n == 0)
		return why_set(why, WHY_DNSSEC_INVALID, "resolver: no trust anchor");
	return 0;
}

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
	struct call *c;
	size_t i;
	int e, id;

	for (i = 0; i < LENGTH(unlocal_zones); i++)
		if ((e = ub_ctx_zone_remove(r->ctx, unlocal_zones[i])) != 0)
			return unbound_says(why, "start", e);
	c = call_new(r, NULL);
	e = ub_resolve_event(r->ctx, "localhost.", 1, CLASS_IN, c, on_unbound, &id);
	if (e == 0)
		return 0;
	call_free(c);
	return unbound_says(why, "start", e);
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
	/* Reasons come back with the answers; libunbound's own log goes nowhere. */
	ub_ctx_debugout(r->ctx, NULL);
	if (set_options(r, p, why) == -1 || set_forwarders(r, p, why) == -1 ||
	    set_anchors(r, p->anchors, why) == -1 || settle(r, why) == -1)
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
