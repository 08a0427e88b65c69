/* SPDX-License-Identifier: ISC */
/* out: see out.h. */
#include "relayd/ctl/out.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/bug.h"
#include "relayd/ctl/out_int.h"

static void
json_line(struct out *o, const char *raw, const json_t *line)
{
	fputs(raw, stdout);
	putchar('\n');
}

static void
json_end(struct out *o)
{
}

const struct out_writer out_json = { .line = json_line, .end = json_end, .shows_last = 1 };

struct out *
out_new(const struct out_writer *writer, const struct view *views)
{
	struct out *o = must_calloc(1, sizeof *o);

	o->writer = writer;
	o->views = views;
	return o;
}

void
out_line(struct out *o, const char *raw, const json_t *line)
{
	o->writer->line(o, raw, line);
}

void
out_last(struct out *o, const char *raw, const json_t *line)
{
	if (o->writer->shows_last)
		o->writer->line(o, raw, line);
}

int
out_free(struct out **op)
{
	struct out *o = *op;

	*op = NULL;
	o->writer->end(o);
	free(o);
	return fflush(stdout) == EOF || ferror(stdout) ? -1 : 0;
}
