/* SPDX-License-Identifier: ISC */
/*
 * engine_job: one domain from TXT record to policy. Wherever something fails,
 * job_fall_back decides what still holds: the unexpired cached policy if there
 * is one (S25), "not known" if the cache cannot tell (S30).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"
#include "lib/sts/engine_int.h"

#define FETCH_BACKOFF	300		/* S17: seconds for one (domain, id) */
#define TXT_PATIENCE	3600		/* S10: so long a failing TXT look-up defers mail */
#define FORGOTTEN	(6 * 3600)	/* failures further apart do not add up */

static const enum sts_state state_of[] = {
	[STS_MODE_NONE] = STS_NONE,
	[STS_MODE_TESTING] = STS_TESTING,
	[STS_MODE_ENFORCE] = STS_ENFORCE,
};

/* ---- answers ---- */

static void
result_init(struct sts_result *r, enum sts_state state, uint32_t ttl, const struct why *why)
{
	memset(r, 0, sizeof *r);
	r->state = state;
	r->ttl = ttl;
	if (why != NULL)
		r->why = *why;
	else
		why_clear(&r->why);
}

/* A policy as the answer; p stays the caller's. */
static void
result_policy(struct sts_result *r, const struct sts_policy *p, const char *id, int64_t expires,
    uint32_t ttl)
{
	int64_t left = expires - sts_now();

	result_init(r, state_of[p->mode], left < (int64_t)ttl ? (left > 0 ? (uint32_t)left : 0) :
	    ttl, NULL);
	r->policy = *p;
	r->has_policy = 1;
	r->expires = expires;
	str_copy(r->id, id, sizeof r->id);
}

static void
result_cached(struct sts_job *job, struct sts_result *r, uint32_t ttl, const struct why *why)
{
	result_policy(r, &job->entry.policy, job->entry.id, job->entry.expires, ttl);
	r->from_cache = why != NULL;
	if (why != NULL)
		r->why = *why;
}

static void
cache_read(struct sts_job *job)
{
	struct why why;

	if (job->cached == STS_CACHED_FOUND)
		sts_entry_fini(&job->entry);
	job->cached = sts_cache_get(job->engine->param.cache, job->domain, sts_now(),
	    &job->entry, &why);
	if (job->cached == STS_CACHED_BROKEN)
		job->why = why;
}

/*
 * S09, S10: what is being tried here failed before, so that mail need not
 * wait for it any longer. A fetch may fail once, the TXT look-up (id "") for
 * an hour.
 */
static int
given_up(struct sts_job *job, const char *id, struct why *why)
{
	struct sts_cache *cache = job->engine->param.cache;
	int64_t first, last, now = sts_now();

	if (!sts_cache_failed(cache, job->domain, id, &first, &last, why))
		return 0;
	if (now - last > FORGOTTEN || now < first) {
		sts_cache_forgive(cache, job->domain, id);
		return 0;
	}
	return id[0] != '\0' || now - first > TXT_PATIENCE;
}

void
sts_job_known(struct sts_job *job, struct sts_result *r)
{
	struct why why, failure;

	cache_read(job);
	why_set(&why, WHY_POLICY_UNAVAILABLE, "the MTA-STS policy of %s is still being fetched",
	    job->domain);
	if (job->cached == STS_CACHED_FOUND)
		result_cached(job, r, STS_TTL_SHORT, &why);
	else if (job->cached == STS_CACHED_ABSENT && given_up(job, job->id, &failure))
		result_init(r, STS_FAILED, STS_TTL_SHORT, &failure);
	else
		result_init(r, STS_UNKNOWN, 0, &why);
}

/* The end: out of the table first, so that a callback may ask again. */
static void
job_end(struct sts_job *job, const struct sts_result *r)
{
	MUST(map_removes(job->engine->jobs, job->domain) == job);
	sts_job_answer(job, r);
	sts_job_free(job);
}

/* Something stands in the way of a live policy. */
static void
job_fall_back(struct sts_job *job, enum sts_state without, uint32_t ttl, const struct why *why)
{
	struct sts_result r;

	switch (job->cached) {
	case STS_CACHED_FOUND:
		sts_cache_used(job->engine->param.cache, &job->entry, sts_now());
		result_cached(job, &r, ttl < STS_TTL_SHORT ? STS_TTL_SHORT : ttl, why);
		break;
	case STS_CACHED_ABSENT:
		result_init(&r, without, ttl, why);
		break;
	case STS_CACHED_BROKEN:
		result_init(&r, STS_UNKNOWN, STS_TTL_SHORT, &job->why);
		break;
	}
	job_end(job, &r);
}

/* ---- the policy came, or did not ---- */

