/* SPDX-License-Identifier: ISC */
/*
 * ctl_exception: the verbs `exception.list`, every exception of the
 * configuration in force in its order, then the built-in ones, and
 * `exception.show`, one of them.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/sched.h"

#define EXCEPTIONS_A_STEP	100

static const struct ctl_arg list_args[] = { { .key = NULL } };

enum { SHOW_ID };
static const struct ctl_arg show_args[] = {
	[SHOW_ID] = { .key = "id", .type = CTL_TEXT, .required = 1 },
	{ .key = NULL },
};

static void
set_time(json_t *o, const char *key, int64_t ms)
{
	if (ms != 0)
		set(o, key, json_integer((json_int_t)ms));
}

static void
set_count(json_t *o, const char *key, uint64_t n)
{
	set(o, key, json_integer((json_int_t)n));
}

static json_t *
texts(const struct conf_strings *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < s->n; i++)
		append(a, ctl_print_text(s->v[i]));
	return a;
}

static void
add_entry(json_t *o, const struct conf_exception *x)
{
	set_text(o, "exception", x->id);
	set(o, "allow", ctl_print_text(conf_allow_name(x->allow)));
	set(o, "domains", texts(&x->domains));
	set(o, "hosts", texts(&x->hosts));
	set_text(o, "owner", x->owner);
	set_text(o, "reason", x->reason);
	if (x->ticket[0] != '\0')
		set_text(o, "ticket", x->ticket);
	set(o, "overrides_published", json_boolean(x->overrides == CONF_OVERRIDES_PUBLISHED));
	set_time(o, "expires", x->expires);
	if (x->max_uses > 0)
		set_count(o, "max_uses", (uint64_t)x->max_uses);
	set_text(o, "origin", x->origin);
	/* It stands for another setting (conf_client_exception). */
	set(o, "built_in", json_boolean(x->domains.n == 0 && x->hosts.n == 0));
}

static json_t *
print(const struct ledger *l, const struct conf_exception *x)
{
	struct ledger_counts counts;
	enum ledger_advice advice;
	enum ledger_state state = ledger_look(l, x, &counts, &advice);
	json_t *o = json_object();

	add_entry(o, x);
	set(o, "state", ctl_print_text(ledger_state_name(state)));
	if (advice != LEDGER_FINE)
		set(o, "advice", ctl_print_text(ledger_advice_name(advice)));
	set_count(o, "uses", counts.uses);
	set_count(o, "unneeded", counts.passed);
	set_count(o, "unneeded_in_a_row", counts.streak);
	set_time(o, "since", counts.seen);
	set_time(o, "first_use", counts.first);
	set_time(o, "last_use", counts.last);
	set_time(o, "last_needed", counts.needed);
	return o;
}

/* ---- several workers: the front counts the limited ones, each its own of the others ---- */

static const struct ctl_field sums[] = {
	{ .key = "uses", .join = CTL_ADD }, { .key = "unneeded", .join = CTL_ADD },
	{ .key = "unneeded_in_a_row", .join = CTL_WITH, .by = "last_use" },
	{ .key = "since", .join = CTL_EARLIEST }, { .key = "first_use", .join = CTL_EARLIEST },
	{ .key = "last_use", .join = CTL_LATEST }, { .key = "last_needed", .join = CTL_LATEST },
	{ .key = NULL },
};

static json_int_t
number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* What to do about it follows from the sums. */
static void
conclude(const struct ctl_call *c, json_t *row)
{
	const struct ledger_counts counts = {
		.streak = (uint64_t)number(row, "unneeded_in_a_row"), .seen = number(row, "since"),
		.last = number(row, "last_use"),
	};
	const char *state = json_string_value(json_object_get(row, "state"));
	enum ledger_advice advice;

	(void)json_object_del(row, "advice");
	if (state == NULL || strcmp(state, ledger_state_name(LEDGER_ACTIVE)) != 0)
		return;
	advice = ledger_advise(&counts, number(row, "expires"), clock_wall_ms());
	if (advice != LEDGER_FINE)
		set(row, "advice", ctl_print_text(ledger_advice_name(advice)));
}

static const struct ctl_merge merge = {
	.kind = CTL_SUMMED, .key = "exception", .fields = sums, .conclude = conclude,
};

/* ---- exception.list ---- */

struct list {
	size_t	at;
};

static void
list_step(struct ctl_call *c)
{
	const struct sched *s = c->house->sched;
	const struct conf *conf = s->generation->conf;
	struct list *l = c->state;

	for (size_t i = 0; i < EXCEPTIONS_A_STEP && l->at < conf->exceptions.n; i++, l->at++)
		ctl_call_line(c, print(s->ledger, &conf->exceptions.v[l->at]));
	if (l->at < conf->exceptions.n)
		ctl_call_next(c);
	else
		ctl_call_end(c, l->at, NULL);
}

const struct ctl_verb ctl_verb_exception_list = {
	.name = "exception.list", .args = list_args, .right = CTL_READ, .merge = &merge,
	.state_size = sizeof(struct list), .step = list_step,
};

/* ---- exception.show ---- */

static void
show_step(struct ctl_call *c)
{
	const struct sched *s = c->house->sched;
	const struct conf *conf = s->generation->conf;
	uint64_t found = 0;

	for (size_t i = 0; i < conf->exceptions.n; i++) {
		if (strcmp(conf->exceptions.v[i].id, c->values[SHOW_ID].text) != 0)
			continue;
		ctl_call_line(c, print(s->ledger, &conf->exceptions.v[i]));
		found++;
	}
	ctl_call_end(c, found, NULL);
}

const struct ctl_verb ctl_verb_exception_show = {
	.name = "exception.show", .args = show_args, .right = CTL_READ, .merge = &merge,
	.step = show_step,
};
