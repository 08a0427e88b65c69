/* SPDX-License-Identifier: ISC */
/*
 * memory: a double of the durable store for tests of what stands above it.
 * Same table, same order of events, callbacks from the loop; large bodies
 * are read by chunks as if they were files. Nothing survives, nothing fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/store/store.h"

enum answer_kind { ANSWER_DONE, ANSWER_SETTLED, ANSWER_LOADED, ANSWER_BODY, ANSWER_CHUNK, ANSWER_DESTS };

/* A result on its way back through the loop. */
struct answer {
	STAILQ_ENTRY(answer)	 next;
	enum answer_kind	 kind;
	struct why		 why;
	void			*arg;
	store_done_fn		*done;
	store_settled_fn	*settled;
	store_load_fn		*loaded;
	store_body_fn		*bodied;
	store_chunk_fn		*chunked;
	store_dests_fn		*dested;
	struct store_spool	*spool;		/* no call if aborted meanwhile */
	int			 number;	/* gone, more */
	int64_t			 next_due;
	struct store_message	**messages;
	struct store_body	*body;
	char			*bytes;
	struct store_dest	*dests;
	size_t			 n;
};
STAILQ_HEAD(answers, answer);

struct memory_store {
	struct store		 pub;		/* first */
	struct event		*turn;
	struct answers		 answers;
	struct store_message	**messages;	/* by id; bodies kept in memory here */
	size_t			 n, cap;
	int64_t			 next_rcpt;
	STAILQ_HEAD(, store_spool) dead;	/* aborted, answers may still name them */
};

struct store_spool {
	STAILQ_ENTRY(store_spool) next;
	struct memory_store	*owner;
	struct buf		 bytes;
	int			 aborted;
};

static struct memory_store *
self(struct store *st)
{
	return (struct memory_store *)(void *)st;
}

static struct answer *
answer(struct memory_store *s, enum answer_kind kind, void *arg)
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
	}
	free(a->messages);
	free(a->bytes);
	free(a->dests);
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

/* ---- copies ---- */

static char *
dup_or_null(const char *s)
{
	return s == NULL ? NULL : must_strdup(s);
}

static void
rcpt_copy(struct store_rcpt *to, const struct store_rcpt *from)
{
	*to = *from;
	to->address = dup_or_null(from->address);
	to->dest = dup_or_null(from->dest);
	to->orcpt = dup_or_null(from->orcpt);
	to->notify = dup_or_null(from->notify);
	to->last = dup_or_null(from->last);
}

static struct store_message *
envelope_copy(const struct store_message *from)
{
	struct store_message *m = must_calloc(1, sizeof *m);

	*m = *from;
	m->sender = dup_or_null(from->sender);
	m->client = dup_or_null(from->client);
	m->client_name = dup_or_null(from->client_name);
	m->envid = dup_or_null(from->envid);
	m->ret = dup_or_null(from->ret);
	m->body = NULL;
	m->rcpts = must_calloc(from->nrcpts + 1, sizeof *m->rcpts);
	m->nrcpts = 0;
	return m;
}

static struct store_message *
message_copy(const struct store_message *from)
{
	struct store_message *m = envelope_copy(from);

	for (m->nrcpts = 0; m->nrcpts < from->nrcpts; m->nrcpts++)
		rcpt_copy(&m->rcpts[m->nrcpts], &from->rcpts[m->nrcpts]);
	return m;
}

/* ---- the queue ---- */

static size_t
position(const struct memory_store *s, uint64_t id)
{
	size_t i;

	/* New ones come last nearly always. */
	for (i = s->n; i > 0 && s->messages[i - 1]->id >= id; i--)
		;
	return i;
}

static struct store_message *
find(const struct memory_store *s, uint64_t id)
{
	size_t i = position(s, id);

	return i < s->n && s->messages[i]->id == id ? s->messages[i] : NULL;
}

static void
keep(struct memory_store *s, struct store_message *m, struct store_body *body)
{
	struct store_message *copy;
	size_t at = position(s, m->id);

	for (size_t i = 0; i < m->nrcpts; i++)
		m->rcpts[i].id = s->next_rcpt++;
	copy = message_copy(m);
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

static struct store_body *
file_body(const struct store_message *m)
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
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_DONE, arg);
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
	if (find(s, m->id) != NULL) {
		(void)why_set(&a->why, WHY_LOCAL_STORAGE, "queue id is in use already");
		store_body_unref(&body);
		return;
	}
	keep(s, m, body);
	if (m->body == NULL)
		m->body = file_body(m);
}

