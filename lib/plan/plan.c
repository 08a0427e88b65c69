/* SPDX-License-Identifier: ISC */
/* plan: names of levels and proofs, ownership, and the connection reuse key. */
#include "lib/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/rand.h"

static const char *const level_names[] = {
	[PLAN_NO_LEVEL] = "none",
	[PLAN_PLAINTEXT] = "plaintext",
	[PLAN_ENCRYPT] = "encrypt",
	[PLAN_VERIFY] = "verify",
	[PLAN_STS] = "sts",
	[PLAN_DANE] = "dane",
};

static const char *const proof_names[] = {
	[PLAN_BY_DEFAULT] = "default",
	[PLAN_BY_RULE] = "rule",
	[PLAN_BY_STS] = "sts",
	[PLAN_BY_DANE] = "dane",
	[PLAN_BY_TLSA] = "tlsa",
	[PLAN_BY_EXCEPTION] = "exception",
	[PLAN_BY_ROUTE] = "route",
	[PLAN_BY_HISTORY] = "history",
	[PLAN_BY_MONITOR] = "monitor",
};

const char *
plan_level_name(enum plan_level level)
{
	return (size_t)level < LENGTH(level_names) ? level_names[level] : "unknown";
}

enum plan_level
plan_level_of(const char *name)
{
	for (size_t i = PLAN_PLAINTEXT; i < LENGTH(level_names); i++)
		if (strcmp(level_names[i], name) == 0)
			return (enum plan_level)i;
	return PLAN_NO_LEVEL;
}

const char *
plan_proof_name(enum plan_proof proof)
{
	return (size_t)proof < LENGTH(proof_names) ? proof_names[proof] : "unknown";
}

void
plan_requirement_fini(struct plan_requirement *r)
{
	tls_want_fini(&r->want);
	memset(r, 0, sizeof *r);
}

void
plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->ntargets; i++) {
		dns_tlsa_set_fini(&p->targets[i].host.tlsa);
		plan_requirement_fini(&p->targets[i].requirement);
	}
	free(p->targets);
	memset(p, 0, sizeof *p);
}

static uint64_t
record_key(const struct dns_tlsa *rr)
{
	struct buf b;
	uint64_t key;

	buf_init(&b);
	buf_add_u8(&b, rr->usage);
	buf_add_u8(&b, rr->selector);
	buf_add_u8(&b, rr->mtype);
	buf_add_blob(&b, rr->data, rr->len);
	key = rand_hash(buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return key;
}

uint64_t
plan_requirement_key(const struct plan_requirement *r)
{
	const struct tls_want *w = &r->want;
	uint64_t key, records = 0;
	struct buf b;

	buf_init(&b);
	buf_add_u8(&b, (uint8_t)r->level);
	buf_add_u8(&b, (uint8_t)r->proof);
	buf_add_u8(&b, r->sts != 0);
	buf_add_u8(&b, r->tlsa != 0);
	buf_add_u8(&b, r->trust != 0);
	buf_add_u64(&b, r->login);
	buf_add_u64(&b, r->source);
	buf_add_str(&b, r->exception);
	buf_add_str(&b, w->sni);
	buf_add_str(&b, w->host);
	buf_add_u32(&b, (uint32_t)w->nnames);
	for (size_t i = 0; i < w->nnames; i++)
		buf_add_str(&b, w->names[i]);
	buf_add_str(&b, w->ca);
	buf_add_str(&b, w->identity);
	buf_add_u32(&b, (uint32_t)w->min_version);
	/* DNS rotates the records: a sum does not mind their order. */
	for (size_t i = 0; i < w->tlsa.n; i++)
		records += record_key(&w->tlsa.rr[i]);
	buf_add_u32(&b, (uint32_t)w->tlsa.n);
	buf_add_u64(&b, records);
	key = rand_hash(buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return key;
}

int
plan_target_same(const struct plan_target *a, const struct plan_target *b)
{
	return a->port == b->port && a->implicit == b->implicit &&
	    strcmp(a->host.name, b->host.name) == 0;
}
