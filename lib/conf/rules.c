/* SPDX-License-Identifier: ISC */
/*
 * rules: what one value says about another. The rows are asked for the
 * place, struct conf for the value; a row that is bad already is left alone.
 */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/str.h"

/* A good row, or NULL. */
#define ROW(l, ...)	row_good(conf_row_at((l)->conf, __VA_ARGS__))

static struct conf_row *
row_good(struct conf_row *row)
{
	return row != NULL && !row->bad ? row : NULL;
}

/* Complains if the key was seen before; remembers it else. */
static void
rule_unique(struct conf_load *l, struct map *seen, const void *key, size_t len,
    struct conf_row *row)
{
	const struct conf_row *first;

	if (row == NULL || len == 0)
		return;
	first = map_get(seen, key, len);
	if (first == NULL)
		map_put(seen, key, len, row);
	else
		conf_error(&l->report, row, "\"%s\" is there already, at %s (%s); once is enough",
		    row->text, conf_origin_short(first->origin), first->path);
}

/* For rows that exist in any valid configuration. */
static void
rule_not_empty(struct conf_load *l, size_t n, const char *path, const char *hint)
{
	struct conf_row *row = ROW(l, "%s", path);

	if (n == 0 && row != NULL)
		conf_error(&l->report, row, "is empty; %s", hint);
}

static void
rule_listen_tls(struct conf_load *l, size_t i)
{
	const struct conf_listen *e = &l->conf->listen.v[i];
	struct conf_row *tls = ROW(l, "listen[%zu].tls", i);
	struct conf_row *cert = ROW(l, "listen[%zu].certificate", i);
	struct conf_row *key = ROW(l, "listen[%zu].key", i);

	if (tls == NULL || cert == NULL || key == NULL)
		return;
	if (e->tls == CONF_LISTEN_PLAIN) {
		if (e->certificate[0] != '\0' || e->key[0] != '\0')
			conf_warning(&l->report, e->certificate[0] != '\0' ? cert : key,
			    "is not used while tls is \"none\"; write tls = \"starttls\"");
	} else if (e->certificate[0] == '\0' || e->key[0] == '\0') {
		conf_error(&l->report, tls, "\"%s\" needs a %s in the same entry", tls->text,
		    e->certificate[0] == '\0' ? "certificate" : "key");
	}
}

static void
rules_listen(struct conf_load *l)
{
	struct map *seen = map_new();

	rule_not_empty(l, l->conf->listen.n, "listen", "leave it out for 127.0.0.1:25");
	for (size_t i = 0; i < l->conf->listen.n; i++) {
		const char *text = l->conf->listen.v[i].address.text;
		size_t n = strlen(text);

		rule_listen_tls(l, i);
		if (n > 2 && strcmp(text + n - 2, ":0") != 0)
			rule_unique(l, seen, text, n, ROW(l, "listen[%zu].address", i));
	}
	map_free(&seen);
}

static void
rule_client_network(struct conf_load *l, const struct conf_network *n, struct conf_row *row)
{
	if (row == NULL)
		return;
	if (n->bits == 0)
		conf_error(&l->report, row, "\"%s\" is everybody, which makes an open relay; "
		    "name the networks of your own hosts", row->text);
	else if (n->bits < (n->address.family == AF_INET ? 8u : 16u))
		conf_warning(&l->report, row, "\"%s\" is a large part of the Internet; "
		    "is that meant?", row->text);
}

static void
rules_clients(struct conf_load *l)
{
	struct map *names = map_new(), *networks = map_new();
	struct conf_row *row = ROW(l, "clients");

	if (l->conf->clients.n == 0 && row != NULL)
		conf_warning(&l->report, row, "is empty: nobody may relay");
	for (size_t i = 0; i < l->conf->clients.n; i++) {
		const struct conf_client *e = &l->conf->clients.v[i];
		char path[64];

		rule_unique(l, names, e->name, strlen(e->name), ROW(l, "clients[%zu].name", i));
		str_fmt(path, sizeof path, "clients[%zu].networks", i);
		rule_not_empty(l, e->networks.n, path, "name at least one network");
		for (size_t k = 0; k < e->networks.n; k++) {
			row = ROW(l, "%s[%zu]", path, k);
			rule_client_network(l, &e->networks.v[k], row);
			rule_unique(l, networks, &e->networks.v[k], sizeof e->networks.v[k],
			    row_good(row));
		}
	}
	map_free(&names);
	map_free(&networks);
}

static void
rules_delivery(struct conf_load *l)
{
	struct conf_row *row;

	if ((row = ROW(l, "delivery.require")) != NULL && l->conf->delivery.require == CONF_ENCRYPT)
		conf_warning(&l->report, row, "\"encrypt\" delivers to servers that nobody verified");
	if ((row = ROW(l, "delivery.mode")) != NULL && l->conf->delivery.mode == CONF_MONITOR)
		conf_warning(&l->report, row,
		    "MONITOR MODE: nothing is enforced, mail may go out in clear");
	row = ROW(l, "delivery.connections_per_destination");
	if (row != NULL && l->conf->delivery.connections > 0 &&
	    l->conf->delivery.connections_per_destination > l->conf->delivery.connections)
		conf_warning(&l->report, row, "is more than delivery.connections");
}

