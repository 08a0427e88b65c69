/* SPDX-License-Identifier: ISC */
/* ask: open questions by request number, each with a deadline. */
#include "relayd/smtp/ask.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/dns/special.h"
#include "lib/io/chan.h"
#include "lib/ipc/ipc.h"

#define HISTORY_SECONDS	5

struct ask_wait {
	TAILQ_ENTRY(ask_wait)	 link;
	struct ask		*owner;
	uint32_t		 request;
	uint16_t		 type;		/* of the question, and how it is written */
	struct buf		 frame;
	char			 domain[DNS_NAME_MAX];
	ask_fn			*fn;		/* one of the three */
	ask_history_fn		*history_fn;
	ask_cache_fn		*cache_fn;
	void			*arg;
	struct event		 ev_deadline;
	struct timeval		 wait;
};

struct ask {
	struct event_base	*base;
	struct io_chan		*chan;		/* NULL: the worker is away */
	struct timeval		 deadline;
	uint32_t		 next;
	struct ask_health	 health;
	TAILQ_HEAD(, ask_wait)	 open;
};

static void
wait_free(struct ask_wait *w)
{
	TAILQ_REMOVE(&w->owner->open, w, link);
	event_del(&w->ev_deadline);
	buf_fini(&w->frame);
	free(w);
}

static void
answer(struct ask_wait *w, const struct plan_evidence *e)
{
	ask_fn *fn = w->fn;
	void *arg = w->arg;

	wait_free(w);
	fn(arg, e);
}

static void
answer_history(struct ask_wait *w, const struct ipc_history *h)
{
	ask_history_fn *fn = w->history_fn;
	void *arg = w->arg;

	wait_free(w);
	fn(arg, h);
}

static void
answer_cache(struct ask_wait *w, const struct ipc_cache *c)
{
	ask_cache_fn *fn = w->cache_fn;
	void *arg = w->arg;

	wait_free(w);
	fn(arg, c);
}

