/* SPDX-License-Identifier: ISC */
/*
 * scan: a look at the raw text before libconfig sees it. libconfig 1.5 reads
 * 99999999999 as 1215752191 without a word and calls everything else a
 * "syntax error"; this says what is wrong, and where the bracket was opened.
 */
#include "lib/conf/conf_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"

#define NESTING_MAX	16
#define INCLUDES_DEEP	9	/* libconfig 1.5 stops at 10 */

struct scan {
	const char		*p, *end;
	const char		*name;
	unsigned		 line;
	struct conf_report	*report;
	const char		*dir;		/* for @include, NULL: refuse it */
	unsigned		 deep, *files;
	char			 last;		/* last character that counts */
	int			 fresh;		/* only blanks since the line began */
	int			 stop;		/* the rest would be guesswork */
	struct { char open; unsigned line; } open[NESTING_MAX];
	unsigned		 nopen;
};

static void	scan_run(struct scan *);

static void
scan_comment(struct scan *s)
{
	unsigned line = s->line;

	if (*s->p != '/' || s->p[1] != '*') {
		while (s->p < s->end && *s->p != '\n')
			s->p++;
		if (s->p >= s->end)	/* libconfig 1.5: "syntax error" */
			conf_error_at(s->report, s->name, line,
			    "the last line is a comment without a line end; add one");
		return;
	}
	for (s->p += 2; s->p < s->end; s->p++) {
		if (*s->p == '\n')
			s->line++;
		if (*s->p == '*' && s->p + 1 < s->end && s->p[1] == '/') {
			s->p += 2;
			return;
		}
	}
	conf_error_at(s->report, s->name, line, "this comment is never closed; add */");
	s->stop = 1;
}

static void
scan_string(struct scan *s)
{
	unsigned line = s->line;

	for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p == '\n') {
			conf_error_at(s->report, s->name, line,
			    "the quote that opens on this line is not closed on it");
			s->stop = 1;
			return;
		}
		if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n')
			s->p++;
	}
	if (s->p >= s->end) {
		conf_error_at(s->report, s->name, line, "the quote on this line is never closed");
		s->stop = 1;
		return;
	}
	s->p++;
	s->last = '"';
}

/* A word that begins with a digit, its sign already skipped. */
static void
scan_number(struct scan *s)
{
	const char *from = s->p, *q;
	size_t digits = 0, n;
	int hex, wide;
	char shown[48];

	while (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '.' || *s->p == '_'))
		s->p++;
	n = (size_t)(s->p - from);
	str_escape_to(shown, sizeof shown, from, n);
	wide = n > 0 && from[n - 1] == 'L';
	while (n > 0 && from[n - 1] == 'L')
		n--;
	hex = n > 2 && from[0] == '0' && (from[1] == 'x' || from[1] == 'X');
	for (q = from + (hex ? 2 : 0); q < from + n; q++, digits++)
		if (!(hex ? isxdigit((unsigned char)*q) : isdigit((unsigned char)*q)))
			break;
	s->last = '0';
	if (q < from + n) {
		if (*q != '.' && *q != 'e' && *q != 'E')
			conf_error_at(s->report, s->name, s->line,
			    "%s is not a number; write \"%s\" with quotes", shown, shown);
	} else if (digits > (hex ? 15u : 18u))
		conf_error_at(s->report, s->name, s->line, "the number %s is too large", shown);
	else if (!wide && digits > (hex ? 7u : 9u))
		conf_error_at(s->report, s->name, s->line,
		    "the number %s has more than 9 digits and would be cut to 32 bits; "
		    "write it with a unit in quotes, or with a final L", shown);
}

static void
scan_open(struct scan *s)
{
	if (s->nopen == NESTING_MAX) {
		conf_error_at(s->report, s->name, s->line, "brackets are nested too deep");
		s->stop = 1;
		return;
	}
	s->open[s->nopen].open = *s->p;
	s->open[s->nopen++].line = s->line;
}

static void
scan_close(struct scan *s)
{
	static const char pairs[] = "(){}[]";
	char close = *s->p, open = strchr(pairs, close)[-1];

	if (s->last == ',' && close != '}') {
		conf_error_at(s->report, s->name, s->line,
		    "a comma stands before '%c'; remove it", close);
	}
	if (s->nopen == 0) {
		conf_error_at(s->report, s->name, s->line, "'%c' without '%c'", close, open);
		s->stop = 1;
	} else if (s->open[--s->nopen].open != open) {
		conf_error_at(s->report, s->name, s->line,
		    "'%c' does not close the '%c' of line %u", close, s->open[s->nopen].open,
		    s->open[s->nopen].line);
		s->stop = 1;
	}
}

