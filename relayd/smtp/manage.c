/* SPDX-License-Identifier: ISC */
/* manage: see manage.h. */
#include "relayd/smtp/manage.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/mail/command.h"
#include "lib/mail/queue_id.h"
#include "lib/queue/id.h"
#include "lib/queue/key.h"
#include "relayd/smtp/delivlog.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/manage_copy.h"
#include "relayd/smtp/notice.h"
#include "relayd/smtp/sched.h"

#define ADDRESS_CAP	512
#define TEXT_CAP	320
#define COPY_LOOK_MS	3600000	/* nobody is told of a copy that is being made (held.h) */

static const struct {
	const char		*name, *past;
	enum store_fate		 fate;
	enum delivlog_status	 status;
	enum job_fate		 give_up;	/* by outcome, with a notice; OPEN: settled here */
} actions[MANAGE__COUNT] = {
	[MANAGE_HOLD] = { "hold", "held", STORE_HOLD, DELIVLOG_HELD, JOB_OPEN },
	[MANAGE_RELEASE] = { "release", "released", STORE_RETRY, DELIVLOG_RELEASED, JOB_OPEN },
	[MANAGE_DELETE] = { "delete", "removed", STORE_DONE, DELIVLOG_DELETED, JOB_OPEN },
	[MANAGE_EXPIRE] = { "expire", "given up", STORE_DONE, DELIVLOG_EXPIRED, JOB_EXPIRED },
	[MANAGE_BOUNCE] = { "bounce", "returned", STORE_DONE, DELIVLOG_BOUNCED, JOB_FAILED },
	[MANAGE_REDIRECT] = { "redirect", "redirected", STORE_DONE, DELIVLOG_REDIRECTED, JOB_OPEN },
};

const char *
manage_name(enum manage_action action)
{
	return actions[action].name;
}

/* One order that is being carried out. */
struct hand {
	struct sched		*s;
	enum manage_action	 action;
	struct dest		*dest;		/* lives as long as the claimed job */
	struct job		*job;
	size_t			 nheld;		/* were held before */
	char			 text[TEXT_CAP];	/* "held by admin uid 0: reason" */
	char			 to[ADDRESS_CAP], to_dest[QUEUE_KEY_CAP];
	uint64_t		 new_id;	/* REDIRECT: of the copy, 0 = none that is due */
	struct manage_copy	*copy;		/* REDIRECT of a text in the spool */
	manage_done_fn		*done;
	void			*arg;
	struct why		 why;
};

/* ---- it is over ---- */

static void
on_over(void *arg)
{
	struct hand *h = arg;

	if (h->new_id != 0 && !why_is_set(&h->why))
		sched_on_disk(h->s, h->to_dest, 1, clock_queue_ms());
	h->done(h->arg, &h->why);
	free(h);
}

/* The process ends, and whoever asked has gone. */
static void
on_abandoned(void *arg)
{
	struct hand *h = arg;

	(void)why_set(&h->why, WHY_LOCAL_SHUTDOWN, "the queue is closed");
	h->done(h->arg, &h->why);
	manage_copy_free(&h->copy);
	free(h);
}

/* gone: those that do not wait for delivery from here on. */
static void
finish(struct hand *h)
{
	size_t gone = h->nheld;

	if (!why_is_set(&h->why))
		gone = h->action == MANAGE_RELEASE ? 0 : h->job->msg->nrcpts;
	dest_settled(h->dest, h->job, gone, clock_queue_ms());
}

static void
say(const struct hand *h, int message_gone)
{
	const struct job *j = h->job;
	const struct delivlog_attempt a = { .dest = dest_name(h->dest) };

	for (size_t i = 0; i < j->msg->nrcpts; i++)
		delivlog_attempt(j, i, actions[h->action].status, &a);
	if (message_gone)
		delivlog_removed(j->msg->id);
}

static void
on_released(void *arg, const struct why *why)
{
	struct hand *h = arg;

	if (why_is_set(why))
		h->new_id = 0;		/* it is held */
	finish(h);
}

static void
on_settled(void *arg, const struct why *why, int message_gone)
{
	struct hand *h = arg;

	h->why = *why;
	if (!why_is_set(why))
		say(h, message_gone);
	if (h->copy != NULL && !why_is_set(why)) {
		manage_copy_release(&h->copy, clock_queue_ms(), on_released, h);
		return;
	}
	if (h->copy != NULL)
		manage_copy_remove(&h->copy);
	finish(h);
}

/* ---- to the store ---- */

/* Held ones are not tried; they are looked at (held.h). */
static int64_t
due_of(const struct hand *h, const struct store_rcpt *r, int64_t now)
{
	const struct conf *conf = h->s->generation->conf;

	return h->action == MANAGE_HOLD ?
	    notice_held_look(conf, h->job->msg->created, r->warned) : now;
}

static void
settle(struct hand *h, struct store_message *copy)
{
	const struct store_message *m = h->job->msg;
	struct store_settle_rcpt *rows = must_calloc(m->nrcpts, sizeof *rows);
	const struct store_settlement s = {
		.message = m->id, .rcpts = rows, .nrcpts = m->nrcpts, .notices = &copy,
		.nnotices = copy != NULL,
	};
	int64_t now = clock_queue_ms();

	for (size_t i = 0; i < m->nrcpts; i++)
		rows[i] = (struct store_settle_rcpt){
			.id = m->rcpts[i].id, .fate = actions[h->action].fate,
			.due = due_of(h, &m->rcpts[i], now),
			.tries = m->rcpts[i].tries, .warned = m->rcpts[i].warned, .last = h->text,
			.reason = m->rcpts[i].reason,
		};
	h->s->store->ops->settle(h->s->store, &s, on_settled, h);
	free(rows);
}

