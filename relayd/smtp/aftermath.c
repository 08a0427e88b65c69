/* SPDX-License-Identifier: ISC */
/* aftermath: see aftermath.h. One message after the other: there are few. */
#include "relayd/smtp/aftermath.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/mail/queue_id.h"
#include "lib/store/flight.h"
#include "lib/store/store.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/job.h"
#include "relayd/smtp/manage_copy.h"
#include "relayd/smtp/notice.h"
#include "relayd/smtp/notice_cap.h"

#define ALONE_MS	2000	/* between two that may be to blame */
#define NOTE	"crash/"	/* queue id -> how many crashes it was in */

struct aftermath {
	struct store			*store;
	const struct store_flight_entry	*found;
	size_t				 nfound, at;
	struct map			*crashes;	/* by queue id: struct count */
	int64_t				*suspects;	/* rows */
	size_t				 nsuspects;
	unsigned			 nalone;	/* messages that go one after the other */
	struct generation		*generation;	/* NULL: no notices */
	struct notice_cap		*cap;
	struct job			*job;		/* the message that is being put right */
	struct notice			 notice;	/* about it */
	char				 remote[128];	/* its server */
	struct store_settle_rcpt	*rows;
	size_t				 nrows;
	void				(*done)(void *arg, const struct why *);
	void				*arg;
};

struct count {
	uint64_t	message;
	unsigned	n;
	int		listed;		/* it was on its way just now: no need to look for it */
};

static void	next(struct aftermath *);

static const struct store_flight_entry *
entry(const struct aftermath *a)
{
	return &a->found[a->at];
}

/* ---- notes ---- */

static void
on_noted(void *arg, const struct why *why)
{
	if (why_is_set(why))
		log_err("queue: a count of crashes cannot be written: %s", why->text);
}

static void
note(struct aftermath *a, uint64_t message, unsigned n)
{
	char key[sizeof NOTE + MAIL_QUEUE_ID_LEN], value[16];

	(void)str_copy(key, NOTE, sizeof key);
	mail_queue_id_print(key + strlen(NOTE), message);
	(void)str_fmt(value, sizeof value, "%u", n);
	a->store->ops->note_put(a->store, key, n > 0 ? value : NULL, on_noted, a);
}

static struct count *
count_get(struct aftermath *a, uint64_t message)
{
	char qid[MAIL_QUEUE_ID_LEN + 1];
	struct count *c;

	mail_queue_id_print(qid, message);
	if ((c = map_gets(a->crashes, qid)) != NULL)
		return c;
	c = must_calloc(1, sizeof *c);
	c->message = message;
	map_puts(a->crashes, qid, c);
	return c;
}

/* One more crash with this message on its way; how many that makes. */
static unsigned
count_crash(struct aftermath *a, uint64_t message)
{
	struct count *c = count_get(a, message);

	if (!c->listed)		/* two transactions of one message are one crash */
		note(a, message, ++c->n);
	c->listed = 1;
	return c->n;
}

static void
count_drop(struct aftermath *a, uint64_t message)
{
	char qid[MAIL_QUEUE_ID_LEN + 1];
	struct count *c;

	mail_queue_id_print(qid, message);
	if ((c = map_removes(a->crashes, qid)) == NULL)
		return;
	note(a, message, 0);
	free(c);
}

/* ---- one message ---- */

static int
is_among(const struct store_flight_entry *e, int64_t rcpt)
{
	for (size_t i = 0; i < e->nrcpts; i++)
		if (e->rcpts[i] == rcpt)
			return 1;
	return 0;
}

static void
suspect(struct aftermath *a, size_t i)
{
	const struct store_rcpt *r = &a->job->msg->rcpts[i];

	delivlog_possible_duplicate(a->job->msg->id, r, entry(a)->relay);
	a->suspects = must_realloc(a->suspects, a->nsuspects + 1, sizeof *a->suspects);
	a->suspects[a->nsuspects++] = r->id;
}

static void
settle(struct aftermath *a, size_t i, enum store_fate fate)
{
	const struct store_rcpt *r = &a->job->msg->rcpts[i];

	a->rows[a->nrows++] = (struct store_settle_rcpt){ .id = r->id, .fate = fate, .due = r->due,
	    .tries = r->tries, .warned = r->warned, .last = a->job->results[i].why.text,
	    .reason = why_token(a->job->results[i].why.reason) };
}

