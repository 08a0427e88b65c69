/* SPDX-License-Identifier: ISC */
/* ctl_remote: see ctl_remote.h. */
#include "relayd/smtp/ctl_remote.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/io/chan.h"
#include "lib/ipc/sibling.h"
#include "relayd/smtp/ctl_replan.h"
#include "relayd/smtp/ctl_run.h"
#include "relayd/smtp/siblings.h"

#define FRONT		0
#define QUESTIONS_MAX	64	/* at a time; the front has as many askers at most */

struct question {
	TAILQ_ENTRY(question)	 link;
	struct ctl_remote	*owner;
	uint32_t		 number;
	struct ctl_run		*run;
	int			 waits;		/* for MORE */
};

struct ctl_remote {
	struct event_base		*base;
	struct siblings			*siblings;
	struct ctl_house		*house;
	TAILQ_HEAD(questions, question)	 questions;
	unsigned			 n;
};

static void
question_free(struct question *q)
{
	TAILQ_REMOVE(&q->owner->questions, q, link);
	q->owner->n--;
	ctl_run_free(&q->run);
	free(q);
}

static struct question *
question_of(const struct ctl_remote *r, uint32_t number)
{
	struct question *q;

	TAILQ_FOREACH(q, &r->questions, link)
		if (q->number == number)
			return q;
	return NULL;
}

/* ---- the answer ---- */

static void
send_lines(struct question *q, enum ipc_sibling type, size_t n)
{
	struct buf *b = ctl_run_lines(q->run);

	(void)siblings_send(q->owner->siblings, FRONT, (uint16_t)type, q->number, buf_data(b), n);
	buf_drop(b, n);
}

/* Whole lines of about a chunk; 0: there is a line that fits into no frame. */
static size_t
some_lines(const char *p, size_t n)
{
	const char *end = n <= IPC_CTL_CHUNK ? p + n - 1 :
	    memchr(p + IPC_CTL_CHUNK, '\n', n - IPC_CTL_CHUNK);
	size_t len = (size_t)(end - p) + 1;

	return len <= IPC_SIBLING_MAX ? len : 0;
}

static void
on_stepped(void *arg)
{
	static const char too_long[] = "{\"error\":\"a line of the answer is too long\","
	    "\"fix\":\"\",\"kind\":\"failed\"}\n";
	struct question *q = arg;
	struct buf *b = ctl_run_lines(q->run);
	int over = ctl_run_is_over(q->run);
	size_t n;

	while (buf_len(b) > IPC_CTL_CHUNK) {
		if ((n = some_lines(buf_data(b), buf_len(b))) == 0) {
			(void)siblings_send(q->owner->siblings, FRONT, IPC_CTL_LAST, q->number,
			    too_long, sizeof too_long - 1);
			question_free(q);
			return;
		}
		send_lines(q, IPC_CTL_LINES, n);
	}
	send_lines(q, over ? IPC_CTL_LAST : IPC_CTL_STEP, buf_len(b));
	q->waits = 1;
	if (over)
		question_free(q);
}

/* ---- the question ---- */

static int
take_ask(struct ctl_remote *r, const struct io_frame *f)
{
	static const char busy[] = "{\"error\":\"too many questions at a time\","
	    "\"fix\":\"try again\",\"kind\":\"busy\"}\n";
	struct ipc_ctl_ask ask;
	struct question *q;

	if (ipc_ctl_ask_get(f->data, f->len, &ask) == -1 || question_of(r, f->request) != NULL)
		return -1;
	if (r->n >= QUESTIONS_MAX) {
		(void)siblings_send(r->siblings, FRONT, IPC_CTL_LAST, f->request, busy,
		    sizeof busy - 1);
		return 0;
	}
	q = must_calloc(1, sizeof *q);
	q->owner = r;
	q->number = f->request;
	TAILQ_INSERT_TAIL(&r->questions, q, link);
	r->n++;
	q->run = ctl_run_new(r->base, r->house, &ask, on_stepped, q);
	return 0;
}

/* MORE and DROP may cross the end of the answer on the way. */
static int
take_more(struct ctl_remote *r, const struct io_frame *f)
{
	struct question *q = question_of(r, f->request);

	if (f->len != 0 || (q != NULL && !q->waits))
		return -1;
	if (q != NULL) {
		q->waits = 0;
		ctl_run_more(q->run);
	}
	return 0;
}

static int
take_drop(struct ctl_remote *r, const struct io_frame *f)
{
	struct question *q = question_of(r, f->request);

	if (q != NULL)
		question_free(q);
	return f->len == 0 ? 0 : -1;
}

static int
take_replan(struct ctl_remote *r, const struct io_frame *f)
{
	char domain[IPC_REPLAN_CAP];

	if (ipc_replan_get(f->data, f->len, domain) == -1)
		return -1;
	ctl_replan_here(r->house, domain);
	return 0;
}

static void
on_frame(void *arg, unsigned index, const struct io_frame *f)
{
	static int (*const takers[IPC_SIBLING__COUNT])(struct ctl_remote *,
	    const struct io_frame *) = {
		[IPC_CTL_ASK] = take_ask, [IPC_CTL_MORE] = take_more, [IPC_CTL_DROP] = take_drop,
		[IPC_REPLAN] = take_replan,
	};
	struct ctl_remote *r = arg;

	if (takers[f->type] == NULL || takers[f->type](r, f) == -1)
		siblings_drop(r->siblings, index, "a question that cannot be read");
}

static void
drop_all(struct ctl_remote *r)
{
	struct question *q, *next;

	TAILQ_FOREACH_SAFE(q, &r->questions, link, next)
		question_free(q);
}

static void
on_went(void *arg, unsigned index)
{
	drop_all(arg);
}

static const struct siblings_events events = { .went = on_went, .frame = on_frame };

/* ---- life ---- */

struct ctl_remote *
ctl_remote_new(struct event_base *base, struct siblings *siblings, struct ctl_house *house)
{
	struct ctl_remote *r = must_calloc(1, sizeof *r);

	r->base = base;
	r->siblings = siblings;
	r->house = house;
	TAILQ_INIT(&r->questions);
	siblings_join(siblings, SIBLINGS_CTL, &events, r);
	return r;
}

void
ctl_remote_free(struct ctl_remote **rp)
{
	struct ctl_remote *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	siblings_join(r->siblings, SIBLINGS_CTL, NULL, NULL);
	drop_all(r);
	free(r);
}
