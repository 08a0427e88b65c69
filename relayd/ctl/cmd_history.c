/* SPDX-License-Identifier: ISC */
/* cmd_history: relayctl history list, show, accept. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static int
domain_operand(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "domain", argc, argv);
}

/* ---- list ---- */

static const struct column list_columns[] = {
	{ "DOMAIN", "domain", CELL_TEXT },
	{ "PROVED", "level", CELL_TEXT },
	{ "TIMES", "times", CELL_NUMBER },
	{ "LAST", "last", CELL_TIME },
	{ "FIRST", "first", CELL_TIME },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view list_views[] = {
	{ "level", VIEW_ROWS, list_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_history_list = {
	.name = "history list",
	.args = "",
	.usage = "the best level that each destination has proven",
	.views = list_views,
};

/* ---- show ---- */

static const struct column show_columns[] = {
	{ "HOST", "host", CELL_TEXT },
	{ "PROVED", "level", CELL_TEXT },
	{ "TIMES", "times", CELL_NUMBER },
	{ "LAST", "last", CELL_TIME },
	{ "FIRST", "first", CELL_TIME },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column accepted_columns[] = {
	{ "ACCEPTED", "accepted", CELL_TIME },
	{ "UID", "uid", CELL_NUMBER },
	{ "HAD", "had", CELL_TEXT },
	{ "REASON", "reason", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view show_views[] = {
	{ "level", VIEW_ROWS, show_columns },
	{ "accepted", VIEW_ROWS, accepted_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_history_show = {
	.name = "history show",
	.args = "domain",
	.usage = "what each host of a destination has proven, and what was accepted",
	.operands = domain_operand, .views = show_views,
};

/* ---- accept ---- */

static const struct verb_option accept_options[] = {
	{ 'r', "reason", VERB_TEXT },
	{ 0, NULL, VERB_FLAG },
};

static int
accept_operands(json_t *request, int argc, char **argv)
{
	return json_object_get(request, "reason") != NULL ?
	    domain_operand(request, argc, argv) : -1;
}

const struct verb cmd_history_accept = {
	.name = "history accept",
	.args = "-r reason domain",
	.usage = "a downgrade is right: forget what the destination had proven",
	.options = accept_options, .operands = accept_operands,
};
