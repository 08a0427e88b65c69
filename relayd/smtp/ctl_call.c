/* SPDX-License-Identifier: ISC */
/* ctl_call: see ctl_call.h. */
#include "relayd/smtp/ctl_call.h"

#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "relayd/smtp/manage.h"

/* A question to the store. The call may end before the answer comes. */
struct ctl_errand {
	TAILQ_ENTRY(ctl_errand)	 link;
	struct ctl_call		*call;		/* NULL: nobody waits any more */
	struct store_body	*reading;	/* a reference of its own for read */
	ctl_loaded_fn		*loaded;
	ctl_settled_fn		*settled;
	ctl_body_fn		*bodied;
	ctl_chunk_fn		*chunk;
};

/* ---- the answer ---- */

void
ctl_call_line(struct ctl_call *c, json_t *line)
{
	char *text;

	MUST(!c->over && line != NULL);
	text = json_dumps(line, JSON_COMPACT);
	MUST(text != NULL);
	buf_adds(c->out, text);
	buf_addc(c->out, '\n');
	if (c->wrote != NULL)
		c->wrote(c);
	free(text);
	json_decref(line);
}

void
ctl_call_next(struct ctl_call *c)
{
	MUST(!c->over);
	c->next(c);
}

static void
last_line(struct ctl_call *c, json_t *line)
{
	ctl_call_line(c, line);
	c->over = 1;
	c->next(c);
}

void
ctl_call_end(struct ctl_call *c, uint64_t count, json_t *more)
{
	json_t *line = json_pack("{s:b, s:I}", "end", 1, "count", (json_int_t)count);

	if (more != NULL) {
		MUST(json_object_update(line, more) == 0);
		json_decref(more);
	}
	last_line(c, line);
}

void
ctl_call_refuse(struct ctl_call *c, const struct ctl_refusal *r)
{
	last_line(c, json_pack("{s:s, s:s, s:s}", "error", r->error, "fix", r->fix,
	    "kind", ctl_kind_name(r->kind)));
}

void
ctl_call_fail(struct ctl_call *c, const struct why *why)
{
	struct ctl_refusal r;

	(void)ctl_refuse(&r, CTL_FAILED, "see the daemon's log", "%s: %s", why_token(why->reason),
	    why->text);
	ctl_call_refuse(c, &r);
}

void
ctl_call_stuck(struct ctl_call *c)
{
	struct why why;

	(void)why_set(&why, WHY_CORRUPT, "many damaged rows in a row, the rest is not shown");
	ctl_call_fail(c, &why);
}

/* ---- errands ---- */

static struct ctl_errand *
errand_new(struct ctl_call *c)
{
	struct ctl_errand *e = must_calloc(1, sizeof *e);

	e->call = c;
	TAILQ_INSERT_TAIL(&c->errands, e, link);
	return e;
}

/* It is done: a copy to work with, its call taken off it. */
static struct ctl_errand
errand_done(void *arg)
{
	struct ctl_errand *e = arg, copy = *e;

	if (e->call != NULL)
		TAILQ_REMOVE(&e->call->errands, e, link);
	store_body_unref(&e->reading);
	free(e);
	return copy;
}

static void
on_loaded(void *arg, const struct why *why, struct store_message **msgs, size_t n, int more,
    int64_t next_due)
{
	struct ctl_errand e = errand_done(arg);

	if (e.call != NULL) {
		e.loaded(e.call, why, msgs, n, more);
		return;
	}
	for (size_t i = 0; i < n; i++)
		store_message_free(&msgs[i]);
}

static void
on_settled(void *arg, const struct why *why, int gone)
{
	struct ctl_errand e = errand_done(arg);

	if (e.call != NULL)
		e.settled(e.call, why);
}

static void
on_done(void *arg, const struct why *why)
{
	on_settled(arg, why, 0);
}

static void
on_body(void *arg, const struct why *why, struct store_body *body)
{
	struct ctl_errand e = errand_done(arg);

	if (e.call != NULL)
		e.bodied(e.call, why, body);
	else
		store_body_unref(&body);
}

static void
on_chunk(void *arg, const struct why *why, const char *p, size_t n)
{
	struct ctl_errand e = errand_done(arg);

	if (e.call != NULL)
		e.chunk(e.call, why, p, n);
}

void
ctl_call_list(struct ctl_call *c, uint64_t after, size_t max, ctl_loaded_fn *fn)
{
	struct ctl_errand *e = errand_new(c);

	e->loaded = fn;
	c->house->store->ops->list(c->house->store, after, max, on_loaded, e);
}

void
ctl_call_fetch(struct ctl_call *c, uint64_t id, ctl_loaded_fn *fn)
{
	struct ctl_errand *e = errand_new(c);

	e->loaded = fn;
	c->house->store->ops->fetch(c->house->store, id, on_loaded, e);
}

struct store_message *
ctl_call_fetched(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n)
{
	if (n == 1 && !why_is_set(why))
		return msgs[0];
	for (size_t i = 0; i < n; i++)
		store_message_free(&msgs[i]);
	if (why_is_set(why))
		ctl_call_fail(c, why);
	else
		ctl_call_end(c, 0, NULL);
	return NULL;
}

void
ctl_call_settle(struct ctl_call *c, const struct store_settlement *s, ctl_settled_fn *fn)
{
	struct ctl_errand *e = errand_new(c);

	e->settled = fn;
	c->house->store->ops->settle(c->house->store, s, on_settled, e);
}

void
ctl_call_note(struct ctl_call *c, const char *key, const char *value, ctl_settled_fn *fn)
{
	struct ctl_errand *e = errand_new(c);

	e->settled = fn;
	c->house->store->ops->note_put(c->house->store, key, value, on_done, e);
}

int
ctl_call_manage(struct ctl_call *c, const struct manage_order *order, struct store_message **m,
    ctl_settled_fn *fn, struct why *why)
{
	struct ctl_errand *e = errand_new(c);

	e->settled = fn;
	if (manage_take(c->house->sched, order, m, on_done, e, why) == 0)
		return 0;
	(void)errand_done(e);
	return -1;
}

void
ctl_call_body(struct ctl_call *c, uint64_t id, ctl_body_fn *fn)
{
	struct ctl_errand *e = errand_new(c);

	e->bodied = fn;
	c->house->store->ops->body(c->house->store, id, on_body, e);
}

void
ctl_call_read(struct ctl_call *c, struct store_body *body, uint64_t offset, size_t n,
    ctl_chunk_fn *fn)
{
	struct ctl_errand *e = errand_new(c);

	e->chunk = fn;
	e->reading = store_body_ref(body);
	c->house->store->ops->read(c->house->store, body, offset, n, on_chunk, e);
}

/* ---- life ---- */

void
ctl_call_init(struct ctl_call *c, struct ctl_house *house)
{
	c->house = house;
	TAILQ_INIT(&c->errands);
}

void
ctl_call_fini(struct ctl_call *c)
{
	struct ctl_errand *e, *next;

	TAILQ_FOREACH_SAFE(e, &c->errands, link, next)
		e->call = NULL;
	TAILQ_INIT(&c->errands);
	if (c->verb != NULL && c->verb->fini != NULL && c->state != NULL)
		c->verb->fini(c->state);
	free(c->state);
	c->state = NULL;
}
