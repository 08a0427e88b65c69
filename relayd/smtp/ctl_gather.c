/* SPDX-License-Identifier: ISC */
/*
 * ctl_gather: see ctl_gather.h. It moves when a part has something (`come`)
 * and when the asker has read (`step`), and writes only while the asker reads.
 */
#include "relayd/smtp/ctl_gather.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_part.h"

#define LINES_A_STEP	200

struct slot {
	struct ctl_part	*part;		/* NULL: not asked yet */
	json_t		*head;		/* ORDERED: its next line */
	json_t		*last;		/* its last line; NULL: not there, or lost */
	json_t		*row;		/* what the merge's `about` is told */
	int		 over;
};

struct ctl_gather {
	struct ctl_front	*front;
	struct ctl_call		*call;
	const struct ctl_merge	*merge;
	json_t			*request;	/* as the parts get it */
	struct slot		*slots;
	unsigned		 n, at;
	int			 writable, wrote;
	int			 more;		/* ORDERED: there is more behind max */
	uint64_t		 count, max;
	char			*next;		/* ORDERED: key of the last line */
	struct ctl_rows		*rows;		/* SUMMED */
	size_t			 row, nrows;
	int			 concluded, overflow;
	struct event		 ev_advance;
};

static const struct ctl_value *
value_of(const struct ctl_call *c, const char *key)
{
	for (size_t i = 0; key != NULL && c->verb->args[i].key != NULL; i++)
		if (strcmp(c->verb->args[i].key, key) == 0)
			return &c->values[i];
	return NULL;
}

int
ctl_gather_is_needed(const struct ctl_front *f, const struct ctl_call *c)
{
	const struct ctl_merge *m = c->verb->merge;
	const struct ctl_value *v;

	if (f == NULL || m == NULL || ctl_front_workers(f) < 2)
		return 0;
	v = value_of(c, m->only_with);
	return v == NULL || v->given;
}

/* ---- the parts ---- */

static void
on_come(void *arg)
{
	struct ctl_gather *g = arg;

	event_active(&g->ev_advance, EV_TIMEOUT, 0);
}

static void
ask(struct ctl_gather *g, unsigned worker)
{
	char *line = json_dumps(g->request, JSON_COMPACT);

	MUST(line != NULL);
	g->slots[worker].part = ctl_part_new(g->front, worker, g->call->uid, line,
	    g->merge->patience, on_come, g);
	free(line);
}

static int
one_by_one(const struct ctl_gather *g)
{
	return g->merge->to_max && g->max != UINT64_MAX;
}

static uint64_t
count_of(const json_t *last)
{
	json_int_t n = json_integer_value(json_object_get(last, "count"));

	return n > 0 ? (uint64_t)n : 0;
}

/* Its next line, NULL if there is none now; *waits: it will have one. */
static json_t *
take(struct slot *s, int *waits)
{
	json_t *line = NULL;

	*waits = 0;
	if (s->over)
		return NULL;
	switch (ctl_part_take(s->part, &line)) {
	case CTL_PART_LINE:
		return line;
	case CTL_PART_WAITS:
		*waits = 1;
		break;
	case CTL_PART_OVER:
		s->last = line;
		s->over = 1;
		break;
	case CTL_PART_LOST:
		s->over = 1;
		break;
	}
	return NULL;
}

static void
write_line(struct ctl_gather *g, json_t *line)
{
	ctl_call_line(g->call, line);
	g->wrote++;
}

/* The asker is to read first. */
static void
yield(struct ctl_gather *g)
{
	g->writable = 0;
	ctl_call_next(g->call);
}

/* ---- the last line ---- */

static enum ctl_kind
kind_of(const json_t *last)
{
	const char *name = json_string_value(json_object_get(last, "kind"));

	for (int k = CTL_USAGE; name != NULL && k <= CTL_FAILED; k++)
		if (strcmp(name, ctl_kind_name((enum ctl_kind)k)) == 0)
			return (enum ctl_kind)k;
	return CTL_FAILED;
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

/* A worker that could not: -1 and *r; the first one. `later`: being away is none. */
static int
failure(const struct ctl_gather *g, struct ctl_refusal *r)
{
	for (unsigned i = 0; i < g->n; i++) {
		const struct slot *s = &g->slots[i];
		const char *error = text_of(s->last, "error");

		if (i == 0 && error[0] != '\0' && kind_of(s->last) == CTL_USAGE)
			return ctl_refuse(r, CTL_USAGE, text_of(s->last, "fix"), "%s", error);
		if (error[0] != '\0')
			return ctl_refuse(r, kind_of(s->last), text_of(s->last, "fix"),
			    "worker %u: %s", i, error);
		if (s->over && s->last == NULL && !g->merge->later && !g->merge->partial)
			return ctl_refuse(r, CTL_BUSY, "ask again when it is back",
			    "worker %u %s: the answer is without what it holds", i,
			    ctl_part_why(s->part));
	}
	return 0;
}

/* Numbers of those that gave none; NULL if all did. */
static json_t *
absent(const struct ctl_gather *g)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < g->n; i++)
		if (g->slots[i].over && g->slots[i].last == NULL)
			append(a, json_integer(i));
	if (json_array_size(a) > 0)
		return a;
	json_decref(a);
	return NULL;
}

