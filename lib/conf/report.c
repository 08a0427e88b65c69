/* SPDX-License-Identifier: ISC */
/* report: complaints are collected, all of them, and handed over in file order. */
#include "lib/conf/conf_int.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"

static void
note_add(struct conf_note **v, size_t *n, size_t at, struct buf *text)
{
	if (*n < CONF_NOTES_MAX) {
		*v = must_realloc(*v, *n + 1, sizeof **v);
		(*v)[*n].at = at;
		buf_take(text, &(*v)[*n].text, NULL);
		(*n)++;
	}
	buf_fini(text);
}

static void
note_row(struct buf *text, const struct conf_row *row, const char *fmt, va_list ap)
{
	buf_init(text);
	buf_addf(text, "%s: %s: ", row->origin, row->path);
	buf_addv(text, fmt, ap);
}

void
conf_error(struct conf_report *r, struct conf_row *row, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	va_start(ap, fmt);
	note_row(&text, row, fmt, ap);
	va_end(ap);
	row->bad = 1;
	note_add(&r->errors, &r->nerrors, row->at, &text);
}

void
conf_warning(struct conf_report *r, const struct conf_row *row, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	va_start(ap, fmt);
	note_row(&text, row, fmt, ap);
	va_end(ap);
	note_add(&r->warnings, &r->nwarnings, row->at, &text);
}

void
conf_error_at(struct conf_report *r, const char *file, unsigned line, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text);
	if (line > 0)
		buf_addf(&text, "%s:%u: ", file, line);
	else
		buf_addf(&text, "%s: ", file);
	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	note_add(&r->errors, &r->nerrors, 0, &text);
}

/* Stable: few notes, so insertion sort does. */
static void
notes_sort(struct conf_note *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct conf_note one = v[i];
		size_t k = i;

		for (; k > 0 && v[k - 1].at > one.at; k--)
			v[k] = v[k - 1];
		v[k] = one;
	}
}

static char **
notes_take(struct conf_note **v, size_t n)
{
	char **texts = n > 0 ? must_calloc(n, sizeof *texts) : NULL;

	notes_sort(*v, n);
	for (size_t i = 0; i < n; i++)
		texts[i] = (*v)[i].text;
	free(*v);
	*v = NULL;
	return texts;
}

void
conf_report_take(struct conf_report *r, struct conf_errors *to)
{
	to->nerrors = r->nerrors;
	to->errors = notes_take(&r->errors, r->nerrors);
	to->nwarnings = r->nwarnings;
	to->warnings = notes_take(&r->warnings, r->nwarnings);
	memset(r, 0, sizeof *r);
}

void
conf_errors_fini(struct conf_errors *e)
{
	for (size_t i = 0; i < e->nerrors; i++)
		free(e->errors[i]);
	for (size_t i = 0; i < e->nwarnings; i++)
		free(e->warnings[i]);
	free(e->errors);
	free(e->warnings);
	memset(e, 0, sizeof *e);
}
