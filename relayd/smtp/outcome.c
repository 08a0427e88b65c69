/* SPDX-License-Identifier: ISC */
/* outcome: see outcome.h. */
#include "relayd/smtp/outcome.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "lib/mail/queue_id.h"
#include "relayd/smtp/aftermath.h"
#include "relayd/smtp/flight.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/notice.h"
#include "relayd/smtp/notice_cap.h"
#include "relayd/smtp/tally.h"

#define RESUBMIT_MS	1000
#define GREY_MIN_MS	30000
#define GREY_MAX_MS	3600000
#define WAITING_MS	60000	/* after which a message that was not tried is looked at again */

/* The settlement of one job on its way to being durable. */
struct pending {
	TAILQ_ENTRY(pending)		 link;
	struct outcome			*o;
	struct dest			*dest;
	struct job			*job;
	struct generation		*generation;
	char				 remote[DNS_NAME_MAX + 64];	/* "" = no connection */
	char				 domain[256];	/* of the recipients */
	struct store_settle_rcpt	*rows;
	size_t				 gone;
	int64_t				 next_due;
	int64_t				 wait, jittered;	/* the last that was drawn */
	int				 wants_notice;
	struct notice			 notice;
	struct event			 ev_again;
	unsigned			 tries;
};

struct outcome {
	struct event_base		*base;
	struct store			*store;
	struct notice_cap		*cap;
	struct tally			*tally;		/* may be NULL */
	struct aftermath		*aftermath;	/* may be NULL */
	const struct outcome_events	*events;
	void				*arg;
	TAILQ_HEAD(, pending)		 all;
	unsigned			 npending;
};

/* ---- what becomes of each recipient ---- */

static const char *
remote(const struct pending *p)
{
	return p->remote[0] != '\0' ? p->remote : NULL;
}

static void
fail_rcpt(struct pending *p, size_t i, enum mail_dsn_action action, const char *dsn)
{
	p->rows[i].fate = STORE_DONE;
	p->gone++;
	notice_add(&p->notice, i, action, dsn, remote(p), 0);
}

/* RFC 3461 s5.2.2: the next hop gives no reports of success, so the last one comes from here. */
static void
delivered_rcpt(struct pending *p, size_t i, const struct delivlog_attempt *a)
{
	p->rows[i].fate = STORE_DONE;
	p->gone++;
	if (a->client != NULL && !client_offers_dsn(a->client))
		notice_add(&p->notice, i, MAIL_DSN_RELAYED, p->job->results[i].why.dsn, remote(p), 0);
}

/* As long as the server says and a little more, within reason: from 30 s (or a shorter first wait
 * of the schedule) to an hour. */
static int64_t
after_greylist(int64_t wait, int64_t first)
{
	int64_t least = first < GREY_MIN_MS ? first : GREY_MIN_MS;

	if (wait < least)
		wait = least;
	if (wait > GREY_MAX_MS)
		wait = GREY_MAX_MS;
	return wait + wait / 8;
}

/* Recipients that wait as long come again together: one transaction, one copy of the text. */
static int64_t
jittered(struct pending *p, int64_t wait)
{
	if (p->wait != wait || p->jittered == 0)
		p->jittered = rand_jitter(wait, 10);
	p->wait = wait;
	return p->jittered;
}

static void
retry_rcpt(struct pending *p, size_t i)
{
	const struct conf *conf = p->generation->conf;
	const struct conf_durations *retry = generation_retry(p->generation, p->domain);
	const struct store_message *m = p->job->msg;
	const struct why *why = &p->job->results[i].why;
	struct store_settle_rcpt *row = &p->rows[i];
	size_t step = row->tries > 0 ? row->tries - 1 : 0;
	int64_t now = clock_queue_ms(), wait, at;
	int kept;
	int64_t end = m->created + generation_max_age(p->generation, p->domain, why,
	    m->rcpts[i].reason, now - m->created, &kept);

	if (kept)
		row->reason = m->rcpts[i].reason;
	wait = retry->v[step < retry->n ? step : retry->n - 1];
	if (why->reason == WHY_GREYLISTED && p->job->results[i].wait > 0)
		wait = after_greylist(p->job->results[i].wait, retry->v[0]);
	if (p->job->waiting && wait > WAITING_MS)
		wait = WAITING_MS;	/* it was not tried: it stays first in line */
	row->fate = STORE_RETRY;
	/* What it failed for is not as it was when it began. */
	row->due = wake_cures(p->job->cure, why->reason) ? now : now + jittered(p, wait);
	/* What a sender is told is tried right before, and so is what is given up. */
	at = notice_delay_after(conf, m->created, why, now);
	if (end < at)
		at = end;
	if (at > now && row->due > at)
		row->due = at;
	if (p->next_due == 0 || row->due < p->next_due)
		p->next_due = row->due;
	if (notice_delay_at(conf, m, &m->rcpts[i], why) > now)
		return;
	row->warned = now;
	notice_add(&p->notice, i, MAIL_DSN_DELAYED, why->dsn, remote(p), end);
}

