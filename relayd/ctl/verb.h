/* SPDX-License-Identifier: ISC */
/*
 * verb: what relayctl can be asked. A verb is a row: its words, what it
 * takes, what it asks the daemon, and how the lines of the answer look to a
 * person. Each cmd_*.c holds the rows of one noun; verbs.c lists them.
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

struct out;
struct view;

enum verb_kind { VERB_FLAG, VERB_NUMBER, VERB_TEXT };

struct verb_option {
	char		 letter;	/* 0 ends the list */
	const char	*key;		/* in the request */
	enum verb_kind	 kind;
};

struct verb {
	const char			*name;		/* "queue list" */
	const char			*args;		/* "[-d domain] [-s state]" */
	const char			*usage;		/* what it does, one line */
	const struct verb_option	*options;
	/* Operands into the request: 0, or -1 for a usage error. NULL: there are none. */
	int				(*operands)(json_t *request, int argc, char **argv);
	const struct view		*views;		/* of its answer, see out.h */
	/* How it is asked, instead of talk(); the same contract. */
	int				(*run)(const char *socket, const json_t *request, struct out *);
};

/* Words argv[0..] -> the verb and how many words it took; NULL if there is none. */
const struct verb	*verb_find(int argc, char **argv, int *words);
/* One usage line per verb of this noun ("queue"), or of all if NULL. Returns how many. */
size_t			 verb_list(FILE *, const char *noun);
/* The most similar verb, NULL if none is near. */
const char		*verb_nearest(int argc, char **argv);
/*
 * The request from the arguments behind the verb: {"v":1,"verb":..,...}; the
 * caller's. NULL: wrong usage, said on stderr. *json is set by a -j among them.
 */
json_t			*verb_request(const struct verb *, int argc, char **argv, int *json);
void			 verb_usage(const struct verb *);

/* Options are -x, or --key for the same. */

/* The domain of an address or domain, as "domain". */
int	verb_domain_operand(json_t *request, const char *arg);
/* The one operand that most verbs take, under this key. */
int	verb_one_operand(json_t *request, const char *key, int argc, char **argv);

#endif
