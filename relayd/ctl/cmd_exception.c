/* SPDX-License-Identifier: ISC */
/* cmd_exception: relayctl exception list, show. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static const struct column list_columns[] = {
	{ "ID", "exception", CELL_TEXT },
	{ "STATE", "state", CELL_TEXT },
	{ "ALLOW", "allow", CELL_TEXT },
	{ "DOMAINS", "domains", CELL_LIST },
	{ "HOSTS", "hosts", CELL_LIST },
	{ "EXPIRES", "expires", CELL_TIME },
	{ "USES", "uses", CELL_NUMBER },
	{ "MAX", "max_uses", CELL_NUMBER },
	{ "UNNEEDED", "unneeded", CELL_NUMBER },
	{ "LAST USE", "last_use", CELL_TIME },
	{ "ADVICE", "advice", CELL_TEXT },
	{ "OWNER", "owner", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view list_views[] = {
	{ "exception", VIEW_ROWS, list_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_exception_list = {
	.name = "exception list",
	.args = "",
	.usage = "the exceptions, how much each was used, whether it is needed",
	.views = list_views,
};

static const struct column show_columns[] = {
	{ "exception", "exception", CELL_TEXT },
	{ "state", "state", CELL_TEXT },
	{ "advice", "advice", CELL_TEXT },
	{ "allows", "allow", CELL_TEXT },
	{ "domains", "domains", CELL_LIST },
	{ "hosts", "hosts", CELL_LIST },
	{ "overrides what is published", "overrides_published", CELL_YES },
	{ "owner", "owner", CELL_TEXT },
	{ "reason", "reason", CELL_TEXT },
	{ "ticket", "ticket", CELL_TEXT },
	{ "written at", "origin", CELL_TEXT },
	{ "built in", "built_in", CELL_YES },
	{ "expires", "expires", CELL_TIME },
	{ "uses", "uses", CELL_NUMBER },
	{ "uses at most", "max_uses", CELL_NUMBER },
	{ "uses that did not need it", "unneeded", CELL_NUMBER },
	{ "of these since it was needed", "unneeded_in_a_row", CELL_NUMBER },
	{ "known since", "since", CELL_TIME },
	{ "first use", "first_use", CELL_TIME },
	{ "last use", "last_use", CELL_TIME },
	{ "last needed", "last_needed", CELL_TIME },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view show_views[] = {
	{ "exception", VIEW_FACTS, show_columns },
	{ NULL, VIEW_FACTS, NULL },
};

static int
show_operands(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "id", argc, argv);
}

const struct verb cmd_exception_show = {
	.name = "exception show",
	.args = "id",
	.usage = "one exception: what it permits, until when, and what became of it",
	.operands = show_operands, .views = show_views,
};
