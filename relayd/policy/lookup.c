/* SPDX-License-Identifier: ISC */
/* lookup: see lookup.h. RFC 5321 s5.1, RFC 7672 s2.2, RFC 8461 s3. */
#include "relayd/policy/lookup.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/dns/addr.h"
#include "lib/dns/mx.h"
#include "lib/dns/special.h"
#include "lib/dns/tlsa.h"
#include "lib/mail/address.h"
#include "lib/meter/count.h"

#define TTL_MAX	3600u

/* The questions about one host. */
struct host {
	struct lookup		*lookup;
	size_t			 index;		/* in evidence.hosts */
	uint16_t		 port;
	struct dns_query	*query;
};

struct lookup {
	const struct lookup_tools *tools;
	lookup_fn		*fn;
	void			*arg;
	struct plan_evidence	 evidence;
	struct dns_query	*mx;
	struct sts_lookup	*sts;
	struct host		*hosts;
	size_t			 open;		/* questions without an answer */
	int64_t			 began;		/* mono ms */
	struct event		 ev_done, ev_deadline;
};

/* ---- what is counted ---- */

static void
count(enum meter_record record, enum dns_status status, int secure)
{
	static const enum meter_found founds[] = {
		[DNS_FOUND] = METER_INSECURE, [DNS_NODATA] = METER_NONE,
		[DNS_NXDOMAIN] = METER_NONE, [DNS_FAILED] = METER_FAILED, [DNS_BOGUS] = METER_BOGUS,
	};

	meter_count(METER_DNS, record, status == DNS_FOUND && secure ? METER_SECURE :
	    founds[status]);
}

static void
count_late(const struct lookup *l)
{
	if (l->mx != NULL)
		meter_count(METER_DNS, METER_MX, METER_LATE);
	for (size_t i = 0; l->hosts != NULL && i < l->evidence.nhosts; i++)
		if (l->hosts[i].query != NULL)
			meter_count(METER_DNS, l->evidence.hosts[i].addresses_state ==
			    PLAN_ADDRESSES_FOUND ? METER_TLSA : METER_ADDRESS, METER_LATE);
}

/* ---- the end ---- */

static void
stop_questions(struct lookup *l)
{
	dns_query_cancel(&l->mx);
	sts_lookup_cancel(&l->sts);
	for (size_t i = 0; l->hosts != NULL && i < l->evidence.nhosts; i++)
		dns_query_cancel(&l->hosts[i].query);
}

static void
release(struct lookup *l)
{
	stop_questions(l);
	event_del(&l->ev_done);
	event_del(&l->ev_deadline);
	plan_evidence_fini(&l->evidence);
	free(l->hosts);
	free(l);
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;

	if (l->evidence.ttl > TTL_MAX)
		l->evidence.ttl = TTL_MAX;
	if (l->evidence.ttl == 0)
		l->evidence.ttl = 1;
	stop_questions(l);
	meter_count_time(METER_LOOKUP, clock_mono_ms() - l->began);
	l->fn(l->arg, &l->evidence);
	release(l);
}

/* What is missing now is marked as unknown already: every state begins so. */
static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;
	struct plan_evidence *e = &l->evidence;

	count_late(l);
	if (e->mx == PLAN_MX_UNKNOWN && !why_is_set(&e->why))
		why_set(&e->why, WHY_DNS_FAILURE, "MX of %s: no answer in time", e->domain);
	for (size_t i = 0; i < e->nhosts; i++)
		if (l->hosts != NULL && l->hosts[i].query != NULL && !why_is_set(&e->hosts[i].why))
			why_set(&e->hosts[i].why, WHY_DNS_FAILURE, "%s: no answer in time",
			    e->hosts[i].name);
	if (e->sts.state == PLAN_STS_UNKNOWN && !why_is_set(&e->sts.why))
		why_set(&e->sts.why, WHY_STS_FETCH, "MTA-STS of %s: no answer in time", e->domain);
	e->ttl = 1;
	on_done(-1, 0, l);
}

