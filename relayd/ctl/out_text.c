/* SPDX-License-Identifier: ISC */
/* out_text: answers for people: aligned columns, facts, and octets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/meter/line.h"
#include "relayd/ctl/out_int.h"

static const struct view *
view_of(const struct out *o, const json_t *line)
{
	for (const struct view *v = o->views; v != NULL && v->key != NULL; v++)
		if (json_object_get(line, v->key) != NULL)
			return v;
	return NULL;
}

/* ---- facts ---- */

static void
facts(const struct view *v, const json_t *line)
{
	char cell[CELL_CAP];
	int width = 0;

	for (const struct column *c = v->columns; c->title != NULL; c++)
		if (out_has(c, line) && (int)strlen(c->title) > width)
			width = (int)strlen(c->title);
	for (const struct column *c = v->columns; c->title != NULL; c++) {
		if (!out_has(c, line))
			continue;
		out_cell(cell, c, line);
		printf("%s:%*s %s\n", c->title, width - (int)strlen(c->title), "", cell);
	}
}

/* ---- metrics ---- */

static void
metrics(const json_t *line)
{
	struct buf b;

	buf_init(&b);
	if (meter_line_text(&b, line) == 0)
		fwrite(buf_data(&b), 1, buf_len(&b), stdout);
	buf_fini(&b);
}

/* ---- octets ---- */

/* A mail may not drive the reader's terminal. */
static void
octets_to_terminal(const char *p, size_t n)
{
	struct buf b;
	size_t len;

	buf_init(&b);
	for (; n > 0; n -= len, p += len) {
		const char *end = memchr(p, '\n', n);

		len = end == NULL ? n : (size_t)(end - p) + 1;
		buf_clear(&b);
		str_escape(&b, p, len - (end != NULL) - (end > p && end[-1] == '\r'), 4 * len);
		if (end != NULL)
			buf_addc(&b, '\n');
		fwrite(buf_data(&b), 1, buf_len(&b), stdout);
	}
	buf_fini(&b);
}

static void
octets(const struct view *v, const json_t *line)
{
	const char *text = json_string_value(json_object_get(line, v->key));
	size_t n = text == NULL ? 0 : strlen(text), pad = 0;
	unsigned char *raw;
	int len;

	if (n == 0 || n % 4 != 0)
		return;
	raw = must_calloc(n / 4 * 3 + 1, 1);
	while (pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	len = EVP_DecodeBlock(raw, (const unsigned char *)text, (int)n);
	if (len >= (int)pad && isatty(STDOUT_FILENO))
		octets_to_terminal((const char *)raw, (size_t)len - pad);
	else if (len >= (int)pad)
		fwrite(raw, 1, (size_t)len - pad, stdout);
	free(raw);
}

/* ---- lines ---- */

static void
text_line(struct out *o, const char *raw, const json_t *line)
{
	const struct view *v = view_of(o, line);

	if (v == NULL)
		return;
	if (v != o->current) {
		out_table_free(&o->table);
		if (o->current != NULL)
			putchar('\n');
		o->current = v;
	} else if (v->kind == VIEW_FACTS) {
		putchar('\n');
	}
	switch (v->kind) {
	case VIEW_ROWS:
		if (o->table == NULL)
			o->table = out_table_new(v->columns);
		out_table_row(o->table, line);
		break;
	case VIEW_FACTS:
		facts(v, line);
		break;
	case VIEW_METRICS:
		metrics(line);
		break;
	case VIEW_OCTETS:
		octets(v, line);
		break;
	}
}

static void
text_end(struct out *o)
{
	out_table_free(&o->table);
}

const struct out_writer out_text = { .line = text_line, .end = text_end };
