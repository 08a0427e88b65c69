/* SPDX-License-Identifier: ISC */
/* pause_share: see pause_share.h. */
#include "relayd/smtp/pause_share.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/io/chan.h"
#include "lib/ipc/sibling.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/sched.h"
#include "relayd/smtp/siblings.h"
#include "relayd/smtp/wake.h"

#define FRONT		0
#define PAUSES_MAX	100000
#define WAIT_S		5		/* for the first list */

_Static_assert(IPC_PAUSE_DOMAIN_CAP > PAUSE_DOMAIN_MAX && IPC_PAUSE_VALUE_CAP > STORE_NOTE_MAX,
    "a pause fits into its message");

struct pause_share {
	struct siblings	*siblings;
	struct sched	*sched;
	struct map	*told;		/* of the list that is coming, by domain; NULL: none is */
	struct event	*ev_wait;
};

/* ---- the front tells ---- */

struct telling {
	struct pause_share	*share;
	unsigned		 worker;
};

static void
tell_one(const struct pause *p, void *arg)
{
	const struct telling *t = arg;
	struct ipc_pause m;
	struct buf b;

	buf_init(&b);
	(void)str_copy(m.domain, p->domain, sizeof m.domain);
	pause_print(p, m.value, sizeof m.value);
	ipc_pause_put(&b, &m);
	(void)siblings_send(t->share->siblings, t->worker, IPC_PAUSE, 0, buf_data(&b), buf_len(&b));
	buf_fini(&b);
}

static void
on_came(void *arg, unsigned worker)
{
	struct pause_share *s = arg;
	struct telling t = { s, worker };

	if (siblings_self(s->siblings) != FRONT)
		return;
	(void)siblings_send(s->siblings, worker, IPC_PAUSES_BEGIN, 0, NULL, 0);
	pause_each(s->sched->pauses, tell_one, &t);
	(void)siblings_send(s->siblings, worker, IPC_PAUSES_END, 0, NULL, 0);
}

/* ---- another worker does as it is told ---- */

/* It is known what is paused. */
static void
go(struct pause_share *s)
{
	event_del(s->ev_wait);
	pause_wait(s->sched->pauses, 0);
	sched_pause(s->sched, "");	/* all of them look again */
}

static void
on_waited(evutil_socket_t fd, short what, void *arg)
{
	go(arg);
}

void
pause_share_wait(struct sched *sched, struct siblings *siblings)
{
	if (siblings_self(siblings) != FRONT)
		pause_wait(sched->pauses, 1);
}

static void
on_noted(void *arg, const struct why *why)
{
	if (why_is_set(why))
		log_err("a pause holds until a restart only: %s", why->text);
}

static void
note(struct pause_share *s, const char *domain, const char *value)
{
	struct store *store = s->sched->store;
	char key[STORE_NOTE_KEY_MAX + 1];

	(void)str_fmt(key, sizeof key, PAUSE_PREFIX "%s", domain);
	store->ops->note_put(store, key, value, on_noted, NULL);
	sched_pause(s->sched, domain);
}

static int
is_known(const struct pause_share *s, const struct ipc_pause *m)
{
	const struct pause *p = pause_of(s->sched->pauses, m->domain);
	char value[STORE_NOTE_MAX];

	if (p == NULL)
		return 0;
	pause_print(p, value, sizeof value);
	return strcmp(value, m->value) == 0;
}

static int
take_pause(struct pause_share *s, const struct io_frame *f)
{
	struct ipc_pause m;
	struct pause p = { .reason = "" };

	if (s->told == NULL || map_count(s->told) >= PAUSES_MAX ||
	    ipc_pause_get(f->data, f->len, &m) == -1 || strlen(m.domain) > PAUSE_DOMAIN_MAX ||
	    pause_parse(m.value, &p) == -1)
		return -1;
	(void)map_puts(s->told, m.domain, s);
	if (is_known(s, &m))
		return 0;
	(void)str_copy(p.domain, m.domain, sizeof p.domain);
	log_notice("destination %s is paused: worker 0 says so", p.domain);
	pause_set(s->sched->pauses, &p);
	note(s, p.domain, m.value);
	return 0;
}

static int
take_begin(struct pause_share *s, const struct io_frame *f)
{
	map_free(&s->told);
	s->told = map_new();
	return f->len == 0 ? 0 : -1;
}

static void
end_if_untold(const struct pause *p, void *arg)
{
	struct pause_share *s = arg;
	char domain[sizeof p->domain];

	if (map_gets(s->told, p->domain) != NULL)
		return;
	(void)str_copy(domain, p->domain, sizeof domain);
	log_notice("destination %s is resumed: worker 0 says so", domain);
	pause_end(s->sched->pauses, domain);
	note(s, domain, NULL);
	wake_resumed(s->sched, domain);
}

static int
take_end(struct pause_share *s, const struct io_frame *f)
{
	if (s->told == NULL || f->len != 0)
		return -1;
	pause_each(s->sched->pauses, end_if_untold, s);
	map_free(&s->told);
	go(s);
	return 0;
}

static void
on_frame(void *arg, unsigned worker, const struct io_frame *f)
{
	static int (*const takers[IPC_SIBLING__COUNT])(struct pause_share *,
	    const struct io_frame *) = {
		[IPC_PAUSES_BEGIN] = take_begin, [IPC_PAUSE] = take_pause,
		[IPC_PAUSES_END] = take_end,
	};
	struct pause_share *s = arg;

	if (worker != FRONT || takers[f->type] == NULL || takers[f->type](s, f) == -1)
		siblings_drop(s->siblings, worker, "a pause that cannot be read");
}

static const struct siblings_events events = { .came = on_came, .frame = on_frame };

/* ---- life ---- */

struct pause_share *
pause_share_new(struct event_base *base, struct siblings *siblings, struct sched *sched)
{
	static const struct timeval tv = { WAIT_S, 0 };
	struct pause_share *s = must_calloc(1, sizeof *s);

	s->siblings = siblings;
	s->sched = sched;
	s->ev_wait = evtimer_new(base, on_waited, s);
	MUST(s->ev_wait != NULL);
	if (siblings_self(siblings) != FRONT)
		event_add(s->ev_wait, &tv);
	siblings_join(siblings, SIBLINGS_PAUSES, &events, s);
	return s;
}

void
pause_share_free(struct pause_share **sp)
{
	struct pause_share *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	siblings_join(s->siblings, SIBLINGS_PAUSES, NULL, NULL);
	event_free(s->ev_wait);
	map_free(&s->told);
	free(s);
}
