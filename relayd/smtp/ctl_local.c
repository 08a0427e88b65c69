/* SPDX-License-Identifier: ISC */
/* ctl_local: see ctl_local.h. */
#include "relayd/smtp/ctl_local.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_gather.h"
#include "relayd/smtp/ctl_verbs.h"

#define LOCAL_MAGIC	0xc0417013u

struct ctl_local {
	unsigned		 magic;
	struct ctl_call		 call;
	struct ctl_gather	*gather;	/* NULL: this worker answers */
	struct buf		 lines;
	struct event		 ev_step;
	void			(*done)(void *arg);
	void			*arg;
};

static struct ctl_local *
local_of_call(struct ctl_call *call)
{
	struct ctl_local *l = (struct ctl_local *)((char *)call - offsetof(struct ctl_local, call));

	MUST(l->magic == LOCAL_MAGIC);
	return l;
}

static void
on_call_next(struct ctl_call *call)
{
	event_active(&local_of_call(call)->ev_step, EV_TIMEOUT, 0);
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_local *l = arg;

	if (l->call.over)
		l->done(l->arg);
	else if (l->gather != NULL)
		ctl_gather_step(l->gather);
	else
		l->call.verb->step(&l->call);
}

struct ctl_local *
ctl_local_new(struct event_base *base, struct ctl_house *house, struct ctl_front *front,
    const char *verb, void (*done)(void *), void *arg)
{
	struct ctl_local *l = must_calloc(1, sizeof *l);
	json_t *request = json_pack("{s:i, s:s}", "v", CTL_VERSION, "verb", verb);

	l->magic = LOCAL_MAGIC;
	l->done = done;
	l->arg = arg;
	ctl_call_init(&l->call, house);
	l->call.verb = ctl_verb_find(verb);
	MUST(l->call.verb != NULL && request != NULL);
	l->call.out = &l->lines;
	l->call.next = on_call_next;
	event_assign(&l->ev_step, base, -1, 0, on_step, l);
	if (ctl_gather_is_needed(front, &l->call))
		l->gather = ctl_gather_new(front, &l->call, request);
	else if (l->call.verb->state_size > 0)
		l->call.state = must_calloc(1, l->call.verb->state_size);
	json_decref(request);
	event_active(&l->ev_step, EV_TIMEOUT, 0);
	return l;
}

void
ctl_local_free(struct ctl_local **lp)
{
	struct ctl_local *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	event_del(&l->ev_step);
	ctl_gather_free(&l->gather);
	ctl_call_fini(&l->call);
	buf_fini(&l->lines);
	l->magic = 0;
	free(l);
}

struct buf *
ctl_local_lines(struct ctl_local *l)
{
	return &l->lines;
}
