/* SPDX-License-Identifier: ISC */
/*
 * ctl_decision_show: evidence, rule and plan as lines for relayctl. A link of
 * the chain from the domain to a server's key is one line, with what DNSSEC
 * says about it.
 */
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctl_decision.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/sched.h"

#define RECORD_CAP	400	/* of a TLSA record; a whole certificate is cut */

static const char *const mx_states[] = {
	[PLAN_MX_UNKNOWN] = "unknown", [PLAN_MX_FOUND] = "found", [PLAN_MX_IMPLICIT] = "implicit",
	[PLAN_MX_NULL] = "null", [PLAN_MX_NO_DOMAIN] = "no-domain", [PLAN_MX_ROUTE] = "route",
};

static const char *const address_states[] = {
	[PLAN_ADDRESSES_UNKNOWN] = "unknown", [PLAN_ADDRESSES_NONE] = "none",
	[PLAN_ADDRESSES_REFUSED] = "refused", [PLAN_ADDRESSES_FOUND] = "found",
	[PLAN_ADDRESSES_OURS] = "ours",
};

static const char *const tlsa_states[] = {
	[PLAN_TLSA_UNKNOWN] = "unknown", [PLAN_TLSA_NONE] = "none", [PLAN_TLSA_SECURE] = "found",
};

static const char *
security(int known, int secure, const struct why *why)
{
	if (known)
		return secure ? "secure" : "insecure";
	return why->reason == WHY_DNSSEC_INVALID ? "bogus" : "unknown";
}

/* ---- small parts ---- */

