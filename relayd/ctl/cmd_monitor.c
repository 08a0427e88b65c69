/* SPDX-License-Identifier: ISC */
/* cmd_monitor: relayctl monitor list, reset. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static const struct verb_option list_options[] = {
	{ 's', "show", VERB_TEXT },
	{ 0, NULL, VERB_FLAG },
};

static const struct column list_columns[] = {
	{ "DOMAIN", "domain", CELL_TEXT },
	{ "SAFE", "safe", CELL_YES },
	{ "PASSED", "passed", CELL_NUMBER },
	{ "WOULD REFUSE", "would_refuse", CELL_NUMBER },
	{ "LAST REASON", "last_reason", CELL_TEXT },
	{ "LAST REFUSED", "last_refused", CELL_TIME },
	{ "SINCE", "first", CELL_TIME },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view list_views[] = {
	{ "would_refuse", VIEW_ROWS, list_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_monitor_list = {
	.name = "monitor list",
	.args = "[-s safe|refused]",
	.usage = "what enforcing would have done, and who is safe to enforce now",
	.options = list_options, .views = list_views,
};

static int
reset_operands(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "domain", argc, argv);
}

const struct verb cmd_monitor_reset = {
	.name = "monitor reset",
	.args = "domain",
	.usage = "forget what was counted for a domain",
	.operands = reset_operands,
};
