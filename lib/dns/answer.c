/* SPDX-License-Identifier: ISC */
/* answer: see answer.h. ldns takes the message apart, we judge the parts. */
#include "lib/dns/answer.h"

#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"

#define TTL_MAX		86400		/* nothing is kept longer than a day */
#define RR_MAX		4096		/* records of one type; fewer fit into 64 KiB with sense */

static void
answer_init(struct dns_answer *a, const char *name, uint16_t type)
{
	memset(a, 0, sizeof *a);
	a->status = DNS_FAILED;
	a->type = type;
	str_copy(a->name, name, sizeof a->name);
	str_copy(a->canonical, name, sizeof a->canonical);
	why_clear(&a->why);
}

void
dns_answer_fail(struct dns_answer *a, const char *name, uint16_t type, enum dns_status status,
    const struct why *why)
{
	MUST(status == DNS_FAILED || status == DNS_BOGUS);
	answer_init(a, name, type);
	a->status = status;
	a->why = *why;
}

void
dns_answer_fini(struct dns_answer *a)
{
	size_t i;

	for (i = 0; i < a->nrr; i++)
		free((void *)(uintptr_t)a->rr[i].data);
	free((void *)(uintptr_t)a->rr);
	a->rr = NULL;
	a->nrr = 0;
}

/* The owner or the target in our spelling; -1 if it is no name that we handle. */
static int
rdf_name(const ldns_rdf *rdf, char *to)
{
	if (rdf == NULL) {
		to[0] = '\0';
		return -1;
	}
	return dns_name_from_wire(ldns_rdf_data(rdf), ldns_rdf_size(rdf), to);
}

static void
ttl_lower(uint32_t *ttl, uint32_t other)
{
	if (other < *ttl)
		*ttl = other;
}

/* The CNAME target of a->canonical: 1 and it moves there; 0 none; -1 it leads nowhere. */
static int
follow_alias(struct dns_answer *a, const ldns_rr_list *rrs)
{
	char owner[DNS_NAME_MAX];
	const ldns_rr *rr;
	size_t i;

	for (i = 0; i < ldns_rr_list_rr_count(rrs); i++) {
		rr = ldns_rr_list_rr(rrs, i);
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME ||
		    rdf_name(ldns_rr_owner(rr), owner) == -1 || strcmp(owner, a->canonical) != 0)
			continue;
		ttl_lower(&a->ttl, ldns_rr_ttl(rr));
		if (rdf_name(ldns_rr_rdf(rr, 0), a->canonical) == -1 || a->canonical[0] == '\0')
			return -1;
		a->naliases++;
		return 1;
	}
	return 0;
}

static int
follow_aliases(struct dns_answer *a, const ldns_rr_list *rrs)
{
	int moved;

	if (a->type == LDNS_RR_TYPE_CNAME)
		return 0;
	while ((moved = follow_alias(a, rrs)) == 1)
		if (a->naliases > DNS_CNAME_MAX)
			return why_set(&a->why, WHY_DNS_FAILURE,
			    "%s: more than %d aliases in a row", a->name, DNS_CNAME_MAX);
	if (moved == -1)
		return why_set(&a->why, WHY_DNS_FAILURE, "%s: alias to an impossible name",
		    a->name);
	return 0;
}

/* All fields of the RDATA, one after the other, names uncompressed. */
static void
add_rdata(struct dns_answer *a, struct dns_rdata *to, const ldns_rr *rr)
{
	uint8_t *data;
	size_t i, at = 0, len = 0;

	for (i = 0; i < ldns_rr_rd_count(rr); i++)
		len += ldns_rdf_size(ldns_rr_rdf(rr, i));
	data = must_calloc(len + 1, 1);
	for (i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

		memcpy(data + at, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
		at += ldns_rdf_size(rdf);
	}
	to->data = data;
	to->len = len;
	a->nrr++;
	ttl_lower(&a->ttl, ldns_rr_ttl(rr));
}

static void
collect(struct dns_answer *a, const ldns_rr_list *rrs)
{
	char owner[DNS_NAME_MAX];
	struct dns_rdata *rr;
	const ldns_rr *r;
	size_t i, n = ldns_rr_list_rr_count(rrs);

	rr = must_calloc(n + 1, sizeof *rr);
	a->rr = rr;
	for (i = 0; i < n && a->nrr < RR_MAX; i++) {
		r = ldns_rr_list_rr(rrs, i);
		if (ldns_rr_get_type(r) == (ldns_rr_type)a->type &&
		    ldns_rr_get_class(r) == LDNS_RR_CLASS_IN &&
		    rdf_name(ldns_rr_owner(r), owner) == 0 && strcmp(owner, a->canonical) == 0)
			add_rdata(a, &rr[a->nrr], r);
	}
}

/* RFC 2308 s5: the smaller of the SOA's TTL and its last field. */
static void
negative_ttl(struct dns_answer *a, const ldns_rr_list *authority)
{
	size_t i;

	for (i = 0; i < ldns_rr_list_rr_count(authority); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(authority, i);

		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) != 7)
			continue;
		ttl_lower(&a->ttl, ldns_rr_ttl(rr));
		ttl_lower(&a->ttl, ldns_rdf2native_int32(ldns_rr_rdf(rr, 6)));
		return;
	}
	a->ttl = 0;
}

static void
judge(struct dns_answer *a, const ldns_pkt *pkt, int secure)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(pkt);

	if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN) {
		why_set(&a->why, WHY_DNS_FAILURE, "%s: the DNS answered with error %d", a->name,
		    (int)rcode);
		return;
	}
	a->ttl = TTL_MAX;
	if (follow_aliases(a, ldns_pkt_answer(pkt)) == -1) {
		a->ttl = 0;
		return;
	}
	collect(a, ldns_pkt_answer(pkt));
	if (a->nrr > 0)
		a->status = DNS_FOUND;
	else {
		a->status = rcode == LDNS_RCODE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NODATA;
		negative_ttl(a, ldns_pkt_authority(pkt));
	}
	a->secure = secure;
}

void
dns_answer_parse(struct dns_answer *a, const char *name, uint16_t type, const void *wire,
    size_t len, int secure)
{
	ldns_pkt *pkt = NULL;

	answer_init(a, name, type);
	if (ldns_wire2pkt(&pkt, wire, len) != LDNS_STATUS_OK) {
		why_set(&a->why, WHY_DNS_FAILURE, "%s: the DNS answer cannot be read", name);
		return;
	}
	judge(a, pkt, secure);
	ldns_pkt_free(pkt);
}
