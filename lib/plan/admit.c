/* SPDX-License-Identifier: ISC */
/*
 * admit: the gate. There is one `return 0` per level, each behind everything
 * that the level needs; whatever else comes along falls through to -1.
 */
#include "lib/plan/admit.h"

#include "lib/plan/requiretls.h"
#include "lib/tls/why.h"

/* Plaintext: by a named exception, or where the plan says "monitor". */
static int
excused(const struct plan *p, const struct plan_requirement *r)
{
	return (r->proof == PLAN_BY_EXCEPTION && r->exception[0] != '\0') ||
	    (r->proof == PLAN_BY_MONITOR && p->monitor);
}

/* TLS on this very connection, recent enough, and not resumed (HARDENING C8). */
static int
need_tls(const struct plan_requirement *r, const struct tls_facts *f, struct why *why)
{
	if (!f->encrypted)
		return why_set(why, WHY_LEVEL_NOT_MET, "the connection is not encrypted");
	if (f->resumed)
		return why_set(why, WHY_TLS_RESUMED, "the TLS session was resumed");
	if (r->want.min_version < TLS_V1_0 || f->version < r->want.min_version)
		return why_set(why, WHY_TLS_TOO_OLD, "%s is below the minimum", f->protocol);
	return 0;
}

/* A trusted chain, and the host's own name in it (RFC 8461 s4.2). */
static int
need_trust(const struct tls_facts *f, struct why *why)
{
	return f->pkix_chain && f->pkix_name ? 0 : tls_why_certificate(f, why);
}

/* A TLSA record of usage 2 or 3 that matched with all its checks (RFC 7672 s3.1). */
static int
need_match(const struct tls_facts *f, struct why *why)
{
	return f->dane_matched ? 0 : tls_why_tlsa(f, why);
}

/* What the destination publishes holds at every level (RULES S40, HARDENING 9.1). */
static int
need_published(const struct plan_requirement *r, const struct tls_facts *f, struct why *why)
{
	if (r->tlsa && need_match(f, why) == -1)
		return -1;
	if ((r->sts || r->trust) && need_trust(f, why) == -1)
		return -1;
	return 0;
}

static int
judge(const struct plan *p, const struct plan_requirement *r, const struct tls_facts *f,
    struct why *why)
{
	switch (r->level) {
	case PLAN_NO_LEVEL:
		break;
	case PLAN_PLAINTEXT:
		if (excused(p, r))
			return 0;
		break;
	case PLAN_ENCRYPT:
		if (need_tls(r, f, why) == 0 && need_published(r, f, why) == 0)
			return 0;
		break;
	case PLAN_VERIFY:
		if (need_tls(r, f, why) == 0 && need_published(r, f, why) == 0 &&
		    (r->tlsa || need_trust(f, why) == 0))
			return 0;
		break;
	case PLAN_STS:
		if (need_tls(r, f, why) == 0 && need_published(r, f, why) == 0 &&
		    need_trust(f, why) == 0)
			return 0;
		break;
	case PLAN_DANE:
		if (p->mx_secure && need_tls(r, f, why) == 0 &&
		    need_published(r, f, why) == 0 && need_match(f, why) == 0)
			return 0;
		break;
	}
	return -1;
}

int
plan_admits(const struct plan *p, const struct plan_requirement *r, const struct tls_facts *f,
    struct why *why)
{
	why_set(why, WHY_LEVEL_NOT_MET, "this plan admits nothing on this connection");
	if (p->verdict != PLAN_GO || judge(p, r, f, why) == -1)
		return -1;
	why_clear(why);
	return 0;
}

int
plan_would_admit(const struct plan *p, const struct plan_requirement *r, const struct tls_facts *f)
{
	struct why why;

	return !f->weak && plan_admits(p, r, f, &why) == 0;
}

/* The peer must be known and the line private, whatever level or exception lets mail through. */
static int
may_login(const struct plan_requirement *r, const struct tls_facts *f, struct why *why)
{
	struct why cause;

	if (!f->encrypted)
		return why_set(why, WHY_AUTH_FAILED, "credentials are not sent in clear");
	if (f->resumed || f->version < TLS_V1_2)
		return why_set(why, WHY_AUTH_FAILED, "credentials are not sent over %s%s",
		    f->protocol, f->resumed ? ", resumed" : "");
	if (need_published(r, f, &cause) == -1 || (!r->tlsa && need_trust(f, &cause) == -1))
		return why_set(why, WHY_AUTH_FAILED,
		    "credentials are not sent to a server that is not verified: %s", cause.text);
	return 0;
}

int
plan_admits_login(const struct plan *p, const struct plan_requirement *r,
    const struct tls_facts *f, struct why *why)
{
	why_set(why, WHY_AUTH_FAILED, "this plan has no credentials");
	if (p->verdict != PLAN_GO || r->login == 0 || may_login(r, f, why) == -1)
		return -1;
	why_clear(why);
	return 0;
}

/* The same for a message: the line private and the certificate good, at whatever level. */
static int
verified(const struct plan_requirement *r, const struct tls_facts *f, struct why *why)
{
	struct why cause;

	if (!f->encrypted)
		return why_set(why, WHY_REQUIRETLS_NO_TLS, "the connection is not encrypted");
	if (f->resumed || f->weak || f->version < TLS_V1_2)
		return why_set(why, WHY_REQUIRETLS_NO_TLS, "REQUIRETLS: %s%s is not enough",
		    f->protocol, f->resumed ? ", resumed," : f->weak ? " with weak keys" : "");
	if (need_published(r, f, &cause) == -1 || (!r->tlsa && need_trust(f, &cause) == -1))
		return why_set(why, WHY_REQUIRETLS_NO_TLS, "REQUIRETLS: %s", cause.text);
	return 0;
}

int
plan_admits_requiretls(const struct plan *p, const struct plan_target *t,
    const struct tls_facts *f, int offered, struct why *why)
{
	why_set(why, WHY_REQUIRETLS_NO_TLS, "this plan admits nothing on this connection");
	if (p->verdict != PLAN_GO || !t->usable || t->requirement.level == PLAN_NO_LEVEL)
		return -1;
	if (plan_requiretls_name(p, t, why) == -1 || verified(&t->requirement, f, why) == -1)
		return -1;
	if (!offered)
		return why_set(why, WHY_REQUIRETLS_UNSUPPORTED,
		    "%s does not offer REQUIRETLS", t->host.name);
	why_clear(why);
	return 0;
}
