/* SPDX-License-Identifier: ISC */
/*
 * ctl_metrics: the verb `metrics`: every family of lib/meter, a line each.
 * Counters are read where all workers count. What is a state of this moment
 * each worker is asked for, as for `status`: a worker's part is its status
 * row, the front makes the lines of the sum.
 */
#include <openssl/crypto.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/meter/count.h"
#include "lib/meter/line.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_status.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/siblings.h"
#include "version.h"

#define PATIENCE_MS	4000	/* whoever scrapes waits for 10 s, as a rule */

/* What status knows under another name; a family may have several. */
static const struct gauge {
	enum meter_family	 family;
	const char		*label, *word;	/* NULL: none */
	const char		*key;		/* of the row: a number, or yes or no */
} gauges[] = {
	{ METER_PARTIAL, NULL, NULL, "partial" },
	{ METER_DRAINING, NULL, NULL, "draining" },
	{ METER_POLICY_UP, NULL, NULL, "policy_connected" },
	{ METER_SPACE, NULL, NULL, "space" },
	{ METER_CONNECTIONS, "direction", "in", "sessions" },
	{ METER_CONNECTIONS, "direction", "out", "connections" },
	{ METER_RECIPIENTS, NULL, NULL, "recipients" },
	{ METER_BLOCKED_NOW, NULL, NULL, "blocked_recipients" },
	{ METER_HELD, NULL, NULL, "held_recipients" },
	{ METER_HELD_DAY, NULL, NULL, "held_a_day" },
	{ METER_OLDEST, NULL, NULL, "oldest" },
	{ METER_LOADED, NULL, NULL, "loaded_messages" },
	{ METER_DESTINATIONS, NULL, NULL, "destinations" },
	{ METER_DESTS_BLOCKED, NULL, NULL, "blocked_destinations" },
	{ METER_DESTS_PAUSED, NULL, NULL, "paused_destinations" },
	{ METER_EXCEPTIONS, NULL, NULL, "exceptions" },
	{ METER_MONITORED, NULL, NULL, "monitored_destinations" },
};

static void
add_from_row(json_t *line, enum meter_family f, const json_t *row)
{
	for (size_t i = 0; i < LENGTH(gauges); i++) {
		const struct gauge *g = &gauges[i];
		const json_t *v = json_object_get(row, g->key);

		if (g->family == f)
			meter_line_sample(line, NULL, g->label == NULL ? NULL :
			    json_pack("{s:s}", g->label, g->word),
			    json_integer(json_is_true(v) ? 1 : json_integer_value(v)));
	}
}

static void
add_workers(json_t *line, const struct ctl_call *c, const json_t *row)
{
	json_int_t up = json_integer_value(json_object_get(row, "workers"));
	json_int_t all = (json_int_t)siblings_count(c->house->siblings);

	if (up < 0 || up > all)		/* somebody lied */
		up = all;
	meter_line_sample(line, NULL, json_pack("{s:s}", "state", "up"), json_integer(up));
	meter_line_sample(line, NULL, json_pack("{s:s}", "state", "down"),
	    json_integer(all - up));
}

static json_t *
gauge(const struct ctl_call *c, enum meter_family f, const json_t *row)
{
	json_t *line = meter_line_gauge(f);

	if (f == METER_BUILD)
		meter_line_sample(line, NULL, json_pack("{s:s, s:s}", "version", RELAYD_VERSION,
		    "openssl", OpenSSL_version(OPENSSL_VERSION_STRING)), json_integer(1));
	else if (f == METER_STARTED)
		meter_line_sample(line, NULL, NULL,
		    json_real((double)meter_count_started() / 1000));
	else if (f == METER_WORKERS)
		add_workers(line, c, row);
	else
		add_from_row(line, f, row);
	return line;
}

static json_t *
expand(const struct ctl_call *c, const json_t *row, size_t i)
{
	enum meter_family f = (enum meter_family)i;

	if (i >= METER__FAMILIES)
		return NULL;
	return meter_family_type(f) == METER_GAUGE ? gauge(c, f, row) : meter_line(f);
}

static void
metrics_step(struct ctl_call *c)
{
	json_t *line, *row = ctl_status_row(c->house);

	MUST(json_object_set_new(row, "workers", json_integer(1)) == 0);
	if (c->part) {
		ctl_call_line(c, row);
	} else {
		for (size_t i = 0; (line = expand(c, row, i)) != NULL; i++)
			ctl_call_line(c, line);
		json_decref(row);
	}
	ctl_call_end(c, 1, NULL);
}

/* "workers" is added by status's table, too. */
static const struct ctl_merge merge = {
	.kind = CTL_SUMMED, .fields = ctl_status_sums, .partial = 1, .patience = PATIENCE_MS,
	.expand = expand,
};

static const struct ctl_arg args[] = { { .key = NULL } };

const struct ctl_verb ctl_verb_metrics = {
	.name = "metrics", .args = args, .right = CTL_READ, .merge = &merge, .step = metrics_step,
};
