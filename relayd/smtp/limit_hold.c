/* SPDX-License-Identifier: ISC */
/* limit_hold: what open connections count against, and when they give way. */
#include "lib/base/bug.h"
#include "relayd/smtp/limit_int.h"

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

		limit_give_back(l, LIMIT_PLACE, h->client);
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
		limit_client_lanes_add(h->has.v[i]->house, client, 1);
		if (h->idle) {
			limit_client_idle_add(h->has.v[i]->house, client, 1);
			limit_client_idle_add(h->has.v[i]->house, before, -1);
		}
		limit_client_lanes_add(h->has.v[i]->house, before, -1);
		limit_serve(h->has.v[i], LIMIT_PLACE);
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
		limit_attend(l);
		if (l->shared)
			limit_client_idle_add(l->house, h->client, idle ? 1 : -1);
	}
}

int
limit_hold_wanted(const struct limit_hold *h, const struct limit_turn *own)
{
	for (unsigned i = 0; i < h->has.n; i++) {
		struct limit *l = h->has.v[i];
		struct limit_asks a = { .l = l, .kind = LIMIT_PLACE, .leaving = &h->client };
		struct limit_others o;

		/* More of those who have less than we wait than find room. */
		limit_share_look(l->house->commons, &l->share, l->used, &o);
		if (o.poorer > limit_share_free(&o, l->used, l->max))
			return 1;
		if (l->line[LIMIT_PLACE].n > (own->at == l) &&
		    queue_fair_any(&l->line[LIMIT_PLACE], limit_admits, &a))
			return 1;
	}
	return 0;
}