static void
say(struct aftermath *a, size_t i, enum delivlog_status status)
{
	const struct delivlog_attempt how = { .dest = a->job->msg->rcpts[i].dest,
	    .relay = entry(a)->relay, .learnt = "journal" };

	delivlog_attempt(a->job, i, status, &how);
}

static void
delivered(struct aftermath *a, size_t i)
{
	struct job_result *r = &a->job->results[i];

	r->fate = JOB_DELIVERED;
	(void)why_set_dsn(&r->why, WHY_NONE, "2.0.0", "%s", entry(a)->reply);
	str_copy(r->reply, entry(a)->reply, sizeof r->reply);
	settle(a, i, STORE_DONE);
	/* RFC 3461 s5.2.2, as outcome does it. */
	if (a->generation != NULL && !entry(a)->reports)
		notice_add(&a->notice, i, MAIL_DSN_RELAYED, r->why.dsn, a->remote, 0);
}

static void
poisonous(struct aftermath *a, size_t i, unsigned n)
{
	(void)why_set(&a->job->results[i].why, WHY_POISON,
	    "it was being delivered in each of %u crashes of this relay", n);
	settle(a, i, STORE_HOLD);
}

/*
 * Once more, and by itself: what only happened to be on its way with the one that is to blame
 * comes to an end this time, and is not held with it.
 */
static void
go_alone(struct aftermath *a, size_t i)
{
	const struct store_rcpt *r = &a->job->msg->rcpts[i];

	settle(a, i, STORE_RETRY);
	a->rows[a->nrows - 1].due = clock_queue_ms() + (int64_t)a->nalone * ALONE_MS;
	a->rows[a->nrows - 1].last = r->last;
	a->rows[a->nrows - 1].reason = r->reason;
}

/* What becomes of each recipient; those that were not on their way are left alone, unless
 * the message as such is to be kept aside. */
static void
judge(struct aftermath *a)
{
	const struct store_flight_entry *e = entry(a);
	int crashed = store_flight_crashed(a->store->flight) && e->state != STORE_FLIGHT_ACCEPTED;
	unsigned n = crashed ? count_crash(a, e->message) : 0;

	for (size_t i = 0; i < a->job->msg->nrcpts; i++) {
		int among = is_among(e, a->job->msg->rcpts[i].id);
		int due = a->job->msg->rcpts[i].state == STORE_DUE;

		if (among && e->state == STORE_FLIGHT_ACCEPTED) {
			delivered(a, i);
			continue;
		}
		if (among && e->state == STORE_FLIGHT_DOT)
			suspect(a, i);
		if (n >= AFTERMATH_CRASHES && due)
			poisonous(a, i, n);
		else if (n == AFTERMATH_CRASHES - 1 && among && due)
			go_alone(a, i);
	}
	if (n == AFTERMATH_CRASHES - 1)
		a->nalone++;
}

static void
drop_job(struct aftermath *a)
{
	notice_fini(&a->notice);
	job_free(&a->job);
	free(a->rows);
	a->rows = NULL;
	a->nrows = 0;
}

static void
finish(struct aftermath *a, const struct why *why)
{
	a->nfound = a->at = 0;
	a->done(a->arg, why);
}

static void
on_mended(void *arg, const struct why *why)
{
	finish(arg, why);
}

static void
on_settled(void *arg, const struct why *why, int gone)
{
	struct aftermath *a = arg;
	uint64_t message = a->job->msg->id;
	size_t row = 0;

	if (why_is_set(why)) {
		drop_job(a);
		finish(a, why);
		return;
	}
	for (size_t i = 0; i < a->job->msg->nrcpts && row < a->nrows; i++) {
		if (a->rows[row].id != a->job->msg->rcpts[i].id)
			continue;
		if (a->rows[row].fate != STORE_RETRY)
			say(a, i, a->rows[row].fate == STORE_DONE ? DELIVLOG_SENT : DELIVLOG_HELD);
		row++;
	}
	notice_log(&a->notice);
	if (gone)
		delivlog_removed(message);
	drop_job(a);
	a->at++;
	next(a);
}

static void
submit(void *arg)
{
	struct aftermath *a = arg;
	struct store_settlement se = { .message = a->job->msg->id, .rcpts = a->rows,
		.nrcpts = a->nrows };

	if (a->notice.nto > 0) {
		notice_make(&a->notice);
		notice_cap_note(a->cap);
	}
	se.notices = a->notice.messages;
	se.nnotices = a->notice.nmade;
	a->store->ops->settle(a->store, &se, on_settled, a);
}

