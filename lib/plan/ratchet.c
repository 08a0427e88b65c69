/* SPDX-License-Identifier: ISC */
/* ratchet: see ratchet.h. */
#include "lib/plan/ratchet.h"

#include "lib/base/clock.h"
#include "lib/plan/plan.h"
#include "lib/sts/match.h"

static int
has_no_history(const struct plan_evidence *ev)
{
	return ev->mx == PLAN_MX_ROUTE || ev->domain[0] == '[';
}

static int
publishes(const struct plan_evidence *ev, const struct plan_host *h)
{
	if (ev->sts.state == PLAN_STS_ENFORCE &&
	    sts_match_any(ev->sts.patterns, ev->sts.npatterns, h->name))
		return 1;
	if (!ev->mx_secure || h->tlsa_state != PLAN_TLSA_SECURE)
		return 0;
	for (size_t i = 0; i < h->tlsa.n; i++)
		if (dns_tlsa_usable(&h->tlsa.rr[i]))
			return 1;
	return 0;
}

static int
any_publishes(const struct plan_evidence *ev)
{
	for (size_t i = 0; i < ev->nhosts; i++)
		if (publishes(ev, &ev->hosts[i]))
			return 1;
	return 0;
}

static int
dropped(const char *name, const struct plan_past *past, enum plan_level now, struct why *why)
{
	char date[40];

	clock_rfc3339(date, sizeof date, past->last * 1000);
	date[10] = '\0';
	return why_set(why, WHY_DOWNGRADE, "%s proved %s before (%u times, last on %s) and now %s%s",
	    name, plan_level_name(past->level), past->count, date,
	    now == PLAN_NO_LEVEL ? "publishes nothing" : "has at most ",
	    now == PLAN_NO_LEVEL ? "" : plan_level_name(now));
}

int
plan_ratchet(const struct plan_evidence *ev, const struct plan_host *h, enum plan_level published,
    struct why *why)
{
	if (has_no_history(ev) || published == PLAN_DANE)
		return 0;
	if (!ev->past_known)
		return why_set(why, WHY_POLICY_UNAVAILABLE,
		    "%s: the TLS history cannot be read", ev->domain);
	if (h->past.level == PLAN_DANE)
		return dropped(h->name, &h->past, published, why);
	if (ev->past_sts.level == PLAN_STS && published < PLAN_STS)
		return dropped(ev->domain, &ev->past_sts, published, why);
	if (h->past.level == PLAN_NO_LEVEL && ev->past.level >= PLAN_STS &&
	    published < PLAN_STS && !any_publishes(ev))
		return dropped(ev->domain, &ev->past, published, why);
	return 0;
}

enum plan_level
plan_ratchet_had(const struct plan_evidence *ev, const struct plan_host *h)
{
	if (h->past.level == PLAN_DANE)
		return PLAN_DANE;
	return ev->past_sts.level == PLAN_STS ? PLAN_STS : ev->past.level;
}

enum plan_level
plan_ratchet_floor(const struct plan_evidence *ev, const struct plan_host *h)
{
	return !has_no_history(ev) && h->past.level >= PLAN_VERIFY ? PLAN_VERIFY : PLAN_NO_LEVEL;
}