static void
scan_child(struct scan *s, const char *name)
{
	struct scan child = { .name = name, .line = 1, .report = s->report, .dir = s->dir,
	    .deep = s->deep + 1, .files = s->files };
	char path[CONF_TEXT_MAX], say[256], *text = NULL;
	size_t len;

	if (name[0] == '/' || s->dir[0] == '\0')
		str_copy(path, name, sizeof path);
	else if (str_fmt(path, sizeof path, "%s/%s", s->dir, name) == -1)
		path[0] = '\0';
	if (child.deep > INCLUDES_DEEP || ++*s->files > CONF_FILES_MAX) {
		conf_error_at(s->report, s->name, s->line,
		    "too many nested @include; does a file include itself?");
		s->stop = 1;
	} else if (conf_read(path, CONF_FILE_MAX, 0, &text, &len, say, sizeof say) == -1) {
		conf_error_at(s->report, s->name, s->line, "@include \"%s\": %s", name, say);
		s->stop = 1;
	} else {
		child.p = text;
		child.end = text + len;
		scan_run(&child);
		free(text);
	}
}

/* As libconfig reads it: first on its line, one file name in quotes. */
static void
scan_include(struct scan *s)
{
	char name[1024];
	const char *q = s->p + strlen("@include");
	size_t n = 0;

	while (q < s->end && (*q == ' ' || *q == '\t'))
		q++;
	if (!s->fresh || q >= s->end || *q != '"') {
		conf_error_at(s->report, s->name, s->line,
		    "@include needs a line of its own: @include \"local.conf\"");
		s->stop = 1;
		return;
	}
	for (q++; q < s->end && *q != '"' && *q != '\n' && n < sizeof name - 1; q++)
		name[n++] = *q;
	name[n] = '\0';
	s->p = q < s->end ? q + 1 : q;
	s->last = '"';
	if (n == 0 || q >= s->end || *q != '"' || strchr(name, '\\') != NULL) {
		conf_error_at(s->report, s->name, s->line, "@include: not a file name in quotes");
		s->stop = 1;
	} else if (s->dir == NULL) {
		conf_error_at(s->report, s->name, s->line, "@include is not possible here");
		s->stop = 1;
	} else
		scan_child(s, name);
}

static void
scan_word(struct scan *s)
{
	while (s->p < s->end && (isalnum((unsigned char)*s->p) || strchr("-_*", *s->p) != NULL))
		s->p++;
	s->last = 'a';
}

static int
scan_starts(const struct scan *s, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, word, n) == 0;
}

/* One token. */
static void
scan_step(struct scan *s)
{
	unsigned char c = (unsigned char)*s->p;

	if (c == '\n') {
		s->line++;
		s->p++;
	} else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
		s->p++;
	} else if (c < ' ' || c >= 0x7f) {
		conf_error_at(s->report, s->name, s->line,
		    "byte 0x%02x outside of quotes; is this a text file?", c);
		s->stop = 1;
	} else if (c == '#' || scan_starts(s, "//") || scan_starts(s, "/*")) {
		scan_comment(s);
	} else if (c == '"') {
		scan_string(s);
	} else if (scan_starts(s, "@include")) {
		scan_include(s);
	} else if (isdigit(c)) {
		scan_number(s);
	} else if (isalpha(c) || c == '*') {
		scan_word(s);
	} else {
		if (strchr("([{", c) != NULL)
			scan_open(s);
		else if (strchr(")]}", c) != NULL)
			scan_close(s);
		s->last = (char)c;
		s->p++;
	}
}

static void
scan_run(struct scan *s)
{
	if (memchr(s->p, '\0', (size_t)(s->end - s->p)) != NULL) {
		conf_error_at(s->report, s->name, 0, "holds a NUL byte; is this a text file?");
		return;
	}
	s->fresh = 1;
	while (s->p < s->end && !s->stop) {
		unsigned line = s->line;
		int blank = *s->p == ' ' || *s->p == '\t';

		scan_step(s);
		s->fresh = line != s->line || (s->fresh && blank);
	}
	if (!s->stop && s->nopen > 0)
		conf_error_at(s->report, s->name, s->open[s->nopen - 1].line,
		    "the '%c' of this line is never closed", s->open[s->nopen - 1].open);
}

void
conf_scan_text(const char *text, size_t len, const char *name, struct conf_report *report)
{
	unsigned files = 0;
	struct scan s = { .p = text, .end = text + len, .name = name, .line = 1,
	    .report = report, .files = &files };

	if (len > 0)
		scan_run(&s);
}

void
conf_scan_file(const char *path, struct conf_report *report)
{
	unsigned files = 0;
	struct scan s = { .name = path, .line = 1, .report = report, .files = &files };
	char say[256], *text = NULL, *dir = must_strdup(path), *slash = strrchr(dir, '/');
	size_t len;

	if (slash == dir)
		slash++;
	if (slash != NULL)
		*slash = '\0';
	s.dir = slash != NULL ? dir : "";
	if (conf_read(path, CONF_FILE_MAX, 0, &text, &len, say, sizeof say) == -1) {
		conf_error_at(report, path, 0, "%s", say);
	} else {
		s.p = text;
		s.end = text + len;
		scan_run(&s);
	}
	free(text);
	free(dir);
}
