/* SPDX-License-Identifier: ISC */
/*
 * ctl_monitor: the verbs `monitor.list`, what monitor mode has counted by
 * domain, and `monitor.reset`, which lets one begin anew.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/sched.h"
#include "relayd/smtp/tally.h"

#define DOMAINS_A_STEP	100

enum { SHOW_SAFE, SHOW_REFUSED };
static const char *const shows[] = {
	[SHOW_SAFE] = "safe", [SHOW_REFUSED] = "refused", NULL,
};

enum { LIST_SHOW };
static const struct ctl_arg list_args[] = {
	[LIST_SHOW] = { .key = "show", .type = CTL_WORD, .words = shows },
	{ .key = NULL },
};

enum { RESET_DOMAIN };
static const struct ctl_arg reset_args[] = {
	[RESET_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	{ .key = NULL },
};

/* ---- monitor.list: names of the moment ---- */

struct list {
	char		**names;
	size_t		  n, at;
	uint64_t	  count;
};

static void
note_one(const char *domain, const struct tally_counts *counts, void *arg)
{
	struct list *l = arg;

	l->names[l->n++] = must_strdup(domain);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_begin(struct list *l, struct tally *t)
{
	l->names = must_calloc(tally_count(t) + 1, sizeof *l->names);
	tally_each(t, note_one, l);
	qsort(l->names, l->n, sizeof *l->names, compare);
}

static int
wanted(const struct ctl_value *show, const struct tally_counts *counts)
{
	if (!show->given)
		return 1;
	return show->number == SHOW_SAFE ? tally_safe(counts, clock_wall_ms()) :
	    counts->refused_at != 0;
}

static json_t *
print(const char *domain, const struct tally_counts *c)
{
	json_t *o = json_pack("{s:o, s:I, s:I, s:b}", "domain", ctl_print_text(domain),
	    "passed", (json_int_t)c->passed, "would_refuse", (json_int_t)c->refused,
	    "safe", tally_safe(c, clock_wall_ms()));

	MUST(o != NULL);
	set_known(o, "last_reason", c->reason);
	ctl_print_set_time(o, "last_refused", c->refused_at);
	ctl_print_set_time(o, "last_passed", c->passed_at);
	ctl_print_set_time(o, "first", c->first);
	return o;
}

static void
list_step(struct ctl_call *c)
{
	struct tally *t = c->house->sched->tally;
	struct list *l = c->state;

	if (t == NULL) {
		ctl_call_end(c, 0, NULL);
		return;
	}
	if (l->names == NULL)
		list_begin(l, t);
	for (size_t i = 0; i < DOMAINS_A_STEP && l->at < l->n; i++, l->at++) {
		const struct tally_counts *counts = tally_of(t, l->names[l->at]);

		if (counts == NULL || !wanted(&c->values[LIST_SHOW], counts))
			continue;
		ctl_call_line(c, print(l->names[l->at], counts));
		l->count++;
	}
	if (l->at < l->n)
		ctl_call_next(c);
	else
		ctl_call_end(c, l->count, json_pack("{s:I}", "dropped",
		    (json_int_t)tally_dropped(t)));
}

static void
list_fini(void *state)
{
	struct list *l = state;

	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
}

/* ---- several workers: whether a domain is safe is said by the sum ---- */

static const struct ctl_field sums[] = {
	{ .key = "passed", .join = CTL_ADD }, { .key = "would_refuse", .join = CTL_ADD },
	{ .key = "last_reason", .join = CTL_WITH, .by = "last_refused" },
	{ .key = "last_refused", .join = CTL_LATEST }, { .key = "last_passed", .join = CTL_LATEST },
	{ .key = "first", .join = CTL_EARLIEST }, { .key = "dropped", .join = CTL_ADD },
	{ .key = NULL },
};

static struct tally_counts
counts_of(const json_t *row)
{
	return (struct tally_counts){
		.passed = (uint64_t)json_integer_value(json_object_get(row, "passed")),
		.refused_at = json_integer_value(json_object_get(row, "last_refused")),
		.passed_at = json_integer_value(json_object_get(row, "last_passed")),
	};
}

static void
conclude(const struct ctl_call *c, json_t *row)
{
	const struct tally_counts counts = counts_of(row);

	set(row, "safe", json_boolean(tally_safe(&counts, clock_wall_ms())));
}

static int
sum_is_wanted(const struct ctl_call *c, const json_t *row)
{
	const struct tally_counts counts = counts_of(row);

	return wanted(&c->values[LIST_SHOW], &counts);
}

static const struct ctl_merge list_merge = {
	.kind = CTL_SUMMED, .key = "domain", .fields = sums, .order = CTL_BY_KEY,
	.filter = "show", .conclude = conclude, .wanted = sum_is_wanted,
};
static const struct ctl_merge reset_merge = { .kind = CTL_SUMMED, .count = CTL_COUNT_MOST };

const struct ctl_verb ctl_verb_monitor_list = {
	.name = "monitor.list", .args = list_args, .right = CTL_READ, .merge = &list_merge,
	.state_size = sizeof(struct list), .step = list_step, .fini = list_fini,
};

/* ---- monitor.reset ---- */

static void
on_noted(struct ctl_call *c, const struct why *why)
{
	if (why_is_set(why))
		ctl_call_fail(c, why);
	else
		ctl_call_end(c, 1, NULL);
}

static void
reset_step(struct ctl_call *c)
{
	struct tally *t = c->house->sched->tally;
	const char *domain = c->values[RESET_DOMAIN].text;
	char key[STORE_NOTE_KEY_MAX];

	if (t == NULL || !tally_forget(t, domain)) {
		ctl_call_end(c, 0, NULL);
		return;
	}
	log_notice("monitor mode counts %s anew, by admin uid %u", domain, c->uid);
	if (strlen(TALLY_PREFIX) + strlen(domain) >= sizeof key) {
		ctl_call_end(c, 1, NULL);	/* was in memory only */
		return;
	}
	(void)str_fmt(key, sizeof key, TALLY_PREFIX "%s", domain);
	ctl_call_note(c, key, NULL, on_noted);
}

const struct ctl_verb ctl_verb_monitor_reset = {
	.name = "monitor.reset", .args = reset_args, .right = CTL_CHANGE, .merge = &reset_merge,
	.step = reset_step,
};
