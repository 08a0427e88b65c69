/* SPDX-License-Identifier: ISC */
/* generation: configuration -> TLS contexts and rules. */
#include "relayd/smtp/generation.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "relayd/smtp/ledger.h"

static int
make_servers(struct generation *g, struct why *why)
{
	const struct conf *conf = g->conf;

	g->servers = must_calloc(conf->listen.n, sizeof *g->servers);
	for (size_t i = 0; i < conf->listen.n; i++) {
		const struct conf_listen *l = &conf->listen.v[i];
		const char *cert, *key;
		size_t cert_len, key_len;

		if (l->tls == CONF_LISTEN_PLAIN)
			continue;
		if (conf_file(conf, l->certificate, &cert, &cert_len) == -1 ||
		    conf_file(conf, l->key, &key, &key_len) == -1)
			return why_set(why, WHY_LOCAL_STORAGE, "%s: certificate or key is missing",
			    l->origin);
		g->servers[i] = tls_server_new(cert, cert_len, key, key_len, why);
		if (g->servers[i] == NULL)
			return -1;
	}
	return 0;
}

static int
make_client(struct generation *g, struct why *why)
{
	const char *pem;
	size_t len;

	g->tls = tls_client_new(why);
	if (g->tls == NULL)
		return -1;
	if (conf_file(g->conf, g->conf->delivery.ca_file, &pem, &len) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "delivery.ca_file %s is missing",
		    g->conf->delivery.ca_file);
	g->ca_digest = rand_hash(pem, len);
	return tls_client_add_store(g->tls, "", pem, len, why);
}

static int
make_vias(struct generation *g, struct why *why)
{
	const struct conf *conf = g->conf;

	g->vias = must_calloc(conf->destinations.n, sizeof *g->vias);
	for (size_t i = 0; i < conf->destinations.n; i++)
		if (conf->destinations.v[i].via.n > 0 &&
		    via_make(&g->vias[i], conf, &conf->destinations.v[i], g->tls, why) == -1)
			return -1;
	return 0;
}

struct generation *
generation_new(struct conf *conf, unsigned number, struct why *why)
{
	struct generation *g = must_calloc(1, sizeof *g);

	g->refs = 1;
	g->number = number;
	g->conf = conf;
	sources_make(&g->sources, conf);
	if (make_client(g, why) == -1 || make_servers(g, why) == -1 ||
	    make_vias(g, why) == -1)
		generation_unref(&g);
	return g;
}

struct generation *
generation_ref(struct generation *g)
{
	g->refs++;
	return g;
}

void
generation_unref(struct generation **gp)
{
	struct generation *g = *gp;

	*gp = NULL;
	if (g == NULL || --g->refs > 0)
		return;
	for (size_t i = 0; g->servers != NULL && i < g->conf->listen.n; i++)
		tls_server_free(&g->servers[i]);
	free(g->servers);
	for (size_t i = 0; g->vias != NULL && i < g->conf->destinations.n; i++)
		via_fini(&g->vias[i]);
	free(g->vias);
	sources_fini(&g->sources);
	tls_client_free(&g->tls);
	conf_free(&g->conf);
	free(g);
}

static enum plan_level
level_of(enum conf_level level)
{
	switch (level) {
	case CONF_ENCRYPT:
		return PLAN_ENCRYPT;
	case CONF_VERIFY:
		return PLAN_VERIFY;
	case CONF_STS:
		return PLAN_STS;
	case CONF_DANE:
		return PLAN_DANE;
	}
	return PLAN_DANE;
}

static void
fill_exception(const struct conf_exception *from, struct plan_exception *to)
{
	memset(to, 0, sizeof *to);
	str_copy(to->id, from->id, sizeof to->id);
	to->overrides_published = from->overrides == CONF_OVERRIDES_PUBLISHED;
	to->hosts = from->hosts.v;
	to->nhosts = from->hosts.n;
	to->any_domain = from->domains.n == 0;
	switch (from->allow) {
	case CONF_ALLOW_WEAK_TLS:
		to->allow_weak_tls = 1;
		break;
	case CONF_ALLOW_ENCRYPT:
		to->allow = PLAN_ENCRYPT;
		break;
	case CONF_ALLOW_PLAINTEXT:
		to->allow = PLAN_PLAINTEXT;
		break;
	}
}

/* Those that hold now, in their order; returns the wall ms at which the first of them ends. */
static int64_t
add_exceptions(const struct generation *g, const struct ledger *ledger, const char *domain,
    struct plan_rule *rule, struct generation_exceptions *to)
{
	const struct conf_exception *all[GENERATION_EXCEPTIONS_MAX];
	const struct plan_exception **last = &rule->exception;
	int64_t ends = INT64_MAX;
	size_t n;

	n = conf_exceptions_of(g->conf, domain, clock_wall_ms(), all, LENGTH(all));
	for (size_t i = 0; i < n; i++) {
		if (!ledger_holds(ledger, all[i]))
			continue;
		fill_exception(all[i], &to->v[i]);
		*last = &to->v[i];
		last = &to->v[i].next;
		if (all[i]->expires < ends)
			ends = all[i]->expires;
	}
	return ends;
}

