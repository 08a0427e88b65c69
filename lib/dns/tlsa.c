/* SPDX-License-Identifier: ISC */
/* tlsa: see tlsa.h. */
#include "lib/dns/tlsa.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/dns/dns_int.h"
#include "lib/dns/name.h"

#define TYPE_TLSA	52
#define BASES_MAX	2

struct lookup {
	struct dns_query	 query;		/* first: the handle */
	struct dns_query	*question;
	char			 bases[BASES_MAX][DNS_NAME_MAX];	/* in the order to try */
	size_t			 nbases, at;
	int			 denied;	/* all bases so far were */
	uint16_t		 port;
	uint32_t		 ttl;
	dns_tlsa_fn		*fn;
	void			*arg;
};

/* RULES D12: a record too short to be one is unusable, and yet it is there. */
#define UNUSABLE	255

static void
parse_found(struct dns_tlsa_result *t, const struct dns_answer *a)
{
	size_t i;

	for (i = 0; i < a->nrr; i++) {
		const struct dns_rdata *rr = &a->rr[i];

		if (rr->len < 3)
			dns_tlsa_set_add(&t->set, UNUSABLE, UNUSABLE, UNUSABLE, rr->data, rr->len);
		else
			dns_tlsa_set_add(&t->set, rr->data[0], rr->data[1], rr->data[2],
			    rr->data + 3, rr->len - 3);
	}
}

void
dns_tlsa_parse(struct dns_tlsa_result *t, const char *base, const struct dns_answer *a)
{
	memset(t, 0, sizeof *t);
	t->status = a->status;
	t->ttl = a->ttl;
	t->why = a->why;
	str_copy(t->base, base, sizeof t->base);
	t->denied = (a->status == DNS_NODATA || a->status == DNS_NXDOMAIN) && a->secure;
	if (a->status == DNS_NXDOMAIN || (a->status == DNS_FOUND && !a->secure))
		t->status = DNS_NODATA;		/* D10: as none */
	if (a->status == DNS_FOUND && a->nrr > DNS_TLSA_MAX) {
		t->status = DNS_FAILED;		/* HARDENING P2, secure or not */
		why_set(&t->why, WHY_TLSA_LOOKUP, "%s: more than %d TLSA records", a->name,
		    DNS_TLSA_MAX);
	}
	if (t->status == DNS_FAILED && t->why.reason == WHY_DNS_FAILURE)
		why_set(&t->why, WHY_TLSA_LOOKUP, "TLSA: %s", a->why.text);
	if (t->status == DNS_FOUND)
		parse_found(t, a);
	if (t->status != DNS_FOUND)
		dns_tlsa_set_fini(&t->set);
}

void
dns_tlsa_result_fini(struct dns_tlsa_result *t)
{
	dns_tlsa_set_fini(&t->set);
}

static void
lookup_drop(struct dns_query *query)
{
	struct lookup *l = (struct lookup *)query;

	dns_query_close(query);
	dns_query_cancel(&l->question);
	free(l);
}

static void	on_answer(void *, const struct dns_answer *);

static void
try_base(struct lookup *l)
{
	char name[DNS_NAME_MAX], prefix[32];

	str_fmt(prefix, sizeof prefix, "_%u._tcp", l->port);
	/* A name too long to carry the prefix fails in dns_query, by being empty. */
	dns_name_prefix(prefix, l->bases[l->at], name);
	l->question = dns_query(l->query.resolver, name, TYPE_TLSA, on_answer, l);
}

static void
deliver(struct lookup *l, struct dns_tlsa_result *t)
{
	dns_tlsa_fn *fn = l->fn;
	void *arg = l->arg;

	if (l->ttl < t->ttl)
		t->ttl = l->ttl;
	lookup_drop(&l->query);
	fn(arg, t);
	dns_tlsa_result_fini(t);
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct lookup *l = arg;
	struct dns_tlsa_result t;

	l->question = NULL;
	if (l->at >= l->nbases) {
		/* The stand-in of dns_tlsa_lookup for "nothing to ask". */
		memset(&t, 0, sizeof t);
		t.status = DNS_NODATA;
		why_clear(&t.why);
		t.ttl = l->ttl;
		deliver(l, &t);
		return;
	}
	dns_tlsa_parse(&t, l->bases[l->at], a);
	t.denied = l->denied = t.denied && l->denied;
	/* RFC 7672 s2.2.2: only absence leads on to the next name, an error does not. */
	if (t.status == DNS_NODATA && ++l->at < l->nbases) {
		if (t.ttl < l->ttl)
			l->ttl = t.ttl;
		dns_tlsa_result_fini(&t);
		try_base(l);
		return;
	}
	deliver(l, &t);
}

struct dns_query *
dns_tlsa_lookup(struct dns_resolver *r, const struct dns_addr *addr, uint16_t port,
    dns_tlsa_fn *fn, void *arg)
{
	struct lookup *l = must_calloc(1, sizeof *l);

	dns_query_open(r, &l->query, lookup_drop);
	l->fn = fn;
	l->arg = arg;
	l->port = port;
	l->ttl = UINT32_MAX;
	l->denied = 1;
	if (addr->secure && addr->alias)
		str_copy(l->bases[l->nbases++], addr->canonical, DNS_NAME_MAX);
	if (addr->origin_secure)
		str_copy(l->bases[l->nbases++], addr->name, DNS_NAME_MAX);
	if (l->nbases > 0)
		try_base(l);
	else	/* D06: not asked; the failure of this non-name comes back at once, from the loop */
		l->question = dns_query(r, "", TYPE_TLSA, on_answer, l);
	return &l->query;
}
