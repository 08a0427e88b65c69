/* SPDX-License-Identifier: ISC */
/* mx: see mx.h. */
#include "lib/dns/mx.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "lib/dns/dns_int.h"
#include "lib/dns/name.h"

#define TYPE_MX	15

struct lookup {
	struct dns_query	 query;		/* first: the handle */
	struct dns_query	*question;
	dns_mx_fn		*fn;
	void			*arg;
};

/* Keeps the best preference of a name that comes twice. */
static int
seen(struct dns_mx_host *hosts, size_t n, const struct dns_mx_host *h)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(hosts[i].name, h->name) == 0) {
			if (h->preference < hosts[i].preference)
				hosts[i].preference = h->preference;
			return 1;
		}
	return 0;
}

static int
by_preference(const void *a, const void *b)
{
	const struct dns_mx_host *x = a, *y = b;

	return (x->preference > y->preference) - (x->preference < y->preference);
}

/* Insertion sort: stable, so the shuffle before it stays within a preference. */
static void
sort_hosts(struct dns_mx_host *hosts, size_t n)
{
	struct dns_mx_host h;
	size_t i, j;

	rand_shuffle(hosts, n, sizeof *hosts);
	for (i = 1; i < n; i++) {
		h = hosts[i];
		for (j = i; j > 0 && by_preference(&hosts[j - 1], &h) > 0; j--)
			hosts[j] = hosts[j - 1];
		hosts[j] = h;
	}
}

/* Reads the records; returns how many named the root ("."), which is no host. */
static size_t
read_hosts(const struct dns_answer *a, struct dns_mx_host *hosts, size_t max, size_t *n)
{
	struct dns_mx_host h;
	size_t i, dots = 0;

	for (*n = 0, i = 0; i < a->nrr && *n < max; i++) {
		const struct dns_rdata *rr = &a->rr[i];

		if (rr->len < 3 || dns_name_from_wire(rr->data + 2, rr->len - 2, h.name) == -1)
			continue;
		h.preference = (uint16_t)(rr->data[0] << 8 | rr->data[1]);
		if (h.name[0] == '\0')
			dots++;
		else if (!seen(hosts, *n, &h))
			hosts[(*n)++] = h;
	}
	return dots;
}

/* All are read before the best are kept, within reason. */
#define READ_MAX	512

static void
parse_found(struct dns_mx *mx, const struct dns_answer *a)
{
	struct dns_mx_host *hosts = must_calloc(READ_MAX, sizeof *hosts);
	size_t n, dots;

	dots = read_hosts(a, hosts, READ_MAX, &n);
	sort_hosts(hosts, n);
	mx->nhosts = n < DNS_MX_MAX ? n : DNS_MX_MAX;
	memcpy(mx->hosts, hosts, mx->nhosts * sizeof *hosts);
	free(hosts);
	/* RFC 7505 s3: "." means no mail only if it stands alone. */
	mx->null_mx = n == 0 && dots > 0 && dots == a->nrr;
	if (n == 0 && !mx->null_mx) {
		mx->status = DNS_FAILED;
		why_set(&mx->why, WHY_DNS_FAILURE, "%s: no MX record names a possible host",
		    a->name);
	}
}

void
dns_mx_parse(struct dns_mx *mx, const struct dns_answer *a)
{
	memset(mx, 0, sizeof *mx);
	mx->status = a->status;
	mx->secure = a->secure;
	mx->ttl = a->ttl;
	mx->why = a->why;
	str_copy(mx->canonical, a->canonical, sizeof mx->canonical);
	if (a->status == DNS_FOUND)
		parse_found(mx, a);
}

static void
lookup_drop(struct dns_query *query)
{
	struct lookup *l = (struct lookup *)query;

	dns_query_close(query);
	dns_query_cancel(&l->question);
	free(l);
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct lookup *l = arg;
	dns_mx_fn *fn = l->fn;
	void *fn_arg = l->arg;
	struct dns_mx mx;

	l->question = NULL;
	lookup_drop(&l->query);
	dns_mx_parse(&mx, a);
	fn(fn_arg, &mx);
}

struct dns_query *
dns_mx_lookup(struct dns_resolver *r, const char *domain, dns_mx_fn *fn, void *arg)
{
	struct lookup *l = must_calloc(1, sizeof *l);

	dns_query_open(r, &l->query, lookup_drop);
	l->fn = fn;
	l->arg = arg;
	l->question = dns_query(r, domain, TYPE_MX, on_answer, l);
	return &l->query;
}