/* RULES S28: someone may be keeping us from seeing a new policy. */
static void
warn_refresh(struct sts_job *job, const struct why *why)
{
	int64_t life = job->entry.expires - job->entry.fetched;
	int64_t left = job->entry.expires - sts_now();

	if (job->entry.policy.mode == STS_MODE_NONE)
		return;
	log_msg(left < life / 2 ? LOG_LVL_ERR : LOG_LVL_WARNING,
	    "MTA-STS policy of %s cannot be refreshed, it ends in %lld h: %s", job->domain,
	    (long long)(left / 3600), why->text);
}

static void
job_failed(struct sts_job *job, const struct why *why)
{
	struct sts_cache *cache = job->engine->param.cache;

	cache_read(job);
	sts_cache_fail(cache, job->domain, job->id, sts_now(), why);
	if (job->cached == STS_CACHED_FOUND) {
		sts_cache_tried(cache, job->domain, sts_now());
		if (job->refresh)
			warn_refresh(job, why);
	}
	job_fall_back(job, STS_FAILED, STS_TTL_SHORT, why);
}

static void
log_policy(struct sts_job *job, const struct sts_policy *p)
{
	if (job->cached == STS_CACHED_FOUND && p->mode < job->entry.policy.mode)
		log_notice("MTA-STS policy of %s is weaker now: %s (id %s) replaces %s (id %s)",
		    job->domain, sts_mode_name(p->mode), job->id,
		    sts_mode_name(job->entry.policy.mode), job->entry.id);	/* S26 */
	if (p->capped)
		log_notice("MTA-STS policy of %s: max_age is capped at %d s", job->domain,
		    STS_MAX_AGE_MAX);
	if (p->max_age < FETCH_BACKOFF)
		log_notice("MTA-STS policy of %s: max_age is only %u s", job->domain, p->max_age);
	if (p->cut)
		log_warning("MTA-STS policy of %s: only the first %d mx patterns count",
		    job->domain, STS_PATTERNS_MAX);
}

static void
on_policy(void *arg, const char *body, size_t len, const struct why *fetch_why)
{
	struct sts_job *job = arg;
	struct sts_policy p;
	struct sts_result r;
	struct why why;
	int64_t now = sts_now();

	job->fetch = NULL;
	if (body == NULL) {
		job_failed(job, fetch_why);
		return;
	}
	if (sts_policy_parse(&p, body, len, &why) == -1) {
		job_failed(job, &why);
		return;
	}
	cache_read(job);
	log_policy(job, &p);
	/* A policy that cannot be kept is still the one that holds now. */
	if (sts_cache_put(job->engine->param.cache, job->domain, job->id, body, len, now,
	    &why) == -1)
		log_err("MTA-STS policy of %s is not kept: %s", job->domain, why.text);
	sts_cache_forgive(job->engine->param.cache, job->domain, job->id);
	result_policy(&r, &p, job->id, now + (int64_t)p.max_age, job->ttl);
	job_end(job, &r);
	sts_policy_fini(&p);
}

/* ---- getting it ---- */

static void
host_name(const struct sts_job *job, char *to)
{
	MUST(dns_name_prefix("mta-sts", job->domain, to) == 0);
}

static void
on_addresses(void *arg, const struct dns_addr *addr)
{
	struct sts_job *job = arg;
	struct dns_address usable[DNS_ADDR_MAX];
	char host[DNS_NAME_MAX];
	struct why why, refused;
	size_t i, n = 0;

	job->query = NULL;
	host_name(job, host);
	why_clear(&refused);
	for (i = 0; i < addr->naddresses; i++)
		if (dns_range_check(job->engine->param.range, DNS_RANGE_FETCH,
		    &addr->addresses[i], &refused) == 0)
			usable[n++] = addr->addresses[i];
	if (n == 0) {
		why_set(&why, WHY_STS_FETCH, "%s: %s", host,
		    addr->naddresses > 0 ? refused.text :
		    why_is_set(&addr->why) ? addr->why.text : "has no address");
		job_failed(job, &why);
		return;
	}
	job->fetch = sts_fetch_start(job->engine->param.fetcher, host, usable, n, on_policy, job);
}

static void
job_fetch(struct sts_job *job)
{
	const struct sts_engine_param *p = &job->engine->param;
	char host[DNS_NAME_MAX];

	host_name(job, host);
	if (p->address != NULL)
		job->fetch = sts_fetch_start(p->fetcher, host, p->address, 1, on_policy, job);
	else
		job->query = dns_addr_lookup(p->resolver, host, on_addresses, job);
}

/* ---- the record ---- */

