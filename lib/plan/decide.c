/* SPDX-License-Identifier: ISC */
/* decide: from evidence, rule and exception to one requirement per MX host. */
#include "lib/plan/decide.h"

#include <limits.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/dns/special.h"
#include "lib/plan/ratchet.h"
#include "lib/sts/match.h"

/* What one host has to meet because of what was published. */
struct published {
	enum plan_level	level;		/* PLAN_NO_LEVEL: nothing was */
	enum plan_proof	proof;
	int		tlsa, sts;
	int		unusable;	/* TLSA there, no record usable (RULES D12) */
};

/* Next hops instead of MX hosts: what the recipient domain is or publishes does not matter. */
static int
is_route(const struct plan_evidence *ev)
{
	return ev->mx == PLAN_MX_ROUTE;
}

/* Address literals have neither DANE nor MTA-STS (RULES D21, S07). */
static int
is_literal(const struct plan_evidence *ev)
{
	return !is_route(ev) && ev->domain[0] == '[';
}

static enum plan_sts_state
sts_state(const struct plan_evidence *ev)
{
	return is_literal(ev) || is_route(ev) ? PLAN_STS_NONE : ev->sts.state;
}

/* The reason that was found with the evidence, else ours. Always -1. */
static int
refuse(struct why *why, const struct why *found, enum why_reason reason, const char *text,
    const char *name)
{
	if (why_is_set(found)) {
		*why = *found;
		return -1;
	}
	return why_set(why, reason, "%s: %s", name, text);
}

/* Can this host be connected to at all? */
static int
host_reachable(const struct plan_host *h, struct why *why)
{
	switch (h->addresses_state) {
	case PLAN_ADDRESSES_FOUND:
		if (h->naddresses > 0)
			return 0;
		return why_set(why, WHY_NO_ADDRESS, "%s: no address", h->name);
	case PLAN_ADDRESSES_NONE:
		return refuse(why, &h->why, WHY_NO_ADDRESS, "no address", h->name);
	case PLAN_ADDRESSES_REFUSED:
		return refuse(why, &h->why, WHY_ADDRESS_REFUSED, "address not allowed", h->name);
	case PLAN_ADDRESSES_OURS:
		return why_set(why, WHY_OWN_ADDRESS, "%s is this relay itself", h->name);
	case PLAN_ADDRESSES_UNKNOWN:
		break;
	}
	/* RFC 7672 s2.1.2: a look-up error is not an absence. */
	return refuse(why, &h->why, WHY_DNS_FAILURE, "addresses not known", h->name);
}

/* The preference from which on no host may be used: our own (RFC 5321 s5.1). */
static unsigned
own_preference(const struct plan_evidence *ev)
{
	unsigned least = UINT_MAX;

	for (size_t i = 0; i < ev->nhosts && i < PLAN_HOSTS_MAX; i++)
		if (ev->hosts[i].addresses_state == PLAN_ADDRESSES_OURS &&
		    ev->hosts[i].preference < least)
			least = ev->hosts[i].preference;
	return least;
}

static int
host_before(const struct plan_evidence *ev, const struct plan_host *h, struct why *why)
{
	if (h->preference < own_preference(ev))
		return 0;
	return why_set(why, WHY_OWN_ADDRESS, "%s is not preferred to this relay itself", h->name);
}

static size_t
count_usable(const struct dns_tlsa_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += dns_tlsa_usable(&set->rr[i]) ? 1 : 0;
	return n;
}

/* RFC 7672 s2.2: what the host's TLSA records ask for. -1: not known (RULES D04). */
static int
published_tlsa(const struct plan_evidence *ev, const struct plan_host *h, struct published *pub,
    struct why *why)
{
	if (is_literal(ev) || h->tlsa_state == PLAN_TLSA_NONE)
		return 0;
	if (h->tlsa_state != PLAN_TLSA_SECURE)
		return refuse(why, &h->why, WHY_TLSA_LOOKUP, "TLSA records not known", h->name);
	pub->proof = PLAN_BY_TLSA;
	if (count_usable(&h->tlsa) == 0) {
		pub->level = PLAN_ENCRYPT;	/* HARDENING 9.2: and what holds without DANE */
		pub->unusable = 1;
		return 0;
	}
	pub->tlsa = 1;
	pub->level = PLAN_VERIFY;		/* HARDENING 9.1: host name from unsigned DNS */
	if (ev->mx_secure || is_route(ev)) {
		pub->level = PLAN_DANE;
		pub->proof = PLAN_BY_DANE;
	}
	return 0;
}

