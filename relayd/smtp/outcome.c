/* SPDX-License-Identifier: ISC */
/* outcome: see outcome.h. */
#include "relayd/smtp/outcome.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "lib/mail/address.h"
#include "lib/mail/domain.h"
#include "lib/mail/dsn.h"
#include "lib/mail/queue_id.h"
#include "lib/queue/id.h"
#include "lib/queue/key.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/generation.h"

#define RESUBMIT_MS	1000
#define HEADERS_MAX	65536

/* The settlement of one job on its way to being durable. */
struct pending {
	TAILQ_ENTRY(pending)		 link;
	struct outcome			*o;
	struct dest			*dest;
	struct job			*job;
	struct generation		*generation;
	char				 remote[DNS_NAME_MAX + 64];	/* "" = no connection */
	struct store_settle_rcpt	*rows;
	struct mail_dsn_rcpt		*failed;	/* what the notice is about */
	size_t				 nfailed, gone;
	int64_t				 next_due;
	int				 wants_notice;
	struct buf			 headers;	/* start of the original, for the notice */
	uint64_t			 notice_id;
	char				 notice_dest[QUEUE_KEY_CAP];
	struct event			 ev_again;
	unsigned			 tries;
};

struct outcome {
	struct event_base		*base;
	struct store			*store;
	const struct outcome_events	*events;
	void				*arg;
	TAILQ_HEAD(, pending)		 all;
	unsigned			 npending;
};

/* ---- what becomes of each recipient ---- */

static void
fail_rcpt(struct pending *p, size_t i, enum mail_dsn_action action, const char *dsn)
{
	const struct store_rcpt *rcpt = &p->job->msg->rcpts[i];
	struct job_result *r = &p->job->results[i];

	p->rows[i].fate = STORE_DONE;
	p->gone++;
	p->failed[p->nfailed++] = (struct mail_dsn_rcpt){
		.final = rcpt->address, .orcpt = rcpt->orcpt, .action = action, .status = dsn,
		.words = why_words(r->why.reason), .token = why_token(r->why.reason),
		.why = r->why.text, .remote_mta = p->remote[0] != '\0' ? p->remote : NULL,
		.diagnostic = r->remote ? r->reply : NULL, .last_attempt = clock_wall_ms(),
	};
}

static void
retry_rcpt(struct pending *p, size_t i)
{
	const struct conf_durations *retry = &p->generation->conf->queue.retry;
	struct store_settle_rcpt *row = &p->rows[i];
	size_t step = row->tries - 1 < retry->n ? row->tries - 1 : retry->n - 1;

	row->fate = STORE_RETRY;
	row->due = clock_wall_ms() + rand_jitter(retry->v[step], 10);
	if (p->next_due == 0 || row->due < p->next_due)
		p->next_due = row->due;
}

static void
decide_rcpt(struct pending *p, size_t i, const struct delivlog_attempt *a)
{
	const struct store_rcpt *rcpt = &p->job->msg->rcpts[i];
	struct job_result *r = &p->job->results[i];
	int64_t age = clock_wall_ms() - p->job->msg->created;
	enum delivlog_status status = DELIVLOG_SENT;

	p->rows[i] = (struct store_settle_rcpt){ .id = rcpt->id, .tries = rcpt->tries + 1,
	    .warned = rcpt->warned, .last = r->why.text };
	switch (r->fate) {
	case JOB_DELIVERED:
		p->rows[i].fate = STORE_DONE;
		p->gone++;
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
		if (r->why.reason == WHY_CORRUPT) {
			status = DELIVLOG_HELD;
			p->rows[i].fate = STORE_HOLD;
			p->gone++;
		} else if (age >= p->generation->conf->queue.max_age) {
			status = DELIVLOG_EXPIRED;
			fail_rcpt(p, i, MAIL_DSN_EXPIRED, why_dsn(WHY_EXPIRED));
		} else {
			status = DELIVLOG_DEFERRED;
			retry_rcpt(p, i);
		}
		break;
	}
	delivlog_attempt(p->job, i, status, a);
}

