/* SPDX-License-Identifier: ISC */
/* rows: the flat list of settings, in file order, found by path. */
#include "lib/conf/conf_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/bug.h"

int
conf_rows_add(struct conf *c, const char *path, enum conf_kind kind, const char *text,
    const char *origin)
{
	struct conf_arena *arena = &c->priv->arena;
	struct conf_rows *rows = &c->priv->rows;
	struct conf_row *row;

	if (rows->n >= CONF_ROWS_MAX || strlen(path) >= CONF_PATH_MAX ||
	    strlen(text) > CONF_TEXT_MAX || map_gets(rows->by_path, path) != NULL)
		return -1;
	if (rows->n == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 64;
		rows->v = must_realloc(rows->v, rows->cap, sizeof(struct conf_row *));
	}
	row = conf_arena_alloc(arena, sizeof *row);
	row->path = conf_arena_strndup(arena, path, strlen(path));
	row->text = conf_arena_strndup(arena, text, strlen(text));
	row->origin = conf_arena_strndup(arena, origin, strlen(origin));
	row->kind = kind;
	row->at = rows->n;
	rows->v[rows->n++] = row;
	map_puts(rows->by_path, row->path, row);
	return 0;
}

struct conf_row *
conf_row_at(const struct conf *c, const char *fmt, ...)
{
	char path[CONF_PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof path, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof path)
		return NULL;
	return map_gets(c->priv->rows.by_path, path);
}

const char *
conf_origin_short(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash != NULL ? slash + 1 : origin;
}