static int
is_pinned(const struct plan_rule *rule)
{
	return rule->via != NULL && rule->via->tlsa.n > 0;
}

/* The keys that the configuration names take the place of published ones, at any level. */
static int
pinned(const struct plan_host *h, const struct plan_rule *rule, struct published *pub,
    struct why *why)
{
	if (count_usable(&rule->via->tlsa) < rule->via->tlsa.n)
		return why_set(why, WHY_TLSA_INVALID, "%s: a configured record is not usable",
		    h->name);
	pub->tlsa = 1;
	pub->level = rule->level > PLAN_VERIFY ? PLAN_DANE : PLAN_VERIFY;
	pub->proof = PLAN_BY_ROUTE;
	return 0;
}

/* RFC 8461 s5: what the domain's policy asks of this host. -1: not known, or not listed. */
static int
published_sts(const struct plan_evidence *ev, const struct plan_host *h, struct published *pub,
    struct why *why)
{
	switch (sts_state(ev)) {
	case PLAN_STS_NONE:
	case PLAN_STS_TESTING:		/* RULES S38: reports, changes nothing */
	case PLAN_STS_FAILED:		/* RULES S09: as without */
		return 0;
	case PLAN_STS_ENFORCE:
		if (!sts_match_any(ev->sts.patterns, ev->sts.npatterns, h->name))
			return why_set(why, WHY_STS_MX_MISMATCH,
			    "%s is not in the MTA-STS policy of %s", h->name, ev->domain);
		pub->sts = 1;
		if (pub->level < PLAN_STS) {
			pub->level = PLAN_STS;
			pub->proof = PLAN_BY_STS;
		}
		return 0;
	case PLAN_STS_UNKNOWN:
		break;
	}
	return refuse(why, &ev->sts.why, WHY_POLICY_UNAVAILABLE, "MTA-STS policy not known",
	    ev->domain);
}

/* The exception's level, if it has one to give. */
static enum plan_level
allowed(const struct plan_exception *x)
{
	if (x == NULL || x->allow_weak_tls)
		return PLAN_NO_LEVEL;
	return x->allow == PLAN_PLAINTEXT || x->allow == PLAN_ENCRYPT ? x->allow : PLAN_NO_LEVEL;
}

static int
overrides(const struct plan_exception *x)
{
	return allowed(x) != PLAN_NO_LEVEL && x->overrides_published;
}

/* The level that holds where nothing is published; unknown levels count as the strictest. */
static void
set_floor(const struct plan_rule *rule, struct plan_requirement *r)
{
	enum plan_level level = rule->level, lower = allowed(rule->exception);

	if (level < PLAN_ENCRYPT || level > PLAN_DANE)
		level = PLAN_DANE;
	if (rule->via != NULL && level < PLAN_VERIFY)
		level = PLAN_VERIFY;
	r->level = level;
	r->proof = rule->from_rule ? PLAN_BY_RULE : PLAN_BY_DEFAULT;
	if (rule->via != NULL)
		r->proof = PLAN_BY_ROUTE;
	if (lower != PLAN_NO_LEVEL && lower < level) {
		r->level = lower;
		r->proof = PLAN_BY_EXCEPTION;
		str_copy(r->exception, rule->exception->id, sizeof r->exception);
	}
}

static void
set_min_version(const struct plan_rule *rule, struct plan_requirement *r)
{
	struct tls_want *want = &r->want;

	want->min_version = rule->min_version > TLS_V1_2 ? rule->min_version : TLS_V1_2;
	if (r->level == PLAN_PLAINTEXT)
		want->min_version = TLS_V1_0;	/* any TLS is better than what is allowed */
	if (rule->exception != NULL && rule->exception->allow_weak_tls) {
		want->min_version = TLS_V1_0;	/* RULES D28, P12 */
		str_copy(r->exception, rule->exception->id, sizeof r->exception);
	}
}

