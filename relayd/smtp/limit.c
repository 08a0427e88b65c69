/* SPDX-License-Identifier: ISC */
/* limit: see limit.h. */
#include "relayd/smtp/limit.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/rand.h"
#include "relayd/smtp/limit_int.h"

#define GLANCE_MS	25	/* and up to twice that: between looks at what others do */
#define GLANCE_MAX	512	/* limits that are looked at then; the others next time */

/* ---- one limit ---- */

static void
arm(struct limit *l, int64_t at)
{
	heap_set(&l->house->timers, &l->timer, at);
	if (heap_min(&l->house->timers) == &l->timer)
		l->house->changed(l->house->arg);
}

/* What nobody here waits for or keeps for nothing is no concern of others. */
static void
watch(struct limit *l, int on)
{
	struct limits *h = l->house;

	if (on == l->watched || h->commons == NULL)
		return;
	l->watched = on;
	h->nwatched += on ? 1 : -(size_t)1;
	if (!on) {
		TAILQ_REMOVE(&h->watched, l, watch);
		return;
	}
	TAILQ_INSERT_TAIL(&h->watched, l, watch);
	if (h->glance != INT64_MAX)
		return;
	h->glance = clock_mono_ms() + GLANCE_MS + rand_below(GLANCE_MS);
	h->changed(h->arg);
}

/* After each change of who waits or keeps an idle one: the others are told. */
void
limit_attend(struct limit *l)
{
	struct limit_others o = { 0 };
	int64_t waits = 0;

	if (l->house->commons == NULL)
		return;
	if (l->line[LIMIT_PLACE].n > 0)
		limit_share_look(l->house->commons, &l->share, l->used, &o);
	if (o.used > 0 || o.waiting > 0)
		waits = l->share.waits != 0 ? l->share.waits : clock_mono_ms();
	if (waits != l->share.waits) {
		l->share.waits = waits;
		(void)limit_share_say(l->house->commons, &l->share, l->used);
	}
	watch(l, l->line[LIMIT_PLACE].n > 0 || l->nidle > 0);
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
		/* All need the shared one, also those that keep others from finding a place. */
		if (h->commons != NULL)
			l->share.id = shared ? PROC_COMMONS_ALL : proc_commons_id(h->commons, name);
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
	watch(l, 0);
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

static int64_t
token_ready(struct limit *l, int64_t now)
{
	if (l->house->commons != NULL)
		return limit_share_ready(l->house->commons, &l->share, &l->rate, now);
	return queue_bucket_ready(&l->bucket, &l->rate, now);
}

static int
take_token(struct limit *l)
{
	int64_t now = clock_mono_ms();

	if (l->house->commons != NULL)
		return limit_share_take(l->house->commons, &l->share, &l->rate, now);
	queue_bucket_take(&l->bucket, &l->rate, now);
	return 1;
}

/* Said first and looked at then: of two workers at the last place at least one steps back. */
static int
take_place(struct limit *l)
{
	struct proc_commons *c = l->house->commons;
	struct limit_others o;
	int good = limit_share_say(c, &l->share, l->used + 1) == 0;

	limit_share_look(c, &l->share, l->used, &o);
	if (good && limit_share_free(&o, l->used, l->max) > 0) {
		l->used++;
		l->share.yields = 0;
		if (l->share.waits == 0)
			return 1;
		l->share.waits = 0;	/* who still waits here begins anew, behind the others */
		(void)limit_share_say(c, &l->share, l->used);
		return 1;
	}
	(void)limit_share_say(c, &l->share, l->used);
	return 0;
}

/* 0: another worker was quicker. */
static int
take_one(struct limit *l, struct limit_turn *t)
{
	if (!(t->kind == LIMIT_TOKEN ? take_token(l) : take_place(l)))
		return 0;
	l->refs++;
	t->has.v[t->has.n++] = l;
	if (t->kind == LIMIT_PLACE && l->shared)
		limit_client_lanes_add(l->house, t->client, 1);
	return 1;
}

int
limit_admits(void *arg, uint32_t client)
{
	const struct limit_asks *a = arg;
	struct limit *l = a->l;
	int64_t now = clock_mono_ms();
	unsigned used = l->used - (a->leaving != NULL);
	struct limit_others o;
	size_t own;

	if (a->kind == LIMIT_TOKEN)
		return token_ready(l, now) <= now;
	limit_share_look(l->house->commons, &l->share, l->used, &o);
	if (limit_share_ours(&l->share, &o, limit_share_free(&o, used, l->max)) == 0)
		return 0;
	if (!l->shared)
		return 1;
	used -= used > l->nidle ? l->nidle : used;
	used += o.used;
	own = limit_client_at_work(l->house, client);
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
	limit_attend(l);
	limit_unref(&l);
}

/* All who can go on now do, in their order. */
void
limit_serve(struct limit *l, enum limit_kind kind)
{
	struct limit_asks a = { .l = l, .kind = kind };
	int64_t now = clock_mono_ms(), again = 0;
	struct queue_fair_node *n;

	while ((n = queue_fair_next(&l->line[kind], limit_admits, &a)) != NULL) {
		struct limit_turn *t = HEAP_OWNER(n, struct limit_turn, node);

		if (!take_one(l, t)) {
			queue_fair_add_first(&l->line[kind], n, (uint64_t)t->client << 32);
			again = now + GLANCE_MS;
			break;
		}
		t->at = NULL;
		l->refs--;		/* that of the line; take_one has one */
		t->wake(t);
	}
	limit_attend(l);
	if (kind == LIMIT_TOKEN && l->line[kind].n > 0) {
		int64_t at = token_ready(l, now);

		arm(l, at > again ? at : again);
	}
}

void
limit_give_back(struct limit *l, enum limit_kind kind, uint32_t client)
{
	if (kind == LIMIT_TOKEN && l->house->commons != NULL) {
		limit_share_give_back(l->house->commons, &l->share, &l->rate, clock_mono_ms());
	} else if (kind == LIMIT_TOKEN) {
		queue_bucket_give_back(&l->bucket, &l->rate);
	} else {
		MUST(l->used > 0);
		l->used--;
		(void)limit_share_say(l->house->commons, &l->share, l->used);
		if (l->shared)
			limit_client_lanes_add(l->house, client, -1);
	}
	limit_serve(l, kind);
	limit_unref(&l);
}

void
limit_set(struct limit *l, unsigned connections, struct queue_rate rate)
{
	int changed = l->max != connections || l->rate.n != rate.n || l->rate.per != rate.per;

	l->max = connections;
	l->rate = rate;
	for (int k = 0; changed && k < LIMIT__KINDS; k++)
		limit_serve(l, (enum limit_kind)k);
}

const char *limit_name(const struct limit *l) { return l->name; }
unsigned limit_used(const struct limit *l) { return l->used; }

unsigned
limit_used_by_all(const struct limit *l)
{
	struct limit_others o;

	limit_share_look(l->house->commons, &l->share, l->used, &o);
	return o.used > UINT32_MAX - l->used ? UINT32_MAX : l->used + o.used;
}

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
	struct limit_others o;

	limit_share_look(l->house->commons, &l->share, l->used, &o);
	TAILQ_FOREACH(i, &l->idle, link)
		if (i->of->client == client)
			break;
	if (i == NULL && limit_share_free(&o, l->used, l->max) == 0)
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
	if (t->kind == LIMIT_TOKEN) {
		limit_serve(l, t->kind);
		return;
	}
	limit_attend(l);
	end_an_idle_one(l, t->client);
}

