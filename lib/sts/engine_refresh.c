/* SPDX-License-Identifier: ISC */
/*
 * engine_refresh: policies are fetched again long before they end, even if
 * no mail flows, so that an attacker has to block us for the whole of a
 * policy's life. RFC 8461 s3.3, s10.2; RULES S27.
 */
#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/rand.h"
#include "lib/sts/engine_int.h"

#define SCAN_MS		(10 * 60 * 1000)
#define AT_ONCE		64			/* started in one scan */
#define UNUSED_S	((int64_t)30 * 86400)	/* not refreshed after so long without use */
#define PURGE_MS	((int64_t)86400 * 1000)
#define SKEW_MS		(60 * 60 * 1000)

/*
 * Expired rows go once a day, but not in a day in which the clock was set:
 * what looks expired may not be (HARDENING T1).
 */
static void
purge(struct sts_engine *e)
{
	int64_t mono = clock_mono_ms(), skew = clock_wall_ms() - mono;
	int64_t moved = skew - e->clock_skew;

	if (mono - e->purged_mono < PURGE_MS)
		return;
	if (moved < SKEW_MS && moved > -SKEW_MS)
		sts_cache_purge(e->param.cache, sts_now());
	e->purged_mono = mono;
	e->clock_skew = skew;
}

size_t
sts_engine_refresh(struct sts_engine *e)
{
	char domains[AT_ONCE][DNS_NAME_MAX];
	int64_t now = sts_now();
	size_t i, n, started = 0;

	MUST(e->magic == STS_ENGINE_MAGIC);
	n = sts_cache_due(e->param.cache, now, now - rand_jitter(e->param.refresh_ms, 10) / 1000,
	    now - UNUSED_S, domains, AT_ONCE);
	for (i = 0; i < n; i++)
		if (map_gets(e->jobs, domains[i]) == NULL) {
			sts_job_new(e, domains[i], 1);
			started++;
		}
	return started;
}

static void
on_scan(evutil_socket_t fd, short what, void *arg)
{
	struct sts_engine *e = arg;

	purge(e);
	sts_engine_refresh(e);
	sts_refresh_schedule(e);
}

void
sts_refresh_schedule(struct sts_engine *e)
{
	int64_t ms = rand_jitter(SCAN_MS, 20);
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)
	};

	if (e->timer == NULL) {
		e->timer = evtimer_new(e->base, on_scan, e);
		MUST(e->timer != NULL);
		e->purged_mono = clock_mono_ms();
		e->clock_skew = clock_wall_ms() - e->purged_mono;
	}
	evtimer_add(e->timer, &tv);
}