/* Of all that one stands for: told is what one of them wants to be told (RFC 3461 s4.1). */
static char *
notify_of_all(const struct store_message *m)
{
	struct mail_notify all = { .given = 1 };
	int asked = 0;
	char text[64];

	for (size_t i = 0; i < m->nrcpts; i++) {
		struct mail_notify n = { 0 };
		const char *s = m->rcpts[i].notify;

		if (s == NULL || mail_notify_parse(s, &n) == -1 || !n.given)
			n.failure = n.delay = 1;
		else
			asked = 1;
		all.success |= n.success;
		all.failure |= n.failure;
		all.delay |= n.delay;
	}
	if (!asked)
		return NULL;
	all.never = !all.success && !all.failure && !all.delay;
	mail_notify_print(&all, text, sizeof text);
	return must_strdup(text);
}

/* The same message for one other recipient. Its age counts on. */
static struct store_message *
make_copy(const struct hand *h, struct store_body *body)
{
	const struct store_message *m = h->job->msg;
	struct store_message *c = store_envelope_copy(m, 1);

	c->id = h->new_id;
	c->body = body;
	c->nrcpts = 1;
	c->rcpts[0].address = must_strdup(h->to);
	c->rcpts[0].dest = must_strdup(h->to_dest);
	c->rcpts[0].orcpt = must_strdup_null(m->rcpts[0].orcpt);
	c->rcpts[0].notify = notify_of_all(m);
	c->rcpts[0].warned = m->rcpts[0].warned;	/* told is told */
	c->rcpts[0].due = clock_queue_ms();
	return c;
}

static void
on_copied(void *arg, const struct why *why)
{
	struct hand *h = arg;

	if (!why_is_set(why)) {
		manage_copy_decide(h->copy);
		settle(h, NULL);
		return;
	}
	h->why = *why;
	manage_copy_free(&h->copy);
	finish(h);
}

/* It is committed before the removal: held, so that it is not delivered twice. */
static void
copy_spooled(struct hand *h, struct store_body *body)
{
	struct store_message *c = make_copy(h, NULL);
	char id[MAIL_QUEUE_ID_LEN + 1], text[TEXT_CAP];

	mail_queue_id_print(id, h->job->msg->id);
	(void)str_fmt(text, sizeof text, "held until it replaces a recipient of %s", id);
	c->rcpts[0].last = must_strdup(text);
	c->rcpts[0].due = clock_queue_ms() + COPY_LOOK_MS;
	h->copy = manage_copy_new(h->s->store, &c, &body, h->job->msg->id,
	    h->job->msg->rcpts[0].id, on_copied, h);
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct hand *h = arg;

	if (body == NULL) {
		h->why = *why;
		finish(h);
	} else if (body->data != NULL) {
		settle(h, make_copy(h, body));
	} else {
		copy_spooled(h, body);
	}
}

/* ---- the order ---- */

static void
fill(struct hand *h, const struct manage_order *o)
{
	char id[MAIL_QUEUE_ID_LEN + 1], more[ADDRESS_CAP + 64] = "";
	struct queue_key key;

	if (o->action == MANAGE_REDIRECT) {
		(void)str_copy(h->to, o->to, sizeof h->to);
		/* What the message needs of a connection it needs there, too. */
		queue_key_parse(dest_name(h->dest), &key);
		queue_key_print(h->to_dest, o->to_domain, key.need, key.client, key.source);
		h->new_id = queue_id_next();
		mail_queue_id_print(id, h->new_id);
		(void)str_fmt(more, sizeof more, " to <%.100s> as %s", h->to, id);
	}
	(void)str_fmt(h->text, sizeof h->text, "%s%s by admin uid %u%s%s", actions[o->action].past,
	    more, o->uid, o->reason[0] != '\0' ? ": " : "", o->reason);
}

static void
set_results(struct hand *h)
{
	enum job_fate fate = actions[h->action].give_up;
	struct why why;

	(void)why_set(&why, fate == JOB_EXPIRED ? WHY_EXPIRED : WHY_ADMIN, "%s", h->text);
	if (fate == JOB_FAILED)
		why.dsn[0] = '5';		/* RFC 3463 s2: it is final */
	job_settle_open(h->job, fate, &why, NULL);
}

static int
refuse(struct store_message **m, struct why *why, enum why_reason reason, const char *text)
{
	store_message_free(m);
	return why_set(why, reason, "%s", text);
}

int
manage_take(struct sched *s, const struct manage_order *o, struct store_message **m,
    manage_done_fn *done, void *arg, struct why *why)
{
	struct hand *h;
	struct dest *dest;
	struct job *job;
	size_t nheld = 0;

	for (size_t i = 0; i < (*m)->nrcpts; i++)
		nheld += (*m)->rcpts[i].state == STORE_HELD;
	job = sched_claim(s, m, &dest);
	if (job == NULL)
		return refuse(m, why, WHY_LIMIT, "being delivered now");
	h = must_calloc(1, sizeof *h);
	*h = (struct hand){ .s = s, .action = o->action, .dest = dest, .job = job, .nheld = nheld,
	    .done = done, .arg = arg };
	fill(h, o);
	job->settled = on_over;
	job->abandoned = on_abandoned;
	job->settled_arg = h;
	set_results(h);
	if (actions[o->action].give_up != JOB_OPEN)
		dest_give_up(dest, job);
	else if (o->action == MANAGE_REDIRECT)
		s->store->ops->body(s->store, job->msg->id, on_body, h);
	else
		settle(h, NULL);
	return 0;
}