/* It stays held. 1: its sender has to be told so. */
static int
hold_rcpt(struct pending *p, size_t i, int tell)
{
	const struct conf *conf = p->generation->conf;
	const struct store_message *m = p->job->msg;
	const struct why *why = &p->job->results[i].why;
	struct store_settle_rcpt *row = &p->rows[i];
	int64_t now = clock_queue_ms();

	tell |= notice_delay_at(conf, m, &m->rcpts[i], why) <= now;
	if (tell) {
		row->warned = now;
		notice_add(&p->notice, i, MAIL_DSN_HELD, why->dsn, remote(p), 0);
	}
	row->fate = STORE_HOLD;
	row->due = notice_held_look(conf, m->created, row->warned);
	p->gone++;
	return tell;
}

/* Of one that was held before: what the queue says of it stays. */
static int
keep_held(struct pending *p, size_t i)
{
	p->rows[i].last = p->job->msg->rcpts[i].last;
	p->rows[i].reason = p->job->msg->rcpts[i].reason;
	/* Damage that the store found on its own is told, and logged, at once. */
	return hold_rcpt(p, i, p->job->results[i].why.reason == WHY_CORRUPT &&
	    p->job->msg->rcpts[i].warned == 0);
}

/* Neither delivered nor refused. 1: and that is a line in the log. */
static int
keep_rcpt(struct pending *p, size_t i, enum delivlog_status *status)
{
	const struct why *why = &p->job->results[i].why;
	int64_t age = clock_queue_ms() - p->job->msg->created;

	*status = DELIVLOG_HELD;
	if (p->job->held)
		return keep_held(p, i);
	if (why->reason == WHY_CORRUPT)
		return hold_rcpt(p, i, 1);
	if (age >= generation_max_age(p->generation, p->domain, why,
	    p->job->msg->rcpts[i].reason, age, NULL)) {
		*status = DELIVLOG_EXPIRED;
		fail_rcpt(p, i, MAIL_DSN_EXPIRED, why_dsn(WHY_EXPIRED));
		return 1;
	}
	*status = DELIVLOG_DEFERRED;
	retry_rcpt(p, i);
	return !p->job->waiting;	/* delivlog_waiting said it */
}

static void
decide_rcpt(struct pending *p, size_t i, const struct delivlog_attempt *a)
{
	const struct store_rcpt *rcpt = &p->job->msg->rcpts[i];
	struct job_result *r = &p->job->results[i];
	enum delivlog_status status = DELIVLOG_SENT;
	struct delivlog_attempt say;

	p->rows[i] = (struct store_settle_rcpt){ .id = rcpt->id,
	    .tries = rcpt->tries + !p->job->waiting, .warned = rcpt->warned, .last = r->why.text,
	    .reason = why_token(r->why.reason) };
	switch (r->fate) {
	case JOB_DELIVERED:
		delivered_rcpt(p, i, a);
		break;
	case JOB_FAILED:
		status = DELIVLOG_BOUNCED;
		fail_rcpt(p, i, MAIL_DSN_FAILED, r->why.dsn);
		break;
	case JOB_EXPIRED:
		status = DELIVLOG_EXPIRED;
		fail_rcpt(p, i, MAIL_DSN_EXPIRED, why_dsn(WHY_EXPIRED));
		break;
	case JOB_DEFERRED:
	case JOB_OPEN:
		if (!keep_rcpt(p, i, &status))
			return;
		break;
	}
	say = *a;
	say.duplicate = !p->job->waiting && aftermath_suspects(p->o->aftermath, rcpt->id);
	delivlog_attempt(p->job, i, status, &say);
}

/* ---- monitor mode: what enforcing would have done with the message ---- */

/* Of a walk that ended without a connection: the first reason that is about security. */
static const struct why *
refusal(const struct job *j, const struct delivlog_attempt *a)
{
	if (a->client != NULL)
		return client_refused(a->client);
	for (size_t i = 0; i < j->msg->nrcpts; i++)
		if (why_tlsrpt(j->results[i].why.reason)[0] != '\0')
			return &j->results[i].why;
	return NULL;
}

static void
count_monitored(struct pending *p, const struct delivlog_attempt *a)
{
	const struct job *j = p->job;
	const struct why *refused = refusal(j, a);
	int delivered = 0, tried = 0;

	if (p->o->tally == NULL || a->plan == NULL || !a->plan->monitor || j->waiting)
		return;
	for (size_t i = 0; i < j->msg->nrcpts; i++) {
		delivered |= j->results[i].fate == JOB_DELIVERED;
		tried |= j->msg->rcpts[i].tries > 0;
	}
	/* RFC 8689 s4.2.1: what REQUIRETLS holds is held in either mode. */
	if (refused != NULL && (delivered || !j->msg->requiretls))
		tally_refused(p->o->tally, a->plan->domain, why_token(refused->reason),
		    !delivered && tried);
	else if (refused == NULL && delivered)
		tally_passed(p->o->tally, a->plan->domain);
}

