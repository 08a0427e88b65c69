/* SPDX-License-Identifier: ISC */
/* fair: two rings of turns, clients and for each its senders. See fair.h. */
#include "lib/queue/fair.h"

#include <stdlib.h>

#include "lib/base/bug.h"

struct queue_fair_sender {
	TAILQ_ENTRY(queue_fair_sender)	 link;
	struct queue_fair_client	*client;
	uint64_t			 flow;
	TAILQ_HEAD(, queue_fair_node)	 nodes;
};

struct queue_fair_client {
	TAILQ_ENTRY(queue_fair_client)	 link;
	uint32_t			 id;
	size_t				 n;
	TAILQ_HEAD(, queue_fair_sender)	 senders;
};

uint32_t
queue_fair_client_of(uint64_t flow)
{
	return (uint32_t)(flow >> 32);
}

int
queue_fair_share(size_t own, size_t used, size_t max)
{
	size_t left = used < max ? max - used : 0;

	return left > 0 && own < 9 * left && (left > 1 || own == 0);
}

void
queue_fair_init(struct queue_fair *f)
{
	TAILQ_INIT(&f->clients);
	f->n = 0;
}

static struct queue_fair_client *
client_find(const struct queue_fair *f, uint32_t id)
{
	struct queue_fair_client *c;

	TAILQ_FOREACH(c, &f->clients, link)
		if (c->id == id)
			return c;
	return NULL;
}

static struct queue_fair_sender *
sender_find(const struct queue_fair_client *c, uint64_t flow)
{
	struct queue_fair_sender *s;

	TAILQ_FOREACH(s, &c->senders, link)
		if (s->flow == flow)
			return s;
	return NULL;
}

static struct queue_fair_sender *
sender_get(struct queue_fair *f, uint64_t flow)
{
	struct queue_fair_client *c = client_find(f, queue_fair_client_of(flow));
	struct queue_fair_sender *s;

	if (c == NULL) {
		c = must_calloc(1, sizeof *c);
		c->id = queue_fair_client_of(flow);
		TAILQ_INIT(&c->senders);
		TAILQ_INSERT_TAIL(&f->clients, c, link);
	}
	s = sender_find(c, flow);
	if (s == NULL) {
		s = must_calloc(1, sizeof *s);
		s->client = c;
		s->flow = flow;
		TAILQ_INIT(&s->nodes);
		TAILQ_INSERT_TAIL(&c->senders, s, link);
	}
	return s;
}

void
queue_fair_add(struct queue_fair *f, struct queue_fair_node *n, uint64_t flow)
{
	MUST(n->of == NULL);
	n->of = sender_get(f, flow);
	TAILQ_INSERT_TAIL(&n->of->nodes, n, link);
	n->of->client->n++;
	f->n++;
}

void
queue_fair_add_first(struct queue_fair *f, struct queue_fair_node *n, uint64_t flow)
{
	struct queue_fair_client *c;

	MUST(n->of == NULL);
	n->of = sender_get(f, flow);
	c = n->of->client;
	TAILQ_INSERT_HEAD(&n->of->nodes, n, link);
	TAILQ_REMOVE(&c->senders, n->of, link);
	TAILQ_INSERT_HEAD(&c->senders, n->of, link);
	TAILQ_REMOVE(&f->clients, c, link);
	TAILQ_INSERT_HEAD(&f->clients, c, link);
	c->n++;
	f->n++;
}

/* Whoever has nothing left is forgotten: the next of theirs waits behind the others. */
void
queue_fair_remove(struct queue_fair *f, struct queue_fair_node *n)
{
	struct queue_fair_sender *s = n->of;
	struct queue_fair_client *c;

	if (s == NULL)
		return;
	c = s->client;
	n->of = NULL;
	TAILQ_REMOVE(&s->nodes, n, link);
	f->n--;
	c->n--;
	if (TAILQ_EMPTY(&s->nodes)) {
		TAILQ_REMOVE(&c->senders, s, link);
		free(s);
	}
	if (c->n == 0) {
		TAILQ_REMOVE(&f->clients, c, link);
		free(c);
	}
}

static struct queue_fair_client *
whose_turn(const struct queue_fair *f, queue_fair_may *may, void *arg)
{
	struct queue_fair_client *c;

	TAILQ_FOREACH(c, &f->clients, link)
		if (may == NULL || may(arg, c->id))
			return c;
	return NULL;
}

struct queue_fair_node *
queue_fair_next(struct queue_fair *f, queue_fair_may *may, void *arg)
{
	struct queue_fair_client *c = whose_turn(f, may, arg);
	struct queue_fair_sender *s;
	struct queue_fair_node *n;

	if (c == NULL)
		return NULL;
	s = TAILQ_FIRST(&c->senders);
	n = TAILQ_FIRST(&s->nodes);
	TAILQ_REMOVE(&c->senders, s, link);
	TAILQ_INSERT_TAIL(&c->senders, s, link);
	TAILQ_REMOVE(&f->clients, c, link);
	TAILQ_INSERT_TAIL(&f->clients, c, link);
	queue_fair_remove(f, n);
	return n;
}

int
queue_fair_any(const struct queue_fair *f, queue_fair_may *may, void *arg)
{
	return whose_turn(f, may, arg) != NULL;
}

int
queue_fair_alone(const struct queue_fair *f, uint32_t *client)
{
	const struct queue_fair_client *c = TAILQ_FIRST(&f->clients);

	if (c == NULL || c->n != f->n)
		return 0;
	*client = c->id;
	return 1;
}

size_t
queue_fair_waiting(const struct queue_fair *f, uint32_t client)
{
	const struct queue_fair_client *c = client_find(f, client);

	return c != NULL ? c->n : 0;
}

void
queue_fair_each(const struct queue_fair *f, queue_fair_see *see, void *arg)
{
	const struct queue_fair_client *c;

	TAILQ_FOREACH(c, &f->clients, link)
		see(arg, c->id, c->n);
}

void
queue_fair_fini(struct queue_fair *f)
{
	struct queue_fair_client *c;

	while ((c = TAILQ_FIRST(&f->clients)) != NULL)
		queue_fair_remove(f, TAILQ_FIRST(&TAILQ_FIRST(&c->senders)->nodes));
}
