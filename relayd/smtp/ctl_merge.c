/* SPDX-License-Identifier: ISC */
/* ctl_merge: joining rows. Rows wait as text: a tenth of what their objects need. */
#include "relayd/smtp/ctl_merge.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"

/* ---- two rows ---- */

/* 0 for what is no number. */
static json_int_t
number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void
set(json_t *o, const char *key, json_t *value)
{
	MUST(json_object_set_new(o, key, value) == 0);
}

static void
join_add(const struct ctl_field *f, json_t *into, const json_t *row)
{
	json_int_t a = number_of(into, f->key), b = number_of(row, f->key), sum;

	if (json_object_get(row, f->key) == NULL)
		return;
	if (__builtin_add_overflow(a, b, &sum))
		sum = INT64_MAX;
	set(into, f->key, json_integer(sum));
}

static void
take(const struct ctl_field *f, json_t *into, const json_t *row)
{
	json_t *v = json_object_get(row, f->key);

	if (v != NULL)
		set(into, f->key, json_deep_copy(v));
	else
		(void)json_object_del(into, f->key);
}

static void
join_latest(const struct ctl_field *f, json_t *into, const json_t *row)
{
	if (number_of(row, f->key) > number_of(into, f->key))
		take(f, into, row);
}

static void
join_earliest(const struct ctl_field *f, json_t *into, const json_t *row)
{
	json_int_t a = number_of(into, f->key), b = number_of(row, f->key);

	if (b != 0 && (a == 0 || b < a))
		take(f, into, row);
}

static void
join_any(const struct ctl_field *f, json_t *into, const json_t *row)
{
	if (json_is_true(json_object_get(row, f->key)))
		set(into, f->key, json_true());
}

static void
join_all(const struct ctl_field *f, json_t *into, const json_t *row)
{
	if (json_is_false(json_object_get(row, f->key)))
		set(into, f->key, json_false());
}

static void
join_with(const struct ctl_field *f, json_t *into, const json_t *row)
{
	json_int_t a = number_of(into, f->by), b = number_of(row, f->by);

	if (b > a || (b == a && json_object_get(into, f->key) == NULL))
		take(f, into, row);
}

void
ctl_merge_join(const struct ctl_field *fields, json_t *into, const json_t *row)
{
	static void (*const joins[])(const struct ctl_field *, json_t *, const json_t *) = {
		[CTL_ADD] = join_add, [CTL_LATEST] = join_latest, [CTL_EARLIEST] = join_earliest,
		[CTL_ANY] = join_any, [CTL_ALL] = join_all, [CTL_WITH] = join_with,
	};

	for (const struct ctl_field *f = fields; f != NULL && f->key != NULL; f++)
		joins[f->join](f, into, row);
}

/* ---- rows ---- */

struct row {
	char		*key, *text;
	json_int_t	 weight;
	unsigned	 owner;		/* whose lines they are */
	char		**lines;
	size_t		 nlines;
};

struct ctl_rows {
	const struct ctl_merge	*merge;
	struct map		*by_key;
	struct row		**all;
	size_t			 n, bytes;
	struct row		*last;		/* of the worker that speaks */
	unsigned		 speaker;
};

static char *
text_of(struct ctl_rows *r, const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);

	MUST(text != NULL);
	r->bytes += strlen(text);
	return text;
}

static json_t *
object_of(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	MUST(o != NULL);
	return o;
}

static const char *
key_of(const struct ctl_rows *r, const json_t *line)
{
	return r->merge->key == NULL ? "" : json_string_value(json_object_get(line, r->merge->key));
}

static struct row *
row_new(struct ctl_rows *r, const char *key, const json_t *line, unsigned worker)
{
	struct row *row = must_calloc(1, sizeof *row);

	row->key = must_strdup(key);
	row->text = text_of(r, line);
	row->owner = worker;
	/* Doubles at each power of two. */
	if ((r->n & (r->n - 1)) == 0)
		r->all = must_realloc(r->all, r->n == 0 ? 1 : 2 * r->n, sizeof *r->all);
	r->all[r->n++] = row;
	(void)map_puts(r->by_key, row->key, row);
	return row;
}

