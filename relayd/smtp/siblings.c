/* SPDX-License-Identifier: ISC */
/* siblings: see siblings.h. */
#include "relayd/smtp/siblings.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/io/chan.h"
#include "lib/ipc/sibling.h"

struct sibling {
	struct siblings	*owner;
	unsigned	 index;
	struct io_chan	*chan;		/* NULL: down */
	int		 fd;		/* before siblings_start, else -1 */
};

struct siblings {
	struct event_base	*base;
	unsigned		 self, count;
	int			 started;
	struct sibling		 all[SIBLINGS_MAX];
	struct {
		const struct siblings_events	*events;
		void				*arg;
	} stages[SIBLINGS__STAGES];
};

/* Whose message it is. */
static const enum siblings_stage stage_of[IPC_SIBLING__COUNT] = {
	[IPC_CTL_ASK] = SIBLINGS_CTL, [IPC_CTL_MORE] = SIBLINGS_CTL,
	[IPC_CTL_DROP] = SIBLINGS_CTL, [IPC_CTL_LINES] = SIBLINGS_CTL,
	[IPC_CTL_STEP] = SIBLINGS_CTL, [IPC_CTL_LAST] = SIBLINGS_CTL,
	[IPC_REPLAN] = SIBLINGS_CTL,
	[IPC_LEASE_ASK] = SIBLINGS_LEASES, [IPC_LEASE] = SIBLINGS_LEASES,
	[IPC_LEASE_USED] = SIBLINGS_LEASES, [IPC_LEASE_BACK] = SIBLINGS_LEASES,
	[IPC_LEASE_HAD] = SIBLINGS_LEASES, [IPC_LEASE_NOTED] = SIBLINGS_LEASES,
	[IPC_PAUSES_BEGIN] = SIBLINGS_PAUSES, [IPC_PAUSE] = SIBLINGS_PAUSES,
	[IPC_PAUSES_END] = SIBLINGS_PAUSES,
};

/* ---- one of them comes and goes ---- */

static void
lose(struct sibling *x)
{
	struct siblings *s = x->owner;

	if (x->chan == NULL)
		return;
	io_chan_free(&x->chan);
	for (size_t i = 0; i < SIBLINGS__STAGES; i++)
		if (s->stages[i].events != NULL && s->stages[i].events->went != NULL)
			s->stages[i].events->went(s->stages[i].arg, x->index);
}

void
siblings_drop(struct siblings *s, unsigned index, const char *what)
{
	struct sibling *x = &s->all[index];

	if (x->chan == NULL)
		return;
	log_err("worker %u is not listened to any more: %s; restart relayd", index, what);
	lose(x);
}

static void
on_frame(void *arg, const struct io_frame *f)
{
	struct sibling *x = arg;
	struct siblings *s = x->owner;
	enum siblings_stage stage;

	if (f->fd != -1)
		close(f->fd);
	if (f->type == 0 || f->type >= IPC_SIBLING__COUNT) {
		siblings_drop(s, x->index, "a message of no known type");
		return;
	}
	stage = stage_of[f->type];
	if (s->stages[stage].events != NULL)
		s->stages[stage].events->frame(s->stages[stage].arg, x->index, f);
	else
		siblings_drop(s, x->index, "a message for nobody here");
}

static void
on_closed(void *arg, const char *why)
{
	struct sibling *x = arg;

	log_info("worker %u has gone: %s", x->index, why);
	lose(x);
}

static const struct io_chan_events chan_events = { .frame = on_frame, .closed = on_closed };

static void
begin(struct sibling *x, int fd)
{
	struct siblings *s = x->owner;

	lose(x);
	x->chan = io_chan_new(s->base, fd, IPC_SIBLING_MAX, &chan_events, x);
	log_info("connected to worker %u", x->index);
	for (size_t i = 0; i < SIBLINGS__STAGES; i++)
		if (s->stages[i].events != NULL && s->stages[i].events->came != NULL)
			s->stages[i].events->came(s->stages[i].arg, x->index);
}

/* Of a star: one end is always the front. */
static int
may_know(const struct siblings *s, unsigned index)
{
	return index < s->count && index != s->self && (index == 0 || s->self == 0);
}

void
siblings_connect(struct siblings *s, unsigned index, int fd)
{
	if (s == NULL || !may_know(s, index)) {
		log_warning("a channel to worker %u is of no use here", index);
		close(fd);
		return;
	}
	if (s->started) {
		begin(&s->all[index], fd);
		return;
	}
	if (s->all[index].fd != -1)
		close(s->all[index].fd);
	s->all[index].fd = fd;
}

/* ---- use ---- */

void
siblings_join(struct siblings *s, enum siblings_stage stage, const struct siblings_events *events,
    void *arg)
{
	if (s == NULL)
		return;
	s->stages[stage].events = events;
	s->stages[stage].arg = arg;
}

void
siblings_start(struct siblings *s)
{
	if (s == NULL || s->started)
		return;
	s->started = 1;
	for (unsigned i = 0; i < s->count; i++) {
		int fd = s->all[i].fd;

		s->all[i].fd = -1;
		if (fd != -1)
			begin(&s->all[i], fd);
	}
}

unsigned
siblings_self(const struct siblings *s)
{
	return s == NULL ? 0 : s->self;
}

unsigned
siblings_count(const struct siblings *s)
{
	return s == NULL ? 1 : s->count;
}

int
siblings_is_up(const struct siblings *s, unsigned index)
{
	return s != NULL && index < s->count && s->all[index].chan != NULL;
}

int
siblings_send(struct siblings *s, unsigned index, uint16_t type, uint32_t request,
    const void *data, size_t n)
{
	if (!siblings_is_up(s, index))
		return -1;
	MUST(n <= IPC_SIBLING_MAX);
	io_chan_send(s->all[index].chan, type, request, data, n, -1);
	return 0;
}

/* ---- life ---- */

struct siblings *
siblings_new(struct event_base *base, unsigned self, unsigned count)
{
	struct siblings *s;

	if (count <= 1)
		return NULL;
	MUST(self < count && count <= SIBLINGS_MAX);
	s = must_calloc(1, sizeof *s);
	s->base = base;
	s->self = self;
	s->count = count;
	for (unsigned i = 0; i < LENGTH(s->all); i++)
		s->all[i] = (struct sibling){ .owner = s, .index = i, .fd = -1 };
	return s;
}

void
siblings_free(struct siblings **sp)
{
	struct siblings *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		io_chan_free(&s->all[i].chan);
		if (s->all[i].fd != -1)
			close(s->all[i].fd);
	}
	free(s);
}
