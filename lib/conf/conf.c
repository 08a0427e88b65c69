/* SPDX-License-Identifier: ISC */
/* conf: the stages in their order, and the life of a struct conf. */
#include "lib/conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/conf/conf_int.h"

struct conf *
conf_new(void)
{
	struct conf *c = must_calloc(1, sizeof *c);

	c->priv = must_calloc(1, sizeof *c->priv);
	c->priv->rows.by_path = map_new();
	c->priv->destinations = map_new();
	c->priv->senders = map_new();
	return c;
}

void
conf_free(struct conf **cp)
{
	struct conf_private *p;

	if (*cp == NULL)
		return;
	p = (*cp)->priv;
	for (size_t i = 0; i < p->nfiles; i++) {
		if (p->files[i].secret)
			explicit_bzero(p->files[i].data, p->files[i].len);
		free(p->files[i].data);
	}
	map_free(&p->rows.by_path);
	map_free(&p->destinations);
	map_free(&p->senders);
	free(p->rows.v);
	conf_arena_fini(&p->arena);
	free(p);
	free(*cp);
	*cp = NULL;
}

void
conf_settle(struct conf_load *l)
{
	conf_check_rows(l);
	conf_fill_defaults(l);
	conf_fill(l);
	conf_rules(l);
	conf_exceptions_of_clients(l);
}

/* Hands over what was loaded, or the reasons why it is not. */
static int
load_finish(struct conf_load *l, struct conf **to, struct conf_errors *errors)
{
	int ok = l->report.nerrors == 0;

	conf_report_take(&l->report, errors);
	if (!ok)
		conf_free(&l->conf);
	*to = l->conf;
	return ok ? 0 : -1;
}

int
conf_load(const char *path, enum conf_depth depth, struct conf **to, struct conf_errors *errors)
{
	struct conf_load l = { .conf = conf_new(), .now = clock_wall_ms() };

	conf_scan_file(path, &l.report);
	if (l.report.nerrors == 0)
		conf_tree_file(&l, path);
	if (l.report.nerrors == 0 || l.conf->priv->rows.n > 0)
		conf_settle(&l);
	if (depth == CONF_SYSTEM && l.conf->priv->rows.n > 0)
		conf_system(&l);
	return load_finish(&l, to, errors);
}

int
conf_load_text(const char *text, size_t len, const char *name, struct conf **to,
    struct conf_errors *errors)
{
	struct conf_load l = { .conf = conf_new(), .now = clock_wall_ms() };
	char *copy = must_strndup(text != NULL ? text : "", len);

	conf_scan_text(text, len, name, &l.report);
	if (l.report.nerrors == 0)
		conf_tree_text(&l, copy, name);
	if (l.report.nerrors == 0 || l.conf->priv->rows.n > 0)
		conf_settle(&l);
	free(copy);
	return load_finish(&l, to, errors);
}

int
conf_file(const struct conf *c, const char *path, const char **data, size_t *len)
{
	for (size_t i = 0; i < c->priv->nfiles; i++) {
		if (strcmp(c->priv->files[i].name, path) == 0) {
			*data = c->priv->files[i].data;
			*len = c->priv->files[i].len;
			return 0;
		}
	}
	*data = NULL;
	*len = 0;
	return -1;
}