/* RFC 3461 s4.1: NOTIFY=NEVER, or a list without FAILURE, asks for silence. */
static int
notice_owed(const struct pending *p)
{
	if (p->job->msg->sender[0] == '\0' || p->nfailed == 0)
		return 0;
	for (size_t i = 0; i < p->job->msg->nrcpts; i++) {
		struct mail_notify n = { 0 };
		const char *notify = p->job->msg->rcpts[i].notify;

		if (p->rows[i].fate != STORE_DONE || p->job->results[i].fate == JOB_DELIVERED)
			continue;
		if (notify == NULL || mail_notify_parse(notify, &n) == -1 || !n.given || n.failure)
			return 1;
	}
	return 0;
}

/* ---- the notice ---- */

static void
compose(struct pending *p, struct buf *text, struct mail_dsn_made *made)
{
	const struct store_message *m = p->job->msg;
	char qid[MAIL_QUEUE_ID_LEN + 1], own[MAIL_QUEUE_ID_LEN + 1];
	const struct mail_dsn dsn = {
		.host = p->generation->conf->hostname, .queue_id = qid, .own_id = own,
		.sender = m->sender, .envid = m->envid, .received_from = m->client,
		.arrival = m->created, .now = clock_wall_ms(), .smtputf8 = m->utf8,
		.requiretls = m->requiretls, .ret = mail_ret_of(m->ret != NULL ? m->ret : ""),
		.original = buf_str(&p->headers), .original_len = buf_len(&p->headers),
		.whole = buf_len(&p->headers) == m->size, .rcpts = p->failed, .nrcpts = p->nfailed,
	};

	mail_queue_id_print(qid, m->id);
	mail_queue_id_print(own, p->notice_id);
	mail_dsn_compose(text, &dsn, made);
}

static struct store_message *
make_notice(struct pending *p)
{
	struct store_message *n = must_calloc(1, sizeof *n);
	struct mail_dsn_made made = { 0 };
	struct buf text;
	size_t len;

	buf_init(&text);
	compose(p, &text, &made);
	n->id = p->notice_id;
	n->sender = must_strdup("");
	n->created = clock_wall_ms();
	n->eightbit = made.eightbit;
	n->utf8 = made.utf8;
	n->requiretls = p->job->msg->requiretls;	/* RFC 8689 s5 */
	n->body = must_calloc(1, sizeof *n->body);
	n->body->refs = 1;
	buf_take(&text, &n->body->data, &len);
	n->body->size = n->size = len;
	n->nrcpts = 1;
	n->rcpts = must_calloc(1, sizeof *n->rcpts);
	n->rcpts[0].address = must_strdup(p->job->msg->sender);
	n->rcpts[0].dest = must_strdup(p->notice_dest);
	n->rcpts[0].due = n->created;
	return n;
}

/* ---- to the store ---- */

static void	submit(struct pending *);

static void
pending_free(struct pending *p)
{
	TAILQ_REMOVE(&p->o->all, p, link);
	p->o->npending--;
	event_del(&p->ev_again);
	generation_unref(&p->generation);
	buf_fini(&p->headers);
	free(p->rows);
	free(p->failed);
	free(p);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	submit(arg);
}

static void
log_notice_made(const struct pending *p)
{
	char qid[MAIL_QUEUE_ID_LEN + 1], own[MAIL_QUEUE_ID_LEN + 1], text[128];
	const struct log_kv kv[] = { LOG_STR("qid", qid), LOG_STR("notice", own) };

	mail_queue_id_print(qid, p->job->msg->id);
	mail_queue_id_print(own, p->notice_id);
	str_fmt(text, sizeof text, "%s: sender non-delivery notification: %s", qid, own);
	log_event(LOG_LVL_INFO, "bounce", "notice", text, kv, LENGTH(kv));
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
	if (message_gone)
		delivlog_removed(p->job->msg->id);
	if (p->wants_notice) {
		log_notice_made(p);
		o->events->notice(o->arg, p->notice_dest, 1, clock_wall_ms());
	}
	o->events->settled(o->arg, p->dest, p->job, p->gone, p->next_due);
	pending_free(p);
}

