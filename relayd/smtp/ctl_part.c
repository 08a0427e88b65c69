/* SPDX-License-Identifier: ISC */
/* ctl_part: see ctl_part.h. */
#include "relayd/smtp/ctl_part.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/io/chan.h"
#include "lib/ipc/sibling.h"
#include "relayd/smtp/ctl_run.h"
#include "relayd/smtp/siblings.h"

#define STEP_BYTES	(64u << 20)	/* of one step: 50 messages of 1000 recipients, and more */

enum progress {
	RUNS,			/* a step is under way */
	PAUSED,			/* it is over; the next one is ours to ask for */
	COMPLETE		/* the last line is among the lines */
};

struct ctl_part {
	TAILQ_ENTRY(ctl_part)	 link;
	struct ctl_front	*front;
	unsigned		 worker;
	uint32_t		 number;
	struct ctl_run		*run;		/* this worker's own; NULL: over the channel */
	struct buf		 text;		/* what came over the channel */
	enum progress		 progress;
	int64_t			 patience;	/* ms */
	const char		*lost;		/* why; NULL: not lost */
	struct event		 ev_late, ev_come;
	void			(*come)(void *arg);
	void			*arg;
};

struct ctl_front {
	struct event_base		*base;
	struct siblings			*siblings;
	struct ctl_house		*house;
	TAILQ_HEAD(ctl_parts, ctl_part)	 parts;
	uint32_t			 number;	/* of the last question */
	int64_t				 patience;	/* ms */
};

static void
lose(struct ctl_part *p, const char *why)
{
	if (p->lost != NULL || p->progress == COMPLETE)
		return;
	p->lost = why;
	event_del(&p->ev_late);
	event_active(&p->ev_come, EV_TIMEOUT, 0);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	lose(arg, "does not answer");
}

static void
on_come(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_part *p = arg;

	p->come(p->arg);
}

static void
wait_for_it(struct ctl_part *p)
{
	const int64_t ms = p->patience;
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	p->progress = RUNS;
	if (p->run == NULL)
		event_add(&p->ev_late, &tv);
}

/* ---- lines come ---- */

/* This worker's own part. */
static void
on_stepped(void *arg)
{
	struct ctl_part *p = arg;

	p->progress = ctl_run_is_over(p->run) ? COMPLETE : PAUSED;
	p->come(p->arg);
}

static struct ctl_part *
part_of(const struct ctl_front *f, uint32_t number)
{
	struct ctl_part *p;

	TAILQ_FOREACH(p, &f->parts, link)
		if (p->number == number)
			return p;
	return NULL;
}

static int
is_answer(uint16_t type)
{
	return type == IPC_CTL_LINES || type == IPC_CTL_STEP || type == IPC_CTL_LAST;
}

static void
on_frame(void *arg, unsigned index, const struct io_frame *f)
{
	struct ctl_front *front = arg;
	struct ctl_part *p = part_of(front, f->request);

	if (!is_answer(f->type) || (p != NULL && (p->worker != index || p->progress != RUNS))) {
		siblings_drop(front->siblings, index, "an answer that nobody asked for");
		return;
	}
	if (p == NULL || p->lost != NULL)
		return;		/* the asker has left, or it comes too late */
	buf_add(&p->text, f->data, f->len);
	if (buf_len(&p->text) > STEP_BYTES) {
		siblings_drop(front->siblings, index, "an answer without end");
		return;
	}
	wait_for_it(p);
	if (f->type == IPC_CTL_LINES)
		return;
	p->progress = f->type == IPC_CTL_LAST ? COMPLETE : PAUSED;
	event_del(&p->ev_late);
	event_active(&p->ev_come, EV_TIMEOUT, 0);
}

static void
on_went(void *arg, unsigned index)
{
	struct ctl_front *front = arg;
	struct ctl_part *p;

	TAILQ_FOREACH(p, &front->parts, link)
		if (p->worker == index)
			lose(p, "is down");
}

static const struct siblings_events events = { .went = on_went, .frame = on_frame };

/* ---- lines are taken ---- */

static void
ask_for_more(struct ctl_part *p)
{
	wait_for_it(p);
	if (p->run != NULL)
		ctl_run_more(p->run);
	else if (siblings_send(p->front->siblings, p->worker, IPC_CTL_MORE, p->number, NULL,
	    0) == -1)
		lose(p, "is down");
}

