/* SPDX-License-Identifier: ISC */
/*
 * cached: what an administrator asks about a cached MTA-STS policy: show it,
 * fetch it now, forget it. To fetch goes past everything that is remembered:
 * a resolver of its own with empty caches, the policy cache, the back-off.
 */
#ifndef POLICY_CACHED_H
#define POLICY_CACHED_H

#include <stdint.h>

#include "lib/ipc/ipc.h"
#include "lib/sts/engine.h"

struct cached;
struct event_base;

struct cached_tools {
	struct event_base	*base;
	struct sts_engine_param	 engine;	/* its resolver is not used; the rest is borrowed */
	/* With empty caches, the caller's; NULL and *why. */
	struct dns_resolver	*(*resolver)(void *arg, struct why *);
	void			*arg;
};
/* The answer to a request, borrowed for the call. */
typedef void cached_fn(void *arg, uint64_t request, const struct ipc_cache *);

struct cached	*cached_new(const struct cached_tools *, cached_fn *, void *arg);
/* What is under way is answered: not done. */
void		 cached_free(struct cached **);
/* The callback comes from inside the call, or later from the event loop. */
void		 cached_ask(struct cached *, uint64_t request, const struct ipc_cache_ask *);

#endif
