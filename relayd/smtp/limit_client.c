/* SPDX-License-Identifier: ISC */
/* limit_client: what each client has in this worker, and in the others. */
#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "relayd/smtp/limit_int.h"

static uint64_t
share_id(const struct limits *h, uint32_t id)
{
	char name[40];

	str_fmt(name, sizeof name, "client %u", id);
	return proc_commons_id(h->commons, name);
}

static struct limit_client *
client_get(struct limits *h, uint32_t id)
{
	struct limit_client *c = map_get(h->clients, &id, sizeof id);

	if (c == NULL) {
		c = must_calloc(1, sizeof *c);
		c->id = id;
		if (h->commons != NULL)
			c->share.id = share_id(h, id);
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

/* For want of a place the others see fewer of its lanes than there are. */
static void
client_say(struct limits *h, const struct limit_client *c)
{
	(void)limit_share_say(h->commons, &c->share, (unsigned)(c->lanes - c->idle));
}

void
limit_client_lanes_add(struct limits *h, uint32_t id, int n)
{
	struct limit_client *c = client_get(h, id);

	MUST(n > 0 || c->lanes > 0);
	c->lanes += (size_t)n;
	client_say(h, c);
	client_forget(h, c);
}

void
limit_client_idle_add(struct limits *h, uint32_t id, int n)
{
	struct limit_client *c = client_get(h, id);

	MUST(n > 0 || c->idle > 0);
	c->idle += (size_t)n;
	client_say(h, c);
}

/* An idle connection is nobody's: it ends for whoever needs the place. */
size_t
limit_client_at_work(const struct limits *h, uint32_t id)
{
	const struct limit_client *c = map_get(h->clients, &id, sizeof id);
	size_t n = c != NULL ? c->lanes - c->idle : 0;
	struct limit_share share = { 0 };
	struct limit_others o;

	if (h->commons == NULL)
		return n;
	share.id = share_id(h, id);
	limit_share_look(h->commons, &share, 0, &o);
	return n + o.used;
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