static void
answered(struct lookup *l, uint32_t ttl)
{
	if (ttl < l->evidence.ttl)
		l->evidence.ttl = ttl;
	MUST(l->open > 0);
	if (--l->open == 0)
		event_active(&l->ev_done, EV_TIMEOUT, 0);
}

/* ---- hosts ---- */

static struct plan_host *
host_of(const struct host *h)
{
	return &h->lookup->evidence.hosts[h->index];
}

static void
on_tlsa(void *arg, const struct dns_tlsa_result *r)
{
	struct host *h = arg;
	struct plan_host *p = host_of(h);

	h->query = NULL;
	count(METER_TLSA, r->status, 1);
	switch (r->status) {
	case DNS_FOUND:
		p->tlsa_state = PLAN_TLSA_SECURE;
		str_copy(p->tlsa_base, r->base, sizeof p->tlsa_base);
		dns_tlsa_set_copy(&p->tlsa, &r->set);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		p->tlsa_state = PLAN_TLSA_NONE;
		p->tlsa_denied = r->denied;
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		p->tlsa_state = PLAN_TLSA_UNKNOWN;
		p->why = r->why;
		break;
	}
	answered(h->lookup, r->ttl);
}

/* 1: one of the addresses leads back to this relay; then the host is not used at all. */
static int
ours(const struct lookup *l, struct plan_host *p, const struct dns_address *a, size_t n,
    uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (dns_range_is_ours(l->tools->range, &a[i], port)) {
			p->addresses_state = PLAN_ADDRESSES_OURS;
			return 1;
		}
	return 0;
}

static void
keep_addresses(const struct lookup *l, struct plan_host *p, const struct dns_addr *a,
    uint16_t port)
{
	struct why why;

	if (ours(l, p, a->addresses, a->naddresses, port))
		return;
	p->addresses_state = PLAN_ADDRESSES_REFUSED;
	for (size_t i = 0; i < a->naddresses && p->naddresses < PLAN_ADDRESSES_MAX; i++) {
		/* A mapped address leaves by IPv4, and from where IPv4 has to leave. */
		struct dns_address one = dns_address_plain(&a->addresses[i]);

		if (dns_range_check(l->tools->range, DNS_RANGE_MX, &one, &why) == -1) {
			if (p->naddresses == 0)
				p->why = why;
			continue;
		}
		p->addresses[p->naddresses++] = one;
		p->addresses_state = PLAN_ADDRESSES_FOUND;
		why_clear(&p->why);
	}
}

static void
on_addresses(void *arg, const struct dns_addr *a)
{
	struct host *h = arg;
	struct lookup *l = h->lookup;
	struct plan_host *p = host_of(h);

	h->query = NULL;
	p->addresses_secure = a->secure;
	count(METER_ADDRESS, a->status, a->secure);
	switch (a->status) {
	case DNS_FOUND:
		keep_addresses(l, p, a, h->port);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		p->addresses_state = PLAN_ADDRESSES_NONE;
		why_set(&p->why, WHY_NO_ADDRESS, "%s has no address", p->name);
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		p->why = a->why;
		break;
	}
	if (p->addresses_state != PLAN_ADDRESSES_FOUND) {
		p->tlsa_state = PLAN_TLSA_NONE;	/* the host is not used anyway */
		answered(l, a->status == DNS_FOUND ? a->ttl : 1);
		return;
	}
	if (a->ttl < l->evidence.ttl)
		l->evidence.ttl = a->ttl;
	h->query = dns_tlsa_lookup(l->tools->resolver, a, h->port, on_tlsa, h);
}

static void
ask_host(struct lookup *l, size_t i, uint16_t port)
{
	l->hosts[i] = (struct host){ .lookup = l, .index = i, .port = port };
	l->open++;
	l->hosts[i].query = dns_addr_lookup(l->tools->resolver, l->evidence.hosts[i].name,
	    on_addresses, &l->hosts[i]);
}

static void
ask_hosts(struct lookup *l)
{
	l->hosts = must_calloc(l->evidence.nhosts, sizeof *l->hosts);
	for (size_t i = 0; i < l->evidence.nhosts; i++)
		ask_host(l, i, l->tools->port);
}

