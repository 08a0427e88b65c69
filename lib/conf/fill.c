/* SPDX-License-Identifier: ISC */
/* fill: rows -> struct conf, by offset and type of the schema row. */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/str.h"

struct array { void *v; size_t n; };	/* what every { v, n } looks like */

static int
fill_choice(struct conf_load *l, struct conf_row *row, const struct conf_type_info *type, void *to)
{
	const struct conf_word *w;
	const char *near;
	char shown[80];

	for (w = type->choices; w->word != NULL; w++) {
		if (strcmp(w->word, row->text) == 0) {
			memcpy(to, &w->value, sizeof w->value);
			return 0;
		}
	}
	str_escape_to(shown, sizeof shown, row->text, strlen(row->text));
	near = conf_word_nearest(type->choices, row->text);
	if (near != NULL)
		conf_error(&l->report, row, "must be %s, not \"%s\"; did you mean '%s'?",
		    type->words, shown, near);
	else if (type->choices == conf_words_level)
		conf_error(&l->report, row, "must be %s, not \"%s\"; anything weaker needs an "
		    "entry in exceptions", type->words, shown);
	else
		conf_error(&l->report, row, "must be %s, not \"%s\"", type->words, shown);
	return -1;
}

static int64_t
number_of(const void *p, size_t size)
{
	int64_t wide;
	int narrow;

	if (size == sizeof narrow) {
		memcpy(&narrow, p, sizeof narrow);
		return narrow;
	}
	memcpy(&wide, p, sizeof wide);
	return wide;
}

/* A bound of the schema, in the unit of the value. */
static int64_t
bound_of(const struct conf_type_info *type, const char *bound)
{
	char text[32], say[200];
	union { int narrow; int64_t wide; } value = { .wide = 0 };

	str_copy(text, bound, sizeof text);
	type->parse(text, &value, say, sizeof say);
	return number_of(&value, type->size);
}

static void
fill_range(struct conf_load *l, struct conf_row *row, const struct conf_option *o, const void *p)
{
	const struct conf_type_info *type = &conf_types[o->type];
	int64_t n;

	if (o->min == NULL || o->max == NULL)
		return;
	n = number_of(p, type->size);
	if (n < bound_of(type, o->min) || n > bound_of(type, o->max))
		conf_error(&l->report, row, "%s is out of range; %s to %s are possible", row->text,
		    o->min, o->max);
}

static void
fill_value(struct conf_load *l, struct conf_row *row, const struct conf_option *o, void *to)
{
	const struct conf_type_info *type = &conf_types[o->type];
	static const char *const empty = "";
	char say[512] = "";
	int rc;

	if (type->string)
		memcpy(to, &empty, sizeof empty);
	if (row == NULL || row->bad)
		return;
	if (row->text[0] == '\0' && o->def != NULL && o->def[0] == '\0' && !type->array)
		return;
	if (type->choices != NULL) {
		fill_choice(l, row, type, to);
		return;
	}
	if ((rc = type->parse(row->text, to, say, sizeof say)) == -1)
		conf_error(&l->report, row, "%s", say);
	else if (rc == 1)
		conf_warning(&l->report, row, "%s", say);
	if (rc != -1)
		fill_range(l, row, o, to);
}

static size_t
count_rows(const struct conf *c, const char *path)
{
	size_t n = 0;

	while (conf_row_at(c, "%s[%zu]", path, n) != NULL)
		n++;
	return n;
}

static void
fill_option(struct conf_load *l, const struct conf_option *o, void *to, const char *path)
{
	const struct conf_type_info *type = &conf_types[o->type];
	struct array a;

	if (!type->array) {
		fill_value(l, conf_row_at(l->conf, "%s", path), o, to);
		return;
	}
	a.n = count_rows(l->conf, path);
	a.v = conf_arena_alloc(&l->conf->priv->arena, a.n * type->size);
	for (size_t i = 0; i < a.n; i++)
		fill_value(l, conf_row_at(l->conf, "%s[%zu]", path, i), o,
		    (char *)a.v + i * type->size);
	memcpy(to, &a, sizeof a);
}

static void
fill_list(struct conf_load *l, const struct conf_list *list)
{
	struct array a = { .n = count_rows(l->conf, list->path) };
	char path[CONF_PATH_MAX];

	a.v = conf_arena_alloc(&l->conf->priv->arena, a.n * list->size);
	for (size_t i = 0; i < a.n; i++) {
		const struct conf_row *row = conf_row_at(l->conf, "%s[%zu]", list->path, i);
		char *entry = (char *)a.v + i * list->size;

		/* Every entry begins with its origin (schema.c). */
		str_copy(entry, conf_origin_short(row->origin), CONF_ORIGIN_SHORT);
		for (size_t k = 0; k < conf_noptions; k++) {
			const struct conf_option *o = &conf_options[k];

			if (o->list == NULL || strcmp(o->list, list->path) != 0)
				continue;
			str_fmt(path, sizeof path, "%s[%zu].%s", list->path, i, o->key);
			fill_option(l, o, entry + o->offset, path);
		}
	}
	memcpy((char *)l->conf + list->offset, &a, sizeof a);
}

void
conf_fill(struct conf_load *l)
{
	for (size_t i = 0; i < conf_noptions; i++)
		if (conf_options[i].list == NULL)
			fill_option(l, &conf_options[i], (char *)l->conf + conf_options[i].offset,
			    conf_options[i].path);
	for (size_t i = 0; i < conf_nlists; i++)
		fill_list(l, &conf_lists[i]);
}
