/* SPDX-License-Identifier: ISC */
/* evidence: what `policy` found out, on the wire. */
#include <string.h>

#include "lib/base/bug.h"
#include "lib/history/ledger.h"
#include "lib/ipc/ipc_int.h"
#include "lib/mail/address.h"

/* The host of an address literal has the name of its domain, "[192.0.2.1]"; a next hop may be one. */
static int
may_be_literal(const struct plan_evidence *e, const char *name)
{
	uint8_t ip[16];
	int family;

	if (e->mx == PLAN_MX_ROUTE)
		return mail_address_literal(name, strlen(name), &family, ip) == 0;
	return name[0] == '[' && strcmp(name, e->domain) == 0;
}

static void
get_host_name(struct buf_reader *r, const struct plan_evidence *e, char *to)
{
	struct buf_reader again = *r;

	if (buf_get_str(r, to, DNS_NAME_MAX) == 0 && may_be_literal(e, to))
		return;
	*r = again;
	if (ipc_name_get(r, to) == 0 && to[0] == '\0')
		r->failed = 1;
}

static void
put_tlsa(struct buf *b, const struct dns_tlsa_set *set)
{
	buf_add_u16(b, (uint16_t)set->n);
	for (size_t i = 0; i < set->n; i++) {
		const struct dns_tlsa *rr = &set->rr[i];

		buf_add_u8(b, rr->usage);
		buf_add_u8(b, rr->selector);
		buf_add_u8(b, rr->mtype);
		buf_add_blob(b, rr->data, rr->len);
	}
}

static void
get_tlsa(struct buf_reader *r, struct dns_tlsa_set *set)
{
	size_t n = ipc_count_get(r, DNS_TLSA_MAX), len;
	uint8_t usage, selector, mtype;
	const void *data;

	for (size_t i = 0; i < n; i++) {
		buf_get_u8(r, &usage);
		buf_get_u8(r, &selector);
		buf_get_u8(r, &mtype);
		if (buf_get_blob(r, &data, &len, UINT16_MAX) == -1)
			return;
		dns_tlsa_set_add(set, usage, selector, mtype, data, len);
	}
}

static void
put_address(struct buf *b, const struct dns_address *a)
{
	size_t n = a->family == AF_INET6 ? 16 : 4;

	buf_add_u8(b, (uint8_t)n);
	buf_add(b, a->ip, n);
}

static void
get_address(struct buf_reader *r, struct dns_address *a)
{
	uint8_t n, byte;

	memset(a, 0, sizeof *a);
	if (buf_get_u8(r, &n) == -1 || (n != 4 && n != 16)) {
		r->failed = 1;
		return;
	}
	a->family = n == 16 ? AF_INET6 : AF_INET;
	for (unsigned i = 0; i < n; i++)
		a->ip[i] = buf_get_u8(r, &byte) == 0 ? byte : 0;
}

static void
put_past(struct buf *b, const struct plan_past *p)
{
	buf_add_u8(b, (uint8_t)p->level);
	buf_add_u64(b, (uint64_t)p->last);
	buf_add_u32(b, p->count);
}

static void
get_past(struct buf_reader *r, struct plan_past *p)
{
	uint64_t last = 0;

	p->level = (enum plan_level)ipc_enum_get(r, PLAN_DANE);
	buf_get_u64(r, &last);
	p->last = last > HISTORY_TIME_MAX ? HISTORY_TIME_MAX : (int64_t)last;
	buf_get_u32(r, &p->count);
}

static void
put_host(struct buf *b, const struct plan_host *h)
{
	buf_add_str(b, h->name);
	buf_add_u16(b, h->preference);
	buf_add_u8(b, (uint8_t)h->addresses_state);
	buf_add_u8(b, h->addresses_secure != 0);
	buf_add_u16(b, (uint16_t)h->naddresses);
	for (size_t i = 0; i < h->naddresses; i++)
		put_address(b, &h->addresses[i]);
	buf_add_u8(b, (uint8_t)h->tlsa_state);
	buf_add_str(b, h->tlsa_base);
	put_tlsa(b, &h->tlsa);
	buf_add_u8(b, h->tlsa_denied != 0);
	put_past(b, &h->past);
	ipc_why_put(b, &h->why);
}

