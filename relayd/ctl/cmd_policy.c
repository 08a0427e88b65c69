/* SPDX-License-Identifier: ISC */
/* cmd_policy: relayctl policy show, refresh, forget. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static const struct view views[] = {
	{ "cached", VIEW_FACTS, view_cached },
	{ "plan", VIEW_FACTS, view_plan },
	{ NULL, VIEW_ROWS, NULL },
};

static int
operands(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "domain", argc, argv);
}

const struct verb cmd_policy_show = {
	.name = "policy show", .args = "domain",
	.usage = "what is kept of its MTA-STS policy, and its plan",
	.operands = operands, .views = views,
};

const struct verb cmd_policy_refresh = {
	.name = "policy refresh", .args = "domain",
	.usage = "fetch its MTA-STS policy now",
	.operands = operands, .views = views,
};

const struct verb cmd_policy_forget = {
	.name = "policy forget", .args = "domain",
	.usage = "drop what is kept of its MTA-STS policy",
	.operands = operands, .views = views,
};
