/* SPDX-License-Identifier: ISC */
/*
 * check: do the rows have the shape that the schema gives them? Unknown keys
 * and wrong types are found here, once for a whole group or list.
 */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/str.h"

/* "clients[0].networks[1]" -> "clients.networks"; 1 if it ends in an index. */
static int
path_plain(const char *path, char *to)
{
	const char *p;
	int element = 0;

	for (p = path; *p != '\0'; p++) {
		element = 0;
		if (*p == '[') {
			p += strcspn(p, "]");
			element = *p == ']';
			if (*p == '\0')
				break;
			continue;
		}
		*to++ = *p;
	}
	*to = '\0';
	return element;
}

static int
path_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return n > 0 && strncmp(path, top, n) == 0 && (path[n] == '.' || path[n] == '[');
}

static const char *
kind_words(enum conf_kind kind)
{
	static const char *const words[CONF_KIND__COUNT] = {
		[CONF_KIND_GROUP] = "a group { ... }", [CONF_KIND_ARRAY] = "an array [ ... ]",
		[CONF_KIND_LIST] = "a list ( ... )", [CONF_KIND_STRING] = "a text in quotes",
		[CONF_KIND_INT] = "a bare number", [CONF_KIND_BOOL] = "true or false",
		[CONF_KIND_FLOAT] = "a number with a point",
	};

	return words[kind];
}

static int
kind_mismatch(struct conf_load *l, struct conf_row *row, const char *wanted)
{
	conf_error(&l->report, row, "must be %s, not %s", wanted, kind_words(row->kind));
	return -1;
}

/* A single next hop may stand without its list. */
static int
check_lone(struct conf_load *l, struct conf_row *row)
{
	char path[CONF_PATH_MAX];

	if (str_fmt(path, sizeof path, "%s[0]", row->path) == -1 ||
	    conf_rows_add(l->conf, path, CONF_KIND_STRING, row->text, row->origin) == -1)
		return -1;
	row->kind = CONF_KIND_ARRAY;
	row->text[0] = '\0';
	return 0;
}

static int
check_option(struct conf_load *l, struct conf_row *row, const struct conf_option *o, int element)
{
	const struct conf_type_info *type = &conf_types[o->type];

	if (type->array && !element) {
		if (row->kind == CONF_KIND_ARRAY || row->kind == CONF_KIND_LIST)
			return 0;
		if (o->type == CONF_T_hops && row->kind == type->kind &&
		    check_lone(l, row) == 0)
			return 0;
	} else if (row->kind == type->kind && type->array == element)
		return 0;
	return kind_mismatch(l, row, type->words);
}

static int
check_unknown(struct conf_load *l, struct conf_row *row, const char *plain)
{
	const char *near = conf_schema_nearest(plain);

	if (near != NULL)
		conf_error(&l->report, row, "unknown key; did you mean '%s'?", near);
	else
		conf_error(&l->report, row, "unknown key; relayd.conf(5) lists all of them");
	return -1;
}

/* 0, or -1: complained, and nothing below this row is worth another word. */
static int
check_row(struct conf_load *l, struct conf_row *row)
{
	const struct conf_option *o;
	char plain[CONF_PATH_MAX];
	int element = path_plain(row->path, plain);

	if ((o = conf_schema_option(plain)) != NULL)
		return check_option(l, row, o, element);
	if (conf_schema_list(plain) != NULL) {
		if (element && row->kind != CONF_KIND_GROUP)
			return kind_mismatch(l, row, "a group { ... }");
		/* "( )" and "[ ]" are both empty. */
		if (!element && row->kind != CONF_KIND_LIST && row->kind != CONF_KIND_ARRAY)
			return kind_mismatch(l, row, "a list of groups ( { ... } )");
		return 0;
	}
	if (conf_schema_group(plain)) {
		if (row->kind != CONF_KIND_GROUP)
			return kind_mismatch(l, row, "a group { ... }");
		return 0;
	}
	return check_unknown(l, row, plain);
}

void
conf_check_rows(struct conf_load *l)
{
	const struct conf_rows *rows = &l->conf->priv->rows;
	const char *skip = "";

	for (size_t i = 0; i < rows->n && l->report.nerrors < CONF_NOTES_MAX; i++) {
		struct conf_row *row = rows->v[i];

		if (path_below(row->path, skip))
			row->bad = 1;
		else if (check_row(l, row) == -1)
			skip = row->path;
	}
}
