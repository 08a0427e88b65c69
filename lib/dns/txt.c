/* SPDX-License-Identifier: ISC */
/* txt: see txt.h. */
#include "lib/dns/txt.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/dns/dns_int.h"

#define TYPE_TXT	16

struct lookup {
	struct dns_query	 query;		/* first: the handle */
	struct dns_query	*question;
	dns_txt_fn		*fn;
	void			*arg;
};

/* RFC 1035 s3.3.14: one or more <length, bytes>. A record that lies about it is left out. */
static int
join(const struct dns_rdata *rr, struct dns_txt_record *to)
{
	size_t i = 0;

	to->data = must_calloc(rr->len + 1, 1);
	to->len = 0;
	while (i < rr->len) {
		size_t n = rr->data[i++];

		if (n > rr->len - i) {
			free(to->data);
			to->data = NULL;
			return -1;
		}
		memcpy(to->data + to->len, rr->data + i, n);
		to->len += n;
		i += n;
	}
	return 0;
}

void
dns_txt_parse(struct dns_txt *txt, const struct dns_answer *a)
{
	size_t i;

	memset(txt, 0, sizeof *txt);
	txt->status = a->status;
	txt->secure = a->secure;
	txt->ttl = a->ttl;
	txt->why = a->why;
	if (a->status != DNS_FOUND)
		return;
	if (a->nrr > DNS_TXT_MAX) {
		txt->status = DNS_FAILED;
		why_set(&txt->why, WHY_DNS_FAILURE, "%s: more than %d TXT records", a->name,
		    DNS_TXT_MAX);
		return;
	}
	txt->records = must_calloc(a->nrr, sizeof *txt->records);
	for (i = 0; i < a->nrr; i++)
		if (join(&a->rr[i], &txt->records[txt->nrecords]) == 0)
			txt->nrecords++;
}

void
dns_txt_fini(struct dns_txt *txt)
{
	size_t i;

	for (i = 0; i < txt->nrecords; i++)
		free(txt->records[i].data);
	free(txt->records);
	txt->records = NULL;
	txt->nrecords = 0;
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
	dns_txt_fn *fn = l->fn;
	void *fn_arg = l->arg;
	struct dns_txt txt;

	l->question = NULL;
	lookup_drop(&l->query);
	dns_txt_parse(&txt, a);
	fn(fn_arg, &txt);
	dns_txt_fini(&txt);
}

struct dns_query *
dns_txt_lookup(struct dns_resolver *r, const char *name, dns_txt_fn *fn, void *arg)
{
	struct lookup *l = must_calloc(1, sizeof *l);

	dns_query_open(r, &l->query, lookup_drop);
	l->fn = fn;
	l->arg = arg;
	l->question = dns_query(r, name, TYPE_TXT, on_answer, l);
	return &l->query;
}
