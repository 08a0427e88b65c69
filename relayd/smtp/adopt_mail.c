/* SPDX-License-Identifier: ISC */
/* adopt_mail: pages, and the steps of one message. See adopt_mail.h. */
#include "relayd/smtp/adopt_mail.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/store/store.h"

#define PAGE		32		/* messages on their way at once */
#define CHUNK		(256 << 10)	/* of a large body */
#define AGAIN_S		5		/* after a failure of either store */

struct move {
	TAILQ_ENTRY(move)	 link;
	struct adopt_mail	*mail;
	struct store_message	*msg;
	int64_t			*rows;		/* of its recipients in the old store */
	struct store_body	*body;		/* a file that is being copied */
	struct store_spool	*spool;		/* to where */
	uint64_t		 offset;
	int			 known;		/* was put before a crash */
	struct why		 why;		/* it could not be put */
	struct event		 ev_again;
};

struct adopt_mail {
	struct store			*from, *to;
	const struct adopt_mail_events	*events;
	void				*arg;
	struct map			*known;		/* ids with a note */
	TAILQ_HEAD(, move)		 moves;
	uint64_t			 after, last;
	int				 noted;		/* known is */
	int				 put_off;	/* one of the page has to be tried again */
	int				 complained;
	int				 stopping;
	struct event			*ev_page;
	struct adopt_counts		 counts;
};

/* ---- pages ---- */

static void
page_in(struct adopt_mail *a, int seconds)
{
	struct timeval tv = { seconds, 0 };

	event_add(a->ev_page, &tv);
}

/* A store is in trouble: said once, until something moves again. */
static void
trouble(struct adopt_mail *a, const struct why *why)
{
	if (!a->complained)
		log_warning("adoption waits: %s", why->text);
	a->complained = 1;
	a->put_off = 1;
}

static void
move_free(struct move *m)
{
	TAILQ_REMOVE(&m->mail->moves, m, link);
	event_del(&m->ev_again);
	store_message_free(&m->msg);
	store_body_unref(&m->body);
	free(m->rows);
	free(m);
}

/* This one is through, well or not; with the last of them comes the next page. */
static void
move_end(struct move *m)
{
	struct adopt_mail *a = m->mail;

	if (m->spool != NULL)
		a->to->ops->spool_abort(&m->spool);
	move_free(m);
	if (!TAILQ_EMPTY(&a->moves))
		return;
	if (!a->put_off)
		a->after = a->last;
	page_in(a, a->put_off ? AGAIN_S : 0);
}

/* ---- one message, from its end to its beginning ---- */

static void
key_of(const struct move *m, char *key, size_t cap)
{
	(void)str_fmt(key, cap, ADOPT_ID_PREFIX "%016" PRIx64, m->msg->id);
}

/* What stays is looked at in vain at the next start. */
static void
on_dropped(void *arg, const struct why *why)
{
}

static void remove_old(struct move *);

static void
on_removed(void *arg, const struct why *why, int gone)
{
	static const struct timeval later = { AGAIN_S, 0 };
	struct move *m = arg;
	struct adopt_mail *a = m->mail;
	char key[STORE_NOTE_KEY_MAX];

	if (a->stopping)
		return;
	if (why_is_set(why)) {
		event_add(&m->ev_again, &later);
		return;
	}
	key_of(m, key, sizeof key);
	a->to->ops->note_put(a->to, key, NULL, on_dropped, NULL);
	if (!m->known) {
		a->counts.messages++;
		a->counts.recipients += m->msg->nrcpts;
		a->events->moved(a->arg, m->msg);
	}
	a->complained = 0;
	move_end(m);
}

static void
remove_old(struct move *m)
{
	struct store *from = m->mail->from;
	struct store_settle_rcpt *rcpts = must_calloc(m->msg->nrcpts, sizeof *rcpts);
	struct store_settlement s = { .message = m->msg->id, .rcpts = rcpts,
		.nrcpts = m->msg->nrcpts };

	for (size_t i = 0; i < s.nrcpts; i++)
		rcpts[i] = (struct store_settle_rcpt){ .id = m->rows[i], .fate = STORE_DONE };
	from->ops->settle(from, &s, on_removed, m);
	free(rcpts);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	remove_old(arg);
}

/* It stays where it is, for somebody to look at. */
static void
leave(struct move *m, const char *text)
{
	m->mail->counts.stuck++;
	log_err("message %016" PRIx64 " cannot be adopted and stays: %s", m->msg->id, text);
	move_end(m);
}

/* Why it was not taken: a restored backup may hold what is here already. */
static void
on_twin(void *arg, const struct why *why, struct store_message **found, size_t n, int more,
    int64_t next_due)
{
	struct move *m = arg;

	for (size_t i = 0; i < n; i++)
		store_message_free(&found[i]);
	if (m->mail->stopping)
		return;
	if (n > 0 || why->reason == WHY_CORRUPT) {
		leave(m, "the queue has a message with its id");
		return;
	}
	trouble(m->mail, why_is_set(why) ? why : &m->why);
	move_end(m);
}

static void
on_put(void *arg, const struct why *why)
{
	struct move *m = arg;
	struct store *to = m->mail->to;

	if (m->mail->stopping)
		return;
	if (why_is_set(why)) {
		m->why = *why;
		to->ops->fetch(to, m->msg->id, on_twin, m);
		return;
	}
	remove_old(m);
}

static void
put(struct move *m)
{
	struct store *to = m->mail->to;
	struct store_spool *spool = m->spool;
	char key[STORE_NOTE_KEY_MAX];

	key_of(m, key, sizeof key);
	m->spool = NULL;		/* taken */
	to->ops->put_noted(to, m->msg, spool, key, "1", on_put, m);
}