static int
rcpt_settle(struct store_message *m, const struct store_settle_rcpt *f)
{
	for (size_t i = 0; i < m->nrcpts; i++) {
		struct store_rcpt *r = &m->rcpts[i];

		if (r->id != f->id)
			continue;
		if (f->fate == STORE_DONE) {
			free(r->address);
			free(r->dest);
			free(r->orcpt);
			free(r->notify);
			free(r->last);
			m->nrcpts--;
			memmove(r, r + 1, (m->nrcpts - i) * sizeof *r);
			return 1;
		}
		r->state = f->fate == STORE_HOLD ? STORE_HELD : STORE_DUE;
		r->due = f->due;
		r->tries = f->tries;
		r->warned = f->warned;
		free(r->last);
		r->last = dup_or_null(f->last);
		return 0;
	}
	return 0;
}

static void
drop_message(struct memory_store *s, struct store_message *m)
{
	size_t at = position(s, m->id);

	s->n--;
	memmove(&s->messages[at], &s->messages[at + 1], (s->n - at) * sizeof(struct store_message *));
	store_message_free(&m);
}

static void
memory_settle(struct store *st, const struct store_settlement *se, store_settled_fn *settled,
    void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_SETTLED, arg);
	struct store_message *m = find(s, se->message);

	a->settled = settled;
	for (size_t i = 0; i < se->nnotices; i++) {
		if (find(s, se->notices[i]->id) == NULL)
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

/* ---- out again ---- */

static void
add(struct answer *a, struct store_message *m)
{
	a->messages = must_realloc(a->messages, a->n + 1, sizeof(struct store_message *));
	a->messages[a->n++] = m;
}

struct pick {
	struct store_message	*m;
	struct store_rcpt	*r;
};

static int
compare_picks(const void *x, const void *y)
{
	const struct store_rcpt *a = ((const struct pick *)x)->r, *b = ((const struct pick *)y)->r;

	return a->due != b->due ? (a->due > b->due) - (a->due < b->due) :
	    (a->id > b->id) - (a->id < b->id);
}

static int
in(const int64_t *ids, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return 1;
	return 0;
}

static struct pick *
pick_dest(struct memory_store *s, const char *dest, const int64_t *skip, size_t nskip, size_t *n)
{
	struct pick *picks = NULL;

	*n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->messages[i]->nrcpts; j++) {
			struct store_rcpt *r = &s->messages[i]->rcpts[j];

			if (r->state != STORE_DUE || strcmp(r->dest, dest) != 0 ||
			    in(skip, nskip, r->id))
				continue;
			picks = must_realloc(picks, *n + 1, sizeof *picks);
			picks[(*n)++] = (struct pick){ s->messages[i], r };
		}
	if (*n > 1)
		qsort(picks, *n, sizeof *picks, compare_picks);
	return picks;
}

static int
compare_rcpts(const void *x, const void *y)
{
	const struct store_rcpt *a = x, *b = y;

	return (a->id > b->id) - (a->id < b->id);
}

static void
add_pick(struct answer *a, const struct pick *p)
{
	struct store_message *m = NULL;

	for (size_t i = 0; i < a->n && m == NULL; i++)
		if (a->messages[i]->id == p->m->id)
			m = a->messages[i];
	if (m == NULL) {
		m = envelope_copy(p->m);
		add(a, m);
	}
	rcpt_copy(&m->rcpts[m->nrcpts++], p->r);
	qsort(m->rcpts, m->nrcpts, sizeof *m->rcpts, compare_rcpts);
}

static void
memory_load(struct store *st, const char *dest, int64_t due, size_t max, const int64_t *skip,
    size_t nskip, store_load_fn *loaded, void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_LOADED, arg);
	struct pick *picks;
	size_t n, i;

	a->loaded = loaded;
	picks = pick_dest(s, dest, skip, nskip, &n);
	for (i = 0; i < n && i < max && picks[i].r->due <= due; i++)
		add_pick(a, &picks[i]);
	if (i < n) {
		a->number = picks[i].r->due <= due;
		a->next_due = picks[i].r->due;
	}
	free(picks);
}

