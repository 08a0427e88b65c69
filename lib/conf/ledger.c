/* SPDX-License-Identifier: ISC */
/*
 * ledger: the exceptions. Each is dated, owned and reasoned, or it is an
 * error; those that reach far or end soon are shouted about.
 */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"

#define DAY	((int64_t)86400 * 1000)

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
