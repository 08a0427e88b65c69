/* SPDX-License-Identifier: ISC */
/*
 * memory: a double of the durable store for tests of what stands above it.
 * Same table, same order of events, callbacks from the loop; large bodies
 * are read by chunks as if they were files. Nothing survives, nothing fails.
 */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/store/memory_int.h"

struct answer *
memory_answer(struct memory_store *s, enum answer_kind kind, void *arg)
{
	struct answer *a = must_calloc(1, sizeof *a);

	a->kind = kind;
	a->arg = arg;
	why_clear(&a->why);
	STAILQ_INSERT_TAIL(&s->answers, a, next);
	event_active(s->turn, EV_TIMEOUT, 0);
	return a;
}

static void
answer_give(struct answer *a)
{
	switch (a->kind) {
	case ANSWER_DONE:
		if (a->spool == NULL || !a->spool->aborted)
			a->done(a->arg, &a->why);
		break;
	case ANSWER_SETTLED:
		a->settled(a->arg, &a->why, a->number);
		break;
	case ANSWER_LOADED:
		a->loaded(a->arg, &a->why, a->messages, a->n, a->number, a->next_due);
		break;
	case ANSWER_BODY:
		a->bodied(a->arg, &a->why, a->body);
		break;
	case ANSWER_CHUNK:
		a->chunked(a->arg, &a->why, a->bytes, a->n);
		break;
	case ANSWER_DESTS:
		a->dested(a->arg, &a->why, a->dests, a->n);
		break;
	case ANSWER_WOKEN:
		a->woken(a->arg, &a->why, a->n);
		break;
	case ANSWER_NOTES:
		a->noted(a->arg, &a->why, a->notes, a->n);
		break;
	case ANSWER_AGED:
		a->aged(a->arg, &a->why, a->messages, a->n, a->number ? &a->mark : NULL, a->next_due);
		break;
	case ANSWER_HELD:
		a->held(a->arg, &a->why, a->counts[0], a->counts[1]);
		break;
	}
	free(a->messages);
	free(a->bytes);
	free(a->dests);
	free(a->notes);
	free(a);
}

static void
spool_free(struct store_spool *sp)
{
	buf_fini(&sp->bytes);
	free(sp);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct memory_store *s = arg;
	struct answers now = STAILQ_HEAD_INITIALIZER(now);
	struct store_spool *sp;
	struct answer *a;

	STAILQ_CONCAT(&now, &s->answers);
	while ((a = STAILQ_FIRST(&now)) != NULL) {
		STAILQ_REMOVE_HEAD(&now, next);
		answer_give(a);
	}
	if (!STAILQ_EMPTY(&s->answers))
		return;
	while ((sp = STAILQ_FIRST(&s->dead)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->dead, next);
		spool_free(sp);
	}
}

/* ---- the queue ---- */

size_t
memory_position(const struct memory_store *s, uint64_t id)
{
	size_t i;

	/* New ones come last nearly always. */
	for (i = s->n; i > 0 && s->messages[i - 1]->id >= id; i--)
		;
	return i;
}

struct store_message *
memory_find(const struct memory_store *s, uint64_t id)
{
	size_t i = memory_position(s, id);

	return i < s->n && s->messages[i]->id == id ? s->messages[i] : NULL;
}

static void
keep(struct memory_store *s, struct store_message *m, struct store_body *body)
{
	struct store_message *copy;
	size_t at = memory_position(s, m->id);

	for (size_t i = 0; i < m->nrcpts; i++)
		m->rcpts[i].id = s->next_rcpt++;
	copy = store_message_copy(m);
	copy->body = body;
	copy->size = body->size;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->messages = must_realloc(s->messages, s->cap, sizeof(struct store_message *));
	}
	memmove(&s->messages[at + 1], &s->messages[at], (s->n - at) * sizeof(struct store_message *));
	s->messages[at] = copy;
	s->n++;
}

struct store_body *
memory_file_body(const struct store_message *m)
{
	char *none = NULL;
	struct store_body *b = store_body_new(&none, m->size);

	b->file = m->id;
	return b;
}

static void
memory_put(struct store *st, struct store_message *m, struct store_spool *spool,
    store_done_fn *done, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_DONE, arg);
	struct store_body *body;
	size_t len;
	char *data;

	a->done = done;
	if (spool != NULL) {
		buf_take(&spool->bytes, &data, &len);
		body = store_body_new(&data, len);
		STAILQ_INSERT_TAIL(&s->dead, spool, next);
	} else
		body = store_body_ref(m->body);
	m->size = body->size;
	if (memory_find(s, m->id) != NULL) {
		(void)why_set(&a->why, WHY_LOCAL_STORAGE, "queue id is in use already");
		store_body_unref(&body);
		return;
	}
	keep(s, m, body);
	if (m->body == NULL)
		m->body = memory_file_body(m);
}