/* Nothing is known: every state of the evidence says so by being zero. */
static void
answer_unknown(struct ask_wait *w, const char *text)
{
	struct plan_evidence e = { 0 };
	struct ipc_history h = { 0 };

	struct ipc_cache c = { 0 };

	if (w->cache_fn != NULL) {
		why_set(&c.why, WHY_POLICY_UNAVAILABLE, "%s", text);
		answer_cache(w, &c);
		return;
	}
	if (w->history_fn != NULL) {
		why_set(&h.why, WHY_POLICY_UNAVAILABLE, "%s", text);
		answer_history(w, &h);
		return;
	}
	str_copy(e.domain, w->domain, sizeof e.domain);
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

/* What a look-up says about our way to the DNS. Routes and special names ask for no MX. */
static void
note_health(struct ask_health *h, const struct plan_evidence *e)
{
	if (e->mx == PLAN_MX_ROUTE || e->domain[0] == '[' || dns_special(e->domain) != NULL)
		return;
	if (e->mx != PLAN_MX_UNKNOWN) {
		memset(h, 0, sizeof *h);
		return;
	}
	if (h->failures++ == 0)
		h->since = clock_mono_ms();
	else if (strcmp(h->domain, e->domain) != 0)
		h->several = 1;
	h->why = e->why;
	str_copy(h->domain, e->domain, sizeof h->domain);
}

const struct ask_health *
ask_health(const struct ask *a)
{
	return &a->health;
}

/* Late answers are dropped, and so is one for another domain. */
static int
take_evidence(struct ask *a, const struct io_frame *f)
{
	struct ask_wait *w = find(a, f->request);
	struct plan_evidence e;

	if (ipc_evidence_get(f->data, f->len, &e) == -1)
		return -1;
	if (w != NULL && w->fn != NULL && strcmp(w->domain, e.domain) == 0) {
		note_health(&a->health, &e);
		answer(w, &e);
	}
	plan_evidence_fini(&e);
	return 0;
}

static int
take_history(struct ask *a, const struct io_frame *f)
{
	struct ask_wait *w = find(a, f->request);
	struct ipc_history h;

	if (ipc_history_get(f->data, f->len, &h) == -1)
		return -1;
	if (w != NULL && w->history_fn != NULL)
		answer_history(w, &h);
	ipc_history_fini(&h);
	return 0;
}

static int
take_cache(struct ask *a, const struct io_frame *f)
{
	struct ask_wait *w = find(a, f->request);
	struct ipc_cache c;

	if (ipc_cache_get(f->data, f->len, &c) == -1)
		return -1;
	if (w != NULL && w->cache_fn != NULL)
		answer_cache(w, &c);
	ipc_cache_fini(&c);
	return 0;
}

static void
on_frame(void *arg, const struct io_frame *f)
{
	struct ask *a = arg;
	int rc = -1;

	if (f->fd != -1)
		close(f->fd);
	if (f->type == IPC_EVIDENCE)
		rc = take_evidence(a, f);
	else if (f->type == IPC_HISTORY)
		rc = take_history(a, f);
	else if (f->type == IPC_CACHE)
		rc = take_cache(a, f);
	if (rc == -1)
		log_warning("a message of the policy worker cannot be read; dropped");
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
	if (a->chan != NULL)
		io_chan_send(a->chan, w->type, w->request, buf_data(&w->frame),
		    buf_len(&w->frame), -1);
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

static struct ask_wait *
wait_new(struct ask *a, uint16_t type, const char *domain, void *arg)
{
	struct ask_wait *w = must_calloc(1, sizeof *w);

	w->owner = a;
	w->request = ++a->next;
	w->type = type;
	buf_init(&w->frame);
	str_copy(w->domain, domain, sizeof w->domain);
	w->arg = arg;
	event_assign(&w->ev_deadline, a->base, -1, 0, on_deadline, w);
	TAILQ_INSERT_TAIL(&a->open, w, link);
	return w;
}

struct ask_wait *
ask_domain(struct ask *a, const char *domain, const struct plan_via *via, int fresh, ask_fn *fn,
    void *arg)
{
	struct ask_wait *w = wait_new(a, IPC_ASK, domain, arg);
	struct ipc_ask question = { .fresh = fresh };

	str_copy(question.domain, domain, sizeof question.domain);
	if (via != NULL) {
		question.nhops = via->nhops;
		memcpy(question.hops, via->hops, via->nhops * sizeof *via->hops);
	}
	ipc_ask_put(&w->frame, &question);
	w->fn = fn;
	w->wait = a->deadline;
	event_add(&w->ev_deadline, &w->wait);
	put(a, w);
	return w;
}

struct ask_wait *
ask_history(struct ask *a, const struct ipc_history_ask *question, ask_history_fn *fn, void *arg)
{
	struct ask_wait *w = wait_new(a, IPC_HISTORY_ASK, question->domain, arg);

	ipc_history_ask_put(&w->frame, question);
	w->history_fn = fn;
	w->wait = (struct timeval){ HISTORY_SECONDS, 0 };
	event_add(&w->ev_deadline, &w->wait);
	put(a, w);
	return w;
}

struct ask_wait *
ask_cache(struct ask *a, const struct ipc_cache_ask *question, ask_cache_fn *fn, void *arg)
{
	struct ask_wait *w = wait_new(a, IPC_CACHE_ASK, question->domain, arg);

	ipc_cache_ask_put(&w->frame, question);
	w->cache_fn = fn;
	w->wait = question->verb == IPC_CACHE_REFRESH ? a->deadline :
	    (struct timeval){ HISTORY_SECONDS, 0 };
	event_add(&w->ev_deadline, &w->wait);
	put(a, w);
	return w;
}

void
ask_tell_proven(struct ask *a, const char *domain, const char *host,
    const struct plan_shown *shown)
{
	struct ipc_proven p = { .shown = *shown };
	struct buf b;

	if (a->chan == NULL)
		return;
	str_copy(p.domain, domain, sizeof p.domain);
	str_copy(p.host, host, sizeof p.host);
	buf_init(&b);
	ipc_proven_put(&b, &p);
	io_chan_send(a->chan, IPC_PROVEN, 0, buf_data(&b), buf_len(&b), -1);
	buf_fini(&b);
}

void
ask_cancel(struct ask_wait **wp)
{
	struct ask_wait *w = *wp;

	*wp = NULL;
	if (w != NULL)
		wait_free(w);
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
