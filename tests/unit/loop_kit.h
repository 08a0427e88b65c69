/* SPDX-License-Identifier: ISC */
/* loop_kit: a loop that runs until so many callbacks came (each counts itself), bounded in time. */
#ifndef TESTS_UNIT_LOOP_KIT_H
#define TESTS_UNIT_LOOP_KIT_H

#include <event2/event.h>

static struct event_base *base;
static unsigned answers;

static void
on_guard(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(base);
}

static void
run(unsigned n, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	struct event *guard = evtimer_new(base, on_guard, NULL);

	evtimer_add(guard, &tv);
	while (answers < n && event_base_loop(base, EVLOOP_ONCE) == 0 &&
	    evtimer_pending(guard, NULL))
		;
	event_free(guard);
}

#endif
