/* SPDX-License-Identifier: ISC */
/* verb: see verb.h. */
#include "relayd/ctl/verb.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "relayd/ctl/verbs.h"

#define NAME_CAP	64
#define OPTIONS_MAX	16
#define NUMBER_MAX	1000000000

/* ---- finding ---- */

/* The first words of argv, one blank between. */
static void
join(char name[NAME_CAP], int words, char **argv)
{
	name[0] = '\0';
	for (int i = 0; i < words; i++) {
		if (i > 0)
			(void)str_cat(name, " ", NAME_CAP);
		(void)str_cat(name, argv[i], NAME_CAP);
	}
}

const struct verb *
verb_find(int argc, char **argv, int *words)
{
	char name[NAME_CAP];

	for (*words = argc < 2 ? argc : 2; *words > 0; --*words) {
		join(name, *words, argv);
		for (size_t i = 0; verbs[i] != NULL; i++)
			if (strcmp(verbs[i]->name, name) == 0)
				return verbs[i];
	}
	return NULL;
}

const char *
verb_nearest(int argc, char **argv)
{
	const char *nearest = NULL;
	unsigned best = 4, d;
	char name[NAME_CAP];

	for (int words = argc < 2 ? argc : 2; words > 0; words--) {
		join(name, words, argv);
		for (size_t i = 0; verbs[i] != NULL; i++) {
			d = str_distance(name, verbs[i]->name);
			if (d < best) {
				best = d;
				nearest = verbs[i]->name;
			}
		}
	}
	return nearest;
}

/* ---- saying how ---- */

void
verb_usage(const struct verb *v)
{
	fprintf(stderr, "usage: relayctl [-j] [-f file] [-s socket] %s%s%s\n", v->name,
	    v->args[0] != '\0' ? " " : "", v->args);
}

static int
is_of_noun(const struct verb *v, const char *noun)
{
	size_t n = noun == NULL ? 0 : strlen(noun);

	return n == 0 || (strncmp(v->name, noun, n) == 0 && v->name[n] == ' ');
}

size_t
verb_list(FILE *f, const char *noun)
{
	char left[128];
	size_t n = 0;

	for (size_t i = 0; verbs[i] != NULL; i++) {
		if (!is_of_noun(verbs[i], noun))
			continue;
		(void)str_fmt(left, sizeof left, "%s %s", verbs[i]->name, verbs[i]->args);
		fprintf(f, "  %-58s %s\n", left, verbs[i]->usage);
		n++;
	}
	return n;
}

/* ---- the request ---- */

static json_t *
name_on_wire(const struct verb *v)
{
	char name[NAME_CAP], *blank;

	(void)str_copy(name, v->name, sizeof name);
	if ((blank = strchr(name, ' ')) != NULL)
		*blank = '.';
	return json_string(name);
}

static const struct verb_option *
option_of(const struct verb *v, int letter)
{
	for (size_t i = 0; v->options != NULL && v->options[i].letter != '\0'; i++)
		if (v->options[i].letter == letter)
			return &v->options[i];
	return NULL;
}

static void
optstring(const struct verb *v, char *to, size_t cap)
{
	(void)str_copy(to, "j", cap);
	for (size_t i = 0; v->options != NULL && v->options[i].letter != '\0'; i++) {
		char one[3] = { v->options[i].letter, '\0', '\0' };

		if (v->options[i].kind != VERB_FLAG)
			one[1] = ':';
		(void)str_cat(to, one, cap);
	}
}

/* --key for each -x. */
static void
longopts(const struct verb *v, struct option *to)
{
	for (size_t i = 0; v->options != NULL && v->options[i].letter != '\0'; i++) {
		MUST(i < OPTIONS_MAX);
		to[i] = (struct option){
			.name = v->options[i].key, .val = v->options[i].letter,
			.has_arg = v->options[i].kind == VERB_FLAG ? no_argument : required_argument,
		};
	}
}

/* json_string refuses what is no UTF-8: NULL then, which json_object_set_new refuses, too. */
static int
set_option(json_t *request, const struct verb_option *o, const char *arg)
{
	uint64_t number;
	json_t *value = NULL;

	if (o->kind == VERB_FLAG)
		value = json_true();
	else if (o->kind == VERB_TEXT)
		value = json_string(arg);
	else if (num_u64(arg, NUMBER_MAX, &number) == 0)
		value = json_integer((json_int_t)number);
	if (value == NULL) {
		fprintf(stderr, "relayctl: -%c: %s is wanted\n", o->letter,
		    o->kind == VERB_NUMBER ? "a number" : "UTF-8 text");
		return -1;
	}
	return json_object_set_new(request, o->key, value);
}

static int
take_options(const struct verb *v, json_t *request, int argc, char **argv, int *json)
{
	struct option words[OPTIONS_MAX + 1] = { { .name = NULL } };
	const struct verb_option *o;
	char letters[64];
	int c;

	optstring(v, letters, sizeof letters);
	longopts(v, words);
	optind = 0;
	while ((c = getopt_long(argc, argv, letters, words, NULL)) != -1) {
		if (c == 'j')
			*json = 1;
		else if ((o = option_of(v, c)) == NULL || set_option(request, o, optarg) == -1)
			return -1;
	}
	return 0;
}

static int
take_operands(const struct verb *v, json_t *request, int argc, char **argv)
{
	if (v->operands == NULL)
		return argc == 0 ? 0 : -1;
	return v->operands(request, argc, argv);
}

/* argv[0] is the last word of the verb. */
json_t *
verb_request(const struct verb *v, int argc, char **argv, int *json)
{
	json_t *request = json_pack("{s:i}", "v", 1);

	MUST(json_object_set_new(request, "verb", name_on_wire(v)) == 0);
	if (take_options(v, request, argc, argv, json) == 0 &&
	    take_operands(v, request, argc - optind, argv + optind) == 0)
		return request;
	verb_usage(v);
	json_decref(request);
	return NULL;
}

int
verb_one_operand(json_t *request, const char *key, int argc, char **argv)
{
	if (argc != 1)
		return -1;
	return json_object_set_new(request, key, json_string(argv[0]));
}