/* What the last lines say beside their counts. */
static json_t *
more_of(const struct ctl_gather *g)
{
	json_t *o = json_object(), *away = absent(g);

	for (unsigned i = 0; i < g->n; i++) {
		const json_t *last = g->slots[i].last;

		if (last != NULL && g->merge->fields != NULL)
			ctl_merge_join(g->merge->fields, o, last);
	}
	if (g->more && g->next != NULL)
		set(o, "next", json_string(g->next));
	if (away != NULL)
		set(o, "away", away);
	if (away != NULL && g->merge->partial)
		set(o, "good", json_false());
	return o;
}

static void
finish(struct ctl_gather *g)
{
	struct ctl_refusal r;

	g->writable = 0;
	if (g->overflow) {
		(void)ctl_refuse(&r, CTL_FAILED, "ask for one of them", "the answer is too large");
		ctl_call_refuse(g->call, &r);
	} else if ((g->merge->kind != CTL_WHOEVER || g->count == 0) && failure(g, &r) == -1) {
		ctl_call_refuse(g->call, &r);
	} else {
		ctl_call_end(g->call, g->count, more_of(g));
	}
}

/* ---- one after the other: WHOEVER ---- */

static void
whoever(struct ctl_gather *g)
{
	int waits;
	json_t *line;

	while (g->at < g->n && g->wrote < LINES_A_STEP) {
		struct slot *s = &g->slots[g->at];

		line = take(s, &waits);
		if (line != NULL) {
			write_line(g, line);
		} else if (waits) {
			if (g->wrote > 0)
				yield(g);
			return;
		} else {
			g->count += count_of(s->last);
			g->at = g->count > 0 ? g->n : g->at + 1;
		}
	}
	if (g->at < g->n)
		yield(g);
	else
		finish(g);
}

/* ---- in order: ORDERED ---- */

static const char *
key_of(const struct ctl_gather *g, const struct slot *s)
{
	return text_of(s->head, g->merge->key);
}

/* 1: somebody's next line is not there yet. */
static int
fill_heads(struct ctl_gather *g)
{
	int waits, any = 0;

	for (unsigned i = 0; i < g->n; i++) {
		struct slot *s = &g->slots[i];

		if (s->head != NULL)
			continue;
		s->head = take(s, &waits);
		any |= waits;
		if (s->last != NULL && text_of(s->last, "next")[0] != '\0')
			g->more = 1;
	}
	return any;
}

static struct slot *
first_head(struct ctl_gather *g)
{
	struct slot *first = NULL;

	for (unsigned i = 0; i < g->n; i++)
		if (g->slots[i].head != NULL &&
		    (first == NULL || strcmp(key_of(g, &g->slots[i]), key_of(g, first)) < 0))
			first = &g->slots[i];
	return first;
}

static void
write_head(struct ctl_gather *g, struct slot *s)
{
	if (g->next == NULL || strcmp(g->next, key_of(g, s)) != 0) {
		free(g->next);
		g->next = must_strdup(key_of(g, s));
	}
	g->count++;
	write_line(g, s->head);
	s->head = NULL;
}

static void
ordered(struct ctl_gather *g)
{
	struct slot *s;

	while (g->wrote < LINES_A_STEP) {
		if (fill_heads(g)) {
			if (g->wrote > 0)
				yield(g);
			return;
		}
		s = first_head(g);
		if (s != NULL && g->count >= g->max &&
		    (g->next == NULL || strcmp(g->next, key_of(g, s)) != 0)) {
			g->more = 1;
			s = NULL;
		}
		if (s == NULL) {
			finish(g);
			return;
		}
		write_head(g, s);
	}
	yield(g);
}

/* ---- rows with one key are one: SUMMED ---- */

static void
part_ended(struct ctl_gather *g, struct slot *s)
{
	uint64_t n = count_of(s->last);

	if (g->merge->count == CTL_COUNT_SUM)
		g->count += n;
	else if (g->merge->count == CTL_COUNT_MOST && n > g->count)
		g->count = n;
}

static void
keep_row(const struct ctl_gather *g, struct slot *s, const json_t *line)
{
	if (g->merge->about != NULL && s->row == NULL)
		s->row = json_deep_copy(line);
}

/* 0: all that this one has; -1: it has more. */
static int
collect_from(struct ctl_gather *g, unsigned worker)
{
	struct slot *s = &g->slots[worker];
	int waits = 0;
	json_t *line;

	while ((line = take(s, &waits)) != NULL) {
		keep_row(g, s, line);
		if (!g->overflow && ctl_rows_add(g->rows, worker, line) == -1)
			g->overflow = 1;
		json_decref(line);
	}
	return waits ? -1 : 0;
}