static void
get_host(struct buf_reader *r, const struct plan_evidence *e, struct plan_host *h)
{
	get_host_name(r, e, h->name);
	buf_get_u16(r, &h->preference);
	h->addresses_state = (enum plan_addresses)ipc_enum_get(r, PLAN_ADDRESSES_OURS);
	h->addresses_secure = ipc_bool_get(r);
	h->naddresses = ipc_count_get(r, PLAN_ADDRESSES_MAX);
	for (size_t i = 0; i < h->naddresses; i++)
		get_address(r, &h->addresses[i]);
	h->tlsa_state = (enum plan_tlsa)ipc_enum_get(r, PLAN_TLSA_SECURE);
	ipc_name_get(r, h->tlsa_base);
	get_tlsa(r, &h->tlsa);
	h->tlsa_denied = ipc_bool_get(r);
	get_past(r, &h->past);
	ipc_why_get(r, &h->why);
}

static void
put_sts(struct buf *b, const struct plan_sts *s)
{
	buf_add_u8(b, (uint8_t)s->state);
	buf_add_str(b, s->id);
	ipc_patterns_put(b, s->patterns, s->npatterns);
	buf_add_u8(b, s->withdrawn != 0);
	buf_add_u8(b, s->from_cache != 0);
	buf_add_u64(b, (uint64_t)s->expires);
	ipc_why_put(b, &s->why);
}

static void
get_sts(struct buf_reader *r, struct plan_sts *s)
{
	uint64_t expires = 0;

	s->state = (enum plan_sts_state)ipc_enum_get(r, PLAN_STS_FAILED);
	buf_get_str(r, s->id, sizeof s->id);
	s->npatterns = ipc_patterns_get(r, &s->patterns);
	s->withdrawn = ipc_bool_get(r);
	s->from_cache = ipc_bool_get(r);
	buf_get_u64(r, &expires);
	s->expires = expires > INT64_MAX ? INT64_MAX : (int64_t)expires;
	ipc_why_get(r, &s->why);
}

void
ipc_evidence_put(struct buf *b, const struct plan_evidence *e)
{
	buf_add_str(b, e->domain);
	buf_add_u8(b, (uint8_t)e->mx);
	buf_add_u8(b, e->mx_secure != 0);
	buf_add_str(b, e->canonical);
	buf_add_u16(b, (uint16_t)e->nhosts);
	for (size_t i = 0; i < e->nhosts; i++)
		put_host(b, &e->hosts[i]);
	put_sts(b, &e->sts);
	buf_add_u8(b, e->past_known != 0);
	put_past(b, &e->past);
	put_past(b, &e->past_sts);
	buf_add_u32(b, e->ttl);
	ipc_why_put(b, &e->why);
}

int
ipc_evidence_get(const void *data, size_t len, struct plan_evidence *e)
{
	struct buf_reader r = buf_reader_of(data, len);

	memset(e, 0, sizeof *e);
	buf_get_str(&r, e->domain, sizeof e->domain);
	e->mx = (enum plan_mx)ipc_enum_get(&r, PLAN_MX_ROUTE);
	e->mx_secure = ipc_bool_get(&r);
	ipc_name_get(&r, e->canonical);
	e->nhosts = ipc_count_get(&r, PLAN_HOSTS_MAX);
	if (e->nhosts > 0)
		e->hosts = must_calloc(e->nhosts, sizeof *e->hosts);
	for (size_t i = 0; i < e->nhosts && !r.failed; i++)
		get_host(&r, e, &e->hosts[i]);
	if (!r.failed)
		get_sts(&r, &e->sts);
	e->past_known = ipc_bool_get(&r);
	get_past(&r, &e->past);
	get_past(&r, &e->past_sts);
	buf_get_u32(&r, &e->ttl);
	ipc_why_get(&r, &e->why);
	if (buf_reader_done(&r) == 0 && e->domain[0] != '\0')
		return 0;
	plan_evidence_fini(e);
	memset(e, 0, sizeof *e);
	return -1;
}
