/* SPDX-License-Identifier: ISC */
/* cmd_status: relayctl status. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static const struct column columns[] = {
	{ "version", "version", CELL_TEXT },
	{ "host", "host", CELL_TEXT },
	{ "pid", "pid", CELL_NUMBER },
	{ "uptime", "uptime", CELL_SPAN },
	{ "configuration", "configuration", CELL_NUMBER },
	{ "without some workers", "partial", CELL_YES },
	{ "stopping", "draining", CELL_YES },
	{ "policy worker connected", "policy_connected", CELL_YES },
	{ "required level", "require", CELL_TEXT },
	{ "mode", "mode", CELL_TEXT },
	{ "exceptions in force", "exceptions", CELL_NUMBER },
	{ "destinations only monitored", "monitored_destinations", CELL_NUMBER },
	{ "sessions", "sessions", CELL_NUMBER },
	{ "connections out", "connections", CELL_NUMBER },
	{ "recipients waiting", "recipients", CELL_NUMBER },
	{ "destinations", "destinations", CELL_NUMBER },
	{ "destinations blocked", "blocked_destinations", CELL_NUMBER },
	{ "recipients blocked", "blocked_recipients", CELL_NUMBER },
	{ "recipients held", "held_recipients", CELL_NUMBER },
	{ "of them for more than a day", "held_a_day", CELL_NUMBER },
	{ "oldest message", "oldest", CELL_SPAN },
	{ "messages in memory", "loaded_messages", CELL_NUMBER },
	{ "space for new mail", "space", CELL_YES },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column worker_columns[] = {
	{ "WORKER", "worker", CELL_NUMBER },
	{ "UP", "up", CELL_YES },
	{ "PID", "pid", CELL_NUMBER },
	{ "SINCE", "since", CELL_TIME },
	{ "SESSIONS", "sessions", CELL_NUMBER },
	{ "CONNECTIONS", "connections", CELL_NUMBER },
	{ "WAITING", "recipients", CELL_NUMBER },
	{ "IN MEMORY", "loaded_messages", CELL_NUMBER },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view views[] = {
	{ "version", VIEW_FACTS, columns },
	{ "worker", VIEW_ROWS, worker_columns },
	{ NULL, VIEW_FACTS, NULL },
};

const struct verb cmd_status = {
	.name = "status", .args = "", .usage = "is it well, what does it hold and enforce",
	.views = views,
};
