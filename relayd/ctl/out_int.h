/* SPDX-License-Identifier: ISC */
/* out_int: what the writers share. */
#ifndef CTL_OUT_INT_H
#define CTL_OUT_INT_H

#include "relayd/ctl/out.h"

struct out_table;

struct out {
	const struct out_writer	*writer;
	const struct view	*views;
	const struct view	*current;	/* text: of the line before */
	struct out_table	*table;		/* text: rows under way */
};

/* A table measures its first rows before it prints them; later ones keep those widths. */
struct out_table *out_table_new(const struct column *);
void		 out_table_row(struct out_table *, const json_t *);
void		 out_table_free(struct out_table **);	/* prints what it still holds */

#define CELL_CAP	1024
/* One line, printable; "-" if there is no value. */
void	out_cell(char to[CELL_CAP], const struct column *, const json_t *line);
int	out_has(const struct column *, const json_t *line);

#endif
