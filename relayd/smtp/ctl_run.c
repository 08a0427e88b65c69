/* SPDX-License-Identifier: ISC */
/* ctl_run: see ctl_run.h. */
#include "relayd/smtp/ctl_run.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/ipc/sibling.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_verbs.h"

#define RUN_MAGIC	0xc0417012u

struct ctl_run {
	unsigned	 magic;
	struct ctl_call	 call;
	struct buf	 lines;
	struct event	 ev_step, ev_stepped;
	void		(*stepped)(void *arg);
	void		*arg;
};

static struct ctl_run *
run_of_call(struct ctl_call *call)
{
	struct ctl_run *r = (struct ctl_run *)((char *)call - offsetof(struct ctl_run, call));

	MUST(r->magic == RUN_MAGIC);
	return r;
}

static void
on_call_next(struct ctl_call *call)
{
	event_active(&run_of_call(call)->ev_stepped, EV_TIMEOUT, 0);
}

static void
on_stepped(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_run *r = arg;

	r->stepped(r->arg);
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_run *r = arg;

	r->call.verb->step(&r->call);
}

static int
understand(struct ctl_run *r, const struct ipc_ctl_ask *a, struct ctl_refusal *refusal)
{
	const struct ctl_verb *verb;
	char name[CTL_VERB_CAP];
	json_t *root;
	int result = -1;

	if (ctl_request_parse(a->line, a->len, &root, name, refusal) == -1)
		return -1;
	if ((verb = ctl_verb_find(name)) == NULL)
		(void)ctl_refuse(refusal, CTL_USAGE, NULL, "unknown verb %s", name);
	else if (ctl_request_values(root, verb->args, r->call.values, refusal) == 0)
		result = 0;
	json_decref(root);
	if (result == 0)
		r->call.verb = verb;
	return result;
}

struct ctl_run *
ctl_run_new(struct event_base *base, struct ctl_house *house, const struct ipc_ctl_ask *a,
    void (*stepped)(void *), void *arg)
{
	struct ctl_run *r = must_calloc(1, sizeof *r);
	struct ctl_refusal refusal;

	r->magic = RUN_MAGIC;
	r->stepped = stepped;
	r->arg = arg;
	ctl_call_init(&r->call, house);
	r->call.uid = a->uid;
	r->call.part = 1;
	r->call.out = &r->lines;
	r->call.next = on_call_next;
	event_assign(&r->ev_step, base, -1, 0, on_step, r);
	event_assign(&r->ev_stepped, base, -1, 0, on_stepped, r);
	if (understand(r, a, &refusal) == -1) {
		ctl_call_refuse(&r->call, &refusal);
		return r;
	}
	if (r->call.verb->state_size > 0)
		r->call.state = must_calloc(1, r->call.verb->state_size);
	ctl_run_more(r);
	return r;
}

void
ctl_run_more(struct ctl_run *r)
{
	MUST(!r->call.over);
	event_active(&r->ev_step, EV_TIMEOUT, 0);
}

struct buf *
ctl_run_lines(struct ctl_run *r)
{
	return &r->lines;
}

int
ctl_run_is_over(const struct ctl_run *r)
{
	return r->call.over;
}

void
ctl_run_free(struct ctl_run **rp)
{
	struct ctl_run *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	event_del(&r->ev_step);
	event_del(&r->ev_stepped);
	ctl_call_fini(&r->call);
	buf_fini(&r->lines);
	r->magic = 0;
	free(r);
}