/* ---- to the store ---- */

static void	submit(void *);

static void
pending_free(struct pending *p)
{
	TAILQ_REMOVE(&p->o->all, p, link);
	p->o->npending--;
	event_del(&p->ev_again);
	generation_unref(&p->generation);
	notice_fini(&p->notice);
	free(p->rows);
	free(p);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	submit(arg);
}

static void
on_settled(void *arg, const struct why *why, int message_gone)
{
	static const struct timeval again = { RESUBMIT_MS / 1000, 0 };
	struct pending *p = arg;
	struct outcome *o = p->o;

	if (why_is_set(why)) {
		char qid[MAIL_QUEUE_ID_LEN + 1];

		/* Never deliver again what was delivered: this is tried until it is written. */
		mail_queue_id_print(qid, p->job->msg->id);
		log_err("%s: the outcome cannot be written yet (%s): trying again", qid, why->text);
		event_add(&p->ev_again, &again);
		return;
	}
	flight_end(o->store, p->job);
	for (size_t i = 0; i < p->job->msg->nrcpts && !p->job->waiting; i++)
		aftermath_settled(o->aftermath, p->job->msg->id, p->rows[i].id);
	if (message_gone)
		delivlog_removed(p->job->msg->id);
	notice_log(&p->notice);
	for (size_t i = 0; i < p->notice.nmade; i++)
		o->events->notice(o->arg, p->notice.to[p->notice.made[i].to].dest, 1, clock_queue_ms());
	o->events->settled(o->arg, p->dest, p->job, p->gone, p->next_due);
	pending_free(p);
}

static void
submit(void *arg)
{
	struct pending *p = arg;
	struct store_settlement s = {
		.message = p->job->msg->id, .rcpts = p->rows, .nrcpts = p->job->msg->nrcpts,
	};

	if (p->wants_notice) {
		notice_make(&p->notice);
		s.notices = p->notice.messages;
		s.nnotices = p->notice.nmade;
	}
	notice_cap_note(p->o->cap);
	p->o->store->ops->settle(p->o->store, &s, on_settled, p);
}

void
outcome_take(struct outcome *o, struct dest *dest, struct job *job,
    const struct delivlog_attempt *a, struct generation *generation)
{
	struct pending *p = must_calloc(1, sizeof *p);
	size_t n = job->msg->nrcpts;
	struct queue_key key;

	p->o = o;
	p->dest = dest;
	p->job = job;
	p->generation = generation_ref(generation);
	queue_key_parse(job->msg->rcpts[0].dest, &key);
	str_copy(p->domain, key.domain, sizeof p->domain);
	if (a->client != NULL)
		str_copy(p->remote, client_target(a->client)->host.name, sizeof p->remote);
	p->rows = must_calloc(n, sizeof *p->rows);
	notice_init(&p->notice, job, generation->conf);
	event_assign(&p->ev_again, o->base, -1, 0, on_again, p);
	TAILQ_INSERT_TAIL(&o->all, p, link);
	o->npending++;
	for (size_t i = 0; i < n; i++)
		decide_rcpt(p, i, a);
	count_monitored(p, a);
	p->wants_notice = notice_address(&p->notice, o->cap);
	if (p->wants_notice)
		notice_read(&p->notice, o->store, submit, p);
	else
		submit(p);
}

void
outcome_tally(struct outcome *o, struct tally *t)
{
	o->tally = t;
}

struct notice_cap *
outcome_cap(struct outcome *o)
{
	return o->cap;
}

void
outcome_aftermath(struct outcome *o, struct aftermath *a)
{
	o->aftermath = a;
}

struct outcome *
outcome_new(struct event_base *base, struct store *store, const struct outcome_events *events,
    void *arg)
{
	struct outcome *o = must_calloc(1, sizeof *o);

	o->base = base;
	o->store = store;
	o->cap = notice_cap_new(base, store);
	o->events = events;
	o->arg = arg;
	TAILQ_INIT(&o->all);
	return o;
}

void
outcome_free(struct outcome **op)
{
	struct outcome *o = *op;
	struct pending *p, *next;

	*op = NULL;
	if (o == NULL)
		return;
	TAILQ_FOREACH_SAFE(p, &o->all, link, next) {
		struct job *job = p->job;

		pending_free(p);
		job_abandon(&job);
	}
	notice_cap_free(&o->cap);
	free(o);
}

unsigned
outcome_pending(const struct outcome *o)
{
	return o->npending;
}
