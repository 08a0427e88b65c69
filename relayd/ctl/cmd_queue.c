/* SPDX-License-Identifier: ISC */
/* cmd_queue: relayctl queue list, show, flush. What changes mail is in cmd_queue_change.c. */
#include <string.h>

#include "relayd/ctl/out.h"
#include "relayd/ctl/queue_int.h"
#include "relayd/ctl/verbs.h"

/* ---- ids ---- */

int
queue_ids(json_t *request, int argc, char **argv)
{
	json_t *ids;

	if (argc == 0)
		return 0;
	ids = json_array();
	for (int i = 0; i < argc; i++)
		(void)json_array_append_new(ids, json_string(argv[i]));
	return json_object_set_new(request, "id", ids);
}

/* ---- list ---- */

static const struct verb_option list_options[] = {
	QUEUE_SELECT,
	{ 'n', "max", VERB_NUMBER },
	{ 0, NULL, VERB_FLAG },
};

static const struct column list_columns[] = {
	{ "ID", "id", CELL_TEXT },
	{ "ARRIVED", "arrived", CELL_TIME },
	{ "SIZE", "size", CELL_SIZE },
	{ "STATE", "state", CELL_TEXT },
	{ "TRY", "next_try", CELL_WHEN },
	{ "TRIES", "tries", CELL_NUMBER },
	{ "SENDER", "sender", CELL_PATH },
	{ "RECIPIENT", "recipient", CELL_TEXT },
	{ "REASON", "reason", CELL_TEXT },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view list_views[] = {
	{ "recipient", VIEW_ROWS, list_columns },
	{ NULL, VIEW_ROWS, NULL },
};

const struct verb cmd_queue_list = {
	.name = "queue list",
	.args = "[-n max] [selection] [id ...]",
	.usage = "recipients in order of arrival",
	.options = list_options, .operands = queue_ids, .views = list_views,
};

/* ---- show ---- */

static const struct verb_option show_options[] = {
	{ 'b', "body", VERB_FLAG },
	{ 0, NULL, VERB_FLAG },
};

static const struct column envelope_columns[] = {
	{ "id", "id", CELL_TEXT },
	{ "arrived", "arrived", CELL_TIME },
	{ "size", "size", CELL_SIZE },
	{ "sender", "sender", CELL_PATH },
	{ "client", "client", CELL_TEXT },
	{ "client entry", "client_name", CELL_TEXT },
	{ "envelope id", "envid", CELL_TEXT },
	{ "return", "ret", CELL_TEXT },
	{ "8-bit", "eightbit", CELL_YES },
	{ "internationalized", "utf8", CELL_YES },
	{ "requires TLS", "requiretls", CELL_YES },
	{ "recipients left", "recipients", CELL_NUMBER },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column recipient_columns[] = {
	{ "RECIPIENT", "recipient", CELL_TEXT },
	{ "DESTINATION", "destination", CELL_TEXT },
	{ "STATE", "state", CELL_TEXT },
	{ "TRY", "next_try", CELL_WHEN },
	{ "TRIES", "tries", CELL_NUMBER },
	{ "REASON", "reason", CELL_TEXT },
	{ "WHY", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct column block_columns[] = {
	{ "destination in the way", "destination", CELL_TEXT },
	{ "until", "blocked_until", CELL_TIME },
	{ "paused since", "paused_since", CELL_TIME },
	{ "paused by uid", "paused_by", CELL_NUMBER },
	{ "paused because", "paused_why", CELL_TEXT },
	{ "failures in a row", "failures", CELL_NUMBER },
	{ "reason", "reason", CELL_TEXT },
	{ "why", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view show_views[] = {
	{ "client", VIEW_FACTS, envelope_columns },
	{ "recipient", VIEW_ROWS, recipient_columns },
	{ "destination", VIEW_FACTS, block_columns },
	{ "body", VIEW_OCTETS, NULL },
	{ NULL, VIEW_ROWS, NULL },
};

static int
show_operands(json_t *request, int argc, char **argv)
{
	return verb_one_operand(request, "id", argc, argv);
}

const struct verb cmd_queue_show = {
	.name = "queue show",
	.args = "[-b] id",
	.usage = "one message, its recipients and what they wait for",
	.options = show_options, .operands = show_operands, .views = show_views,
};

/* ---- flush ---- */

static const struct verb_option flush_options[] = {
	{ 'd', "domain", VERB_TEXT },
	{ 0, NULL, VERB_FLAG },
};

static int
flush_operands(json_t *request, int argc, char **argv)
{
	int of_domain = json_object_get(request, "domain") != NULL;

	if (argc != !of_domain)
		return -1;
	if (of_domain)
		return 0;
	if (strcmp(argv[0], "all") == 0)
		return json_object_set_new(request, "all", json_true());
	return verb_one_operand(request, "id", argc, argv);
}

const struct verb cmd_queue_flush = {
	.name = "queue flush",
	.args = "id | -d domain | all",
	.usage = "try now",
	.options = flush_options, .operands = flush_operands,
};
