/* SPDX-License-Identifier: ISC */
/*
 * engine: what MTA-STS says about a domain now: TXT record, cache, fetch.
 * RFC 8461 s3-s5, s10.2; RULES S02-S10, S17, S23-S30.
 *
 * An unexpired cached policy applies until a newer valid one is in the
 * cache: no failed look-up, failed fetch or broken policy weakens it (S25).
 */
#ifndef STS_ENGINE_H
#define STS_ENGINE_H

#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/resolver.h"
#include "lib/sts/cache.h"
#include "lib/sts/fetch.h"
#include "lib/sts/policy.h"

struct sts_engine;
struct sts_lookup;

/* As PLAN_STS_* of plan/evidence.h. */
enum sts_state {
	STS_UNKNOWN,		/* not settled, or cache unreadable: defer */
	STS_NONE,		/* no record, or mode none */
	STS_TESTING,
	STS_ENFORCE,
	STS_FAILED		/* a record, but no usable policy and none cached (S09) */
};

struct sts_result {
	enum sts_state		state;
	char			id[STS_ID_MAX];		/* of the policy that applies, "" if none */
	struct sts_policy	policy;	/* if has_policy; owned by the engine */
	int			has_policy;
	int			from_cache;	/* no live one to be had, the cached applies */
	int64_t			expires;	/* Unix seconds, of the policy; 0 if none */
	uint32_t		ttl;		/* seconds for which this answer may be used */
	struct why		why;		/* not the good case; NONE: broken record */
};
typedef void	sts_result_fn(void *arg, const struct sts_result *);

struct sts_engine_param {
	struct dns_resolver	*resolver;	/* all borrowed, all outlive the engine */
	struct sts_fetcher	*fetcher;
	struct sts_cache	*cache;
	const struct dns_range	*range;
	const struct dns_address *address;	/* connect there whatever DNS says; or NULL */
	int64_t			 wait_ms;	/* longest a look-up waits for a fetch; 0: 10 s */
	int64_t			 refresh_ms;	/* 0: 1 day */
};

struct sts_engine	*sts_engine_new(struct event_base *, const struct sts_engine_param *);
/* Look-ups end without their callbacks; fetches are given up. Before its parts. */
void			 sts_engine_free(struct sts_engine **);

/*
 * domain: normalized recipient domain (A-labels). fn is called once, from
 * the event loop; one look-up per domain is on its way, others join it.
 */
struct sts_lookup	*sts_lookup(struct sts_engine *, const char *domain, sts_result_fn *,
			    void *arg);
void			 sts_lookup_cancel(struct sts_lookup **);

/*
 * The same at somebody's request: fetches, whatever is cached, known or
 * failed before, and answers when that has ended (or patience has).
 */
struct sts_lookup	*sts_lookup_fetch(struct sts_engine *, const char *domain,
			    sts_result_fn *, void *arg);

/* Refreshes what is due now (the timer does it by itself); returns how many were started. */
size_t			 sts_engine_refresh(struct sts_engine *);
const char		*sts_state_name(enum sts_state);

#endif
