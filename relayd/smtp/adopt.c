/* SPDX-License-Identifier: ISC */
/* adopt: finding left-over shards, and what is done with each in turn. See adopt.h. */
#include "relayd/smtp/adopt.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/queue/id.h"
#include "lib/store/store.h"
#include "relayd/smtp/adopt_find.h"
#include "relayd/smtp/adopt_mail.h"
#include "relayd/smtp/aftermath.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/outcome.h"
#include "relayd/smtp/sched.h"
#include "relayd/smtp/tally.h"

#define PREFIX		"adopt/"
#define SHARD_PREFIX	PREFIX "shard/"	/* its notes have been joined with ours */
#define AGAIN_S		1		/* a shard that is still in use */

struct shard {
	TAILQ_ENTRY(shard)	 link;
	struct adopt		*owner;
	char			 name[ADOPT_NAME_CAP];
	struct store		*store;		/* NULL until it is opened */
	struct aftermath	*aftermath;	/* what its last worker had on its way out */
	int			 joined;	/* its notes are ours */
	int			 failed;	/* left alone until the next start */
};

struct adopt {
	struct adopt_tools	 tools;
	char			*allowed;	/* the file system, as configured at the start */
	TAILQ_HEAD(, shard)	 shards;
	struct shard		*now;		/* whose mail moves */
	struct adopt_mail	*mail;
	struct event		*ev_again;
	int			 running, stopping;
	void			(*done)(void *arg);	/* NULL: called */
	void			*arg;
};

static void advance(struct adopt *);

static void
path_of(const struct shard *s, char *to, size_t cap)
{
	(void)str_fmt(to, cap, "%s/shards/%s", s->owner->tools.directory, s->name);
}

static void
give_up(struct shard *s, const char *text)
{
	log_err("the queue in shards/%s cannot be adopted: %s; it stays for somebody to look at",
	    s->name, text);
	s->failed = 1;
	advance(s->owner);
}

/* ---- notes ---- */

/* What a note is about, behind its prefix; NULL: something else. */
static const char *
behind(const struct store_note *note, const char *prefix)
{
	return strncmp(note->key, prefix, strlen(prefix)) == 0 ? note->key + strlen(prefix) : NULL;
}

static void
on_written(void *arg, const struct why *why)
{
	if (why_is_set(why))
		log_err("a note of an adopted queue cannot be written: %s", why->text);
}

/* Of pauses ours is the list (pause_share.c): another worker's may be of yesterday. */
static void
join_note(struct adopt *a, const struct store_note *note)
{
	const char *rest;

	if ((rest = behind(note, LEDGER_PREFIX)) != NULL)
		ledger_join(a->tools.ledger, rest, note->value);
	else if ((rest = behind(note, TALLY_PREFIX)) != NULL)
		tally_join(a->tools.tally, rest, note->value);
}

static void
on_joined(void *arg, const struct why *why)
{
	struct shard *s = arg;

	on_written(NULL, why);
	if (s->owner->stopping)
		return;
	s->joined = 1;
	advance(s->owner);
}