/* A level that somebody demands and this host does not provide. */
static int
level_missing(const struct plan_evidence *ev, const struct plan_host *h, enum plan_level level,
    const struct published *pub, struct why *why)
{
	static const char *const sts_words[] = {
		[PLAN_STS_UNKNOWN] = "is not known",
		[PLAN_STS_NONE] = "is not published",
		[PLAN_STS_TESTING] = "is in mode testing",
		[PLAN_STS_ENFORCE] = "is enforced",
		[PLAN_STS_FAILED] = "could not be fetched",
	};

	if (level == PLAN_STS && is_route(ev))
		return why_set(why, WHY_STS_REQUIRED, "%s: a next hop has no MTA-STS policy",
		    h->name);
	if (level == PLAN_STS)
		return why_set(why, WHY_STS_REQUIRED, "the MTA-STS policy of %s %s", ev->domain,
		    sts_words[sts_state(ev)]);
	if (pub->unusable)
		return why_set(why, WHY_TLSA_INVALID, "%s: no TLSA record is usable", h->name);
	return why_set(why, WHY_DANE_REQUIRED, "%s: %s", h->name,
	    ev->mx_secure || is_route(ev) ? "no TLSA records" : "the MX record is not signed");
}

/*
 * Published wins over the floor unless it is weaker; a floor of sts or dane
 * cannot be met by a host that does not publish it.
 */
static int
settle(const struct plan_evidence *ev, const struct plan_host *h, const struct published *pub,
    struct plan_requirement *r, struct why *why)
{
	enum plan_level floor = r->level;

	r->tlsa = pub->tlsa;
	r->sts = pub->sts;
	if (pub->level < floor && floor >= PLAN_STS)
		return level_missing(ev, h, floor, pub, why);
	if (pub->level >= floor) {
		r->level = pub->level;
		r->proof = pub->proof;
		r->exception[0] = '\0';		/* it lowered nothing here */
	}
	return 0;
}

/* RFC 7672 s3.2.2: the reference names of DANE-TA (RULES D16). */
static void
set_names(const struct plan_evidence *ev, const struct plan_host *h, const char *base,
    struct tls_want *want)
{
	const char *names[] = { base, is_route(ev) ? h->name : ev->domain, ev->canonical };
	size_t n = is_route(ev) ? 2 : ev->mx_secure ? 3 : 1;

	for (size_t i = 0; i < n; i++) {
		int known = names[i][0] == '\0';

		for (size_t j = 0; j < want->nnames; j++)
			known |= str_eq_nocase(want->names[j], names[i]);
		if (!known)
			str_copy(want->names[want->nnames++], names[i], DNS_NAME_MAX);
	}
}

static void
set_want(const struct plan_evidence *ev, const struct plan_host *h, const struct plan_rule *rule,
    struct plan_requirement *r)
{
	struct tls_want *want = &r->want;
	const char *base = h->name;

	if (is_literal(ev)) {
		str_copy(want->host, ev->domain, sizeof want->host);
		str_copy(want->names[want->nnames++], ev->domain, DNS_NAME_MAX);
	} else {
		if (r->tlsa && is_pinned(rule)) {
			dns_tlsa_set_copy(&want->tlsa, &rule->via->tlsa);
		} else if (r->tlsa) {
			dns_tlsa_set_copy(&want->tlsa, &h->tlsa);
			base = h->tlsa_base[0] != '\0' ? h->tlsa_base : h->name;
		}
		str_copy(want->host, h->name, sizeof want->host);
		if (h->name[0] != '[')
			str_copy(want->sni, base, sizeof want->sni);	/* RULES D19, S34 */
		if (r->tlsa)
			set_names(ev, h, base, want);
		else
			str_copy(want->names[want->nnames++], base, DNS_NAME_MAX);
	}
}

/* What a route has of its own: trust store (I54), client certificate, credentials. */
static void
set_route(const struct plan_via *via, struct plan_requirement *r)
{
	if (via == NULL)
		return;
	str_copy(r->want.ca, via->ca, sizeof r->want.ca);
	str_copy(r->want.identity, via->identity, sizeof r->want.identity);
	r->trust = via->ca[0] != '\0' && r->level >= PLAN_VERIFY;
	r->login = via->login;
}