/* The next one gets what is left of max; 0: there is nothing left to do. */
static int
ask_next(struct ctl_gather *g)
{
	if (g->at + 1 >= g->n || g->count >= g->max || g->slots[g->at].last == NULL)
		return 0;
	g->at++;
	set(g->request, "max", json_integer((json_int_t)(g->max - g->count)));
	ask(g, g->at);
	return 1;
}

/* 1: all of them are over. */
static int
collect(struct ctl_gather *g)
{
	int waits = 0;

	for (unsigned i = 0; i < g->n; i++) {
		struct slot *s = &g->slots[i];

		if (s->part == NULL || s->over)
			continue;
		if (collect_from(g, i) == -1)
			waits = 1;
		else
			part_ended(g, s);
	}
	return !waits && !(one_by_one(g) && ask_next(g));
}

/* The sum is no better than a refusal, or 0. */
static int
refused(struct ctl_gather *g)
{
	json_t *row = g->merge->refused != NULL ? ctl_rows_get(g->rows, 0) : NULL;
	struct ctl_refusal r;
	int result = row != NULL && failure(g, &r) == 0 ? g->merge->refused(row, &r) : 0;

	json_decref(row);
	if (result == -1) {
		g->writable = 0;
		ctl_call_refuse(g->call, &r);
	}
	return result;
}

static void
write_abouts(struct ctl_gather *g)
{
	for (unsigned i = 0; g->merge->about != NULL && i < g->n; i++)
		write_line(g, g->merge->about(i, g->slots[i].row));
}

static int
conclude(struct ctl_gather *g)
{
	g->concluded = 1;
	g->nrows = ctl_rows_conclude(g->rows, g->call);
	if (g->merge->count == CTL_COUNT_ROWS)
		g->count = g->nrows;
	return refused(g);
}

static void
write_expanded(struct ctl_gather *g, json_t *row)
{
	json_t *line;

	for (size_t i = 0; (line = g->merge->expand(g->call, row, i)) != NULL; i++)
		write_line(g, line);
	json_decref(row);
}

static void
write_row(struct ctl_gather *g)
{
	json_t *line, *row = ctl_rows_get(g->rows, g->row);

	if (g->merge->partial) {
		line = absent(g);
		if (line != NULL)
			set(row, "partial", json_true());
		json_decref(line);
	}
	if (g->merge->expand == NULL)
		write_line(g, row);
	else
		write_expanded(g, row);
	for (size_t i = 0; (line = ctl_rows_line(g->rows, g->row, i)) != NULL; i++)
		write_line(g, line);
	g->row++;
}

static void
summed(struct ctl_gather *g)
{
	if (!g->concluded && (!collect(g) || conclude(g) == -1))
		return;
	while (g->row < g->nrows && g->wrote < LINES_A_STEP)
		write_row(g);
	if (g->row < g->nrows) {
		yield(g);
		return;
	}
	write_abouts(g);
	finish(g);
}

/* ---- driver ---- */

static void
on_advance(evutil_socket_t fd, short what, void *arg)
{
	static void (*const kinds[])(struct ctl_gather *) = {
		[CTL_ORDERED] = ordered, [CTL_WHOEVER] = whoever, [CTL_SUMMED] = summed,
	};
	struct ctl_gather *g = arg;

	if (!g->writable)
		return;
	g->wrote = 0;
	kinds[g->merge->kind](g);
}

void
ctl_gather_step(struct ctl_gather *g)
{
	g->writable = 1;
	event_active(&g->ev_advance, EV_TIMEOUT, 0);
}

struct ctl_gather *
ctl_gather_new(struct ctl_front *f, struct ctl_call *c, json_t *request)
{
	const struct ctl_value *max = value_of(c, "max");
	struct ctl_gather *g = must_calloc(1, sizeof *g);

	g->front = f;
	g->call = c;
	g->merge = c->verb->merge;
	g->n = ctl_front_workers(f);
	g->slots = must_calloc(g->n, sizeof *g->slots);
	g->max = max != NULL && max->given ? max->number : UINT64_MAX;
	g->request = json_deep_copy(request);
	MUST(g->request != NULL);
	if (g->merge->filter != NULL)
		(void)json_object_del(g->request, g->merge->filter);
	if (g->merge->kind == CTL_SUMMED)
		g->rows = ctl_rows_new(g->merge);
	event_assign(&g->ev_advance, ctl_front_base(f), -1, 0, on_advance, g);
	for (unsigned i = 0; i < (one_by_one(g) ? 1 : g->n); i++)
		ask(g, i);
	return g;
}

void
ctl_gather_free(struct ctl_gather **gp)
{
	struct ctl_gather *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	event_del(&g->ev_advance);
	for (unsigned i = 0; i < g->n; i++) {
		ctl_part_free(&g->slots[i].part);
		json_decref(g->slots[i].head);
		json_decref(g->slots[i].last);
		json_decref(g->slots[i].row);
	}
	free(g->slots);
	ctl_rows_free(&g->rows);
	json_decref(g->request);
	free(g->next);
	free(g);
}