static void
take(struct aftermath *a, struct store_message *m)
{
	a->job = job_new(m);
	a->rows = must_calloc(m->nrcpts + 1, sizeof *a->rows);
	/* "mx.example[192.0.2.1]:25": the name is what the sender is told. */
	str_copy(a->remote, entry(a)->relay, sizeof a->remote);
	a->remote[strcspn(a->remote, "[")] = '\0';
	if (a->generation != NULL)
		notice_init(&a->notice, a->job, a->generation->conf);
	judge(a);
}

/* None: it was settled, and the journal had not heard of it yet. */
static void
on_fetched(void *arg, const struct why *why, struct store_message **m, size_t n, int more,
    int64_t next_due)
{
	struct aftermath *a = arg;

	if (why_is_set(why) && why->reason != WHY_CORRUPT) {
		finish(a, why);
		return;
	}
	if (n == 1)
		take(a, m[0]);
	if (a->nrows == 0) {
		/* A damaged message is set aside in its turn and is no reason not to start. */
		drop_job(a);
		a->at++;
		next(a);
		return;
	}
	if (a->generation != NULL && notice_address(&a->notice, a->cap))
		notice_read(&a->notice, a->store, submit, a);
	else
		submit(a);
}

static void
next(struct aftermath *a)
{
	if (a->at < a->nfound) {
		a->store->ops->fetch(a->store, entry(a)->message, on_fetched, a);
		return;
	}
	store_flight_forget(a->store->flight);
	if (a->nalone > 1)
		log_notice("queue: %u messages were on their way in two crashes and go one after the "
		    "other", a->nalone);
	manage_copy_recover(a->store, on_mended, a);
}

/* ---- all of it ---- */

static void
read_note(struct aftermath *a, const struct store_note *n)
{
	uint64_t message, value;

	if (mail_queue_id_parse(n->key + strlen(NOTE), &message) == 0 &&
	    num_u64(n->value, 1000, &value) == 0 && value > 0)
		count_get(a, message)->n = (unsigned)value;
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct aftermath *a = arg;

	if (why_is_set(why)) {
		finish(a, why);
		return;
	}
	for (size_t i = 0; i < n; i++)
		read_note(a, &notes[i]);
	next(a);
}

void
aftermath_recover(struct aftermath *a, void (*done)(void *, const struct why *), void *arg)
{
	size_t damaged = store_flight_damaged(a->store->flight);

	a->done = done;
	a->arg = arg;
	a->nfound = store_flight_found(a->store->flight, &a->found);
	if (damaged > 0)
		log_warning("queue: %zu entries of the journal of outgoing mail are damaged and not "
		    "believed", damaged);
	if (a->nfound > 0)
		log_notice("queue: %zu transactions were under way when relayd %s", a->nfound,
		    store_flight_crashed(a->store->flight) ? "crashed" : "ended");
	a->store->ops->notes(a->store, NOTE, on_notes, a);
}

int
aftermath_suspects(const struct aftermath *a, int64_t rcpt)
{
	for (size_t i = 0; a != NULL && i < a->nsuspects; i++)
		if (a->suspects[i] == rcpt)
			return 1;
	return 0;
}

void
aftermath_settled(struct aftermath *a, uint64_t message, int64_t rcpt)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->nsuspects; i++)
		if (a->suspects[i] == rcpt)
			a->suspects[i--] = a->suspects[--a->nsuspects];
	if (map_count(a->crashes) > 0)
		count_drop(a, message);
}

void
aftermath_notices(struct aftermath *a, struct generation *g, struct notice_cap *cap)
{
	a->generation = generation_ref(g);
	a->cap = cap;
}

struct aftermath *
aftermath_new(struct store *store)
{
	struct aftermath *a = must_calloc(1, sizeof *a);

	a->store = store;
	a->crashes = map_new();
	return a;
}

static void
free_one(void *value, void *arg)
{
	free(value);
}

void
aftermath_free(struct aftermath **ap)
{
	struct aftermath *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	map_each(a->crashes, free_one, NULL);
	map_free(&a->crashes);
	drop_job(a);
	generation_unref(&a->generation);
	free(a->suspects);
	free(a);
}