/* Those in line come first; what they leave may be taken. */
static int
try_one(struct limit *l, struct limit_turn *t)
{
	struct limit_asks a = { .l = l, .kind = t->kind };
	unsigned had = t->has.n;

	limit_serve(l, t->kind);
	if (t->has.n > had)
		return 1;
	return t->at == NULL && limit_admits(&a, t->client) && take_one(l, t);
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

		limit_give_back(l, t->kind, t->client);
	}
}

int
limit_take(struct limit_turn *t, const struct limit_way *way, uint32_t client)
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

		if (try_one(l, t))
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

		if (l->line[t->kind].n > 0 || !try_one(l, t)) {
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

/* ---- the house ---- */

struct limits *
limits_new(struct proc_commons *commons, void (*changed)(void *), void *arg)
{
	struct limits *h = must_calloc(1, sizeof *h);

	h->commons = commons;
	TAILQ_INIT(&h->watched);
	h->glance = INT64_MAX;

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

	return n != NULL && n->key < h->glance ? n->key : h->glance;
}

/* What the others did meanwhile; and what they want is not kept for nothing. */
static void
glance(struct limit *l)
{
	struct limit_others o;

	limit_share_look(l->house->commons, &l->share, l->used, &o);
	limit_share_patience(&l->share, &o, limit_share_free(&o, l->used, l->max));
	limit_serve(l, LIMIT_PLACE);
	limit_share_look(l->house->commons, &l->share, l->used, &o);
	if (l->nidle > 0 && o.waiting > limit_share_free(&o, l->used, l->max))
		TAILQ_FIRST(&l->idle)->of->end(TAILQ_FIRST(&l->idle)->of);
}

static void
glance_at_all(struct limits *h)
{
	size_t n = h->nwatched < GLANCE_MAX ? h->nwatched : GLANCE_MAX;
	struct limit *l;

	for (; n > 0 && (l = TAILQ_FIRST(&h->watched)) != NULL; n--) {
		TAILQ_REMOVE(&h->watched, l, watch);
		TAILQ_INSERT_TAIL(&h->watched, l, watch);
		glance(l);
	}
	h->glance = TAILQ_EMPTY(&h->watched) ? INT64_MAX :
	    clock_mono_ms() + GLANCE_MS + rand_below(GLANCE_MS);
}

void
limits_run(struct limits *h)
{
	int64_t now = clock_mono_ms();
	struct heap_node *n;

	if (h->glance <= now)
		glance_at_all(h);
	while ((n = heap_min(&h->timers)) != NULL && n->key <= now) {
		struct limit *l = HEAP_OWNER(n, struct limit, timer);

		heap_remove(&h->timers, n);
		if (l->refs > 0)
			limit_serve(l, LIMIT_TOKEN);
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