static void
submit(struct pending *p)
{
	struct store_message *notice = p->wants_notice ? make_notice(p) : NULL;
	const struct store_settlement s = {
		.message = p->job->msg->id, .rcpts = p->rows,
		.nrcpts = p->job->msg->nrcpts, .notices = &notice, .nnotices = notice != NULL,
	};

	p->o->store->ops->settle(p->o->store, &s, on_settled, p);
}

/* ---- the start of the original, for the notice ---- */

static void
take_headers(struct pending *p, const char *data, size_t n)
{
	buf_add(&p->headers, data, n < HEADERS_MAX ? n : HEADERS_MAX);
	submit(p);
}

static void
on_headers(void *arg, const struct why *why, const char *data, size_t n)
{
	take_headers(arg, data, why_is_set(why) ? 0 : n);
}

static void
use_body(struct pending *p, struct store_body *body)
{
	if (body->data != NULL)
		take_headers(p, body->data, body->size);
	else
		p->o->store->ops->read(p->o->store, body, 0, HEADERS_MAX, on_headers, p);
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct pending *p = arg;

	if (body == NULL) {	/* a notice without the headers is better than none */
		submit(p);
		return;
	}
	use_body(p, body);
	store_body_unref(&body);
}

static int
prepare_notice(struct pending *p)
{
	const struct store_message *m = p->job->msg;
	const char *domain = mail_address_domain(m->sender);
	char ascii[MAIL_DOMAIN_CAP];

	if (!notice_owed(p))
		return 0;
	if (mail_domain_to_ascii(domain, strlen(domain), ascii, NULL) == -1) {
		log_warning("no notice to <%s>: its domain is not valid", m->sender);
		return 0;
	}
	queue_key_print(p->notice_dest, ascii,
	    m->requiretls ? QUEUE_REQUIRETLS_NOTICE : QUEUE_ORDINARY, "");
	p->notice_id = queue_id_next();
	return 1;
}

void
outcome_take(struct outcome *o, struct dest *dest, struct job *job,
    const struct delivlog_attempt *a, struct generation *generation)
{
	struct pending *p = must_calloc(1, sizeof *p);
	size_t n = job->msg->nrcpts;

	p->o = o;
	p->dest = dest;
	p->job = job;
	p->generation = generation_ref(generation);
	if (a->client != NULL)
		str_copy(p->remote, client_target(a->client)->host.name, sizeof p->remote);
	p->rows = must_calloc(n, sizeof *p->rows);
	p->failed = must_calloc(n, sizeof *p->failed);
	event_assign(&p->ev_again, o->base, -1, 0, on_again, p);
	TAILQ_INSERT_TAIL(&o->all, p, link);
	o->npending++;
	for (size_t i = 0; i < n; i++)
		decide_rcpt(p, i, a);
	p->wants_notice = prepare_notice(p);
	if (!p->wants_notice)
		submit(p);
	else if (job->msg->body != NULL)
		use_body(p, job->msg->body);
	else
		o->store->ops->body(o->store, job->msg->id, on_body, p);
}

struct outcome *
outcome_new(struct event_base *base, struct store *store, const struct outcome_events *events,
    void *arg)
{
	struct outcome *o = must_calloc(1, sizeof *o);

	o->base = base;
	o->store = store;
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
	TAILQ_FOREACH_SAFE(p, &o->all, link, next)
		pending_free(p);
	free(o);
}

unsigned
outcome_pending(const struct outcome *o)
{
	return o->npending;
}
