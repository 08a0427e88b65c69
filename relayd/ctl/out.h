/* SPDX-License-Identifier: ISC */
/*
 * out: the lines of an answer to stdout. Two writers: json prints them as
 * they came, text shows them by views. A view is a table of columns for the
 * lines that have a certain key; a line without a view is not shown.
 */
#ifndef CTL_OUT_H
#define CTL_OUT_H

#include <stddef.h>

#include <jansson.h>

enum cell {
	CELL_TEXT,
	CELL_PATH,		/* a mail address, "" is the null return path */
	CELL_NUMBER,
	CELL_SIZE,		/* bytes */
	CELL_TIME,		/* Unix ms as local date and time */
	CELL_WHEN,		/* Unix ms as "in 5m" or "now" */
	CELL_SPAN,		/* seconds */
	CELL_YES,		/* yes or no */
	CELL_LIST		/* array of texts */
};

struct column {
	const char	*title;		/* NULL ends the list */
	const char	*key;
	enum cell	 cell;
};

enum view_kind {
	VIEW_ROWS,		/* a row per line under one heading */
	VIEW_FACTS,		/* "title: value" for each column that has a value */
	VIEW_METRICS,		/* a family of metrics, as Prometheus reads it (lib/meter/line.h) */
	VIEW_OCTETS		/* base64 in the one key: written out as it is */
};

struct view {
	const char		*key;		/* lines that have it; NULL ends the list */
	enum view_kind		 kind;
	const struct column	*columns;
};

struct out;

struct out_writer {
	void	(*line)(struct out *, const char *raw, const json_t *);
	void	(*end)(struct out *);
	int	shows_last;		/* the last line is for its reader, too */
};
extern const struct out_writer out_json, out_text;

struct out	*out_new(const struct out_writer *, const struct view *);
void		 out_line(struct out *, const char *raw, const json_t *);
/* The last line: {"end":..} or {"error":..}. */
void		 out_last(struct out *, const char *raw, const json_t *);
/* Writes what is left; 0, or -1 if stdout did not take everything. */
int		 out_free(struct out **);

#endif
