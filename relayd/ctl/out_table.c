/* SPDX-License-Identifier: ISC */
/* out_table: cells and the columns they stand in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "relayd/ctl/out_int.h"

#define COLUMNS_MAX	16
#define MEASURED	500	/* rows held back to find the widths */

/* ---- cells ---- */

static void
print_text(char to[CELL_CAP], const json_t *j)
{
	if (json_string_length(j) > 0)
		str_escape_to(to, CELL_CAP, json_string_value(j), json_string_length(j));
}

static void
print_path(char to[CELL_CAP], const json_t *j)
{
	(void)str_copy(to, "<>", CELL_CAP);
	print_text(to, j);
}

static void
print_number(char to[CELL_CAP], const json_t *j)
{
	(void)str_fmt(to, CELL_CAP, "%lld", (long long)json_integer_value(j));
}

static void
print_size(char to[CELL_CAP], const json_t *j)
{
	static const char units[] = "BKMGT";
	double n = (double)json_integer_value(j);
	size_t unit = 0;

	while (n >= 1024 && unit < sizeof units - 2) {
		n /= 1024;
		unit++;
	}
	(void)str_fmt(to, CELL_CAP, unit > 0 && n < 10 ? "%.1f%c" : "%.0f%c", n, units[unit]);
}

static void
print_time(char to[CELL_CAP], const json_t *j)
{
	time_t t = (time_t)(json_integer_value(j) / 1000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(to, CELL_CAP, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)str_copy(to, "?", CELL_CAP);
}

/* The largest unit that leaves at least two of it: 90s, 5m, 26h, 3d. */
static void
span(char *to, size_t cap, long long s)
{
	if (s < 120)
		(void)str_fmt(to, cap, "%llds", s);
	else if (s < 120 * 60)
		(void)str_fmt(to, cap, "%lldm", s / 60);
	else if (s < 48 * 3600)
		(void)str_fmt(to, cap, "%lldh", s / 3600);
	else
		(void)str_fmt(to, cap, "%lldd", s / 86400);
}

static void
print_when(char to[CELL_CAP], const json_t *j)
{
	long long s = ((long long)json_integer_value(j) - clock_wall_ms()) / 1000;
	char text[32];

	span(text, sizeof text, s);
	if (s <= 0)
		(void)str_copy(to, "now", CELL_CAP);
	else
		(void)str_fmt(to, CELL_CAP, "in %s", text);
}

static void
print_span(char to[CELL_CAP], const json_t *j)
{
	span(to, CELL_CAP, (long long)json_integer_value(j));
}

static void
print_yes(char to[CELL_CAP], const json_t *j)
{
	(void)str_copy(to, json_is_true(j) ? "yes" : "no", CELL_CAP);
}

static void
print_list(char to[CELL_CAP], const json_t *j)
{
	char one[CELL_CAP];

	to[0] = '\0';
	for (size_t i = 0; i < json_array_size(j); i++) {
		print_text(one, json_array_get(j, i));
		(void)str_cat(to, i > 0 ? " " : "", CELL_CAP);
		(void)str_cat(to, one, CELL_CAP);
	}
}

static const struct {
	json_type	 type;
	void		(*print)(char to[CELL_CAP], const json_t *);
} cells[] = {
	[CELL_TEXT] = { JSON_STRING, print_text }, [CELL_PATH] = { JSON_STRING, print_path },
	[CELL_NUMBER] = { JSON_INTEGER, print_number }, [CELL_SIZE] = { JSON_INTEGER, print_size },
	[CELL_TIME] = { JSON_INTEGER, print_time }, [CELL_WHEN] = { JSON_INTEGER, print_when },
	[CELL_SPAN] = { JSON_INTEGER, print_span }, [CELL_YES] = { JSON_TRUE, print_yes },
	[CELL_LIST] = { JSON_ARRAY, print_list },
};

int
out_has(const struct column *c, const json_t *line)
{
	const json_t *j = json_object_get(line, c->key);

	if (c->cell == CELL_LIST && json_array_size(j) == 0)
		return 0;
	return j != NULL && (json_typeof(j) == cells[c->cell].type ||
	    (c->cell == CELL_YES && json_is_boolean(j)));
}

void
out_cell(char to[CELL_CAP], const struct column *c, const json_t *line)
{
	(void)str_copy(to, "-", CELL_CAP);
	if (out_has(c, line))
		cells[c->cell].print(to, json_object_get(line, c->key));
}

/* ---- rows ---- */

struct out_table {
	const struct column	*columns;
	size_t			 n;
	size_t			 widths[COLUMNS_MAX];
	char			**held;		/* MEASURED * n cells, while measuring */
	size_t			 nheld;
	int			 printing;	/* widths stand */
};

static int
is_number(enum cell cell)
{
	return cell == CELL_NUMBER || cell == CELL_SIZE;
}

/* Characters, not octets: escaped text is UTF-8. */
static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* The last column is not padded, so lines end with their text. */
static void
print_cell(const struct out_table *t, size_t i, const char *text)
{
	size_t width = width_of(text);
	int pad = width < t->widths[i] ? (int)(t->widths[i] - width) : 0;
	int right = is_number(t->columns[i].cell);

	printf("%s%*s%s%*s", i > 0 ? "  " : "", right ? pad : 0, "", text,
	    right || i + 1 == t->n ? 0 : pad, "");
}

static void
start_printing(struct out_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		print_cell(t, i, t->columns[i].title);
	putchar('\n');
	for (size_t row = 0; row < t->nheld; row += t->n) {
		for (size_t i = 0; i < t->n; i++) {
			print_cell(t, i, t->held[row + i]);
			free(t->held[row + i]);
		}
		putchar('\n');
	}
	t->printing = 1;
	t->nheld = 0;
}

struct out_table *
out_table_new(const struct column *columns)
{
	struct out_table *t = must_calloc(1, sizeof *t);

	t->columns = columns;
	for (; columns[t->n].title != NULL; t->n++) {
		MUST(t->n < COLUMNS_MAX);
		t->widths[t->n] = strlen(columns[t->n].title);
	}
	t->held = must_calloc(MEASURED * t->n, sizeof *t->held);
	return t;
}

void
out_table_row(struct out_table *t, const json_t *line)
{
	char cell[CELL_CAP];

	for (size_t i = 0; i < t->n; i++) {
		out_cell(cell, &t->columns[i], line);
		if (t->printing) {
			print_cell(t, i, cell);
			continue;
		}
		t->held[t->nheld++] = must_strdup(cell);
		if (width_of(cell) > t->widths[i])
			t->widths[i] = width_of(cell);
	}
	if (t->printing)
		putchar('\n');
	else if (t->nheld == MEASURED * t->n)
		start_printing(t);
}

void
out_table_free(struct out_table **tp)
{
	struct out_table *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	if (!t->printing)
		start_printing(t);
	free(t->held);
	free(t);
}
