/* SPDX-License-Identifier: ISC */
/* epoch: see epoch.h. */
#include "relayd/smtp/epoch.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/life.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/store/store.h"

#define KEY	"epoch/queue"

struct epoch {
	struct store	*store;
	struct event	 ev_write;
	void		(*done)(void *arg, const struct why *);
	void		*arg;
};

static void
on_written(void *arg, const struct why *why)
{
	/* The next minute writes again; what fails the store says it louder elsewhere. */
	if (why_is_set(why))
		log_warning("the time of the queue cannot be noted: %s", why->text);
}

void
epoch_flush(struct epoch *e)
{
	char value[32];

	(void)str_fmt(value, sizeof value, "%" PRId64, clock_queue_ms());
	e->store->ops->note_put(e->store, KEY, value, on_written, e);
}

static void
on_minute(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval minute = { 60, 0 };
	struct epoch *e = arg;

	epoch_watch();
	epoch_flush(e);
	event_add(&e->ev_write, &minute);
}

void
epoch_watch(void)
{
	int64_t jump;

	(void)clock_queue_ms();
	jump = clock_queue_jump();
	if (jump != 0)
		log_warning("the wall clock jumped by %" PRId64 " s: mail does not grow older by that,"
		    " certificates, signatures and exceptions do; check the time of this host",
		    jump / 1000);
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct epoch *e = arg;
	uint64_t saved = 0;
	int64_t apart;

	/* A damaged one is no time: the wall clock's it is. */
	if (n > 0 && num_u64(notes[0].value, INT64_MAX / 2, &saved) == -1)
		log_warning("the noted time of the queue is damaged: \"%s\"", notes[0].value);
	clock_queue_start((int64_t)saved);
	apart = clock_wall_ms() - clock_queue_ms();
	if (saved != 0 && (apart > LIFE_JUMP_MS || apart < -LIFE_JUMP_MS))
		log_warning("the wall clock is %" PRId64 " s from where the last run left it: mail has"
		    " aged by an hour at most; check the time of this host if it was not down that long",
		    apart / 1000);
	if (!why_is_set(why))
		on_minute(-1, 0, e);
	e->done(e->arg, why);
}

void
epoch_load(struct epoch *e, void (*done)(void *, const struct why *), void *arg)
{
	e->done = done;
	e->arg = arg;
	e->store->ops->notes(e->store, KEY, on_notes, e);
}

struct epoch *
epoch_new(struct event_base *base, struct store *store)
{
	struct epoch *e = must_calloc(1, sizeof *e);

	e->store = store;
	event_assign(&e->ev_write, base, -1, 0, on_minute, e);
	return e;
}

void
epoch_free(struct epoch **ep)
{
	struct epoch *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	event_del(&e->ev_write);
	free(e);
}