static void
memory_put_noted(struct store *st, struct store_message *m, struct store_spool *spool,
    const char *key, const char *value, store_done_fn *done, void *arg)
{
	int there = memory_find(memory_self(st), m->id) != NULL;

	memory_put(st, m, spool, done, arg);
	if (!there)
		memory_note_set(memory_self(st), key, value);
}

static int
rcpt_settle(struct store_message *m, const struct store_settle_rcpt *f)
{
	for (size_t i = 0; i < m->nrcpts; i++) {
		struct store_rcpt *r = &m->rcpts[i];

		if (r->id != f->id)
			continue;
		if (f->fate == STORE_DONE) {
			store_rcpt_fini(r);
			m->nrcpts--;
			memmove(r, r + 1, (m->nrcpts - i) * sizeof *r);
			return 1;
		}
		r->state = f->fate == STORE_HOLD ? STORE_HELD : STORE_DUE;
		r->due = f->due;
		r->tries = f->tries;
		r->warned = f->warned;
		free(r->last);
		r->last = must_strdup_null(f->last);
		free(r->reason);
		r->reason = must_strdup_null(f->reason);
		return 0;
	}
	return 0;
}

static void
drop_message(struct memory_store *s, struct store_message *m)
{
	size_t at = memory_position(s, m->id);

	s->n--;
	memmove(&s->messages[at], &s->messages[at + 1], (s->n - at) * sizeof(struct store_message *));
	store_message_free(&m);
}

static void
memory_settle(struct store *st, const struct store_settlement *se, store_settled_fn *settled,
    void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_SETTLED, arg);
	struct store_message *m = memory_find(s, se->message);

	a->settled = settled;
	for (size_t i = 0; i < se->nnotices; i++) {
		if (memory_find(s, se->notices[i]->id) == NULL)
			keep(s, se->notices[i], store_body_ref(se->notices[i]->body));
		store_message_free(&se->notices[i]);
	}
	if (m == NULL)
		return;
	for (size_t i = 0; i < se->nrcpts; i++)
		(void)rcpt_settle(m, &se->rcpts[i]);
	if (m->nrcpts > 0)
		return;
	drop_message(s, m);
	a->number = 1;
}

/* ---- spools ---- */

static struct store_spool *
memory_spool_new(struct store *st)
{
	struct store_spool *sp = must_calloc(1, sizeof *sp);

	sp->owner = memory_self(st);
	buf_init(&sp->bytes);
	return sp;
}

static void
memory_spool_append(struct store_spool *sp, const void *data, size_t n, store_done_fn *done,
    void *arg)
{
	struct answer *a = memory_answer(sp->owner, ANSWER_DONE, arg);

	a->done = done;
	a->spool = sp;
	buf_add(&sp->bytes, data, n);
}

static void
memory_spool_abort(struct store_spool **spp)
{
	struct store_spool *sp = *spp;

	*spp = NULL;
	if (sp == NULL)
		return;
	sp->aborted = 1;
	STAILQ_INSERT_TAIL(&sp->owner->dead, sp, next);
	event_active(sp->owner->turn, EV_TIMEOUT, 0);
}

static enum why_reason
memory_refuses(struct store *st)
{
	return WHY_NONE;
}

static void
memory_close(struct store **sp)
{
	struct memory_store *s = memory_self(*sp);

	*sp = NULL;
	if (s == NULL)
		return;
	do
		on_turn(-1, 0, s);
	while (!STAILQ_EMPTY(&s->answers) || !STAILQ_EMPTY(&s->dead));
	event_free(s->turn);
	for (size_t i = 0; i < s->n; i++)
		store_message_free(&s->messages[i]);
	free(s->messages);
	memory_note_fini(s);
	free(s);
}

static const struct store_ops memory_ops = {
	.put = memory_put,
	.put_noted = memory_put_noted,
	.settle = memory_settle,
	.load = memory_load,
	.aged = memory_aged,
	.held = memory_held,
	.fetch = memory_fetch,
	.list = memory_list,
	.body = memory_body,
	.read = memory_read,
	.dests = memory_dests,
	.wake = memory_wake,
	.note_put = memory_note_put,
	.notes = memory_notes,
	.spool_new = memory_spool_new,
	.spool_append = memory_spool_append,
	.spool_abort = memory_spool_abort,
	.refuses = memory_refuses,
	.close = memory_close,
};

struct store *
store_memory_open(struct event_base *base)
{
	struct memory_store *s = must_calloc(1, sizeof *s);

	s->pub.ops = &memory_ops;
	s->next_rcpt = 1;
	STAILQ_INIT(&s->answers);
	STAILQ_INIT(&s->dead);
	s->turn = event_new(base, -1, 0, on_turn, s);
	MUST(s->turn != NULL);
	return &s->pub;
}
