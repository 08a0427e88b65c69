/* SPDX-License-Identifier: ISC */
/*
 * ledger: the exceptions. Each is dated, owned and reasoned, or it is an
 * error; those that reach far or end soon are shouted about.
 */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/str.h"

#define DAY	((int64_t)86400 * 1000)
#define CLIENT_NAME_MAX	44	/* so that the id of its exception is as long as others may be */

static struct conf_row *
row_good(struct conf_row *row)
{
	return row != NULL && !row->bad ? row : NULL;
}

static void
ledger_dates(struct conf_load *l, size_t i)
{
	int64_t left = l->conf->exceptions.v[i].expires - l->now;
	struct conf_row *row = row_good(conf_row_at(l->conf, "exceptions[%zu].expires", i));
	const char *id = l->conf->exceptions.v[i].id;

	if (row == NULL)
		return;
	if (left <= 0)
		conf_warning(&l->report, row, "exception %s ended with %s (UTC); what it was for is "
		    "enforced again, remove the entry", id, row->text);
	else if (left <= 30 * DAY)
		conf_warning(&l->report, row, "exception %s ends with %s (UTC), in %d days; "
		    "what it is for is enforced again after that", id, row->text, (int)(left / DAY));
	else if (left > 2 * 366 * DAY)
		conf_warning(&l->report, row, "exception %s lasts for more than two years", id);
}

static void
ledger_domain(struct conf_load *l, size_t i, size_t k)
{
	const struct conf_exception *e = &l->conf->exceptions.v[i];
	struct conf_row *row = row_good(conf_row_at(l->conf, "exceptions[%zu].domains[%zu]", i, k));
	const char *domain = e->domains.v[k];

	if (row == NULL)
		return;
	if ((strcmp(domain, "*") == 0 || domain[0] == '.') &&
	    e->overrides == CONF_OVERRIDES_PUBLISHED)
		conf_error(&l->report, row, "overrides = \"published\" cannot go with \"%s\"; name "
		    "each domain whose published policy is to be overridden", row->text);
	else if (strcmp(domain, "*") == 0)
		conf_warning(&l->report, row, "EXCEPTION %s IS FOR EVERY DOMAIN: \"%s\" is enough "
		    "wherever nothing stronger is published", e->id, conf_allow_name(e->allow));
}

/* For whom it is: somebody, and named if what they publish is overridden. */
static void
ledger_scope(struct conf_load *l, size_t i)
{
	const struct conf_exception *e = &l->conf->exceptions.v[i];
	struct conf_row *row = row_good(conf_row_at(l->conf, "exceptions[%zu].domains", i));

	for (size_t k = 0; k < e->domains.n; k++)
		ledger_domain(l, i, k);
	if (row == NULL || e->domains.n > 0)
		return;
	if (e->hosts.n == 0)
		conf_error(&l->report, row, "is empty, and so is hosts; name at least one domain or "
		    "host");
	else if (e->overrides == CONF_OVERRIDES_PUBLISHED)
		conf_error(&l->report, row, "overrides = \"published\" cannot go with hosts alone; "
		    "name each domain whose published policy is to be overridden");
}

/* The same domain twice: the first that holds decides, which should be known. */
static void
ledger_twice(struct conf_load *l, size_t i, struct map *seen)
{
	const struct conf_exception *e = &l->conf->exceptions.v[i], *first;

	if (e->expires <= l->now || e->hosts.n > 0)
		return;
	for (size_t k = 0; k < e->domains.n; k++) {
		const struct conf_row *row;

		row = conf_row_at(l->conf, "exceptions[%zu].domains[%zu]", i, k);
		if (row->bad || e->domains.v[k][0] == '\0')
			continue;
		first = map_gets(seen, e->domains.v[k]);
		if (first != NULL)
			conf_warning(&l->report, row, "\"%s\" is in exception %s too, which decides",
			    row->text, first->id);
		else
			map_puts(seen, e->domains.v[k], &l->conf->exceptions.v[i]);
	}
}

void
conf_rules_exceptions(struct conf_load *l)
{
	struct map *ids = map_new(), *seen = map_new();

	for (size_t i = 0; i < l->conf->exceptions.n; i++) {
		const struct conf_exception *e = &l->conf->exceptions.v[i];
		struct conf_row *row = row_good(conf_row_at(l->conf, "exceptions[%zu].id", i));

		if (row != NULL && map_gets(ids, e->id) != NULL)
			conf_error(&l->report, row, "\"%s\" is the id of another exception too (%s)",
			    e->id, conf_origin_short(((struct conf_row *)map_gets(ids, e->id))->origin));
		else if (row != NULL)
			map_puts(ids, e->id, row);
		ledger_dates(l, i);
		ledger_scope(l, i);
		ledger_twice(l, i, seen);
	}
	map_free(&ids);
	map_free(&seen);
}

/*
 * RFC 8689 s3: what a sender may order is an exception like the others, so
 * that it is logged, counted and listed like them. It ends with the setting.
 */
static void
ledger_client(struct conf_load *l, const struct conf_client *client, struct conf_exception *e)
{
	char id[80];

	str_fmt(id, sizeof id, CONF_CLIENT_EXCEPTION "%s", client->name);
	str_copy(e->origin, client->origin, sizeof e->origin);
	e->id = conf_arena_strndup(&l->conf->priv->arena, id, strlen(id));
	e->allow = CONF_ALLOW_PLAINTEXT;
	e->overrides = CONF_OVERRIDES_PUBLISHED;
	e->owner = "sender";
	e->reason = "TLS-Required: No (RFC 8689)";
	e->ticket = "";
	e->expires = INT64_C(253402300799000);		/* the end of the year 9999 */
}

void
conf_exceptions_of_clients(struct conf_load *l)
{
	struct conf *c = l->conf;
	struct conf_exception *all;
	size_t n = c->exceptions.n;

	if (l->report.nerrors > 0)
		return;
	all = conf_arena_alloc(&c->priv->arena, (n + c->clients.n) * sizeof *all);
	if (n > 0)
		memcpy(all, c->exceptions.v, n * sizeof *all);
	for (size_t i = 0; i < c->clients.n; i++) {
		if (!c->clients.v[i].tls_required_no)
			continue;
		if (strlen(c->clients.v[i].name) > CLIENT_NAME_MAX)
			conf_error(&l->report, conf_row_at(c, "clients[%zu].name", i), "is too long "
			    "for an exception; with tls_required_no %d letters are possible",
			    CLIENT_NAME_MAX);
		ledger_client(l, &c->clients.v[i], &all[n++]);
		conf_warning(&l->report, conf_row_at(c, "clients[%zu].tls_required_no", i),
		    "MAIL OF CLIENT %s MAY GO OUT IN CLEAR: where it says \"TLS-Required: No\", no "
		    "policy of the destination holds", c->clients.v[i].name);
	}
	c->exceptions.v = all;
	c->exceptions.n = n;
}
