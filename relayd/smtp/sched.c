/* SPDX-License-Identifier: ISC */
/* sched: destinations by name and by the time at which they want to be run. */
#include "relayd/smtp/sched.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/queue/said.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/job.h"
#include "relayd/smtp/limit.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/wake.h"

/* ---- limits ---- */

void
sched_jobs_add(struct sched *s, const struct job *j, int n)
{
	s->jobs += (size_t)n;
	limits_jobs_add(s->limits, queue_fair_client_of(j->msg->flow), n);
}

int
sched_jobs_room(const struct sched *s, const struct job *j)
{
	size_t own = limits_jobs(s->limits, queue_fair_client_of(j->msg->flow));

	return queue_fair_share(own, s->jobs, SCHED_WINDOW_ALL);
}

static void
set_limits(struct sched *s)
{
	const struct conf *conf = s->generation->conf;

	limit_set(s->all, (unsigned)conf->delivery.connections,
	    generation_rate(&conf->delivery.rate));
}

/* ---- timers ---- */

static void
arm(struct sched *s)
{
	struct heap_node *first = heap_min(&s->timers);
	int64_t at = limits_next(s->limits), ms;
	struct timeval tv;

	if (s->draining)
		return;
	if (first != NULL && first->key < at)
		at = first->key;
	if (at == INT64_MAX) {
		event_del(s->ev_timer);
		return;
	}
	ms = at - clock_mono_ms();
	if (ms < 0)
		ms = 0;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_add(s->ev_timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sched *s = arg;
	struct heap_node *n;

	limits_run(s->limits);
	while ((n = heap_min(&s->timers)) != NULL && n->key <= clock_mono_ms()) {
		heap_remove(&s->timers, n);
		dest_run(dest_of_timer(n));
	}
	arm(s);
}

static void
on_limits_changed(void *arg)
{
	struct sched *s = arg;

	if (!s->ending)
		arm(s);
}

void
sched_wake_at(struct sched *s, struct dest *d, int64_t mono_ms)
{
	struct heap_node *n = dest_timer(d);

	if (s->ending || (n->at != 0 && n->key == mono_ms))
		return;
	heap_set(&s->timers, n, mono_ms);
	if (heap_min(&s->timers) == n)
		arm(s);
}

void
sched_forget(struct sched *s, struct dest *d)
{
	heap_remove(&s->timers, dest_timer(d));
	map_removes(s->dests, dest_name(d));
}

/* ---- destinations ---- */

static struct dest *
dest_get(struct sched *s, const char *name)
{
	struct dest *d = map_gets(s->dests, name);

	if (d == NULL) {
		d = dest_new(s, name);
		map_puts(s->dests, name, d);
	}
	return d;
}

static int
same_dest(const struct store_message *m)
{
	for (size_t i = 1; i < m->nrcpts; i++)
		if (strcmp(m->rcpts[i].dest, m->rcpts[0].dest) != 0)
			return 0;
	return 1;
}

static int
is_for(const struct store_rcpt *r, const void *dest)
{
	return strcmp(r->dest, dest) == 0;
}

static int
is_held(const struct store_rcpt *r, const void *unused)
{
	return r->state == STORE_HELD;
}

struct store_message *
sched_split(struct store_message *m)
{
	char *dest = must_strdup(m->rcpts[0].dest);
	struct store_message *part = job_take_out(m, is_for, dest);

	free(dest);
	return part;
}

/* The log's word on those that a rule holds. */
static void
say_held(struct store_message *m)
{
	struct job *j = job_new(m);

	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct store_rcpt *r = &m->rcpts[i];
		const struct delivlog_attempt a = { .dest = r->dest };

		(void)why_set(&j->results[i].why, WHY_ADMIN, "%s", r->last != NULL ? r->last : "");
		delivlog_attempt(j, i, DELIVLOG_HELD, &a);
	}
	job_free(&j);
}

static void
add_job(struct sched *s, struct store_message *m)
{
	struct dest *d = dest_get(s, m->rcpts[0].dest);

	dest_add(d, job_new(m));
}

void
sched_add(struct sched *s, struct store_message *m)
{
	struct store_message *held = job_take_out(m, is_held, NULL);

	if (held != NULL)
		say_held(held);
	if (m->nrcpts > 0)
		delivlog_active(m, m->nrcpts);
	while (m->nrcpts > 0 && !same_dest(m))
		add_job(s, sched_split(m));
	if (m->nrcpts > 0)
		add_job(s, m);
	else
		store_message_free(&m);
}

