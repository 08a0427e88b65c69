/* SPDX-License-Identifier: ISC */
/* memory_read: what the double hands out: windows, pages, bodies, destinations. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/memory_int.h"

static void
add(struct answer *a, struct store_message *m)
{
	a->messages = must_realloc(a->messages, a->n + 1, sizeof(struct store_message *));
	a->messages[a->n++] = m;
}

struct pick {
	struct store_message	*m;
	struct store_rcpt	*r;
	uint64_t		 share, client;
	size_t			 turn;		/* of the share, then of the client */
};

#define ORDER(a, b)	(((a) > (b)) - ((a) < (b)))

static int
by_share(const void *x, const void *y)
{
	const struct pick *a = x, *b = y;
	int c = ORDER(a->share, b->share);

	c = c != 0 ? c : ORDER(a->r->due, b->r->due);
	return c != 0 ? c : ORDER(a->r->id, b->r->id);
}

static int
by_client(const void *x, const void *y)
{
	const struct pick *a = x, *b = y;
	int c = ORDER(a->client, b->client);

	c = c != 0 ? c : ORDER(a->turn, b->turn);
	return c != 0 ? c : ORDER(a->share, b->share);
}

static int
by_turn(const void *x, const void *y)
{
	const struct pick *a = x, *b = y;
	int c = ORDER(a->turn, b->turn);

	return c != 0 ? c : ORDER(a->client, b->client);
}

/* As sqlite_share.c does it, but for who begins: the lowest number. */
static void
take_turns(struct pick *p, size_t n)
{
	qsort(p, n, sizeof *p, by_share);
	for (size_t i = 1; i < n; i++)
		p[i].turn = p[i].share == p[i - 1].share ? p[i - 1].turn + 1 : 0;
	qsort(p, n, sizeof *p, by_client);
	for (size_t i = 0; i < n; i++)
		p[i].turn = i > 0 && p[i].client == p[i - 1].client ? p[i - 1].turn + 1 : 0;
	qsort(p, n, sizeof *p, by_turn);
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
pick_dest(struct memory_store *s, const char *dest, int64_t due, const int64_t *skip, size_t nskip,
    size_t *n, int64_t *next_due)
{
	struct pick *picks = NULL;

	*n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->messages[i]->nrcpts; j++) {
			struct store_rcpt *r = &s->messages[i]->rcpts[j];

			if (r->state != STORE_DUE || strcmp(r->dest, dest) != 0 ||
			    in(skip, nskip, r->id))
				continue;
			if (r->due > due) {
				*next_due = *next_due == 0 || r->due < *next_due ? r->due : *next_due;
				continue;
			}
			picks = must_realloc(picks, *n + 1, sizeof *picks);
			picks[(*n)++] = (struct pick){ .m = s->messages[i], .r = r,
			    .share = s->messages[i]->flow >> 24, .client = s->messages[i]->flow >> 32 };
		}
	if (*n > 1)
		take_turns(picks, *n);
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
		m = store_envelope_copy(p->m, p->m->nrcpts);
		add(a, m);
	}
	store_rcpt_copy(&m->rcpts[m->nrcpts++], p->r);
	qsort(m->rcpts, m->nrcpts, sizeof *m->rcpts, compare_rcpts);
}

void
memory_load(struct store *st, const char *dest, int64_t due, size_t max, const int64_t *skip,
    size_t nskip, store_load_fn *loaded, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_LOADED, arg);
	struct pick *picks;
	size_t n, i;

	a->loaded = loaded;
	picks = pick_dest(s, dest, due, skip, nskip, &n, &a->next_due);
	for (i = 0; i < n && i < max; i++)
		add_pick(a, &picks[i]);
	for (; i < n; i++) {
		a->number = 1;
		a->next_due = a->next_due == 0 || picks[i].r->due < a->next_due ? picks[i].r->due :
		    a->next_due;
	}
	free(picks);
}

void
memory_fetch(struct store *st, uint64_t message, store_load_fn *loaded, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_LOADED, arg);
	struct store_message *m = memory_find(s, message);

	a->loaded = loaded;
	if (m != NULL)
		add(a, store_message_copy(m));
}

void
memory_list(struct store *st, uint64_t after, size_t max, store_load_fn *loaded, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_LOADED, arg);
	size_t i = memory_position(s, after), rcpts = 0;

	a->loaded = loaded;
	if (i < s->n && s->messages[i]->id == after)
		i++;
	for (; i < s->n && a->n < max && rcpts < STORE_LIST_RCPTS; i++) {
		rcpts += s->messages[i]->nrcpts;
		add(a, store_message_copy(s->messages[i]));
	}
	a->number = i < s->n;
}

void
memory_body(struct store *st, uint64_t message, store_body_fn *bodied, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_BODY, arg);
	struct store_message *m = memory_find(s, message);
	char *data;

	a->bodied = bodied;
	if (m == NULL) {
		(void)why_set(&a->why, WHY_LOCAL_STORAGE, "no such message");
		return;
	}
	if (m->size > STORE_INLINE_MAX) {
		a->body = memory_file_body(m);
		return;
	}
	data = must_calloc(1, m->size + 1);
	if (m->size > 0)
		memcpy(data, m->body->data, m->size);
	a->body = store_body_new(&data, m->size);
}

void
memory_read(struct store *st, struct store_body *b, uint64_t offset, size_t n,
    store_chunk_fn *chunked, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_CHUNK, arg);
	struct store_message *m = memory_find(s, b->file);

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

void
memory_dests(struct store *st, store_dests_fn *dested, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_DESTS, arg);

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

static int
waits_for(const struct store_rcpt *r, const char *const *reasons, size_t n)
{
	for (size_t i = 0; r->reason != NULL && i < n; i++)
		if (strcmp(r->reason, reasons[i]) == 0)
			return 1;
	return 0;
}

void
memory_wake(struct store *st, const char *dest, const char *const *reasons, size_t n, int64_t now,
    store_woken_fn *woken, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_WOKEN, arg);

	a->woken = woken;
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->messages[i]->nrcpts; j++) {
			struct store_rcpt *r = &s->messages[i]->rcpts[j];

			if (r->state != STORE_DUE || r->due <= now || !waits_for(r, reasons, n) ||
			    (dest != NULL && strcmp(r->dest, dest) != 0))
				continue;
			r->due = now;
			a->n++;
		}
}
