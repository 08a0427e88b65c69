/* SPDX-License-Identifier: ISC */
/* source: see source.h. */
#include "relayd/smtp/source.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/rand.h"

static uint64_t
digest(const struct source *s)
{
	struct buf b;
	uint64_t key;

	buf_init(&b);
	buf_add_str(&b, s->hostname);
	buf_add_u8(&b, s->only != 0);
	for (size_t i = 0; i < s->addresses->n; i++) {
		buf_add_u32(&b, (uint32_t)s->addresses->v[i].family);
		buf_add(&b, s->addresses->v[i].bytes, sizeof s->addresses->v[i].bytes);
	}
	key = rand_hash(buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return key != 0 ? key : 1;
}

static void
add(struct sources *to, const char *origin, const char *hostname,
    const struct conf_addresses *addresses, int only)
{
	struct source *s = &to->v[to->n++];

	*s = (struct source){ .origin = origin, .hostname = hostname, .addresses = addresses,
		.only = only };
	s->digest = digest(s);
}

void
sources_make(struct sources *to, const struct conf *c)
{
	to->n = 0;
	to->v = must_calloc(1 + c->sources.n + c->destinations.n, sizeof *to->v);
	add(to, "delivery.source", c->hostname, &c->delivery.source, 0);
	for (size_t i = 0; i < c->sources.n; i++)
		add(to, c->sources.v[i].name, c->sources.v[i].hostname,
		    &c->sources.v[i].addresses, 1);
	for (size_t i = 0; i < c->destinations.n; i++)
		add(to, c->destinations.v[i].origin, c->hostname, &c->destinations.v[i].source,
		    c->destinations.v[i].source.n > 0);
}

void
sources_fini(struct sources *s)
{
	free(s->v);
	memset(s, 0, sizeof *s);
}

const struct source *
sources_for(const struct sources *s, const struct conf *c, const struct queue_key *key)
{
	const struct conf_destination *d = conf_destination_of(c, key->domain);

	if (s->n == 0)
		return NULL;
	if (d != NULL && d->source.n > 0)
		return &s->v[1 + c->sources.n + (size_t)(d - c->destinations.v)];
	for (size_t i = 0; key->source[0] != '\0' && i < c->sources.n; i++)
		if (strcmp(c->sources.v[i].name, key->source) == 0)
			return &s->v[1 + i];
	return &s->v[0];
}

const struct source *
sources_of(const struct sources *s, uint64_t digest)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].digest == digest)
			return &s->v[i];
	return s->v;
}

int
source_address(const struct source *s, int family, struct dns_address *from, struct why *why)
{
	for (size_t i = 0; s != NULL && i < s->addresses->n; i++) {
		const struct conf_address *a = &s->addresses->v[i];

		if (a->family != family)
			continue;
		memset(from, 0, sizeof *from);
		from->family = family;
		memcpy(from->ip, a->bytes, sizeof from->ip);
		return 1;
	}
	if (s == NULL || !s->only)
		return 0;
	return why_set(why, WHY_SOURCE_ADDRESS, "source %s has no %s address", s->origin,
	    family == AF_INET ? "IPv4" : "IPv6");
}
