/* SPDX-License-Identifier: ISC */
/* schema: the tables made of conf_schema.def and conf_types.def, and their look-ups. */
#include "lib/conf/conf_int.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"

const struct conf_option conf_options[] = {
#define OPT(p, t, d, lo, hi, r, h)						\
	{ .path = #p, .key = #p, .type = CONF_T_##t, .def = d, .min = lo, .max = hi,	\
	  .reload = CONF_##r, .help = h, .offset = offsetof(struct conf, p) },
#define ENTRY(l, s, k, t, d, lo, hi, r, h)					\
	{ .path = #l "." #k, .list = #l, .key = #k, .type = CONF_T_##t, .def = d,	\
	  .min = lo, .max = hi, .reload = CONF_##r, .help = h, .offset = offsetof(s, k) },
#include "lib/conf/conf_schema.def"
};
const size_t conf_noptions = LENGTH(conf_options);

const struct conf_list conf_lists[] = {
#define LIST(p, s, r, h)							\
	{ .path = #p, .offset = offsetof(struct conf, p), .size = sizeof(s),	\
	  .reload = CONF_##r, .help = h },
#include "lib/conf/conf_schema.def"
};
const size_t conf_nlists = LENGTH(conf_lists);

static const char *const groups[] = {
#define GROUP(p, h)	#p,
#include "lib/conf/conf_schema.def"
};

#define IS_STRING(c)	_Generic((c *)0, const char **: 1, default: 0)

const struct conf_type_info conf_types[CONF_T__COUNT] = {
#define SCALAR(n, k, c, w)							\
	[CONF_T_##n] = { .words = w, .kind = CONF_KIND_##k, .size = sizeof(c),	\
	  .string = IS_STRING(c), .parse = conf_parse_##n },
#define ARRAY(n, k, c, w)							\
	[CONF_T_##n] = { .words = w, .array = 1, .kind = CONF_KIND_##k,		\
	  .size = sizeof(c), .string = IS_STRING(c), .parse = conf_parse_##n },
#define CHOICE(n, w)								\
	[CONF_T_##n] = { .words = w, .kind = CONF_KIND_STRING, .size = sizeof(int),	\
	  .choices = conf_words_##n },
#include "lib/conf/conf_types.def"
};

_Static_assert(sizeof(enum conf_level) == sizeof(int), "choices are stored as int");
#define LIST(p, s, r, h)							\
	_Static_assert(offsetof(s, origin) == 0 &&				\
	    sizeof ((s *)NULL)->origin == CONF_ORIGIN_SHORT, #s " begins with its origin");
#include "lib/conf/conf_schema.def"

const struct conf_option *
conf_schema_option(const char *path)
{
	for (size_t i = 0; i < conf_noptions; i++)
		if (strcmp(conf_options[i].path, path) == 0)
			return &conf_options[i];
	return NULL;
}

const struct conf_list *
conf_schema_list(const char *path)
{
	for (size_t i = 0; i < conf_nlists; i++)
		if (strcmp(conf_lists[i].path, path) == 0)
			return &conf_lists[i];
	return NULL;
}

int
conf_schema_group(const char *path)
{
	for (size_t i = 0; i < LENGTH(groups); i++)
		if (strcmp(groups[i], path) == 0)
			return 1;
	return 0;
}

static const char *
last_part(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL ? dot + 1 : path;
}

struct nearest {
	const char	*path;		/* what was written */
	unsigned	 best;
	const char	*is;
};

/*
 * A slip of the finger in a sibling first, then in the whole path, then the
 * right key in the wrong group.
 */
static void
nearest_try(struct nearest *n, const char *candidate)
{
	const char *mine = last_part(n->path), *its = last_part(candidate);
	size_t length = strlen(mine), whole = strlen(n->path);
	size_t prefix = (size_t)(mine - n->path);
	unsigned far = 100, d;

	if (whole > 127)
		return;
	d = str_distance(mine, its);
	if (prefix == (size_t)(its - candidate) && strncmp(n->path, candidate, prefix) == 0) {
		if (d <= 1 + length / 3 && d < length)
			far = d;
	} else if (d == 0)
		far = 30 + str_distance(n->path, candidate);
	d = str_distance(n->path, candidate);
	if (far == 100 && d <= 1 + whole / 4 && d < whole)
		far = 10 + d;
	if (far < n->best) {
		n->best = far;
		n->is = candidate;
	}
}

const char *
conf_schema_nearest(const char *path)
{
	struct nearest n = { .path = path, .best = 100, .is = NULL };

	for (size_t i = 0; i < conf_nlists; i++)
		nearest_try(&n, conf_lists[i].path);
	for (size_t i = 0; i < LENGTH(groups); i++)
		nearest_try(&n, groups[i]);
	for (size_t i = 0; i < conf_noptions; i++)
		nearest_try(&n, conf_options[i].path);
	return n.is;
}

const char *
conf_word_nearest(const struct conf_word *words, const char *written)
{
	const char *is = NULL;
	unsigned best = 3, d;
	size_t n = strlen(written);

	if (n > 127)
		return NULL;
	for (; words->word != NULL; words++) {
		d = str_distance(words->word, written);
		if (d < best && d < n) {
			best = d;
			is = words->word;
		}
	}
	return is;
}
