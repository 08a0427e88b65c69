/* SPDX-License-Identifier: ISC */
/* rules_route: what destinations[].via and the keys that belong to it say about each other. */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"

#define HOPS_MAX	8

/* A row of this entry that stands in the file and is good, or NULL. */
static struct conf_row *
given(const struct conf_load *l, size_t i, const char *key)
{
	struct conf_row *row = conf_row_at(l->conf, "destinations[%zu].%s", i, key);

	if (row == NULL || row->bad || strcmp(row->origin, "default") == 0)
		return NULL;
	return row;
}

static void
rule_without_via(struct conf_load *l, size_t i)
{
	static const char *const keys[] = { "tls", "ca", "pin", "tlsa", "certificate", "key",
		"username", "password_file", "auth" };
	struct conf_row *row;

	if ((row = given(l, i, "via")) != NULL)
		conf_error(&l->report, row, "is empty; leave it out for the MX of the domain");
	for (size_t k = 0; k < LENGTH(keys); k++)
		if ((row = given(l, i, keys[k])) != NULL)
			conf_error(&l->report, row, "is about the hosts in via, which is missing");
}

static void
rule_hop(struct conf_load *l, size_t i, size_t k)
{
	const struct conf_destination *e = &l->conf->destinations.v[i];
	const struct conf_hop *hop = &e->via.v[k];
	struct conf_row *row = conf_row_at(l->conf, "destinations[%zu].via[%zu]", i, k);

	if (row == NULL || row->bad)
		return;
	if (str_eq_nocase(hop->host, l->conf->hostname))
		conf_error(&l->report, row, "\"%s\" is this relay itself", row->text);
	if (hop->port == 465 && e->tls == CONF_ROUTE_STARTTLS)
		conf_warning(&l->report, row, "port 465 mostly speaks TLS from the first byte; "
		    "write tls = \"implicit\"");
}

/* Two keys of which one is useless without the other. */
static void
rule_pair(struct conf_load *l, size_t i, const char *a, const char *b)
{
	struct conf_row *row_a = given(l, i, a), *row_b = given(l, i, b);

	if (row_a != NULL && conf_row_at(l->conf, "destinations[%zu].%s", i, b)->text[0] == '\0')
		conf_error(&l->report, row_a, "needs a %s in the same entry", b);
	if (row_b != NULL && conf_row_at(l->conf, "destinations[%zu].%s", i, a)->text[0] == '\0')
		conf_error(&l->report, row_b, "needs a %s in the same entry", a);
}

static void
rule_keys(struct conf_load *l, size_t i)
{
	const struct conf_destination *e = &l->conf->destinations.v[i];
	struct conf_row *row;

	rule_pair(l, i, "certificate", "key");
	rule_pair(l, i, "username", "password_file");
	if ((row = given(l, i, "auth")) != NULL && given(l, i, "username") == NULL)
		conf_error(&l->report, row, "is not used without a username");
	if ((row = given(l, i, "ca")) != NULL && e->pin.n + e->tlsa.n > 0)
		conf_error(&l->report, row, "cannot go with pin or tlsa, which name the key itself; "
		    "leave one of them out");
	row = conf_row_at(l->conf, "destinations[%zu].require", i);
	if (row != NULL && !row->bad && e->require == CONF_STS && e->pin.n + e->tlsa.n == 0)
		conf_warning(&l->report, row, "\"sts\": a host in via has no MTA-STS policy, only "
		    "DANE can satisfy this; write pin, tlsa or require = \"verify\"");
}

void
conf_rules_routes(struct conf_load *l)
{
	for (size_t i = 0; i < l->conf->destinations.n; i++) {
		const struct conf_destination *e = &l->conf->destinations.v[i];
		struct conf_row *via = given(l, i, "via");

		if (e->via.n == 0) {
			rule_without_via(l, i);
			continue;
		}
		if (via != NULL && e->via.n > HOPS_MAX)
			conf_error(&l->report, via, "names more than %d hosts", HOPS_MAX);
		for (size_t k = 0; k < e->via.n; k++)
			rule_hop(l, i, k);
		rule_keys(l, i);
	}
}
