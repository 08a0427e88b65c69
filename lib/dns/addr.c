/* SPDX-License-Identifier: ISC */
/* addr: see addr.h. */
#include "lib/dns/addr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "lib/dns/answer.h"
#include "lib/dns/dns_int.h"

#define TYPE_A		1
#define TYPE_CNAME	5
#define TYPE_AAAA	28
#define READ_MAX	64	/* addresses read of one family before some are kept */

enum { V4, V6, FAMILIES };

struct lookup {
	struct dns_query	 query;		/* first: the handle */
	struct dns_query	*questions[FAMILIES];
	struct dns_query	*alias;
	struct dns_answer	 answers[FAMILIES];
	struct dns_addr		 addr;
	dns_addr_fn		*fn;
	void			*arg;
};

static size_t
read_family(const struct dns_answer *a, int family, size_t len, struct dns_address *to)
{
	size_t i, n = 0;

	if (a->status != DNS_FOUND)
		return 0;
	for (i = 0; i < a->nrr && n < READ_MAX; i++) {
		if (a->rr[i].len != len)
			continue;
		memset(&to[n], 0, sizeof to[n]);
		to[n].family = family;
		memcpy(to[n++].ip, a->rr[i].data, len);
	}
	rand_shuffle(to, n, sizeof *to);
	return n;
}

static void
interleave(struct dns_addr *d, const struct dns_address *v6, size_t n6,
    const struct dns_address *v4, size_t n4)
{
	size_t i;

	for (i = 0; (i < n6 || i < n4) && d->naddresses < DNS_ADDR_MAX; i++) {
		if (i < n6)
			d->addresses[d->naddresses++] = v6[i];
		if (i < n4 && d->naddresses < DNS_ADDR_MAX)
			d->addresses[d->naddresses++] = v4[i];
	}
}

/* Which of two answers without addresses says more about what is wrong: a failure does. */
static const struct dns_answer *
worse(const struct dns_answer *a, const struct dns_answer *b)
{
	static const int badness[] = {
		[DNS_BOGUS] = 4, [DNS_FAILED] = 3, [DNS_NODATA] = 2, [DNS_NXDOMAIN] = 1,
		[DNS_FOUND] = 0,
	};

	return badness[a->status] >= badness[b->status] ? a : b;
}

static int
failed(const struct dns_answer *a)
{
	return a->status == DNS_FAILED || a->status == DNS_BOGUS;
}

/* A failure has no TTL of its own. */
static uint32_t
joint_ttl(const struct dns_answer *a, const struct dns_answer *b)
{
	if (failed(a) || failed(b))
		return failed(a) ? b->ttl : a->ttl;
	return a->ttl < b->ttl ? a->ttl : b->ttl;
}

/*
 * The answer that speaks for the name. RULES D07: one secure family is
 * enough, so a secure one goes first.
 */
static const struct dns_answer *
speaker(const struct dns_answer *a, const struct dns_answer *b)
{
	if (a->status == DNS_FOUND && b->status == DNS_FOUND)
		return a->secure ? a : b;
	if (a->status == DNS_FOUND || b->status == DNS_FOUND)
		return a->status == DNS_FOUND ? a : b;
	return worse(a, b);
}

void
dns_addr_parse(struct dns_addr *d, const struct dns_answer *a, const struct dns_answer *aaaa)
{
	const struct dns_answer *s = speaker(a, aaaa), *w = worse(a, aaaa);
	struct dns_address v4[READ_MAX], v6[READ_MAX];
	size_t n4, n6;

	memset(d, 0, sizeof *d);
	d->status = s->status;
	d->secure = s->secure && !failed(s);
	d->alias = s->naliases > 0;
	d->origin_secure = d->secure;
	d->ttl = joint_ttl(a, aaaa);
	str_copy(d->name, a->name, sizeof d->name);
	str_copy(d->canonical, s->canonical, sizeof d->canonical);
	why_clear(&d->why);
	if (failed(w))
		d->why = w->why;
	n4 = read_family(a, AF_INET, 4, v4);
	n6 = read_family(aaaa, AF_INET6, 16, v6);
	interleave(d, v6, n6, v4, n4);
	if (d->status == DNS_FOUND && d->naddresses == 0) {
		d->status = DNS_FAILED;
		why_set(&d->why, WHY_DNS_FAILURE, "%s: address records cannot be read", d->name);
	}
}

static void
lookup_drop(struct dns_query *query)
{
	struct lookup *l = (struct lookup *)query;
	int i;

	dns_query_close(query);
	for (i = 0; i < FAMILIES; i++) {
		dns_query_cancel(&l->questions[i]);
		dns_answer_fini(&l->answers[i]);
	}
	dns_query_cancel(&l->alias);
	free(l);
}

static void
lookup_deliver(struct lookup *l)
{
	struct dns_addr addr = l->addr;
	dns_addr_fn *fn = l->fn;
	void *arg = l->arg;

	lookup_drop(&l->query);
	fn(arg, &addr);
}

/* RULES D08: the alias itself may be secure although what it leads to is not. */
static void
on_alias(void *arg, const struct dns_answer *a)
{
	struct lookup *l = arg;

	l->alias = NULL;
	switch (a->status) {
	case DNS_FOUND:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		l->addr.origin_secure = a->secure;
		if (a->ttl < l->addr.ttl)
			l->addr.ttl = a->ttl;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		/* RFC 7672 s2.1.1: an error is not "insecure": without it DANE could be skipped. */
		l->addr.status = a->status;
		l->addr.naddresses = 0;
		l->addr.why = a->why;
		break;
	}
	lookup_deliver(l);
}

static void
lookup_joined(struct lookup *l)
{
	dns_addr_parse(&l->addr, &l->answers[V4], &l->answers[V6]);
	if (l->addr.status == DNS_FOUND && l->addr.alias && !l->addr.secure)
		l->alias = dns_query(l->query.resolver, l->addr.name, TYPE_CNAME, on_alias, l);
	else
		lookup_deliver(l);
}

/* Keeps the answer: its records move here, the caller's are copied. */
static void
keep(struct dns_answer *to, const struct dns_answer *from)
{
	struct dns_rdata *rr;
	size_t i;

	*to = *from;
	to->rr = rr = must_calloc(from->nrr + 1, sizeof *rr);
	for (i = 0; i < from->nrr; i++) {
		uint8_t *data = must_calloc(from->rr[i].len + 1, 1);

		memcpy(data, from->rr[i].data, from->rr[i].len);
		rr[i].data = data;
		rr[i].len = from->rr[i].len;
	}
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct lookup *l = arg;
	int i = a->type == TYPE_A ? V4 : V6;

	l->questions[i] = NULL;
	keep(&l->answers[i], a);
	if (l->questions[V4] == NULL && l->questions[V6] == NULL)
		lookup_joined(l);
}

struct dns_query *
dns_addr_lookup(struct dns_resolver *r, const char *host, dns_addr_fn *fn, void *arg)
{
	struct lookup *l = must_calloc(1, sizeof *l);

	dns_query_open(r, &l->query, lookup_drop);
	l->fn = fn;
	l->arg = arg;
	l->questions[V4] = dns_query(r, host, TYPE_A, on_answer, l);
	l->questions[V6] = dns_query(r, host, TYPE_AAAA, on_answer, l);
	return &l->query;
}