static void
row_join(struct ctl_rows *r, struct row *row, const json_t *line)
{
	json_t *sum = object_of(row->text);

	ctl_merge_join(r->merge->fields, sum, line);
	r->bytes -= strlen(row->text);
	free(row->text);
	row->text = text_of(r, sum);
	json_decref(sum);
}

static void
add_line(struct ctl_rows *r, unsigned worker, const json_t *line)
{
	struct row *row = r->last;

	if (row == NULL || (row->nlines > 0 && row->owner != worker))
		return;
	row->owner = worker;
	row->lines = must_realloc(row->lines, row->nlines + 1, sizeof *row->lines);
	row->lines[row->nlines++] = text_of(r, line);
}

int
ctl_rows_add(struct ctl_rows *r, unsigned worker, const json_t *line)
{
	const char *key = key_of(r, line);

	if (worker != r->speaker)
		r->last = NULL;
	r->speaker = worker;
	if (key == NULL) {
		add_line(r, worker, line);
	} else if ((r->last = map_gets(r->by_key, key)) != NULL) {
		row_join(r, r->last, line);
	} else {
		r->last = row_new(r, key, line, worker);
	}
	return r->bytes <= CTL_ROWS_BYTES ? 0 : -1;
}

/* ---- all of them ---- */

static int
by_key(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;

	return strcmp(x->key, y->key);
}

static int
by_weight(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return by_key(a, b);
}

static void
row_free(struct row *row)
{
	for (size_t i = 0; i < row->nlines; i++)
		free(row->lines[i]);
	free(row->lines);
	free(row->key);
	free(row->text);
	free(row);
}

/* 1: it is part of the answer, and its text is as it will be shown. */
static int
row_conclude(struct ctl_rows *r, const struct ctl_call *c, struct row *row)
{
	const struct ctl_merge *m = r->merge;
	json_t *o = object_of(row->text);
	int wanted;

	if (m->conclude != NULL)
		m->conclude(c, o);
	wanted = m->wanted == NULL || m->wanted(c, o);
	if (m->weight != NULL)
		row->weight = number_of(o, m->weight);
	free(row->text);
	row->text = text_of(r, o);
	json_decref(o);
	return wanted;
}

size_t
ctl_rows_conclude(struct ctl_rows *r, const struct ctl_call *c)
{
	static int (*const orders[])(const void *, const void *) = {
		[CTL_AS_IT_COMES] = NULL, [CTL_BY_KEY] = by_key, [CTL_BY_WEIGHT] = by_weight,
	};
	size_t kept = 0;

	map_free(&r->by_key);
	for (size_t i = 0; i < r->n; i++) {
		if (row_conclude(r, c, r->all[i]))
			r->all[kept++] = r->all[i];
		else
			row_free(r->all[i]);
	}
	r->n = kept;
	if (orders[r->merge->order] != NULL && r->n > 0)
		qsort(r->all, r->n, sizeof *r->all, orders[r->merge->order]);
	return r->n;
}

json_t *
ctl_rows_get(const struct ctl_rows *r, size_t i)
{
	return i < r->n ? object_of(r->all[i]->text) : NULL;
}

json_t *
ctl_rows_line(const struct ctl_rows *r, size_t i, size_t n)
{
	return n < r->all[i]->nlines ? object_of(r->all[i]->lines[n]) : NULL;
}

/* ---- life ---- */

struct ctl_rows *
ctl_rows_new(const struct ctl_merge *merge)
{
	struct ctl_rows *r = must_calloc(1, sizeof *r);

	r->merge = merge;
	r->by_key = map_new();
	return r;
}

void
ctl_rows_free(struct ctl_rows **rp)
{
	struct ctl_rows *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		row_free(r->all[i]);
	free(r->all);
	map_free(&r->by_key);
	free(r);
}