static void copy_more(struct move *);

static void
on_appended(void *arg, const struct why *why)
{
	struct move *m = arg;

	if (m->mail->stopping)
		return;
	if (!why_is_set(why)) {
		copy_more(m);
		return;
	}
	trouble(m->mail, why);
	move_end(m);
}

static void
on_chunk(void *arg, const struct why *why, const char *data, size_t n)
{
	struct move *m = arg;

	if (m->mail->stopping)
		return;
	if (why->reason == WHY_CORRUPT || (n == 0 && !why_is_set(why))) {
		leave(m, why_is_set(why) ? why->text : "its body ends before its end");
		return;
	}
	if (why_is_set(why)) {
		trouble(m->mail, why);
		move_end(m);
		return;
	}
	m->offset += n;
	m->mail->to->ops->spool_append(m->spool, data, n, on_appended, m);
}

static void
copy_more(struct move *m)
{
	struct store *from = m->mail->from;

	if (m->offset >= m->body->size)
		put(m);
	else
		from->ops->read(from, m->body, m->offset, CHUNK, on_chunk, m);
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct move *m = arg;

	if (m->mail->stopping) {
		store_body_unref(&body);
		return;
	}
	if (why_is_set(why) && why->reason == WHY_CORRUPT) {
		leave(m, why->text);
	} else if (why_is_set(why)) {
		trouble(m->mail, why);
		move_end(m);
	} else if (body->file == 0) {
		m->msg->body = body;
		put(m);
	} else {
		m->body = body;
		m->spool = m->mail->to->ops->spool_new(m->mail->to);
		copy_more(m);
	}
}

static struct move *
move_new(struct adopt_mail *a, struct store_message *msg)
{
	struct move *m = must_calloc(1, sizeof *m);

	m->mail = a;
	m->msg = msg;
	m->rows = must_calloc(msg->nrcpts + 1, sizeof *m->rows);
	for (size_t i = 0; i < msg->nrcpts; i++)
		m->rows[i] = msg->rcpts[i].id;
	m->known = map_get(a->known, &msg->id, sizeof msg->id) != NULL;
	event_assign(&m->ev_again, event_get_base(a->ev_page), -1, 0, on_again, m);
	TAILQ_INSERT_TAIL(&a->moves, m, link);
	return m;
}

static void
move_start(struct move *m)
{
	struct store *from = m->mail->from;

	if (m->msg->nrcpts == 0)
		leave(m, "none of its recipients can be read");
	else if (m->known)
		remove_old(m);
	else
		from->ops->body(from, m->msg->id, on_body, m);
}

static void
on_page(void *arg, const struct why *why, struct store_message **messages, size_t n, int more,
    int64_t next_due)
{
	struct adopt_mail *a = arg;
	struct move *m, *next;

	for (size_t i = 0; i < n && a->stopping; i++)
		store_message_free(&messages[i]);
	if (a->stopping)
		return;
	a->put_off = 0;
	if (why_is_set(why)) {
		trouble(a, why);
		page_in(a, AGAIN_S);
		return;
	}
	if (n == 0) {
		a->events->done(a->arg);
		return;
	}
	a->last = messages[n - 1]->id;
	for (size_t i = 0; i < n; i++)
		(void)move_new(a, messages[i]);
	TAILQ_FOREACH_SAFE(m, &a->moves, link, next)
		move_start(m);
}

/* What was put before a crash. */
static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct adopt_mail *a = arg;

	if (a->stopping)
		return;
	if (why_is_set(why)) {
		trouble(a, why);
		page_in(a, AGAIN_S);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t id = strtoull(notes[i].key + strlen(ADOPT_ID_PREFIX), NULL, 16);

		(void)map_put(a->known, &id, sizeof id, a);
	}
	a->noted = 1;
	page_in(a, 0);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct adopt_mail *a = arg;

	if (!a->noted)
		a->to->ops->notes(a->to, ADOPT_ID_PREFIX, on_notes, a);
	else if (a->to->ops->refuses(a->to) != WHY_NONE)
		page_in(a, AGAIN_S);
	else
		a->from->ops->list(a->from, a->after, PAGE, on_page, a);
}

/* ---- life ---- */

struct adopt_mail *
adopt_mail_new(struct event_base *base, struct store *from, struct store *to,
    const struct adopt_mail_events *events, void *arg)
{
	struct adopt_mail *a = must_calloc(1, sizeof *a);

	a->from = from;
	a->to = to;
	a->events = events;
	a->arg = arg;
	a->known = map_new();
	TAILQ_INIT(&a->moves);
	a->ev_page = evtimer_new(base, on_turn, a);
	MUST(a->ev_page != NULL);
	page_in(a, 0);
	return a;
}

void
adopt_mail_stop(struct adopt_mail *a)
{
	struct move *m;

	a->stopping = 1;
	event_del(a->ev_page);
	TAILQ_FOREACH(m, &a->moves, link) {
		event_del(&m->ev_again);
		if (m->spool != NULL)
			a->to->ops->spool_abort(&m->spool);
	}
}

void
adopt_mail_free(struct adopt_mail **ap)
{
	struct adopt_mail *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	while (!TAILQ_EMPTY(&a->moves))
		move_free(TAILQ_FIRST(&a->moves));
	event_free(a->ev_page);
	map_free(&a->known);
	free(a);
}

const struct adopt_counts *
adopt_mail_counts(const struct adopt_mail *a)
{
	return &a->counts;
}