/* Ours first, that it was done last. */
static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct shard *s = arg;
	struct store *own = s->owner->tools.store;
	char key[STORE_NOTE_KEY_MAX];

	if (s->owner->stopping)
		return;
	if (why_is_set(why)) {
		give_up(s, why->text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		join_note(s->owner, &notes[i]);
	(void)str_fmt(key, sizeof key, SHARD_PREFIX "%s", s->name);
	own->ops->note_put(own, key, "1", on_joined, s);
}

static void
on_shard_note(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct shard *s = arg;

	if (s->owner->stopping)
		return;
	for (size_t i = 0; i < n; i++)
		s->joined |= strcmp(notes[i].key + strlen(SHARD_PREFIX), s->name) == 0;
	if (why_is_set(why))
		give_up(s, why->text);
	else if (s->joined)
		advance(s->owner);
	else
		s->store->ops->notes(s->store, "", on_notes, s);
}

/* What its worker had delivered and could not note any more is no mail of ours. */
static void
on_aftermath(void *arg, const struct why *why)
{
	struct shard *s = arg;
	struct store *own = s->owner->tools.store;

	if (s->owner->stopping)
		return;
	if (why_is_set(why))
		give_up(s, why->text);
	else
		own->ops->notes(own, SHARD_PREFIX, on_shard_note, s);
}

static void
open_shard(struct shard *s)
{
	struct adopt *a = s->owner;
	char path[4096];
	struct store_param p = { .directory = path, .base = a->tools.base,
		.allow_filesystem = a->tools.allow_filesystem };
	struct why why;

	path_of(s, path, sizeof path);
	s->store = store_sqlite_open(&p, &why);
	if (s->store == NULL) {
		give_up(s, why.text);
		return;
	}
	s->aftermath = aftermath_new(s->store);
	aftermath_notices(s->aftermath, a->tools.sched->generation,
	    outcome_cap(a->tools.sched->outcome));
	aftermath_recover(s->aftermath, on_aftermath, s);
}

/* ---- mail ---- */

static void
on_moved(void *arg, const struct store_message *m)
{
	struct adopt *a = arg;

	queue_id_floor(m->id);
	for (size_t i = 0; i < m->nrcpts; i++)
		if (m->rcpts[i].state == STORE_DUE)
			sched_on_disk(a->tools.sched, m->rcpts[i].dest, 1, m->rcpts[i].due);
}

static void
shard_free(struct shard *s)
{
	TAILQ_REMOVE(&s->owner->shards, s, link);
	if (s->store != NULL)
		s->store->ops->close(&s->store);
	aftermath_free(&s->aftermath);
	free(s);
}

/* The store says by itself whether something is left that no list shows. */
static void
shard_end(struct shard *s)
{
	struct adopt *a = s->owner;
	char path[4096];
	struct why why;

	s->store->ops->close(&s->store);
	path_of(s, path, sizeof path);
	if (store_sqlite_remove(path, &why) == -1) {
		give_up(s, why.text);
		return;
	}
	shard_free(s);
	advance(a);
}

/* Not from inside a callback of the store that is to be closed. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct adopt *a = arg;
	struct shard *s = a->now;

	if (s == NULL) {
		advance(a);
		return;
	}
	adopt_mail_free(&a->mail);
	a->now = NULL;
	shard_end(s);
}

static void
on_done(void *arg)
{
	static const struct timeval now = { 0, 0 };
	struct adopt *a = arg;
	const struct adopt_counts *c = adopt_mail_counts(a->mail);

	log_notice("the queue in shards/%s is adopted: %" PRIu64 " messages to %" PRIu64
	    " recipients; %" PRIu64 " were left", a->now->name, c->messages,
	    c->recipients, c->stuck);
	event_add(a->ev_again, &now);
}

static const struct adopt_mail_events mail_events = { .moved = on_moved, .done = on_done };

static void
on_dests(void *arg, const struct why *why, const struct store_dest *dests, size_t n)
{
	struct shard *s = arg;
	struct adopt *a = s->owner;
	uint64_t due = 0;

	if (a->stopping)
		return;
	for (size_t i = 0; i < n; i++)
		due += dests[i].count;
	log_notice("adopting the queue in shards/%s: %" PRIu64 " recipients at %zu destinations "
	    "and what is held", s->name, due, n);
	a->mail = adopt_mail_new(a->tools.base, s->store, a->tools.store, &mail_events, a);
}

static void
begin_mail(struct adopt *a, struct shard *s)
{
	a->now = s;
	s->store->ops->dests(s->store, on_dests, s);
}

/* ---- the order of things ---- */

/* With the last shard the notes about all of them are of no more use. */
static void
on_ended(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct adopt *a = arg;

	for (size_t i = 0; i < n && !a->stopping; i++)
		a->tools.store->ops->note_put(a->tools.store, notes[i].key, NULL, on_written, NULL);
}

static void
add(void *arg, const char *name)
{
	struct adopt *a = arg;
	struct shard *s;

	TAILQ_FOREACH(s, &a->shards, link)
		if (strcmp(s->name, name) == 0)
			return;
	s = must_calloc(1, sizeof *s);
	s->owner = a;
	(void)str_copy(s->name, name, sizeof s->name);
	TAILQ_INSERT_TAIL(&a->shards, s, link);
}

/* What is to be joined, and then what is to be moved. */
static struct shard *
next_shard(struct adopt *a, int joined)
{
	struct shard *s;

	TAILQ_FOREACH(s, &a->shards, link)
		if (!s->failed && s->joined == joined)
			return s;
	return NULL;
}

static void
released(struct adopt *a)
{
	void (*done)(void *) = a->done;

	a->done = NULL;
	if (done != NULL)
		done(a->arg);
}

static void
advance(struct adopt *a)
{
	static const struct timeval later = { AGAIN_S, 0 };
	size_t busy = adopt_find(a->tools.directory, a->tools.workers, add, a);
	struct shard *s = next_shard(a, 0);

	if (s != NULL) {
		open_shard(s);
		return;
	}
	released(a);
	if (!a->running || a->now != NULL)
		return;
	if ((s = next_shard(a, 1)) != NULL)
		begin_mail(a, s);
	else if (busy > 0)
		event_add(a->ev_again, &later);
	else if (TAILQ_EMPTY(&a->shards))
		a->tools.store->ops->notes(a->tools.store, PREFIX, on_ended, a);
}

void
adopt_notes(struct adopt *a, void (*done)(void *), void *arg)
{
	a->done = done;
	a->arg = arg;
	advance(a);
}

void
adopt_run(struct adopt *a)
{
	a->running = 1;
	advance(a);
}

/* ---- life ---- */

struct adopt *
adopt_new(const struct adopt_tools *tools)
{
	struct adopt *a = must_calloc(1, sizeof *a);

	a->tools = *tools;
	a->tools.allow_filesystem = a->allowed = must_strdup(tools->allow_filesystem);
	TAILQ_INIT(&a->shards);
	a->ev_again = evtimer_new(tools->base, on_turn, a);
	MUST(a->ev_again != NULL);
	return a;
}

void
adopt_stop(struct adopt *a)
{
	if (a == NULL)
		return;
	a->stopping = 1;
	event_del(a->ev_again);
	if (a->mail != NULL)
		adopt_mail_stop(a->mail);
}

void
adopt_free(struct adopt **ap)
{
	struct adopt *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	/* The stores first: they still call back, and are not listened to. */
	while (!TAILQ_EMPTY(&a->shards))
		shard_free(TAILQ_FIRST(&a->shards));
	adopt_mail_free(&a->mail);
	event_free(a->ev_again);
	free(a->allowed);
	free(a);
}
