/* SPDX-License-Identifier: ISC */
/* cached: see cached.h. */
#include "relayd/policy/cached.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define FETCHES_MAX	8	/* each has a resolver of its own */

/* A policy that is being fetched. */
struct fetch {
	TAILQ_ENTRY(fetch)	 link;
	struct cached		*owner;
	uint64_t		 request;
	char			 domain[DNS_NAME_MAX];
	struct dns_resolver	*resolver;
	struct sts_engine	*engine;
	struct sts_lookup	*lookup;
	struct why		 why;		/* of what did not go well */
	struct event		 ev_done;
};

struct cached {
	struct cached_tools	 tools;
	cached_fn		*fn;
	void			*arg;
	unsigned		 nfetches;
	TAILQ_HEAD(, fetch)	 fetches;
};

/* ---- what is there ---- */

static const enum plan_sts_state mode_of[] = {
	[STS_MODE_NONE] = PLAN_STS_NONE, [STS_MODE_TESTING] = PLAN_STS_TESTING,
	[STS_MODE_ENFORCE] = PLAN_STS_ENFORCE,
};

static void
fill_policy(struct ipc_cache *to, const struct sts_entry *e)
{
	const struct sts_policy *p = &e->policy;

	to->found = 1;
	to->mode = mode_of[p->mode];
	str_copy(to->id, e->id, sizeof to->id);
	to->max_age = p->max_age;
	to->fetched = e->fetched;
	to->expires = e->expires;
	to->tried = e->tried;
	to->used = e->used;
	to->npatterns = p->npatterns < PLAN_PATTERNS_MAX ? p->npatterns : PLAN_PATTERNS_MAX;
	to->patterns = must_calloc(to->npatterns + 1, sizeof *to->patterns);
	for (size_t i = 0; i < to->npatterns; i++)
		str_copy(to->patterns[i], p->patterns[i], sizeof to->patterns[i]);
}

static void
fill(struct cached *c, const char *domain, struct ipc_cache *to)
{
	struct sts_cache *cache = c->tools.engine.cache;
	struct sts_entry entry;

	memset(to, 0, sizeof *to);
	switch (sts_cache_get(cache, domain, clock_wall_ms() / 1000, &entry, &to->why)) {
	case STS_CACHED_FOUND:
		why_clear(&to->why);
		fill_policy(to, &entry);
		sts_entry_fini(&entry);
		break;
	case STS_CACHED_ABSENT:
		why_clear(&to->why);
		break;
	case STS_CACHED_BROKEN:
		break;			/* why is set */
	}
	to->failed = sts_cache_failure(cache, domain, to->failed_id, &to->failed_first,
	    &to->failed_last, &to->failure);
}

/* ---- forget ---- */

static void
forget(struct cached *c, const struct ipc_cache_ask *ask, struct ipc_cache *was)
{
	struct why why;
	int gone;

	fill(c, ask->domain, was);
	gone = sts_cache_forget(c->tools.engine.cache, ask->domain, &why);
	if (gone == -1) {
		was->why = why;
		return;
	}
	was->gone = (uint32_t)gone;
	why_clear(&was->why);		/* a row that could not be read is gone, too */
	if (was->found)
		log_notice("MTA-STS policy of %s (id %s, mode %s, %lld h left) is forgotten on the "
		    "word of uid %u", ask->domain, was->id,
		    was->mode == PLAN_STS_ENFORCE ? "enforce" :
		    was->mode == PLAN_STS_TESTING ? "testing" : "none",
		    (long long)(was->expires - clock_wall_ms() / 1000) / 3600, ask->uid);
	else
		log_notice("what was kept of the MTA-STS policy of %s (%d rows) is forgotten on the "
		    "word of uid %u", ask->domain, gone, ask->uid);
}

/* ---- fetch ---- */

static void
fetch_free(struct fetch *f)
{
	TAILQ_REMOVE(&f->owner->fetches, f, link);
	f->owner->nfetches--;
	event_del(&f->ev_done);
	sts_lookup_cancel(&f->lookup);
	sts_engine_free(&f->engine);
	dns_resolver_free(&f->resolver);
	free(f);
}

static void
fetch_end(struct fetch *f)
{
	struct cached *c = f->owner;
	struct ipc_cache now;

	fill(c, f->domain, &now);
	if (!why_is_set(&now.why))
		now.why = f->why;
	c->fn(c->arg, f->request, &now);
	ipc_cache_fini(&now);
	fetch_free(f);
}

/* The engine may not be freed from inside its callback. */
static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	fetch_end(arg);
}

static void
on_result(void *arg, const struct sts_result *r)
{
	struct fetch *f = arg;

	f->lookup = NULL;
	f->why = r->why;
	event_active(&f->ev_done, EV_TIMEOUT, 0);
}

static void
refresh(struct cached *c, uint64_t request, const struct ipc_cache_ask *ask)
{
	struct sts_engine_param param = c->tools.engine;
	struct fetch *f = must_calloc(1, sizeof *f);

	f->owner = c;
	f->request = request;
	str_copy(f->domain, ask->domain, sizeof f->domain);
	why_clear(&f->why);
	event_assign(&f->ev_done, c->tools.base, -1, 0, on_done, f);
	TAILQ_INSERT_TAIL(&c->fetches, f, link);
	c->nfetches++;
	if (c->nfetches > FETCHES_MAX)
		why_set(&f->why, WHY_POLICY_UNAVAILABLE, "too many policies are being fetched; "
		    "ask again");
	else
		f->resolver = c->tools.resolver(c->tools.arg, &f->why);
	if (f->resolver == NULL) {
		event_active(&f->ev_done, EV_TIMEOUT, 0);
		return;
	}
	param.resolver = f->resolver;
	f->engine = sts_engine_new(c->tools.base, &param);
	f->lookup = sts_lookup_fetch(f->engine, f->domain, on_result, f);
}

/* ---- all of them ---- */

void
cached_ask(struct cached *c, uint64_t request, const struct ipc_cache_ask *ask)
{
	struct ipc_cache answer;

	switch (ask->verb) {
	case IPC_CACHE_SHOW:
		fill(c, ask->domain, &answer);
		break;
	case IPC_CACHE_FORGET:
		forget(c, ask, &answer);
		break;
	case IPC_CACHE_REFRESH:
		refresh(c, request, ask);
		return;
	}
	c->fn(c->arg, request, &answer);
	ipc_cache_fini(&answer);
}

struct cached *
cached_new(const struct cached_tools *tools, cached_fn *fn, void *arg)
{
	struct cached *c = must_calloc(1, sizeof *c);

	c->tools = *tools;
	c->fn = fn;
	c->arg = arg;
	TAILQ_INIT(&c->fetches);
	return c;
}

void
cached_free(struct cached **cp)
{
	struct cached *c = *cp;
	struct fetch *f;

	*cp = NULL;
	if (c == NULL)
		return;
	while ((f = TAILQ_FIRST(&c->fetches)) != NULL) {
		why_set(&f->why, WHY_POLICY_UNAVAILABLE, "the policy worker begins anew; ask again");
		fetch_end(f);
	}
	free(c);
}
