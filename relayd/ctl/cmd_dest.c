/* SPDX-License-Identifier: ISC */
/* cmd_dest: relayctl dest list, show, pause, resume. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

/* ---- list ---- */

static const struct verb_option list_options[] = {
	{ 'b', "blocked", VERB_FLAG },
	{ 0, NULL, VERB_FLAG },
};

static const struct column list_columns[] = {
	{ "DESTINATION", "destination", CELL_TEXT },
	{ "RECIPIENTS", "recipients", CELL_NUMBER },
	{ "CONNECTIONS", "connections", CELL_NUMBER },
	{ "FAILURES", "failures", CELL_NUMBER },
	{ "BLOCKED", "blocked_until", CELL_WHEN },
	{ "PAUSED", "paused", CELL_YES },
	{ "REASON", "reason", CELL_TEXT },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view list_views[] = {
	{ "destination", VIEW_ROWS, list_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_dest_list = {
	.name = "dest list",
	.args = "[-b]",
	.usage = "destinations with mail, the most mail first; -b: blocked ones",
	.options = list_options, .views = list_views,
};

/* ---- show ---- */

static const struct column dest_columns[] = {
	{ "destination", "destination", CELL_TEXT },
	{ "recipients", "recipients", CELL_NUMBER },
	{ "connections", "connections", CELL_NUMBER },
	{ "messages in memory", "loaded", CELL_NUMBER },
	{ "messages being delivered", "delivering", CELL_NUMBER },
	{ "failures in a row", "failures", CELL_NUMBER },
	{ "blocked until", "blocked_until", CELL_TIME },
	{ "paused", "paused", CELL_YES },
	{ "paused since", "paused_since", CELL_TIME },
	{ "paused by uid", "paused_by", CELL_NUMBER },
	{ "paused because", "paused_why", CELL_TEXT },
	{ "next try", "next_due", CELL_TIME },
	{ "policy is being looked up", "asking_policy", CELL_YES },
	{ "reason", "reason", CELL_TEXT },
	{ "status code", "code", CELL_TEXT },
	{ "why", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view show_views[] = {
	{ "destination", VIEW_FACTS, dest_columns },
	{ "plan", VIEW_FACTS, view_plan },
	{ "host", VIEW_ROWS, view_hosts },
	{ NULL, VIEW_ROWS, NULL },
};

static int
show_operands(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "domain", argc, argv);
}

const struct verb cmd_dest_show = {
	.name = "dest show",
	.args = "domain",
	.usage = "one destination: back-off, reason, plan and its hosts",
	.operands = show_operands, .views = show_views,
};

/* ---- pause, resume ---- */

static const struct verb_option pause_options[] = {
	{ 'r', "note", VERB_TEXT },
	{ 0, NULL, VERB_FLAG },
};

static const struct column pause_columns[] = {
	{ "destination", "destination", CELL_TEXT },
	{ "paused", "paused", CELL_YES },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view pause_views[] = {
	{ "paused", VIEW_FACTS, pause_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_dest_pause = {
	.name = "dest pause",
	.args = "[-r reason] domain",
	.usage = "take mail for a destination, deliver none",
	.options = pause_options, .operands = show_operands, .views = pause_views,
};

const struct verb cmd_dest_resume = {
	.name = "dest resume",
	.args = "domain",
	.usage = "deliver again",
	.operands = show_operands, .views = pause_views,
};
