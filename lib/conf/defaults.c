/* SPDX-License-Identifier: ISC */
/*
 * defaults: every key that the file leaves out becomes a row as well, so
 * that the rows are the whole effective configuration.
 */
#include "lib/conf/conf_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"

static const char from_default[] = "default";

/* Lists that are not empty when they are left out. */
static const struct default_row {
	const char	*list, *path;
	enum conf_kind	 kind;
	const char	*text;
} default_rows[] = {
	{ "listen", "listen[0]", CONF_KIND_GROUP, "" },
	{ "listen", "listen[0].address", CONF_KIND_STRING, "127.0.0.1:25" },
	{ "clients", "clients[0]", CONF_KIND_GROUP, "" },
	{ "clients", "clients[0].name", CONF_KIND_STRING, "loopback" },
	{ "clients", "clients[0].networks", CONF_KIND_ARRAY, "" },
	{ "clients", "clients[0].networks[0]", CONF_KIND_STRING, "127.0.0.0/8" },
	{ "clients", "clients[0].networks[1]", CONF_KIND_STRING, "::1/128" },
};

static struct conf_row *
default_add(struct conf_load *l, const char *path, enum conf_kind kind, const char *text)
{
	if (conf_rows_add(l->conf, path, kind, text, from_default) == -1) {
		conf_error_at(&l->report, from_default, 0, "%s: too many settings", path);
		return NULL;
	}
	return conf_row_at(l->conf, "%s", path);
}

static void
default_list(struct conf_load *l, const struct conf_list *list)
{
	if (conf_row_at(l->conf, "%s", list->path) != NULL)
		return;
	default_add(l, list->path, CONF_KIND_LIST, "");
	for (size_t i = 0; i < LENGTH(default_rows); i++)
		if (strcmp(default_rows[i].list, list->path) == 0)
			default_add(l, default_rows[i].path, default_rows[i].kind,
			    default_rows[i].text);
}

/* Element by element what the array at `from` holds. */
static void
default_copy(struct conf_load *l, const char *path, const struct conf_option *o, const char *from)
{
	char at[CONF_PATH_MAX];
	const struct conf_row *row;

	default_add(l, path, CONF_KIND_ARRAY, "");
	for (unsigned i = 0; (row = conf_row_at(l->conf, "%s[%u]", from, i)) != NULL; i++) {
		str_fmt(at, sizeof at, "%s[%u]", path, i);
		if (!row->bad)
			default_add(l, at, conf_types[o->type].kind, row->text);
	}
}

/* "5m 15m" -> path[0], path[1]. */
static void
default_array(struct conf_load *l, const char *path, const struct conf_option *o)
{
	char *words = must_strdup(o->def), *save = NULL, *word = strtok_r(words, " ", &save);
	char at[CONF_PATH_MAX];

	default_add(l, path, CONF_KIND_ARRAY, "");
	for (unsigned i = 0; word != NULL; i++, word = strtok_r(NULL, " ", &save)) {
		str_fmt(at, sizeof at, "%s[%u]", path, i);
		default_add(l, at, conf_types[o->type].kind, word);
	}
	free(words);
}

/* The value behind a default of "=somewhere". */
static const char *
default_from(struct conf_load *l, const char *where, int *bad)
{
	static _Thread_local char host[256];
	struct conf_row *row;

	if (strcmp(where, "gethostname()") == 0) {
		if (gethostname(host, sizeof host) == -1)
			host[0] = '\0';
		host[sizeof host - 1] = '\0';
		return host;
	}
	row = conf_row_at(l->conf, "%s", where);
	*bad = row == NULL || row->bad;
	return row != NULL ? row->text : "";
}

static void
default_option(struct conf_load *l, const char *path, const struct conf_option *o,
    struct conf_row *entry)
{
	struct conf_row *row = conf_row_at(l->conf, "%s", path);
	const char *text = o->def;
	int bad = 0;

	/* An empty path means "not set", so the default stands in. */
	if (row != NULL && !(o->type == CONF_T_certificates && row->text[0] == '\0'))
		return;
	if (row != NULL && (text == NULL || text[0] != '='))
		return;
	if (text == NULL) {
		if (entry != NULL)
			conf_error(&l->report, entry, "'%s' is missing (%s)", o->key, o->help);
		return;
	}
	if (conf_types[o->type].array && text[0] == '=') {
		default_copy(l, path, o, text + 1);
		return;
	}
	if (conf_types[o->type].array) {
		default_array(l, path, o);
		return;
	}
	if (text[0] == '=')
		text = default_from(l, text + 1, &bad);
	if (row == NULL)
		row = default_add(l, path, conf_types[o->type].kind, text);
	else
		row->text = conf_arena_strndup(&l->conf->priv->arena, text, strlen(text));
	if (row != NULL)
		row->bad |= bad;
}

static void
default_entries(struct conf_load *l, const struct conf_option *o)
{
	char path[CONF_PATH_MAX];
	struct conf_row *entry;

	for (size_t i = 0; (entry = conf_row_at(l->conf, "%s[%zu]", o->list, i)) != NULL; i++) {
		str_fmt(path, sizeof path, "%s[%zu].%s", o->list, i, o->key);
		if (entry->kind == CONF_KIND_GROUP)
			default_option(l, path, o, entry);
	}
}

void
conf_fill_defaults(struct conf_load *l)
{
	for (size_t i = 0; i < conf_nlists; i++)
		default_list(l, &conf_lists[i]);
	/* First those that entries take theirs from. */
	for (size_t i = 0; i < conf_noptions; i++)
		if (conf_options[i].list == NULL)
			default_option(l, conf_options[i].path, &conf_options[i], NULL);
	for (size_t i = 0; i < conf_noptions; i++)
		if (conf_options[i].list != NULL)
			default_entries(l, &conf_options[i]);
}