static void
add(json_t *list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(json_t *list, const char *fmt, ...)
{
	char text[RECORD_CAP];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	append(list, ctl_print_text(text));
}

static json_t *
link_new(const char *kind, const char *name, const char *state, const char *secure)
{
	json_t *o = json_object();

	set_text(o, "link", kind);
	set_text(o, "name", name);
	set_text(o, "state", state);
	set_text(o, "security", secure);
	return o;
}

static void
hint(struct ctl_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
hint(struct ctl_call *c, const char *fmt, ...)
{
	char text[1024];
	json_t *o = json_object();
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	set_text(o, "hint", text);
	ctl_call_line(c, o);
}

/* ---- the domain ---- */

static void
show_mx(struct ctl_call *c, const struct plan_evidence *e)
{
	json_t *o = link_new("mx", e->domain, mx_states[e->mx],
	    e->mx == PLAN_MX_ROUTE ? "configured" :
	    security(e->mx != PLAN_MX_UNKNOWN, e->mx_secure, &e->why));
	json_t *hosts = json_array();

	for (size_t i = 0; i < e->nhosts; i++)
		add(hosts, "%u %s", e->hosts[i].preference, e->hosts[i].name);
	set(o, "values", hosts);
	set_known(o, "canonical", e->canonical);
	set(o, "ttl", json_integer(e->ttl));
	ctl_print_set_why(o, &e->why);
	ctl_call_line(c, o);
}

static int
uses_https(enum plan_sts_state s)
{
	return s == PLAN_STS_ENFORCE || s == PLAN_STS_TESTING;
}

static void
show_sts(struct ctl_call *c, const struct plan_evidence *e)
{
	const struct plan_sts *s = &e->sts;
	char name[DNS_NAME_MAX + 16];
	json_t *o, *patterns = json_array();

	(void)str_fmt(name, sizeof name, "_mta-sts.%s", e->domain);
	o = link_new("mta-sts", name, ctl_print_sts(s->state), uses_https(s->state) ? "https" : NULL);
	for (size_t i = 0; i < s->npatterns; i++)
		add(patterns, "%s", s->patterns[i]);
	set(o, "values", patterns);
	set_known(o, "id", s->id);
	ctl_print_set_time(o, "expires", s->expires * 1000);
	set(o, "from_cache", json_boolean(s->from_cache));
	ctl_print_set_why(o, &s->why);
	ctl_call_line(c, o);
}

void
ctl_decision_show_domain(struct ctl_call *c, const struct ctl_decision *d)
{
	const struct plan_evidence *e = &d->evidence;

	show_mx(c, e);
	if (e->mx != PLAN_MX_ROUTE && e->domain[0] != '[')
		show_sts(c, e);
}

/* ---- a host ---- */

static void
show_addresses(struct ctl_call *c, const struct plan_host *h)
{
	json_t *o = link_new("address", h->name, address_states[h->addresses_state],
	    security(h->addresses_state != PLAN_ADDRESSES_UNKNOWN, h->addresses_secure, &h->why));
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < h->naddresses; i++) {
		dns_address_print(&h->addresses[i], text, sizeof text);
		add(list, "%s", text);
	}
	set(o, "values", list);
	set(o, "preference", json_integer(h->preference));
	if (h->addresses_state != PLAN_ADDRESSES_FOUND)
		ctl_print_set_why(o, &h->why);
	ctl_call_line(c, o);
}

/* RFC 7218 s2: what the three numbers say. */
static const char *
meaning(const struct dns_tlsa *rr, char *to, size_t cap)
{
	static const char *const usages[] = { "PKIX-TA", "PKIX-EE", "DANE-TA", "DANE-EE" };
	static const char *const selectors[] = { "certificate", "public key" };
	static const char *const types[] = { "in full", "SHA-256", "SHA-512" };

	(void)str_fmt(to, cap, "%s, %s, %s",
	    rr->usage < LENGTH(usages) ? usages[rr->usage] : "unknown usage",
	    rr->selector < LENGTH(selectors) ? selectors[rr->selector] : "unknown selector",
	    rr->mtype < LENGTH(types) ? types[rr->mtype] : "unknown type");
	return to;
}

/* RFC 7672 s3.1.3: PKIX-TA and PKIX-EE are not for SMTP. */
static const char *
why_unusable(const struct dns_tlsa *rr)
{
	if (rr->usage < 2)
		return "this usage is not for SMTP (RFC 7672 s3.1.3)";
	if (rr->usage > 3 || rr->selector > 1 || rr->mtype > 2)
		return "its parameters are not known";
	return "its data is of the wrong length, or no certificate or key";
}

static void
show_record(struct ctl_call *c, const struct plan_host *h, const struct dns_tlsa *rr)
{
	char text[RECORD_CAP];
	int usable = dns_tlsa_usable(rr);
	json_t *o = json_object();

	dns_tlsa_print(rr, text, sizeof text);
	set_text(o, "record", text);
	set_text(o, "host", h->name);
	set(o, "usable", json_boolean(usable));
	set_text(o, "means", meaning(rr, text, sizeof text));
	set_text(o, "why", usable ? NULL : why_unusable(rr));
	ctl_call_line(c, o);
}

static const char *
why_no_tlsa(const struct plan_host *h)
{
	if (h->addresses_state != PLAN_ADDRESSES_FOUND)
		return "not asked: the host cannot be used";
	if (!h->addresses_secure)
		return "not asked, or not counted: the host's zone is not signed (RFC 7672 s2.2.2)";
	return h->tlsa_denied ? "DNSSEC proves that there is none" : "there is none";
}

static void
show_tlsa(struct ctl_call *c, const struct plan_host *h, uint16_t port)
{
	char name[DNS_NAME_MAX + 16];
	json_t *o;

	(void)str_fmt(name, sizeof name, "_%u._tcp.%s", port,
	    h->tlsa_base[0] != '\0' ? h->tlsa_base : h->name);
	o = link_new("tlsa", name, tlsa_states[h->tlsa_state],
	    h->tlsa_state == PLAN_TLSA_NONE && !h->tlsa_denied ? NULL :
	    security(h->tlsa_state != PLAN_TLSA_UNKNOWN, 1, &h->why));
	set_text(o, "host", h->name);
	set(o, "records", json_integer((json_int_t)h->tlsa.n));
	if (h->tlsa_state == PLAN_TLSA_NONE)
		set_text(o, "why", why_no_tlsa(h));
	else if (h->tlsa_state == PLAN_TLSA_UNKNOWN)
		ctl_print_set_why(o, &h->why);
	ctl_call_line(c, o);
}

static void
show_past(struct ctl_call *c, const struct plan_host *h)
{
	char date[40];
	json_t *o, *list = json_array();

	if (h->past.level == PLAN_NO_LEVEL) {
		json_decref(list);
		return;
	}
	clock_rfc3339(date, sizeof date, h->past.last * 1000);
	o = link_new("history", h->name, plan_level_name(h->past.level), NULL);
	add(list, "%u times, last on %.10s", h->past.count, date);
	set(o, "values", list);
	set(o, "count", json_integer(h->past.count));
	ctl_print_set_time(o, "last", h->past.last * 1000);
	ctl_call_line(c, o);
}

void
ctl_decision_show_host(struct ctl_call *c, const struct ctl_decision *d, size_t i)
{
	const struct plan_host *h = &d->evidence.hosts[i];
	const struct plan *p = &d->route->plan;

	show_addresses(c, h);
	if (h->name[0] != '[')
		show_tlsa(c, h, i < p->ntargets ? p->targets[i].port : p->port);
	show_past(c, h);
}

void
ctl_decision_show_records(struct ctl_call *c, const struct ctl_decision *d, size_t i)
{
	const struct plan_host *h = &d->evidence.hosts[i];

	for (size_t k = 0; k < h->tlsa.n; k++)
		show_record(c, h, &h->tlsa.rr[k]);
}

/* ---- rule and plan ---- */

static const char *
allows(const struct plan_exception *x)
{
	return x->allow_weak_tls ? "weak-tls" : plan_level_name(x->allow);
}

/* The local addresses of connections, where the configuration names some. */
static json_t *
source_addresses(const struct ctl_decision *d)
{
	const struct source *s = sources_of(&d->generation->sources, d->rule.source);
	static const int kinds[] = { AF_INET, AF_INET6 };
	json_t *list = json_array();
	struct dns_address a;
	char text[64];

	for (size_t i = 0; i < LENGTH(kinds); i++) {
		if (source_address(s, kinds[i], &a, NULL) != 1)
			continue;
		dns_address_print(&a, text, sizeof text);
		add(list, "%s", text);
	}
	return list;
}

void
ctl_decision_show_rule(struct ctl_call *c, const struct ctl_decision *d)
{
	const struct plan_rule *r = &d->rule;
	json_t *o = json_object(), *exceptions = json_array(), *via = json_array();

	for (const struct plan_exception *x = r->exception; x != NULL; x = x->next)
		add(exceptions, "%s (%s%s%s)", x->id, allows(x),
		    x->overrides_published ? ", overrides what is published" : "",
		    x->nhosts > 0 ? ", some hosts only" : "");
	for (size_t i = 0; r->via != NULL && i < r->via->nhops; i++)
		add(via, "%s:%u", r->via->hops[i].host, r->via->hops[i].port);
	set_text(o, "rule", r->origin);
	set_text(o, "require", plan_level_name(r->level));
	set_text(o, "mode", r->monitor ? "monitor" : "enforce");
	set_text(o, "min_tls", r->min_version > TLS_V1_2 ? "1.3" : "1.2");
	set(o, "exceptions", exceptions);
	set(o, "via", via);
	set(o, "source", source_addresses(d));
	ctl_call_line(c, o);
}

void
ctl_decision_show_plan(struct ctl_call *c, const struct ctl_decision *d)
{
	const struct plan *p = &d->route->plan;

	ctl_call_line(c, ctl_print_plan(p));
	for (size_t i = 0; i < p->ntargets; i++)
		ctl_call_line(c, ctl_print_target(&p->targets[i]));
}

/* ---- hints ---- */

/* One broken domain is its own matter; when all fail it is ours. */
static void
hint_resolver(struct ctl_call *c)
{
	const struct ask *ask = c->house->sched->ask;
	const struct ask_health *h = ask_health(ask);
	long long minutes = (long long)(clock_mono_ms() - h->since) / 60000;

	if (!ask_connected(ask))
		hint(c, "the policy worker is not running: every destination waits");
	if (h->failures < 2 || !h->several)
		return;
	hint(c, "no MX record of any domain could be looked up for %lld min (%u failures, the last "
	    "one for %s: %s): %s", minutes, h->failures, h->domain, h->why.text,
	    h->why.reason == WHY_DNSSEC_INVALID ?
	    "check the clock, dns.trust_anchor, and whether dns.forward passes DNSSEC on" :
	    "check dns.forward and the way to it");
}

static void
hint_chain(struct ctl_call *c, const struct plan_evidence *e)
{
	int tlsa = 0;

	for (size_t i = 0; i < e->nhosts; i++)
		tlsa |= e->hosts[i].tlsa_state == PLAN_TLSA_SECURE;
	if (tlsa && !e->mx_secure && e->mx != PLAN_MX_ROUTE)
		hint(c, "there are TLSA records, but the MX record of %s is not signed: they vouch "
		    "for the host, not for its being the right one, so this is not dane", e->domain);
	if (e->sts.state == PLAN_STS_TESTING)
		hint(c, "MTA-STS is in mode testing: it is reported on and changes nothing");
	if (e->sts.from_cache)
		hint(c, "no live MTA-STS policy is to be had, the cached one applies until it ends");
	if (!e->past_known && e->mx != PLAN_MX_ROUTE && e->domain[0] != '[')
		hint(c, "the TLS history of this domain is not known: only dane goes");
}

static void
hint_plan(struct ctl_call *c, const struct plan *p)
{
	for (size_t i = 0; i < p->ntargets; i++)
		if (p->targets[i].requirement.exception[0] != '\0') {
			hint(c, "exception %s lowers what is asked of %s",
			    p->targets[i].requirement.exception, p->targets[i].host.name);
			break;
		}
	if (p->monitor)
		hint(c, "monitor mode: mail goes also where the plan says no");
}

void
ctl_decision_show_hints(struct ctl_call *c, const struct ctl_decision *d)
{
	hint_chain(c, &d->evidence);
	hint_plan(c, &d->route->plan);
	hint_resolver(c);
}
