/* SPDX-License-Identifier: ISC */
/* ask: open questions by request number, each with a deadline. */
#include "relayd/smtp/ask.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/chan.h"
#include "lib/ipc/ipc.h"

struct ask_wait {
	TAILQ_ENTRY(ask_wait)	 link;
	struct ask		*owner;
	uint32_t		 request;
	struct ipc_ask		 question;
	ask_fn			*fn;
	void			*arg;
	struct event		 ev_deadline;
	struct timeval		 wait;
};

struct ask {
	struct event_base	*base;
	struct io_chan		*chan;		/* NULL: the worker is away */
	struct timeval		 deadline;
	uint32_t		 next;
	TAILQ_HEAD(, ask_wait)	 open;
};

static void
answer(struct ask_wait *w, const struct plan_evidence *e)
{
	ask_fn *fn = w->fn;
	void *arg = w->arg;

	TAILQ_REMOVE(&w->owner->open, w, link);
	event_del(&w->ev_deadline);
	free(w);
	fn(arg, e);
}

/* Nothing is known: every state of the evidence says so by being zero. */
static void
answer_unknown(struct ask_wait *w, const char *text)
{
	struct plan_evidence e = { 0 };

	str_copy(e.domain, w->question.domain, sizeof e.domain);
	why_set(&e.why, WHY_POLICY_UNAVAILABLE, "%s", text);
	answer(w, &e);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ask_wait *w = arg;

	answer_unknown(w, w->owner->chan == NULL ? "the policy worker is not running" :
	    "the policy worker did not answer in time");
}

static struct ask_wait *
find(struct ask *a, uint32_t request)
{
	struct ask_wait *w;

	TAILQ_FOREACH(w, &a->open, link)
		if (w->request == request)
			return w;
	return NULL;
}

static void
on_frame(void *arg, const struct io_frame *f)
{
	struct ask *a = arg;
	struct plan_evidence e;
	struct ask_wait *w;

	if (f->fd != -1)
		close(f->fd);
	if (f->type != IPC_EVIDENCE || ipc_evidence_get(f->data, f->len, &e) == -1) {
		log_warning("a message of the policy worker cannot be read; dropped");
		return;
	}
	/* Late answers are dropped, and so is one for another domain. */
	w = find(a, f->request);
	if (w != NULL && strcmp(w->question.domain, e.domain) == 0)
		answer(w, &e);
	plan_evidence_fini(&e);
}

static void
on_closed(void *arg, const char *why)
{
	struct ask *a = arg;

	log_warning("the policy worker is away (%s): deliveries wait", why);
	io_chan_free(&a->chan);
}

static const struct io_chan_events chan_events = { .frame = on_frame, .closed = on_closed };

static void
put(struct ask *a, const struct ask_wait *w)
{
	struct buf b;

	if (a->chan == NULL)
		return;
	buf_init(&b);
	ipc_ask_put(&b, &w->question);
	io_chan_send(a->chan, IPC_ASK, w->request, buf_data(&b), buf_len(&b), -1);
	buf_fini(&b);
}

void
ask_connect(struct ask *a, int fd)
{
	struct ask_wait *w;

	io_chan_free(&a->chan);
	a->chan = io_chan_new(a->base, fd, IPC_POLICY_MAX, &chan_events, a);
	TAILQ_FOREACH(w, &a->open, link)
		put(a, w);
}

struct ask_wait *
ask_domain(struct ask *a, const char *domain, const struct plan_via *via, int fresh, ask_fn *fn,
    void *arg)
{
	struct ask_wait *w = must_calloc(1, sizeof *w);

	w->owner = a;
	w->request = ++a->next;
	str_copy(w->question.domain, domain, sizeof w->question.domain);
	w->question.fresh = fresh;
	if (via != NULL) {
		w->question.nhops = via->nhops;
		memcpy(w->question.hops, via->hops, via->nhops * sizeof *via->hops);
	}
	w->fn = fn;
	w->arg = arg;
	w->wait = a->deadline;
	event_assign(&w->ev_deadline, a->base, -1, 0, on_deadline, w);
	event_add(&w->ev_deadline, &w->wait);
	TAILQ_INSERT_TAIL(&a->open, w, link);
	put(a, w);
	return w;
}

void
ask_cancel(struct ask_wait **wp)
{
	struct ask_wait *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->owner->open, w, link);
	event_del(&w->ev_deadline);
	free(w);
}

struct ask *
ask_new(struct event_base *base, int64_t deadline_ms)
{
	struct ask *a = must_calloc(1, sizeof *a);

	a->base = base;
	a->deadline = (struct timeval){ deadline_ms / 1000, deadline_ms % 1000 * 1000 };
	TAILQ_INIT(&a->open);
	return a;
}

void
ask_free(struct ask **ap)
{
	struct ask *a = *ap;
	struct ask_wait *w, *next;

	*ap = NULL;
	if (a == NULL)
		return;
	TAILQ_FOREACH_SAFE(w, &a->open, link, next)
		ask_cancel(&(struct ask_wait *){ w });
	io_chan_free(&a->chan);
	free(a);
}

int
ask_connected(const struct ask *a)
{
	return a->chan != NULL;
}
