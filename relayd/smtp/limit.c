/* SPDX-License-Identifier: ISC */
/* limit: see limit.h. */
#include "relayd/smtp/limit.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/heap.h"
#include "lib/base/map.h"

struct limit {
	struct limits			*house;
	char				*name;
	unsigned			 refs;	/* owners: destinations, turns and connections */
	int				 shared;
	unsigned			 max, used;
	struct queue_rate		 rate;
	struct queue_bucket		 bucket;
	struct queue_fair		 line[LIMIT__KINDS];
	TAILQ_HEAD(, limit_spare)	 idle;	/* longest idle first */
	unsigned			 nidle;
	struct heap_node		 timer;	/* for the first in the line of tokens */
};

struct limit_client {
	uint32_t	id;
	size_t		lanes, idle, jobs;	/* idle: of the lanes */
};

struct limits {
	struct map	*all;
	struct map	*clients;
	struct heap	 timers;
	void		(*changed)(void *);
	void		*arg;
};

/* ---- clients ---- */

static struct limit_client *
client_get(struct limits *h, uint32_t id)
{
	struct limit_client *c = map_get(h->clients, &id, sizeof id);

	if (c == NULL) {
		c = must_calloc(1, sizeof *c);
		c->id = id;
		map_put(h->clients, &id, sizeof id, c);
	}
	return c;
}

static void
client_forget(struct limits *h, struct limit_client *c)
{
	if (c->lanes > 0 || c->jobs > 0)
		return;
	map_remove(h->clients, &c->id, sizeof c->id);
	free(c);
}

static void
client_lanes_add(struct limits *h, uint32_t id, int n)
{
	struct limit_client *c = client_get(h, id);

	MUST(n > 0 || c->lanes > 0);
	c->lanes += (size_t)n;
	client_forget(h, c);
}

static void
client_idle_add(struct limits *h, uint32_t id, int n)
{
	struct limit_client *c = client_get(h, id);

	MUST(n > 0 || c->idle > 0);
	c->idle += (size_t)n;
}

/* An idle connection is nobody's: it ends for whoever needs the place. */
static size_t
lanes_at_work(const struct limits *h, uint32_t id)
{
	const struct limit_client *c = map_get(h->clients, &id, sizeof id);

	return c != NULL ? c->lanes - c->idle : 0;
}

void
limits_jobs_add(struct limits *h, uint32_t id, int n)
{
	struct limit_client *c = client_get(h, id);

	MUST(n > 0 || c->jobs > 0);
	c->jobs += (size_t)n;
	client_forget(h, c);
}

size_t
limits_jobs(const struct limits *h, uint32_t id)
{
	const struct limit_client *c = map_get(h->clients, &id, sizeof id);

	return c != NULL ? c->jobs : 0;
}

size_t
limits_lanes(const struct limits *h, uint32_t id)
{
	const struct limit_client *c = map_get(h->clients, &id, sizeof id);

	return c != NULL ? c->lanes : 0;
}

/* ---- one limit ---- */

static void
arm(struct limit *l, int64_t at)
{
	heap_set(&l->house->timers, &l->timer, at);
	if (heap_min(&l->house->timers) == &l->timer)
		l->house->changed(l->house->arg);
}

struct limit *
limit_get(struct limits *h, const char *name, int shared)
{
	struct limit *l = map_gets(h->all, name);

	if (l == NULL) {
		l = must_calloc(1, sizeof *l);
		l->house = h;
		l->name = must_strdup(name);
		l->shared = shared;
		l->max = 1;
		for (int k = 0; k < LIMIT__KINDS; k++)
			queue_fair_init(&l->line[k]);
		TAILQ_INIT(&l->idle);
		map_puts(h->all, name, l);
	}
	l->refs++;
	return l;
}

static void
limit_free(struct limit *l)
{
	map_removes(l->house->all, l->name);
	heap_remove(&l->house->timers, &l->timer);
	for (int k = 0; k < LIMIT__KINDS; k++)
		queue_fair_fini(&l->line[k]);
	free(l->name);
	free(l);
}

/* What was sent is remembered until it does not count any more. */
void
limit_unref(struct limit **lp)
{
	struct limit *l = *lp;

	*lp = NULL;
	if (l == NULL || --l->refs > 0)
		return;
	if (queue_bucket_full(&l->bucket, clock_mono_ms()))
		limit_free(l);
	else
		arm(l, l->bucket.full_at / 1000 + 1);
}

static void
take_one(struct limit *l, struct limit_turn *t)
{
	l->refs++;
	t->has.v[t->has.n++] = l;
	if (t->kind == LIMIT_TOKEN) {
		queue_bucket_take(&l->bucket, &l->rate, clock_mono_ms());
		return;
	}
	l->used++;
	if (l->shared)
		client_lanes_add(l->house, t->client, 1);
}

struct asks {
	const struct limit	*l;
	enum limit_kind		 kind;
	const uint32_t		*leaving;	/* a connection of this client ends */
};

