/* SPDX-License-Identifier: ISC */
/* site: see site.h. */
#include "relayd/smtp/site.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/plan/plan.h"
#include "relayd/smtp/generation.h"

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the first preference, sorted. */
static size_t
first_hosts(const struct plan *p, const char *names[PLAN_HOSTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < p->ntargets && n < PLAN_HOSTS_MAX; i++)
		if (p->targets[i].host.preference == p->targets[0].host.preference)
			names[n++] = p->targets[i].host.name;
	qsort(names, n, sizeof names[0], compare_names);
	return n;
}

static const struct conf_hosts_limit *
configured(const struct conf *conf, const char *const *names, size_t n)
{
	const struct conf_hosts_limit *e = NULL;

	for (size_t i = 0; i < n && e == NULL; i++)
		e = conf_hosts_of(conf, names[i]);
	return e;
}

struct limit *
site_of(struct limits *limits, const struct generation *g, const struct plan *p)
{
	const char *names[PLAN_HOSTS_MAX] = { NULL };
	size_t n = first_hosts(p, names);
	const struct conf_hosts_limit *e = configured(g->conf, names, n);
	struct generation_limits own;
	struct limit *l;
	struct buf key;

	generation_limits(g, p->domain, &own);
	if (n == 0 || (e == NULL && own.special))
		return NULL;
	buf_init(&key);
	buf_adds(&key, e != NULL ? "hosts " : "mx ");
	for (size_t i = 0; i < (e != NULL ? 1 : n); i++)
		buf_addf(&key, "%s%s", i > 0 ? "," : "", e != NULL ? e->name : names[i]);
	l = limit_get(limits, buf_str(&key), 0);
	if (e != NULL)
		limit_set(l, (unsigned)e->connections, generation_rate(&e->rate));
	else
		limit_set(l, own.connections, own.rate);
	buf_fini(&key);
	return l;
}