/* RULES R05, R06: neither monitor mode nor an exception weakens REQUIRETLS. */
static void
rule_requiretls(struct plan_rule *rule)
{
	rule->exception = NULL;
	rule->monitor = 0;
	if (rule->level < PLAN_VERIFY)
		rule->level = PLAN_VERIFY;
}

static void
rule_tls_optional(const struct generation *g, const struct ledger *ledger, const char *client,
    struct plan_rule *rule, struct plan_exception *to)
{
	const struct conf_exception *x = conf_client_exception(g->conf, client);

	if (x == NULL || !ledger_holds(ledger, x))
		return;
	fill_exception(x, to);
	to->any_domain = 0;		/* for this message, wherever it goes */
	to->next = rule->exception;
	rule->exception = to;
}

int64_t
generation_rule(const struct generation *g, const struct ledger *ledger,
    const struct queue_key *key, struct plan_rule *rule, struct generation_exceptions *exceptions)
{
	const struct conf *conf = g->conf;
	const char *domain = key->domain;
	const struct conf_destination *d = conf_destination_of(conf, domain);
	const struct source *source;
	int64_t ends;

	memset(rule, 0, sizeof *rule);
	rule->level = level_of(conf->delivery.require);
	rule->monitor = conf->delivery.mode == CONF_MONITOR;
	rule->min_version = (int)conf->delivery.min_tls;
	rule->port = (uint16_t)conf->delivery.port;
	str_copy(rule->origin, "default", sizeof rule->origin);
	rule->via = generation_route(g, domain);
	source = sources_for(&g->sources, conf, key);
	rule->source = source != NULL ? source->digest : 0;
	if (d != NULL) {
		rule->level = level_of(d->require);
		rule->from_rule = 1;
		rule->monitor = d->mode == CONF_MONITOR;
		str_copy(rule->origin, d->origin, sizeof rule->origin);
	}
	ends = add_exceptions(g, ledger, domain, rule, exceptions);
	switch (key->need) {
	case QUEUE_ORDINARY:
		break;
	case QUEUE_REQUIRETLS:
	case QUEUE_REQUIRETLS_NOTICE:
		rule_requiretls(rule);
		break;
	case QUEUE_TLS_OPTIONAL:
		rule_tls_optional(g, ledger, key->client, rule, &exceptions->sender);
		break;
	}
	return ends == INT64_MAX ? ends : clock_mono_ms() + (ends - clock_wall_ms());
}

const struct plan_via *
generation_route(const struct generation *g, const char *domain)
{
	const struct conf_destination *d = conf_destination_of(g->conf, domain);

	if (d == NULL || d->via.n == 0 || g->vias == NULL)
		return NULL;
	return &g->vias[d - g->conf->destinations.v].plan;
}

const struct via *
generation_login(const struct generation *g, uint64_t login)
{
	for (size_t i = 0; login != 0 && g->vias != NULL && i < g->conf->destinations.n; i++)
		if (g->vias[i].plan.login == login)
			return &g->vias[i];
	return NULL;
}

struct queue_rate
generation_rate(const struct conf_rate *r)
{
	return (struct queue_rate){ .n = r->n, .per = r->per };
}

void
generation_limits(const struct generation *g, const char *domain, struct generation_limits *to)
{
	const struct conf *c = g->conf;
	const struct conf_destination *d = conf_destination_of(c, domain);
	const struct conf_rate *usual = &c->delivery.rate_per_destination;

	*to = (struct generation_limits){
		.connections = (unsigned)c->delivery.connections_per_destination,
		.messages_per_connection = (unsigned)c->delivery.messages_per_connection,
		.rate = generation_rate(usual),
	};
	if (d == NULL)
		return;
	to->connections = (unsigned)d->connections;
	to->messages_per_connection = (unsigned)d->messages_per_connection;
	to->rate = generation_rate(&d->rate);
	to->special = d->connections != c->delivery.connections_per_destination ||
	    d->rate.n != usual->n || d->rate.per != usual->per;
}

const struct conf_durations *
generation_retry(const struct generation *g, const char *domain)
{
	const struct conf_destination *d = conf_destination_of(g->conf, domain);

	return d != NULL ? &d->retry : &g->conf->queue.retry;
}

/* A token out of a row may be none of ours. */
static int
is_security(enum why_reason reason)
{
	return reason < WHY__COUNT && why_tlsrpt(reason)[0] != '\0';
}

int64_t
generation_max_age(const struct generation *g, const char *domain, const struct why *why,
    const char *before, int64_t age, int *kept)
{
	const struct conf_destination *d = conf_destination_of(g->conf, domain);
	int64_t most = d != NULL ? d->max_age : g->conf->queue.max_age;
	int64_t tls = d != NULL ? d->max_age_tls : g->conf->queue.max_age_tls;
	int outlived = age >= most && before != NULL && is_security(why_reason_of(before)) &&
	    !is_security(why->reason);

	if (kept != NULL)
		*kept = outlived;
	/* What a pause keeps may have waited for TLS before. */
	return (is_security(why->reason) || outlived || why->reason == WHY_PAUSED) && tls > most ?
	    tls : most;
}