static void
set_hosts(struct plan_evidence *e, size_t n)
{
	e->nhosts = n < PLAN_HOSTS_MAX ? n : PLAN_HOSTS_MAX;
	e->hosts = must_calloc(e->nhosts, sizeof *e->hosts);
}

/* RFC 5321 s5.1: the domain itself, with preference 0. */
static void
implicit_host(struct plan_evidence *e)
{
	e->mx = PLAN_MX_IMPLICIT;
	set_hosts(e, 1);
	str_copy(e->hosts[0].name, e->domain, sizeof e->hosts[0].name);
}

static void
on_mx(void *arg, const struct dns_mx *mx)
{
	struct lookup *l = arg;
	struct plan_evidence *e = &l->evidence;

	l->mx = NULL;
	e->mx_secure = mx->secure;
	count(METER_MX, mx->status, mx->secure);
	switch (mx->status) {
	case DNS_FAILED:
	case DNS_BOGUS:
		e->why = mx->why;	/* RULES D03: never fall to A */
		break;
	case DNS_NXDOMAIN:
		e->mx = PLAN_MX_NO_DOMAIN;
		break;
	case DNS_NODATA:
		implicit_host(e);
		break;
	case DNS_FOUND:
		e->mx = mx->null_mx ? PLAN_MX_NULL : PLAN_MX_FOUND;
		set_hosts(e, mx->null_mx ? 0 : mx->nhosts);
		for (size_t i = 0; i < e->nhosts; i++) {
			str_copy(e->hosts[i].name, mx->hosts[i].name, sizeof e->hosts[i].name);
			e->hosts[i].preference = mx->hosts[i].preference;
		}
		break;
	}
	if (mx->secure && strcmp(mx->canonical, e->domain) != 0)
		str_copy(e->canonical, mx->canonical, sizeof e->canonical);
	ask_hosts(l);
	answered(l, why_is_set(&e->why) ? 1 : mx->ttl);
}

/* ---- MTA-STS ---- */

static enum plan_sts_state
sts_state(enum sts_state s)
{
	switch (s) {
	case STS_UNKNOWN:
		return PLAN_STS_UNKNOWN;
	case STS_NONE:
		return PLAN_STS_NONE;
	case STS_TESTING:
		return PLAN_STS_TESTING;
	case STS_ENFORCE:
		return PLAN_STS_ENFORCE;
	case STS_FAILED:
		return PLAN_STS_FAILED;
	}
	return PLAN_STS_UNKNOWN;
}

static void
on_sts(void *arg, const struct sts_result *r)
{
	static const enum meter_mode modes[] = {
		[STS_UNKNOWN] = METER_STS_UNKNOWN, [STS_NONE] = METER_STS_NONE,
		[STS_TESTING] = METER_STS_TEST, [STS_ENFORCE] = METER_STS_ENFORCE,
		[STS_FAILED] = METER_STS_FAILED,
	};
	struct lookup *l = arg;
	struct plan_sts *s = &l->evidence.sts;

	l->sts = NULL;
	s->state = sts_state(r->state);
	meter_count(METER_STS_LOOKUPS, modes[r->state], 0);
	str_copy(s->id, r->id, sizeof s->id);
	s->from_cache = r->from_cache;
	s->expires = r->expires;
	s->why = r->why;
	s->withdrawn = r->has_policy && r->policy.mode == STS_MODE_NONE;
	if (r->has_policy) {
		s->npatterns = r->policy.npatterns < PLAN_PATTERNS_MAX ? r->policy.npatterns : PLAN_PATTERNS_MAX;
		s->patterns = must_calloc(s->npatterns, sizeof *s->patterns);
		for (size_t i = 0; i < s->npatterns; i++)
			str_copy(s->patterns[i], r->policy.patterns[i], sizeof s->patterns[i]);
	}
	answered(l, r->ttl);
}

/* ---- the beginning ---- */

