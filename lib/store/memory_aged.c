/* SPDX-License-Identifier: ISC */
/* memory_aged: the double's look through what waits. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/memory_int.h"

struct row {
	struct store_mark	 mark;
	struct store_message	*m;
	struct store_rcpt	*r;
};

static int
compare_marks(const struct store_mark *a, const struct store_mark *b, int held)
{
	const int64_t x[] = { held ? a->due : a->share, held ? a->share : a->due, a->id };
	const int64_t y[] = { held ? b->due : b->share, held ? b->share : b->due, b->id };

	for (size_t i = 0; i < LENGTH(x); i++)
		if (x[i] != y[i])
			return x[i] > y[i] ? 1 : -1;
	return 0;
}

static int
by_dest(const void *x, const void *y)
{
	return compare_marks(x, y, 0);
}

static int
by_due(const void *x, const void *y)
{
	return compare_marks(x, y, 1);
}

static int
is_wanted(const struct store_rcpt *r, const char *dest)
{
	if (dest == NULL)
		return r->state == STORE_HELD;
	return r->state == STORE_DUE && strcmp(r->dest, dest) == 0;
}

static struct row *
rows_of(struct memory_store *s, const char *dest, size_t *n)
{
	struct row *rows = NULL;

	*n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->messages[i]->nrcpts; j++) {
			struct store_message *m = s->messages[i];
			struct store_rcpt *r = &m->rcpts[j];
			int64_t share = dest != NULL ? (int64_t)m->flow >> 24 : (int64_t)m->id;

			if (!is_wanted(r, dest))
				continue;
			rows = must_realloc(rows, *n + 1, sizeof *rows);
			rows[(*n)++] = (struct row){ .mark = { share, r->due, r->id },
			    .m = m, .r = r };
		}
	if (*n > 1)
		qsort(rows, *n, sizeof *rows, dest != NULL ? by_dest : by_due);
	return rows;
}

static void
add_row(struct answer *a, const struct row *row)
{
	struct store_message *m = NULL;

	for (size_t i = 0; i < a->n && m == NULL; i++)
		if (a->messages[i]->id == row->m->id)
			m = a->messages[i];
	if (m == NULL) {
		m = store_envelope_copy(row->m, row->m->nrcpts);
		a->messages = must_realloc(a->messages, a->n + 1, sizeof(struct store_message *));
		a->messages[a->n++] = m;
	}
	store_rcpt_copy(&m->rcpts[m->nrcpts++], row->r);
}

void
memory_aged(struct store *st, const char *dest, int64_t due, size_t max,
    const struct store_mark *from, store_aged_fn *done, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_AGED, arg);
	size_t n, taken = 0;
	struct row *rows = rows_of(s, dest, &n);

	a->aged = done;
	for (size_t i = 0; i < n; i++) {
		if (compare_marks(&rows[i].mark, from, dest == NULL) <= 0)
			continue;
		if (rows[i].mark.due > due) {
			if (a->next_due == 0 || rows[i].mark.due < a->next_due)
				a->next_due = rows[i].mark.due;
			continue;
		}
		if (taken == max) {
			a->number = 1;
			break;
		}
		add_row(a, &rows[i]);
		a->mark = rows[i].mark;
		taken++;
	}
	free(rows);
}

void
memory_held(struct store *st, uint64_t before, store_held_fn *done, void *arg)
{
	struct memory_store *s = memory_self(st);
	struct answer *a = memory_answer(s, ANSWER_HELD, arg);
	size_t n;
	struct row *rows = rows_of(s, NULL, &n);

	a->held = done;
	a->counts[0] = n;
	for (size_t i = 0; i < n; i++)
		a->counts[1] += rows[i].m->id < before;
	free(rows);
}