static int
admits(void *arg, uint32_t client)
{
	const struct asks *a = arg;
	const struct limit *l = a->l;
	int64_t now = clock_mono_ms();
	unsigned used = l->used - (a->leaving != NULL);
	size_t own;

	if (a->kind == LIMIT_TOKEN)
		return queue_bucket_ready(&l->bucket, &l->rate, now) <= now;
	if (used >= l->max || !l->shared)
		return used < l->max;
	used -= used > l->nidle ? l->nidle : used;
	own = lanes_at_work(l->house, client);
	return queue_fair_share(own - (a->leaving != NULL && *a->leaving == client && own > 0), used,
	    l->max);
}

static void
leave(struct limit_turn *t)
{
	struct limit *l = t->at;

	if (l == NULL)
		return;
	queue_fair_remove(&l->line[t->kind], &t->node);
	t->at = NULL;
	limit_unref(&l);
}

/* All who can go on now do, in their order. */
static void
serve(struct limit *l, enum limit_kind kind)
{
	struct asks a = { .l = l, .kind = kind };
	struct queue_fair_node *n;

	while ((n = queue_fair_next(&l->line[kind], admits, &a)) != NULL) {
		struct limit_turn *t = HEAP_OWNER(n, struct limit_turn, node);

		t->at = NULL;
		take_one(l, t);
		l->refs--;		/* that of the line; take_one has one */
		t->wake(t);
	}
	if (kind == LIMIT_TOKEN && l->line[kind].n > 0)
		arm(l, queue_bucket_ready(&l->bucket, &l->rate, clock_mono_ms()));
}

static void
give_back_one(struct limit *l, enum limit_kind kind, uint32_t client)
{
	if (kind == LIMIT_TOKEN) {
		queue_bucket_give_back(&l->bucket, &l->rate);
	} else {
		MUST(l->used > 0);
		l->used--;
		if (l->shared)
			client_lanes_add(l->house, client, -1);
	}
	serve(l, kind);
	limit_unref(&l);
}

void
limit_set(struct limit *l, unsigned connections, struct queue_rate rate)
{
	int changed = l->max != connections || l->rate.n != rate.n || l->rate.per != rate.per;

	l->max = connections;
	l->rate = rate;
	for (int k = 0; changed && k < LIMIT__KINDS; k++)
		serve(l, (enum limit_kind)k);
}

const char *limit_name(const struct limit *l) { return l->name; }
unsigned limit_used(const struct limit *l) { return l->used; }
unsigned limit_max(const struct limit *l) { return l->max; }
struct queue_rate limit_rate(const struct limit *l) { return l->rate; }

size_t
limit_waiting(const struct limit *l, enum limit_kind kind)
{
	return l->line[kind].n;
}

/* ---- turns ---- */

/* One that is kept for nothing makes room; where only this client has too many, one of its. */
static void
end_an_idle_one(struct limit *l, uint32_t client)
{
	struct limit_spare *i;

	TAILQ_FOREACH(i, &l->idle, link)
		if (i->of->client == client)
			break;
	if (i == NULL && l->used >= l->max)
		i = TAILQ_FIRST(&l->idle);
	if (i != NULL)
		i->of->end(i->of);
}

static void
join(struct limit *l, struct limit_turn *t)
{
	t->at = l;
	l->refs++;
	queue_fair_add(&l->line[t->kind], &t->node, (uint64_t)t->client << 32);
	if (t->kind == LIMIT_PLACE)
		end_an_idle_one(l, t->client);
	else
		serve(l, t->kind);
}

/* Those in line come first; what they leave may be taken. */
static int
try_one(struct limit *l, struct limit_turn *t, const struct limit *exempt)
{
	struct asks a = { .l = l, .kind = t->kind };
	unsigned had = t->has.n;

	serve(l, t->kind);
	if (t->has.n > had)
		return 1;
	if (l != exempt && (t->at != NULL || !admits(&a, t->client)))
		return 0;
	leave(t);
	take_one(l, t);
	return 1;
}

/* What it has of another way is given back, last first. */
static void
fit(struct limit_turn *t, const struct limit_way *way)
{
	unsigned same = 0;

	while (same < t->has.n && same < way->n && t->has.v[same] == way->v[same])
		same++;
	if (t->at != NULL && (same < t->has.n || same >= way->n || t->at != way->v[same]))
		leave(t);
	while (t->has.n > same) {
		struct limit *l = t->has.v[--t->has.n];

		give_back_one(l, t->kind, t->client);
	}
}

int
limit_take(struct limit_turn *t, const struct limit_way *way, uint32_t client,
    const struct limit *exempt)
{
	fit(t, way);
	/* It waits for somebody who is in line with others, too; this one is not yet. */
	if (t->at != NULL && client != t->client &&
	    queue_fair_waiting(&t->at->line[t->kind], client) == 0)
		leave(t);
	if (t->at == NULL && t->has.n < way->n)
		t->client = client;
	while (t->has.n < way->n) {
		struct limit *l = way->v[t->has.n];

		if (try_one(l, t, exempt))
			continue;
		if (t->at == NULL)
			join(l, t);
		if (t->at != NULL)
			return 0;
	}
	return 1;
}