static void
rules_destination(struct conf_load *l, size_t i, struct map *seen)
{
	struct conf_destination *e = &l->conf->destinations.v[i];
	struct conf_row *row;
	char path[64];

	str_fmt(path, sizeof path, "destinations[%zu].domains", i);
	rule_not_empty(l, e->domains.n, path, "name at least one domain");
	for (size_t k = 0; k < e->domains.n; k++) {
		row = ROW(l, "%s[%zu]", path, k);
		rule_unique(l, seen, e->domains.v[k], strlen(e->domains.v[k]), row);
		if (row_good(row) != NULL)
			map_puts(l->conf->priv->destinations, e->domains.v[k], e);
	}
	str_fmt(path, sizeof path, "destinations[%zu].retry", i);
	rule_not_empty(l, e->retry.n, path, "name at least one wait");
	/* RULES P02: only an exception lowers. */
	row = ROW(l, "destinations[%zu].require", i);
	if (row != NULL && ROW(l, "delivery.require") != NULL &&
	    e->require < l->conf->delivery.require)
		conf_error(&l->report, row, "\"%s\" is below delivery.require = \"%s\"; "
		    "a destination may only ask for more, less needs an entry in exceptions",
		    row->text, conf_level_name(l->conf->delivery.require));
	row = ROW(l, "destinations[%zu].mode", i);
	if (row != NULL && e->mode == CONF_MONITOR && l->conf->delivery.mode != CONF_MONITOR)
		conf_warning(&l->report, row,
		    "MONITOR MODE: nothing is enforced for these domains, mail may go out in clear");
}

static void
rules_hosts(struct conf_load *l)
{
	struct map *names = map_new(), *hosts = map_new();
	char path[64];

	for (size_t i = 0; i < l->conf->hosts.n; i++) {
		const struct conf_hosts_limit *e = &l->conf->hosts.v[i];

		rule_unique(l, names, e->name, strlen(e->name), ROW(l, "hosts[%zu].name", i));
		str_fmt(path, sizeof path, "hosts[%zu].hosts", i);
		rule_not_empty(l, e->hosts.n, path, "name at least one host");
		for (size_t k = 0; k < e->hosts.n; k++)
			rule_unique(l, hosts, e->hosts.v[k], strlen(e->hosts.v[k]),
			    ROW(l, "%s[%zu]", path, k));
	}
	map_free(&names);
	map_free(&hosts);
}

static void
rules_spool(struct conf_load *l)
{
	const struct conf *c = l->conf;
	struct conf_row *row;

	rule_not_empty(l, c->queue.retry.n, "queue.retry", "name at least one wait");
	if ((row = ROW(l, "queue.max_message")) != NULL && c->queue.max_message < 64u << 10)
		conf_warning(&l->report, row, "below 64K, which RFC 5321 s4.5.3.1.7 asks for");
	if ((row = ROW(l, "limits.recipients")) != NULL && c->limits.recipients < 100)
		conf_warning(&l->report, row, "below 100, which RFC 5321 s4.5.3.1.8 asks for");
	if ((row = ROW(l, "state.directory")) != NULL &&
	    strcmp(c->state.directory, c->queue.directory) == 0)
		conf_warning(&l->report, row, "is also queue.directory; two processes share it, "
		    "which cannot work when they run as different users");
}

static void
rules_names(struct conf_load *l)
{
	const struct conf *c = l->conf;
	struct conf_row *row;

	if ((row = ROW(l, "hostname")) != NULL && strchr(c->hostname, '.') == NULL)
		conf_warning(&l->report, row, "\"%s\" has no domain; many servers refuse mail from "
		    "a host that does not say its full name", c->hostname);
	if ((row = ROW(l, "policy_user")) != NULL && strcmp(c->user, c->policy_user) == 0)
		conf_warning(&l->report, row, "is also user; the process that reads answers from the "
		    "network could then touch the queue");
	if ((row = ROW(l, "log.target")) != NULL && c->log.target == LOG_TO_FILE &&
	    ROW(l, "log.file") != NULL && c->log.file[0] == '\0')
		conf_error(&l->report, row, "\"file\" needs log.file = \"/var/log/...\"");
	if ((row = ROW(l, "log.file")) != NULL && c->log.target != LOG_TO_FILE &&
	    c->log.file[0] != '\0')
		conf_warning(&l->report, row, "is not used; write log.target = \"file\"");
}

static void
rules_notices(struct conf_load *l)
{
	const char *postmaster = l->conf->notices.postmaster;
	struct conf_row *row = ROW(l, "notices.postmaster");
	const char *at;

	if (row == NULL || postmaster[0] == '\0')
		return;
	at = strrchr(postmaster, '@');
	if (at == NULL || at == postmaster || at[1] == '\0' ||
	    strpbrk(postmaster, "<> \t\r\n") != NULL)
		conf_error(&l->report, row,
		    "is not an address; write it as \"postmaster@example.org\"");
}

void
conf_rules(struct conf_load *l)
{
	struct map *seen = map_new();

	rules_names(l);
	rules_listen(l);
	rules_clients(l);
	rules_delivery(l);
	for (size_t i = 0; i < l->conf->destinations.n; i++)
		rules_destination(l, i, seen);
	conf_rules_routes(l);
	conf_rules_sources(l);
	conf_rules_exceptions(l);
	rules_hosts(l);
	rules_spool(l);
	rules_notices(l);
	map_free(&seen);
}