/* S17; a refresh has its own, longer rhythm. */
static int
backing_off(struct sts_job *job, struct why *why)
{
	int64_t first, last, now = sts_now();

	return !job->refresh && sts_cache_failed(job->engine->param.cache, job->domain, job->id,
	    &first, &last, why) && now >= last && now - last < FETCH_BACKOFF;
}

static void
job_with_record(struct sts_job *job)
{
	struct sts_result r;
	struct why why;
	int known = job->cached == STS_CACHED_FOUND && strcmp(job->entry.id, job->id) == 0;

	if (known) {
		sts_cache_used(job->engine->param.cache, &job->entry, sts_now());
		result_cached(job, &r, job->ttl, NULL);
		if (!job->refresh) {
			job_end(job, &r);
			return;
		}
		if (!job->asked)
			sts_job_answer(job, &r);	/* who joined a refresh need not wait */
	}
	if (job->cached == STS_CACHED_BROKEN && !sts_cache_ok(job->engine->param.cache))
		job_fall_back(job, STS_UNKNOWN, STS_TTL_SHORT, &job->why);
	else if (backing_off(job, &why))
		job_fall_back(job, STS_FAILED, STS_TTL_SHORT, &why);
	else
		job_fetch(job);
}

static void
job_without_record(struct sts_job *job)
{
	struct why why = job->why;

	if (job->cached == STS_CACHED_FOUND && !why_is_set(&why))
		why_set(&why, WHY_STS_FETCH, "%s has no MTA-STS record any more", job->domain);
	job_fall_back(job, STS_NONE, job->ttl, &why);
}

/*
 * S09, S10: not knowing defers, but not for ever: the record of a domain
 * whose zone is broken for an hour counts as one that cannot be used.
 */
static void
job_without_answer(struct sts_job *job)
{
	enum sts_state state = STS_UNKNOWN;
	struct why why = job->why, before;

	if (job->cached == STS_CACHED_ABSENT) {
		if (given_up(job, "", &before))
			state = STS_FAILED;
		sts_cache_fail(job->engine->param.cache, job->domain, "", sts_now(), &why);
	}
	job_fall_back(job, state, state == STS_FAILED ? STS_TTL_SHORT : 0, &why);
}

/* Reads the answer into live, id, ttl and why. */
static void
judge_record(struct sts_job *job, const struct dns_txt *txt)
{
	job->ttl = txt->ttl;
	job->id[0] = '\0';
	why_clear(&job->why);
	job->live = STS_LIVE_NONE;
	if (job->nameless || txt->status == DNS_NODATA || txt->status == DNS_NXDOMAIN)
		return;
	if (txt->status != DNS_FOUND) {
		job->live = STS_LIVE_ERROR;
		job->why = txt->why;
	} else if (sts_record_pick(txt, job->id, &job->why) == STS_RECORD_VALID)
		job->live = STS_LIVE_ID;
}

static void
on_record(void *arg, const struct dns_txt *txt)
{
	struct sts_job *job = arg;
	int64_t first, last;
	struct why why;

	job->query = NULL;
	judge_record(job, txt);
	cache_read(job);
	if (job->live != STS_LIVE_ERROR &&
	    sts_cache_failed(job->engine->param.cache, job->domain, "", &first, &last, &why))
		sts_cache_forgive(job->engine->param.cache, job->domain, "");
	if (job->live != STS_LIVE_ID && job->refresh && job->cached == STS_CACHED_FOUND) {
		/* S27: HTTPS is tried even if the record is gone. */
		str_copy(job->id, job->entry.id, sizeof job->id);
		job_fetch(job);
	} else if (job->live == STS_LIVE_ID)
		job_with_record(job);
	else if (job->live == STS_LIVE_NONE)
		job_without_record(job);
	else
		job_without_answer(job);
}

struct sts_job *
sts_job_new(struct sts_engine *e, const char *domain, int refresh)
{
	struct sts_job *job = must_calloc(1, sizeof *job);
	char name[DNS_NAME_MAX];

	job->engine = e;
	job->refresh = refresh;
	job->cached = STS_CACHED_ABSENT;
	TAILQ_INIT(&job->lookups);
	str_copy(job->domain, domain, sizeof job->domain);
	job->nameless = dns_name_prefix("_mta-sts", job->domain, name) == -1;
	MUST(map_puts(e->jobs, job->domain, job) == NULL);
	job->query = dns_txt_lookup(e->param.resolver, name, on_record, job);
	return job;
}

void
sts_job_free(struct sts_job *job)
{
	while (!TAILQ_EMPTY(&job->lookups))
		sts_lookup_free(TAILQ_FIRST(&job->lookups));
	dns_query_cancel(&job->query);
	sts_fetch_cancel(&job->fetch);
	if (job->cached == STS_CACHED_FOUND)
		sts_entry_fini(&job->entry);
	free(job);
}
