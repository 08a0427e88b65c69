/* SPDX-License-Identifier: ISC */
/* dump: the effective values with their origin, and what a reload cannot change. */
#include "lib/conf/conf_int.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/str.h"

#define COLUMN	56

static void
print_row(const struct conf_row *row, struct buf *b)
{
	if (row->kind != CONF_KIND_STRING) {
		buf_adds(b, row->text);
		return;
	}
	buf_addc(b, '"');
	for (const char *p = row->text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(b, '\\');
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			buf_addf(b, "\\x%02x", (unsigned char)*p);
		else
			buf_addc(b, *p);
	}
	buf_addc(b, '"');
}

void
conf_print(const struct conf *c, const char *path, struct buf *b)
{
	const struct conf_row *row = conf_row_at(c, "%s", path), *element;

	if (row == NULL)
		return;
	if (row->kind != CONF_KIND_ARRAY && row->kind != CONF_KIND_LIST) {
		print_row(row, b);
		return;
	}
	buf_addc(b, '[');
	for (size_t i = 0; (element = conf_row_at(c, "%s[%zu]", path, i)) != NULL; i++) {
		buf_adds(b, i > 0 ? ", " : " ");
		print_row(element, b);
	}
	buf_adds(b, " ]");
}

static void
dump_line(const struct conf *c, FILE *to, const char *path)
{
	const struct conf_row *row = conf_row_at(c, "%s", path);
	struct buf line;

	if (row == NULL)
		return;
	buf_init(&line);
	buf_addf(&line, "%s = ", path);
	conf_print(c, path, &line);
	fprintf(to, "%-*s  # %s\n", COLUMN, buf_str(&line), conf_origin_short(row->origin));
	buf_fini(&line);
}

static void
dump_list(const struct conf *c, FILE *to, const char *list)
{
	const struct conf_row *row = conf_row_at(c, "%s", list);
	char path[CONF_PATH_MAX];
	size_t i;

	for (i = 0; conf_row_at(c, "%s[%zu]", list, i) != NULL; i++) {
		for (size_t k = 0; k < conf_noptions; k++) {
			if (conf_options[k].list == NULL || strcmp(conf_options[k].list, list) != 0)
				continue;
			str_fmt(path, sizeof path, "%s[%zu].%s", list, i, conf_options[k].key);
			dump_line(c, to, path);
		}
	}
	if (i == 0 && row != NULL)
		fprintf(to, "%s = %-*s  # %s\n", list, COLUMN - 3 - (int)strlen(list), "( )",
		    conf_origin_short(row->origin));
}

void
conf_dump(const struct conf *c, FILE *to)
{
	const char *list = "";

	for (size_t k = 0; k < conf_noptions; k++) {
		const struct conf_option *o = &conf_options[k];

		if (o->list == NULL)
			dump_line(c, to, o->path);
		else if (strcmp(o->list, list) != 0)
			dump_list(c, to, list = o->list);
	}
}

/* Everything that one schema row holds, over all entries. */
static void
print_option(const struct conf *c, const struct conf_option *o, struct buf *b)
{
	char path[CONF_PATH_MAX];

	if (o->list == NULL) {
		conf_print(c, o->path, b);
		return;
	}
	for (size_t i = 0; conf_row_at(c, "%s[%zu]", o->list, i) != NULL; i++) {
		str_fmt(path, sizeof path, "%s[%zu].%s", o->list, i, o->key);
		conf_print(c, path, b);
		buf_addc(b, ';');
	}
}

static int
option_differs(const struct conf *old, const struct conf *new, const struct conf_option *o)
{
	struct buf a, b;
	int differs;

	buf_init(&a);
	buf_init(&b);
	print_option(old, o, &a);
	print_option(new, o, &b);
	differs = strcmp(buf_str(&a), buf_str(&b)) != 0;
	buf_fini(&a);
	buf_fini(&b);
	return differs;
}

size_t
conf_diff_restart(const struct conf *old, const struct conf *new, struct buf *to)
{
	size_t n = 0;

	for (size_t k = 0; k < conf_noptions; k++) {
		const struct conf_option *o = &conf_options[k];

		if (o->reload != CONF_RESTART || !option_differs(old, new, o))
			continue;
		if (n++ > 0)
			buf_adds(to, ", ");
		buf_adds(to, o->path);
	}
	return n;
}