static void
memory_fetch(struct store *st, uint64_t message, store_load_fn *loaded, void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_LOADED, arg);
	struct store_message *m = find(s, message);

	a->loaded = loaded;
	if (m != NULL)
		add(a, message_copy(m));
}

static void
memory_list(struct store *st, uint64_t after, size_t max, store_load_fn *loaded, void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_LOADED, arg);
	size_t i = position(s, after);

	a->loaded = loaded;
	if (i < s->n && s->messages[i]->id == after)
		i++;
	for (; i < s->n && a->n < max; i++)
		add(a, message_copy(s->messages[i]));
	a->number = i < s->n;
}

static void
memory_body(struct store *st, uint64_t message, store_body_fn *bodied, void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_BODY, arg);
	struct store_message *m = find(s, message);
	char *data;

	a->bodied = bodied;
	if (m == NULL) {
		(void)why_set(&a->why, WHY_LOCAL_STORAGE, "no such message");
		return;
	}
	if (m->size > STORE_INLINE_MAX) {
		a->body = file_body(m);
		return;
	}
	data = must_calloc(1, m->size + 1);
	if (m->size > 0)
		memcpy(data, m->body->data, m->size);
	a->body = store_body_new(&data, m->size);
}

static void
memory_read(struct store *st, struct store_body *b, uint64_t offset, size_t n,
    store_chunk_fn *chunked, void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_CHUNK, arg);
	struct store_message *m = find(s, b->file);

	a->chunked = chunked;
	if (m == NULL) {
		(void)why_set(&a->why, WHY_LOCAL_STORAGE, "no such message");
		return;
	}
	if (offset >= m->size)
		return;
	a->n = n < m->size - offset ? n : (size_t)(m->size - offset);
	a->bytes = must_calloc(1, a->n);
	memcpy(a->bytes, m->body->data + offset, a->n);
}

static struct store_dest *
dest_of(struct answer *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->dests[i].name, name) == 0)
			return &a->dests[i];
	a->dests = must_realloc(a->dests, a->n + 1, sizeof *a->dests);
	a->dests[a->n] = (struct store_dest){ .name = name, .due = INT64_MAX };
	return &a->dests[a->n++];
}

/* Names are copied: what they were taken from may be settled before the answer is given. */
static void
own_names(struct answer *a)
{
	size_t need = 1;
	char *p;

	for (size_t i = 0; i < a->n; i++)
		need += strlen(a->dests[i].name) + 1;
	p = a->bytes = must_calloc(1, need);
	for (size_t i = 0; i < a->n; i++) {
		size_t len = strlen(a->dests[i].name) + 1;

		memcpy(p, a->dests[i].name, len);
		a->dests[i].name = p;
		p += len;
	}
}

static void
memory_dests(struct store *st, store_dests_fn *dested, void *arg)
{
	struct memory_store *s = self(st);
	struct answer *a = answer(s, ANSWER_DESTS, arg);

	a->dested = dested;
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->messages[i]->nrcpts; j++) {
			const struct store_rcpt *r = &s->messages[i]->rcpts[j];
			struct store_dest *d;

			if (r->state != STORE_DUE)
				continue;
			d = dest_of(a, r->dest);
			d->count++;
			if (r->due < d->due)
				d->due = r->due;
		}
	own_names(a);
}

/* ---- spools ---- */

static struct store_spool *
memory_spool_new(struct store *st)
{
	struct store_spool *sp = must_calloc(1, sizeof *sp);

	sp->owner = self(st);
	buf_init(&sp->bytes);
	return sp;
}

static void
memory_spool_append(struct store_spool *sp, const void *data, size_t n, store_done_fn *done,
    void *arg)
{
	struct answer *a = answer(sp->owner, ANSWER_DONE, arg);

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

static int
memory_has_space(struct store *st)
{
	return 1;
}

static void
memory_close(struct store **sp)
{
	struct memory_store *s = self(*sp);

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
	free(s);
}

static const struct store_ops memory_ops = {
	.put = memory_put,
	.settle = memory_settle,
	.load = memory_load,
	.fetch = memory_fetch,
	.list = memory_list,
	.body = memory_body,
	.read = memory_read,
	.dests = memory_dests,
	.spool_new = memory_spool_new,
	.spool_append = memory_spool_append,
	.spool_abort = memory_spool_abort,
	.has_space = memory_has_space,
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