void
sched_on_disk(struct sched *s, const char *name, uint64_t recipients, int64_t due)
{
	dest_on_disk(dest_get(s, name), recipients, due);
}

/* ---- an administrator's hand ---- */

struct job *
sched_claim(struct sched *s, struct store_message **m, struct dest **dest)
{
	*dest = dest_get(s, (*m)->rcpts[0].dest);
	return dest_claim(*dest, m);
}

static void
pause_dest(void *value, void *arg)
{
	dest_pause(value);
}

void
sched_pause(struct sched *s, const char *domain)
{
	if (pause_of(s->pauses, domain) != NULL)
		(void)dest_get(s, domain);	/* so that it is listed, with mail or without */
	map_each(s->dests, pause_dest, NULL);
}

static void
pause_one(const struct pause *p, void *arg)
{
	sched_pause(arg, p->domain);
	log_notice("destination %s is paused since uid %u said so%s%s", p->domain, p->uid,
	    p->reason[0] != '\0' ? ": " : "", p->reason);
}

/* ---- recovery ---- */

struct recovery {
	struct sched	*s;
	void		(*done)(void *arg, const struct why *);
	void		*arg;
};

static void
on_dests(void *arg, const struct why *why, const struct store_dest *dests, size_t n)
{
	struct recovery *r = arg;
	uint64_t recipients = 0;

	for (size_t i = 0; i < n; i++) {
		sched_on_disk(r->s, dests[i].name, dests[i].count, dests[i].due);
		recipients += dests[i].count;
	}
	if (n > 0)
		log_info("queue holds %llu recipients at %zu destinations",
		    (unsigned long long)recipients, n);
	r->done(r->arg, why);
	free(r);
}

static void
on_pauses(void *arg, const struct why *why)
{
	struct recovery *r = arg;

	if (why_is_set(why)) {
		r->done(r->arg, why);
		free(r);
		return;
	}
	pause_each(r->s->pauses, pause_one, r->s);
	r->s->store->ops->dests(r->s->store, on_dests, r);
}

void
sched_recover(struct sched *s, void (*done)(void *, const struct why *), void *arg)
{
	struct recovery *r = must_calloc(1, sizeof *r);

	r->s = s;
	r->done = done;
	r->arg = arg;
	pause_load(s->pauses, s->store, on_pauses, r);
}

/* ---- all of them ---- */

static void
reload_one(void *value, void *arg)
{
	dest_reload(value);
}

static void
unblock_one(void *value, void *arg)
{
	dest_unblock(value);
}

void
sched_reload(struct sched *s, struct generation *g)
{
	struct generation *old = s->generation;

	s->generation = generation_ref(g);
	set_limits(s);
	map_each(s->dests, reload_one, NULL);
	wake_reload(s, old);
	generation_unref(&old);
}

void
sched_flush(struct sched *s)
{
	map_each(s->dests, unblock_one, NULL);
}

void
sched_drain(struct sched *s)
{
	s->draining = 1;
	event_del(s->ev_timer);
}

static void
busy_one(void *value, void *arg)
{
	*(int *)arg |= dest_busy(value);
}

int
sched_busy(const struct sched *s)
{
	int busy = 0;

	map_each(s->dests, busy_one, &busy);
	return busy;
}

struct sched *
sched_new(struct event_base *base, struct store *store, struct ask *ask, struct outcome *outcome,
    struct generation *generation, struct proc_commons *commons)
{
	struct sched *s = must_calloc(1, sizeof *s);

	s->base = base;
	s->store = store;
	s->ask = ask;
	s->outcome = outcome;
	s->generation = generation_ref(generation);
	s->dests = map_new();
	s->pauses = pause_new();
	s->said = must_calloc(1, sizeof *s->said);
	heap_init(&s->timers);
	s->ev_timer = evtimer_new(base, on_timer, s);
	s->limits = limits_new(commons, on_limits_changed, s);
	s->all = limit_get(s->limits, "all together", 1);
	set_limits(s);
	return s;
}

static void
free_one(void *value, void *arg)
{
	struct dest *d = value;

	dest_free(&d);
}

void
sched_free(struct sched **sp)
{
	struct sched *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	s->ending = 1;
	heap_fini(&s->timers);		/* its nodes live in the destinations */
	map_each(s->dests, free_one, NULL);
	limits_free(&s->limits);
	map_free(&s->dests);
	pause_free(&s->pauses);
	free(s->said);
	event_free(s->ev_timer);
	generation_unref(&s->generation);
	free(s);
}