/* What the host has shown before it has to show again; but for an exception. */
static void
raise_floor(const struct plan_evidence *ev, const struct plan_host *h,
    const struct plan_rule *rule, struct plan_requirement *r)
{
	enum plan_level before = plan_ratchet_floor(ev, h);

	if (allowed(rule->exception) != PLAN_NO_LEVEL || before <= r->level)
		return;
	r->level = before;
	r->proof = PLAN_BY_HISTORY;
}

/* 0, or -1 and *why: this host is not to be used under this rule. */
static int
requirement_make(const struct plan_evidence *ev, const struct plan_host *h,
    const struct plan_rule *rule, struct plan_requirement *r, struct why *why)
{
	struct published pub = { 0 };
	int ret = 0;

	set_floor(rule, r);
	raise_floor(ev, h, rule, r);
	if (overrides(rule->exception)) {
		r->level = allowed(rule->exception);
		r->proof = PLAN_BY_EXCEPTION;
		str_copy(r->exception, rule->exception->id, sizeof r->exception);
	} else if ((is_pinned(rule) ? pinned(h, rule, &pub, why) :
	    published_tlsa(ev, h, &pub, why)) == -1 || published_sts(ev, h, &pub, why) == -1 ||
	    plan_ratchet(ev, h, pub.level, why) == -1 || settle(ev, h, &pub, r, why) == -1) {
		r->level = PLAN_NO_LEVEL;
		ret = -1;
	}
	set_min_version(rule, r);
	set_want(ev, h, rule, r);
	set_route(rule->via, r);
	r->source = rule->source;
	return ret;
}

static int
is_for(const struct plan_exception *x, const struct plan_host *h, const struct plan_rule *rule)
{
	int modest = rule->level == PLAN_ENCRYPT || rule->level == PLAN_VERIFY;

	if (x->any_domain && !modest && rule->via == NULL && !x->allow_weak_tls)
		return 0;
	for (size_t i = 0; i < x->nhosts; i++)
		if (str_eq_nocase(x->hosts[i], h->name))
			return 1;
	return x->nhosts == 0 && !x->any_domain;
}

/* The rule as it is for this host: with the one exception that holds for it. */
static struct plan_rule
rule_for(const struct plan_rule *rule, const struct plan_host *h)
{
	struct plan_rule own = *rule;

	while (own.exception != NULL && !is_for(own.exception, h, rule))
		own.exception = own.exception->next;
	return own;
}

/* RFC 8689 s4.2.1: a policy that lists the host names it, in mode testing too (RULES R02). */
static int
is_named(const struct plan_evidence *ev, const struct plan_host *h)
{
	return ev->mx_secure || is_route(ev) || (sts_state(ev) != PLAN_STS_UNKNOWN &&
	    sts_match_any(ev->sts.patterns, ev->sts.npatterns, h->name));
}

static void
target_make(const struct plan_evidence *ev, const struct plan_host *h,
    const struct plan_rule *rule, struct plan_target *t)
{
	struct plan_rule own = rule_for(rule, h);

	t->host = *h;
	t->host.tlsa = (struct dns_tlsa_set){ 0 };
	if (t->host.naddresses > PLAN_ADDRESSES_MAX)
		t->host.naddresses = PLAN_ADDRESSES_MAX;
	t->named = is_named(ev, h);
	if (host_reachable(h, &t->why) == -1 || host_before(ev, h, &t->why) == -1)
		return;
	t->usable = requirement_make(ev, h, &own, &t->requirement, &t->why) == 0 ||
	    rule->monitor;
	if (t->why.reason == WHY_DOWNGRADE)
		t->had = plan_ratchet_had(ev, h);
}

/* No host is usable: the first reason that is about security, else the first. */
static void
explain(struct plan *p)
{
	const struct plan_target *best = NULL;

	for (size_t i = 0; i < p->ntargets && best == NULL; i++)
		if (why_tlsrpt(p->targets[i].why.reason)[0] != '\0')
			best = &p->targets[i];
	if (best == NULL && p->ntargets > 0)
		best = &p->targets[0];
	if (best != NULL)
		p->why = best->why;
	else
		why_set(&p->why, WHY_NO_ADDRESS, "%s has no mail server", p->domain);
	/* Another host or another hour may do: never permanent (RULES P10). */
	if (p->why.dsn[0] == '5')
		p->why.dsn[0] = '4';
}

