/* SPDX-License-Identifier: ISC */
/* oldest: see oldest.h. Ids are in order of time, so the first one is it. */
#include "relayd/smtp/oldest.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/store/store.h"

#define LOOK_S	10

struct oldest {
	struct store	*store;
	struct event	 ev_look;
	int64_t		 created;	/* queue time; 0: there is none */
};

static void
look_later(struct oldest *o)
{
	static const struct timeval tv = { LOOK_S, 0 };

	event_add(&o->ev_look, &tv);
}

/* Where the store cannot read it (an empty page, and more behind), what was known stays. */
static void
on_first(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct oldest *o = arg;

	if (!why_is_set(why) && (n > 0 || !more))
		o->created = n > 0 ? msgs[0]->created : 0;
	for (size_t i = 0; i < n; i++)
		store_message_free(&msgs[i]);
	look_later(o);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct oldest *o = arg;

	o->store->ops->list(o->store, 0, 1, on_first, o);
}

int64_t
oldest_age(const struct oldest *o)
{
	int64_t age = o == NULL || o->created == 0 ? 0 : clock_queue_ms() - o->created;

	return age > 0 ? age : 0;
}

struct oldest *
oldest_new(struct event_base *base, struct store *store)
{
	struct oldest *o = must_calloc(1, sizeof *o);

	o->store = store;
	evtimer_assign(&o->ev_look, base, on_look, o);
	event_active(&o->ev_look, EV_TIMEOUT, 0);
	return o;
}

void
oldest_free(struct oldest **op)
{
	struct oldest *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	event_del(&o->ev_look);
	free(o);
}