/* RFC 5321 s4.1.3: the address itself; neither DANE (D21) nor MTA-STS (S07). */
static int
literal(struct lookup *l)
{
	struct plan_evidence *e = &l->evidence;
	struct dns_addr a = { .status = DNS_FOUND, .naddresses = 1 };

	if (e->domain[0] != '[')
		return 0;
	e->sts.state = PLAN_STS_NONE;
	if (mail_address_literal(e->domain, strlen(e->domain), &a.addresses[0].family,
	    a.addresses[0].ip) == -1) {
		why_set(&e->why, WHY_BAD_ADDRESS, "%s is no address", e->domain);
		return 1;
	}
	implicit_host(e);
	e->hosts[0].tlsa_state = PLAN_TLSA_NONE;
	keep_addresses(l, &e->hosts[0], &a, l->tools->port);
	return 1;
}

/* No mail goes there (plan_decide says why); nothing is asked. */
static int
special(struct lookup *l)
{
	struct plan_evidence *e = &l->evidence;

	if (dns_special(e->domain) == NULL)
		return 0;
	e->mx = PLAN_MX_NO_DOMAIN;
	e->sts.state = PLAN_STS_NONE;
	return 1;
}

/* ---- next hops ---- */

/* An address that the admin wrote down is used as it is; one out of DNS has to be public. */
static int
hop_literal(const struct lookup *l, struct plan_host *p, uint16_t port)
{
	struct dns_address *a = &p->addresses[0];

	if (p->name[0] != '[')
		return 0;
	p->tlsa_state = PLAN_TLSA_NONE;
	if (mail_address_literal(p->name, strlen(p->name), &a->family, a->ip) == -1) {
		p->addresses_state = PLAN_ADDRESSES_NONE;
		why_set(&p->why, WHY_BAD_ADDRESS, "%s is no address", p->name);
		return 1;
	}
	if (ours(l, p, a, 1, port))
		return 1;
	*a = dns_address_plain(a);
	p->naddresses = 1;
	p->addresses_state = PLAN_ADDRESSES_FOUND;
	return 1;
}

static void
ask_hops(struct lookup *l, const struct plan_hop *hops, size_t n)
{
	struct plan_evidence *e = &l->evidence;

	e->mx = PLAN_MX_ROUTE;
	e->sts.state = PLAN_STS_NONE;
	set_hosts(e, n);
	l->hosts = must_calloc(n, sizeof *l->hosts);
	for (size_t i = 0; i < n; i++) {
		e->hosts[i].preference = (uint16_t)i;
		str_copy(e->hosts[i].name, hops[i].host, sizeof e->hosts[i].name);
		if (!hop_literal(l, &e->hosts[i], hops[i].port))
			ask_host(l, i, hops[i].port);
	}
	if (l->open == 0)
		event_active(&l->ev_done, EV_TIMEOUT, 0);
}

struct lookup *
lookup_start(const struct lookup_tools *tools, const char *domain, const struct plan_hop *hops,
    size_t nhops, lookup_fn *fn, void *arg)
{
	struct lookup *l = must_calloc(1, sizeof *l);
	struct timeval tv = { tools->timeout_ms / 1000, tools->timeout_ms % 1000 * 1000 };

	l->tools = tools;
	l->fn = fn;
	l->arg = arg;
	l->began = clock_mono_ms();
	l->evidence.ttl = TTL_MAX;
	str_copy(l->evidence.domain, domain, sizeof l->evidence.domain);
	event_assign(&l->ev_done, tools->base, -1, 0, on_done, l);
	event_assign(&l->ev_deadline, tools->base, -1, 0, on_deadline, l);
	if (nhops == 0 && (literal(l) || special(l))) {
		event_active(&l->ev_done, EV_TIMEOUT, 0);
		return l;
	}
	event_add(&l->ev_deadline, &tv);
	if (nhops > 0) {
		ask_hops(l, hops, nhops);
		return l;
	}
	l->open = 2;
	l->mx = dns_mx_lookup(tools->resolver, domain, on_mx, l);
	l->sts = sts_lookup(tools->sts, domain, on_sts, l);
	return l;
}

void
lookup_cancel(struct lookup **lp)
{
	struct lookup *l = *lp;

	*lp = NULL;
	if (l != NULL)
		release(l);
}