/* Is this relay the best host of the domain? Then another hour changes nothing. */
static int
loops(const struct plan_evidence *ev)
{
	unsigned own = own_preference(ev);

	for (size_t i = 0; i < ev->nhosts && i < PLAN_HOSTS_MAX; i++)
		if (ev->hosts[i].preference < own)
			return 0;
	return own != UINT_MAX;
}

static void
targets_make(const struct plan_evidence *ev, const struct plan_rule *rule, struct plan *p)
{
	p->ntargets = ev->nhosts < PLAN_HOSTS_MAX ? ev->nhosts : PLAN_HOSTS_MAX;
	if (p->ntargets > 0)
		p->targets = must_calloc(p->ntargets, sizeof *p->targets);
	for (size_t i = 0; i < p->ntargets; i++) {
		p->targets[i].port = rule->via != NULL ? rule->via->hops[i].port : rule->port;
		p->targets[i].implicit = rule->via != NULL && rule->via->implicit;
		target_make(ev, &ev->hosts[i], rule, &p->targets[i]);
		if (p->targets[i].usable)
			p->verdict = PLAN_GO;
	}
	if (p->verdict == PLAN_GO)
		return;
	if (loops(ev)) {
		p->verdict = PLAN_REJECT;
		why_set(&p->why, WHY_OWN_ADDRESS, "mail for %s loops back to this relay itself",
		    ev->domain);
	} else {
		explain(p);
	}
}

/* Only what was asked for this rule counts: MX hosts, or exactly these next hops. */
static int
answers(const struct plan_evidence *ev, const struct plan_via *via)
{
	if (is_route(ev) != (via != NULL))
		return ev->mx == PLAN_MX_UNKNOWN;
	if (via == NULL)
		return 1;
	for (size_t i = 0; i < via->nhops && i < ev->nhosts; i++)
		if (!str_eq_nocase(via->hops[i].host, ev->hosts[i].name))
			return 0;
	return ev->nhosts == via->nhops && via->nhops <= PLAN_HOPS_MAX;
}

void
plan_decide(const struct plan_evidence *ev, const struct plan_rule *rule, int64_t now_mono_ms,
    struct plan *p)
{
	const char *special;

	memset(p, 0, sizeof *p);
	str_copy(p->domain, ev->domain, sizeof p->domain);
	p->verdict = PLAN_DEFER;
	p->monitor = rule->monitor;
	p->sts_state = sts_state(ev);
	str_copy(p->sts_id, ev->sts.id, sizeof p->sts_id);
	p->mx_secure = ev->mx_secure || is_route(ev);
	p->routed = is_route(ev);
	str_copy(p->origin, rule->origin, sizeof p->origin);
	p->expires = now_mono_ms + (int64_t)ev->ttl * 1000;
	p->port = rule->via != NULL ? rule->via->hops[0].port : rule->port;
	if (!answers(ev, rule->via)) {
		why_set(&p->why, WHY_POLICY_EXPIRED, "%s: what was looked up is not its route",
		    ev->domain);
		return;
	}

	if (!is_route(ev) && (special = dns_special(ev->domain)) != NULL) {
		p->verdict = PLAN_REJECT;
		why_set(&p->why, WHY_SPECIAL_NAME, "%s %s", ev->domain, special);
		return;
	}
	switch (ev->mx) {
	case PLAN_MX_FOUND:
	case PLAN_MX_IMPLICIT:
	case PLAN_MX_ROUTE:
		targets_make(ev, rule, p);
		return;
	case PLAN_MX_NULL:
		p->verdict = PLAN_REJECT;
		why_set(&p->why, WHY_NULL_MX, "%s accepts no mail (null MX)", ev->domain);
		return;
	case PLAN_MX_NO_DOMAIN:
		p->verdict = PLAN_REJECT;
		why_set(&p->why, WHY_NO_SUCH_DOMAIN, "%s does not exist", ev->domain);
		return;
	case PLAN_MX_UNKNOWN:
		break;
	}
	/* RFC 7672 s2.1.1: never on to the address records (RULES D03). */
	refuse(&p->why, &ev->why, WHY_DNS_FAILURE, "MX records not known", ev->domain);
	if (p->why.dsn[0] == '5')
		p->why.dsn[0] = '4';
}
