/* SPDX-License-Identifier: ISC */
/* rules_source: what sources[] and the other lists of local addresses say. */
#include "lib/conf/conf_int.h"

#include "lib/base/str.h"

/* A good row, or NULL. */
static struct conf_row *
good(struct conf_row *row)
{
	return row != NULL && !row->bad ? row : NULL;
}

/* A connection comes from one address: a second of the same kind would never be used. */
static void
rule_addresses(struct conf_load *l, const char *path, const struct conf_addresses *a)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < i; k++) {
			struct conf_row *row = good(conf_row_at(l->conf, "%s[%zu]", path, i));

			if (row != NULL && a->v[i].family == a->v[k].family)
				conf_error(&l->report, row, "\"%s\" is a second %s address; "
				    "at most one of each kind is possible", row->text,
				    a->v[i].family == AF_INET ? "IPv4" : "IPv6");
		}
}

/* Complains if the text was seen before; remembers it else. */
static void
rule_once(struct conf_load *l, struct map *seen, const char *text, struct conf_row *row)
{
	const struct conf_row *first = map_gets(seen, text);

	if (row == NULL || text[0] == '\0')
		return;
	if (first == NULL)
		map_puts(seen, text, row);
	else
		conf_error(&l->report, row, "\"%s\" is there already, at %s (%s); once is enough",
		    row->text, conf_origin_short(first->origin), first->path);
}

static void
rule_not_empty(struct conf_load *l, size_t i, const char *key, size_t n, const char *hint)
{
	struct conf_row *row = good(conf_row_at(l->conf, "sources[%zu].%s", i, key));

	if (n == 0 && row != NULL)
		conf_error(&l->report, row, "is empty; %s", hint);
}

static void
rule_source(struct conf_load *l, size_t i, struct map *names, struct map *senders)
{
	struct conf_source *s = &l->conf->sources.v[i];
	char path[64];

	rule_once(l, names, s->name, good(conf_row_at(l->conf, "sources[%zu].name", i)));
	rule_not_empty(l, i, "senders", s->senders.n, "name at least one domain");
	rule_not_empty(l, i, "addresses", s->addresses.n, "name at least one address");
	for (size_t k = 0; k < s->senders.n; k++) {
		struct conf_row *row =
		    good(conf_row_at(l->conf, "sources[%zu].senders[%zu]", i, k));

		rule_once(l, senders, s->senders.v[k], row);
		if (good(row) != NULL)
			map_puts(l->conf->priv->senders, s->senders.v[k], s);
	}
	(void)str_fmt(path, sizeof path, "sources[%zu].addresses", i);
	rule_addresses(l, path, &s->addresses);
}

void
conf_rules_sources(struct conf_load *l)
{
	struct map *names = map_new(), *senders = map_new();

	rule_addresses(l, "delivery.source", &l->conf->delivery.source);
	for (size_t i = 0; i < l->conf->sources.n; i++)
		rule_source(l, i, names, senders);
	for (size_t i = 0; i < l->conf->destinations.n; i++) {
		char path[64];

		(void)str_fmt(path, sizeof path, "destinations[%zu].source", i);
		rule_addresses(l, path, &l->conf->destinations.v[i].source);
	}
	map_free(&names);
	map_free(&senders);
}