int
limit_take_now(struct limit_turn *t, const struct limit_way *way, uint32_t client)
{
	fit(t, way);
	if (t->at != NULL)
		return 0;
	if (t->has.n < way->n)
		t->client = client;
	while (t->has.n < way->n) {
		struct limit *l = way->v[t->has.n];

		if (l->line[t->kind].n > 0 || !try_one(l, t, NULL)) {
			limit_turn_drop(t);
			return 0;
		}
	}
	return 1;
}

void
limit_turn_used(struct limit_turn *t)
{
	MUST(t->kind == LIMIT_TOKEN);
	while (t->has.n > 0)
		limit_unref(&t->has.v[--t->has.n]);
}

void
limit_turn_drop(struct limit_turn *t)
{
	fit(t, &(struct limit_way){ .n = 0 });
}

/* ---- connections ---- */

void
limit_hold_take(struct limit_hold *h, struct limit_turn *t)
{
	MUST(t->kind == LIMIT_PLACE && t->at == NULL);
	h->has = t->has;
	h->client = t->client;
	t->has.n = 0;
}

void
limit_hold_drop(struct limit_hold *h)
{
	limit_hold_idle(h, 0);
	while (h->has.n > 0) {
		struct limit *l = h->has.v[--h->has.n];

		give_back_one(l, LIMIT_PLACE, h->client);
	}
}

void
limit_hold_client(struct limit_hold *h, uint32_t client)
{
	uint32_t before = h->client;

	if (client == before)
		return;
	h->client = client;
	for (unsigned i = 0; i < h->has.n; i++) {
		if (!h->has.v[i]->shared)
			continue;
		client_lanes_add(h->has.v[i]->house, client, 1);
		if (h->idle) {
			client_idle_add(h->has.v[i]->house, client, 1);
			client_idle_add(h->has.v[i]->house, before, -1);
		}
		client_lanes_add(h->has.v[i]->house, before, -1);
		serve(h->has.v[i], LIMIT_PLACE);
	}
}

void
limit_hold_idle(struct limit_hold *h, int idle)
{
	if (idle == h->idle)
		return;
	h->idle = idle;
	for (unsigned i = 0; i < h->has.n; i++) {
		struct limit *l = h->has.v[i];

		h->spare[i].of = h;
		if (idle)
			TAILQ_INSERT_TAIL(&l->idle, &h->spare[i], link);
		else
			TAILQ_REMOVE(&l->idle, &h->spare[i], link);
		l->nidle += idle ? 1 : -1U;
		if (l->shared)
			client_idle_add(l->house, h->client, idle ? 1 : -1);
	}
}

int
limit_hold_wanted(const struct limit_hold *h, const struct limit_turn *own)
{
	for (unsigned i = 0; i < h->has.n; i++) {
		const struct limit *l = h->has.v[i];
		struct asks a = { .l = l, .kind = LIMIT_PLACE, .leaving = &h->client };

		if (l->line[LIMIT_PLACE].n > (own->at == l) &&
		    queue_fair_any(&l->line[LIMIT_PLACE], admits, &a))
			return 1;
	}
	return 0;
}

/* ---- the house ---- */

struct limits *
limits_new(void (*changed)(void *), void *arg)
{
	struct limits *h = must_calloc(1, sizeof *h);

	h->all = map_new();
	h->clients = map_new();
	heap_init(&h->timers);
	h->changed = changed;
	h->arg = arg;
	return h;
}

int64_t
limits_next(const struct limits *h)
{
	const struct heap_node *n = heap_min(&h->timers);

	return n != NULL ? n->key : INT64_MAX;
}

void
limits_run(struct limits *h)
{
	int64_t now = clock_mono_ms();
	struct heap_node *n;

	while ((n = heap_min(&h->timers)) != NULL && n->key <= now) {
		struct limit *l = HEAP_OWNER(n, struct limit, timer);

		heap_remove(&h->timers, n);
		if (l->refs > 0)
			serve(l, LIMIT_TOKEN);
		else if (queue_bucket_full(&l->bucket, now))
			limit_free(l);
		else
			arm(l, l->bucket.full_at / 1000 + 1);
	}
}

static void
free_limit(void *value, void *arg)
{
	limit_free(value);
}

static void
free_client(void *value, void *arg)
{
	free(value);
}

void
limits_free(struct limits **hp)
{
	struct limits *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	map_each(h->all, free_limit, NULL);
	map_each(h->clients, free_client, NULL);
	map_free(&h->all);
	map_free(&h->clients);
	heap_fini(&h->timers);
	free(h);
}
