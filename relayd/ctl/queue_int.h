/* SPDX-License-Identifier: ISC */
/* queue_int: what the verbs on the queue share. */
#ifndef CTL_QUEUE_INT_H
#define CTL_QUEUE_INT_H

#include "relayd/ctl/verb.h"

/* Which recipients; all that is given has to hold. */
#define QUEUE_SELECT			\
	{ 'd', "domain", VERB_TEXT },	\
	{ 'f', "sender", VERB_TEXT },	\
	{ 't', "recipient", VERB_TEXT },	\
	{ 'w', "reason", VERB_TEXT },	\
	{ 'o', "older", VERB_TEXT },	\
	{ 's', "state", VERB_TEXT },	\
	{ 'a', "after", VERB_TEXT }

/* Operands are ids, or none. */
int	queue_ids(json_t *request, int argc, char **argv);

#endif