static struct buf *
lines_of(struct ctl_part *p)
{
	return p->run != NULL ? ctl_run_lines(p->run) : &p->text;
}

/* NULL: there is no whole line, or it is no object, and the part is lost. */
static json_t *
next_line(struct ctl_part *p)
{
	struct buf *b = lines_of(p);
	const char *text = buf_data(b), *end;
	json_t *line;

	end = buf_len(b) == 0 ? NULL : memchr(text, '\n', buf_len(b));
	if (end == NULL)
		return NULL;
	line = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, NULL);
	buf_drop(b, (size_t)(end - text) + 1);
	if (json_is_object(line))
		return line;
	json_decref(line);
	buf_clear(b);
	p->progress = PAUSED;
	lose(p, "gives an answer that cannot be read");
	return NULL;
}

enum ctl_part_state
ctl_part_take(struct ctl_part *p, json_t **line)
{
	*line = next_line(p);
	if (*line != NULL)
		return json_object_get(*line, "end") != NULL ||
		    json_object_get(*line, "error") != NULL ? CTL_PART_OVER : CTL_PART_LINE;
	if (p->lost == NULL && p->progress == COMPLETE) {
		p->progress = PAUSED;
		lose(p, "gave an answer without an end");
	}
	if (p->lost == NULL && p->progress == PAUSED)
		ask_for_more(p);
	return p->lost != NULL ? CTL_PART_LOST : CTL_PART_WAITS;
}

const char *
ctl_part_why(const struct ctl_part *p)
{
	return p->lost;
}

/* ---- life ---- */

static void
ask_remote(struct ctl_part *p, const struct ipc_ctl_ask *a)
{
	struct buf b;

	buf_init(&b);
	ipc_ctl_ask_put(&b, a);
	if (siblings_send(p->front->siblings, p->worker, IPC_CTL_ASK, p->number, buf_data(&b),
	    buf_len(&b)) == -1)
		lose(p, "is down");
	buf_fini(&b);
}

struct ctl_part *
ctl_part_new(struct ctl_front *f, unsigned worker, uint32_t uid, const char *line,
    int64_t patience, void (*come)(void *), void *arg)
{
	const struct ipc_ctl_ask a = { .uid = uid, .line = line, .len = strlen(line) };
	struct ctl_part *p = must_calloc(1, sizeof *p);

	p->front = f;
	p->worker = worker;
	p->patience = patience != 0 ? patience : f->patience;
	p->number = ++f->number;
	p->come = come;
	p->arg = arg;
	evtimer_assign(&p->ev_late, f->base, on_late, p);
	event_assign(&p->ev_come, f->base, -1, 0, on_come, p);
	TAILQ_INSERT_TAIL(&f->parts, p, link);
	if (worker == siblings_self(f->siblings))
		p->run = ctl_run_new(f->base, f->house, &a, on_stepped, p);
	wait_for_it(p);
	if (p->run == NULL)
		ask_remote(p, &a);
	return p;
}

void
ctl_part_free(struct ctl_part **pp)
{
	struct ctl_part *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	if (p->run == NULL && p->progress != COMPLETE)
		(void)siblings_send(p->front->siblings, p->worker, IPC_CTL_DROP, p->number, NULL, 0);
	TAILQ_REMOVE(&p->front->parts, p, link);
	event_del(&p->ev_late);
	event_del(&p->ev_come);
	ctl_run_free(&p->run);
	buf_fini(&p->text);
	free(p);
}

struct ctl_front *
ctl_front_new(struct event_base *base, struct siblings *siblings, struct ctl_house *house,
    int64_t patience)
{
	struct ctl_front *f = must_calloc(1, sizeof *f);

	f->base = base;
	f->siblings = siblings;
	f->house = house;
	f->patience = patience;
	TAILQ_INIT(&f->parts);
	siblings_join(siblings, SIBLINGS_CTL, &events, f);
	return f;
}

void
ctl_front_free(struct ctl_front **fp)
{
	struct ctl_front *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	MUST(TAILQ_EMPTY(&f->parts));
	siblings_join(f->siblings, SIBLINGS_CTL, NULL, NULL);
	free(f);
}

unsigned
ctl_front_workers(const struct ctl_front *f)
{
	return siblings_count(f->siblings);
}

struct event_base *
ctl_front_base(const struct ctl_front *f)
{
	return f->base;
}
