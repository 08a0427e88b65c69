/* SPDX-License-Identifier: ISC */
/* engine: see engine.h. Look-ups, their patience and their answers. */
#include "lib/sts/engine.h"

#include <stdlib.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/sts/engine_int.h"

#define WAIT_DEFAULT	10000
#define REFRESH_DEFAULT	((int64_t)86400 * 1000)

int64_t
sts_now(void)
{
	return clock_wall_ms() / 1000;
}

const char *
sts_state_name(enum sts_state state)
{
	static const char *const names[] = {
		[STS_UNKNOWN] = "unknown", [STS_NONE] = "none", [STS_TESTING] = "testing",
		[STS_ENFORCE] = "enforce", [STS_FAILED] = "failed",
	};

	return (size_t)state < LENGTH(names) ? names[state] : "?";
}

struct sts_engine *
sts_engine_new(struct event_base *base, const struct sts_engine_param *p)
{
	struct sts_engine *e = must_calloc(1, sizeof *e);

	MUST(p->resolver != NULL && p->fetcher != NULL && p->cache != NULL);
	e->magic = STS_ENGINE_MAGIC;
	e->base = base;
	e->param = *p;
	if (e->param.wait_ms <= 0)
		e->param.wait_ms = WAIT_DEFAULT;
	if (e->param.refresh_ms <= 0)
		e->param.refresh_ms = REFRESH_DEFAULT;
	e->jobs = map_new();
	sts_refresh_schedule(e);
	return e;
}

static void
drop_job(void *job, void *arg)
{
	sts_job_free(job);
}

void
sts_engine_free(struct sts_engine **ep)
{
	struct sts_engine *e = *ep;

	if (e == NULL)
		return;
	MUST(e->magic == STS_ENGINE_MAGIC);
	*ep = NULL;
	map_each(e->jobs, drop_job, NULL);
	map_free(&e->jobs);
	event_free(e->timer);
	e->magic = 0;
	free(e);
}

void
sts_lookup_free(struct sts_lookup *l)
{
	TAILQ_REMOVE(&l->job->lookups, l, link);
	event_free(l->timer);
	l->magic = 0;
	free(l);
}

static void
lookup_answer(struct sts_lookup *l, const struct sts_result *r)
{
	sts_result_fn *fn = l->fn;
	void *arg = l->arg;

	sts_lookup_free(l);
	fn(arg, r);
}

void
sts_job_answer(struct sts_job *job, const struct sts_result *r)
{
	struct sts_lookup *l;

	/* From the head each time: a callback may cancel others that wait here. */
	while ((l = TAILQ_FIRST(&job->lookups)) != NULL)
		lookup_answer(l, r);
}

/* RULES S16, S29: a delivery does not wait as long as a fetch may take. */
static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct sts_lookup *l = arg;
	struct sts_result r;

	MUST(l->magic == STS_LOOKUP_MAGIC);
	sts_job_known(l->job, &r);
	lookup_answer(l, &r);
}

static struct sts_lookup *
lookup_new(struct sts_engine *e, struct sts_job *job, sts_result_fn *fn, void *arg)
{
	struct timeval patience = {
		.tv_sec = (time_t)(e->param.wait_ms / 1000),
		.tv_usec = (suseconds_t)(e->param.wait_ms % 1000 * 1000)
	};
	struct sts_lookup *l = must_calloc(1, sizeof *l);

	l->magic = STS_LOOKUP_MAGIC;
	l->job = job;
	l->fn = fn;
	l->arg = arg;
	l->timer = evtimer_new(e->base, on_patience, l);
	MUST(l->timer != NULL);
	evtimer_add(l->timer, &patience);
	TAILQ_INSERT_TAIL(&job->lookups, l, link);
	return l;
}

struct sts_lookup *
sts_lookup(struct sts_engine *e, const char *domain, sts_result_fn *fn, void *arg)
{
	struct sts_job *job = map_gets(e->jobs, domain);

	MUST(e->magic == STS_ENGINE_MAGIC);
	if (job == NULL)
		job = sts_job_new(e, domain, 0);
	return lookup_new(e, job, fn, arg);
}

struct sts_lookup *
sts_lookup_fetch(struct sts_engine *e, const char *domain, sts_result_fn *fn, void *arg)
{
	struct sts_job *job = map_gets(e->jobs, domain);

	MUST(e->magic == STS_ENGINE_MAGIC);
	if (job == NULL)
		job = sts_job_new(e, domain, 1);
	job->refresh = 1;
	job->asked = 1;
	return lookup_new(e, job, fn, arg);
}

void
sts_lookup_cancel(struct sts_lookup **lp)
{
	struct sts_lookup *l = *lp;

	if (l == NULL)
		return;
	MUST(l->magic == STS_LOOKUP_MAGIC);
	*lp = NULL;
	sts_lookup_free(l);	/* the job goes on: its policy will be in the cache */
}
