/* SPDX-License-Identifier: ISC */
/* ctl_status: the verb `status`: is it well, what does it hold, what does it enforce. */
#include "relayd/smtp/ctl_status.h"

#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "relayd/smtp/admission.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/held.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/oldest.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/limit.h"
#include "relayd/smtp/sched.h"
#include "version.h"

struct sums {
	uint64_t	recipients;
	uint64_t	blocked, blocked_recipients;
};

static void
sum_one(void *value, void *arg)
{
	struct sums *s = arg;
	struct dest_view v;

	dest_look(value, &v);
	s->recipients += v.count;
	if (v.blocked_until != 0) {
		s->blocked++;
		s->blocked_recipients += v.count;
	}
}

static void
set(json_t *o, const char *key, json_t *value)
{
	MUST(json_object_set_new(o, key, value) == 0);
}

static void
set_number(json_t *o, const char *key, uint64_t n)
{
	set(o, key, json_integer((json_int_t)n));
}

static void
add_queue(json_t *o, const struct ctl_house *h)
{
	const struct sched *s = h->sched;
	struct sums sums = { 0 };
	uint64_t held = 0, aged = 0;

	map_each(s->dests, sum_one, &sums);
	set_number(o, "recipients", sums.recipients);
	set_number(o, "destinations", map_count(s->dests));
	set_number(o, "blocked_destinations", sums.blocked);
	set_number(o, "paused_destinations", pause_count(s->pauses));
	set_number(o, "blocked_recipients", sums.blocked_recipients);
	if (s->held != NULL)
		held_counts(s->held, &held, &aged);
	set_number(o, "held_recipients", held);
	set_number(o, "held_a_day", aged);
	set_number(o, "oldest", (uint64_t)oldest_age(s->oldest) / 1000);
	set_number(o, "connections", limit_used(s->all));
	set_number(o, "loaded_messages", s->jobs);
	set(o, "space", json_boolean(h->store->ops->refuses(h->store) == WHY_NONE));
}

static size_t
live_exceptions(const struct sched *s)
{
	const struct conf *conf = s->generation->conf;
	size_t n = 0;

	for (size_t i = 0; i < conf->exceptions.n; i++)
		n += ledger_holds(s->ledger, &conf->exceptions.v[i]) ? 1 : 0;
	return n;
}

static size_t
monitored(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->destinations.n; i++)
		n += conf->destinations.v[i].mode == CONF_MONITOR;
	return n;
}

/* What weakens the promise is part of every status. */
static void
add_enforcement(json_t *o, const struct sched *s)
{
	const struct conf *conf = s->generation->conf;

	set(o, "require", ctl_print_text(conf_level_name(conf->delivery.require)));
	set(o, "mode", ctl_print_text(conf_mode_name(conf->delivery.mode)));
	set_number(o, "exceptions", live_exceptions(s));
	set_number(o, "monitored_destinations", monitored(conf));
}

json_t *
ctl_status_row(const struct ctl_house *h)
{
	json_t *o = json_object();

	set(o, "version", ctl_print_text(RELAYD_VERSION));
	set(o, "host", ctl_print_text(h->sched->generation->conf->hostname));
	set_number(o, "pid", (uint64_t)getpid());
	set_number(o, "uptime", (uint64_t)(clock_mono_ms() - h->started) / 1000);
	set_number(o, "configuration", h->sched->generation->number);
	set(o, "draining", json_boolean(h->sched->draining));
	set(o, "policy_connected", json_boolean(ask_connected(h->sched->ask)));
	if (h->admission != NULL)
		set_number(o, "sessions", admission_count(h->admission));
	add_queue(o, h);
	add_enforcement(o, h->sched);
	return o;
}

static void
status_step(struct ctl_call *c)
{
	ctl_call_line(c, ctl_status_row(c->house));
	ctl_call_end(c, 1, NULL);
}

/* ---- several workers ---- */

/* Most workers know the same destinations: the greatest number is nearest to theirs all. */
const struct ctl_field ctl_status_sums[] = {
	{ .key = "draining", .join = CTL_ANY }, { .key = "policy_connected", .join = CTL_ALL },
	{ .key = "sessions", .join = CTL_ADD }, { .key = "recipients", .join = CTL_ADD },
	{ .key = "destinations", .join = CTL_LATEST },
	{ .key = "blocked_destinations", .join = CTL_LATEST },
	{ .key = "paused_destinations", .join = CTL_LATEST },
	{ .key = "blocked_recipients", .join = CTL_ADD },
	{ .key = "held_recipients", .join = CTL_ADD }, { .key = "held_a_day", .join = CTL_ADD },
	{ .key = "connections", .join = CTL_ADD }, { .key = "loaded_messages", .join = CTL_ADD },
	{ .key = "oldest", .join = CTL_LATEST },
	{ .key = "space", .join = CTL_ALL }, { .key = "workers", .join = CTL_ADD },
	{ .key = NULL },
};

/* One line for each: {"worker":1,"up":true,"pid":..,"since":..,...}. */
static json_t *
about(unsigned worker, const json_t *row)
{
	static const char *const keys[] = {
		"pid", "sessions", "recipients", "connections", "loaded_messages",
	};
	json_t *o = json_pack("{s:i, s:b}", "worker", (int)worker, "up", row != NULL);
	json_int_t uptime = json_integer_value(json_object_get(row, "uptime"));

	if (row == NULL)
		return o;
	for (size_t i = 0; i < LENGTH(keys); i++)
		set_number(o, keys[i],
		    (uint64_t)json_integer_value(json_object_get(row, keys[i])));
	ctl_print_set_time(o, "since", clock_wall_ms() - uptime * 1000);
	return o;
}

static const struct ctl_merge merge = {
	.kind = CTL_SUMMED, .fields = ctl_status_sums, .partial = 1, .about = about,
};

static const struct ctl_arg args[] = { { .key = NULL } };

const struct ctl_verb ctl_verb_status = {
	.name = "status", .args = args, .right = CTL_READ, .merge = &merge, .step = status_step,
};
