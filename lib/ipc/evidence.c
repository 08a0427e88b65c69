/* SPDX-License-Identifier: ISC */
/* evidence: what `policy` found out, on the wire. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"
#include "lib/ipc/ipc.h"

static int
get_enum(struct buf_reader *r, unsigned last, unsigned *v)
{
	uint8_t byte;

	if (buf_get_u8(r, &byte) == -1 || byte > last) {
		r->failed = 1;
		*v = 0;
		return -1;
	}
	*v = byte;
	return 0;
}

/* "" or a name in the one spelling that this program knows (lib/dns/name.h). */
static int
get_name(struct buf_reader *r, char *to)
{
	char normal[DNS_NAME_MAX];

	if (buf_get_str(r, to, DNS_NAME_MAX) == -1)
		return -1;
	if (to[0] != '\0' && (dns_name_normalize(to, strlen(to), normal) == -1 ||
	    strcmp(normal, to) != 0))
		r->failed = 1;
	return r->failed ? -1 : 0;
}

/* The host of an address literal has the name of its domain, "[192.0.2.1]". */
static void
get_host_name(struct buf_reader *r, const char *domain, char *to)
{
	struct buf_reader again = *r;

	if (domain[0] == '[' && buf_get_str(r, to, DNS_NAME_MAX) == 0 && strcmp(to, domain) == 0)
		return;
	*r = again;
	if (get_name(r, to) == 0 && to[0] == '\0')
		r->failed = 1;
}

static size_t
get_count(struct buf_reader *r, size_t max)
{
	uint16_t n;

	if (buf_get_u16(r, &n) == -1 || n > max) {
		r->failed = 1;
		return 0;
	}
	return n;
}

static void
put_why(struct buf *b, const struct why *why)
{
	buf_add_str(b, why_token(why->reason));
	buf_add_str(b, why->dsn);
	buf_add_str(b, why->text);
}

/* Was the text escaped by its sender? Escaping it again changes nothing but backslashes. */
static int
is_escaped(const char *text)
{
	char plain[sizeof ((struct why *)0)->text], again[sizeof plain];
	size_t n = str_copy(plain, text, sizeof plain);

	for (char *p = plain; (p = strchr(p, '\\')) != NULL; )
		*p = '/';
	str_escape_to(again, sizeof again, plain, n);
	return strcmp(again, plain) == 0;
}

static void
get_why(struct buf_reader *r, struct why *why)
{
	char token[64], dsn[sizeof why->dsn], text[sizeof why->text];
	enum why_reason reason;

	why_clear(why);
	if (buf_get_str(r, token, sizeof token) == -1 || buf_get_str(r, dsn, sizeof dsn) == -1 ||
	    buf_get_str(r, text, sizeof text) == -1)
		return;
	if ((reason = why_reason_of(token)) == WHY__COUNT || !is_escaped(text)) {
		r->failed = 1;
		return;
	}
	if (reason == WHY_NONE)
		return;
	why_set_dsn(why, reason, dsn, "%s", "");
	str_copy(why->text, text, sizeof why->text);
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
	size_t n = get_count(r, DNS_TLSA_MAX), len;
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
	put_why(b, &h->why);
}

static void
get_host(struct buf_reader *r, const char *domain, struct plan_host *h)
{
	unsigned v, secure;

	get_host_name(r, domain, h->name);
	buf_get_u16(r, &h->preference);
	get_enum(r, PLAN_ADDRESSES_FOUND, &v);
	h->addresses_state = (enum plan_addresses)v;
	get_enum(r, 1, &secure);
	h->addresses_secure = (int)secure;
	h->naddresses = get_count(r, PLAN_ADDRESSES_MAX);
	for (size_t i = 0; i < h->naddresses; i++)
		get_address(r, &h->addresses[i]);
	get_enum(r, PLAN_TLSA_SECURE, &v);
	h->tlsa_state = (enum plan_tlsa)v;
	get_name(r, h->tlsa_base);
	get_tlsa(r, &h->tlsa);
	get_why(r, &h->why);
}

static void
put_sts(struct buf *b, const struct plan_sts *s)
{
	buf_add_u8(b, (uint8_t)s->state);
	buf_add_str(b, s->id);
	buf_add_u16(b, (uint16_t)s->npatterns);
	for (size_t i = 0; i < s->npatterns; i++)
		buf_add_str(b, s->patterns[i]);
	buf_add_u8(b, s->from_cache != 0);
	buf_add_u64(b, (uint64_t)s->expires);
	put_why(b, &s->why);
}

static void
get_sts(struct buf_reader *r, struct plan_sts *s)
{
	unsigned v, cached;
	uint64_t expires = 0;

	get_enum(r, PLAN_STS_FAILED, &v);
	s->state = (enum plan_sts_state)v;
	buf_get_str(r, s->id, sizeof s->id);
	s->npatterns = get_count(r, PLAN_PATTERNS_MAX);
	if (s->npatterns > 0)
		s->patterns = must_calloc(s->npatterns, sizeof *s->patterns);
	for (size_t i = 0; i < s->npatterns; i++)
		buf_get_str(r, s->patterns[i], sizeof s->patterns[i]);
	get_enum(r, 1, &cached);
	s->from_cache = (int)cached;
	buf_get_u64(r, &expires);
	s->expires = expires > INT64_MAX ? INT64_MAX : (int64_t)expires;
	get_why(r, &s->why);
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
	buf_add_u32(b, e->ttl);
	put_why(b, &e->why);
}

int
ipc_evidence_get(const void *data, size_t len, struct plan_evidence *e)
{
	struct buf_reader r = buf_reader_of(data, len);
	unsigned v, secure;

	memset(e, 0, sizeof *e);
	buf_get_str(&r, e->domain, sizeof e->domain);
	get_enum(&r, PLAN_MX_ROUTE, &v);
	e->mx = (enum plan_mx)v;
	get_enum(&r, 1, &secure);
	e->mx_secure = (int)secure;
	get_name(&r, e->canonical);
	e->nhosts = get_count(&r, PLAN_HOSTS_MAX);
	if (e->nhosts > 0)
		e->hosts = must_calloc(e->nhosts, sizeof *e->hosts);
	for (size_t i = 0; i < e->nhosts && !r.failed; i++)
		get_host(&r, e->domain, &e->hosts[i]);
	if (!r.failed)
		get_sts(&r, &e->sts);
	buf_get_u32(&r, &e->ttl);
	get_why(&r, &e->why);
	if (buf_reader_done(&r) == 0 && e->domain[0] != '\0')
		return 0;
	plan_evidence_fini(e);
	memset(e, 0, sizeof *e);
	return -1;
}
