/* SPDX-License-Identifier: ISC */
/* cmd_queue_change: relayctl queue hold, release, delete, expire, bounce, redirect. */
#include <string.h>

#include "relayd/ctl/out.h"
#include "relayd/ctl/queue_int.h"
#include "relayd/ctl/verbs.h"

#define CHANGE_OPTIONS			\
	QUEUE_SELECT,			\
	{ 'm', "max", VERB_NUMBER },	\
	{ 'n', "dry", VERB_FLAG },	\
	{ 'r', "note", VERB_TEXT }

static const struct verb_option options[] = {
	CHANGE_OPTIONS,
	{ 0, NULL, VERB_FLAG },
};
static const struct verb_option redirect_options[] = {
	CHANGE_OPTIONS,
	{ 'R', "to", VERB_TEXT },
	{ 0, NULL, VERB_FLAG },
};

static int
operands(json_t *request, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "all") == 0)
		return json_object_set_new(request, "all", json_true());
	return queue_ids(request, argc, argv);
}

static int
redirect_operands(json_t *request, int argc, char **argv)
{
	if (json_object_get(request, "to") == NULL)
		return -1;
	return operands(request, argc, argv);
}

static const struct column columns[] = {
	{ "action", "action", CELL_TEXT },
	{ "only counted", "dry", CELL_YES },
	{ "recipients", "recipients", CELL_NUMBER },
	{ "messages", "messages", CELL_NUMBER },
	{ "size", "octets", CELL_SIZE },
	{ "recipients refused", "refused", CELL_NUMBER },
	{ "refused because", "why", CELL_TEXT },
	{ NULL, NULL, CELL_TEXT },
};

static const struct view views[] = {
	{ "action", VIEW_FACTS, columns },
	{ NULL, VIEW_ROWS, NULL },
};

#define ARGS	"[-n] [-m max] [-r reason] selection | id ... | all"
#define VERB(word, text)							\
	const struct verb cmd_queue_##word = {					\
		.name = "queue " #word, .args = ARGS, .usage = text,		\
		.options = options, .operands = operands, .views = views,	\
	}
VERB(hold, "set aside until released");
VERB(release, "deliver what was held");
VERB(delete, "remove, nobody is told");
VERB(expire, "give up as if too old, the sender is told");
VERB(bounce, "return to the sender");

const struct verb cmd_queue_redirect = {
	.name = "queue redirect",
	.args = "-R address " ARGS,
	.usage = "send to another address instead",
	.options = redirect_options, .operands = redirect_operands, .views = views,
};
