/* SPDX-License-Identifier: ISC */
/*
 * ctl_history: the verbs `history.list`, `history.show` and `history.accept`:
 * what destinations have proven (lib/history), which the policy worker knows.
 * After an acceptance the destination gets a new plan at once.
 */

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/ipc/ipc.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_replan.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/sched.h"

_Static_assert(CTL_LINE_MAX < HISTORY_REASON_MAX, "a reason fits into its row");

enum { ARG_DOMAIN, ARG_REASON };
static const struct ctl_arg list_args[] = {
	{ .key = NULL },
};
static const struct ctl_arg show_args[] = {
	[ARG_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	{ .key = NULL },
};
static const struct ctl_arg accept_args[] = {
	[ARG_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	[ARG_REASON] = { .key = "reason", .type = CTL_TEXT, .required = 1 },
	{ .key = NULL },
};

struct history {
	struct ask_wait	*wait;
	char		 after[DNS_NAME_MAX];	/* list: the last domain of the page before */
	uint64_t	 count;
};

static void
history_fini(void *state)
{
	struct history *h = state;

	ask_cancel(&h->wait);
}

static void
ask(struct ctl_call *c, const struct ipc_history_ask *question, ask_history_fn *fn)
{
	struct history *h = c->state;

	if (question->domain[0] == '[') {	/* an address has no history */
		ctl_call_end(c, 0, NULL);
		return;
	}
	h->wait = ask_history(c->house->sched->ask, question, fn, c);
}

/* 1 if the worker could not; the asker is told. */
static int
failed(struct ctl_call *c, const struct ipc_history *answer)
{
	struct history *h = c->state;

	h->wait = NULL;
	if (!why_is_set(&answer->why))
		return 0;
	ctl_call_fail(c, &answer->why);
	return 1;
}

static json_t *
print_row(const struct history_row *r)
{
	json_t *o = json_pack("{s:o, s:o, s:s, s:I, s:I, s:I}",
	    "domain", ctl_print_text(r->domain),
	    "host", r->host[0] != '\0' ? ctl_print_text(r->host) : json_null(),
	    "level", plan_level_name(r->level), "first", (json_int_t)r->first * 1000,
	    "last", (json_int_t)r->last * 1000, "times", (json_int_t)r->count);

	MUST(o != NULL);
	return o;
}

static json_t *
print_accepted(const struct history_accepted *a)
{
	json_t *o = json_pack("{s:I, s:I, s:s, s:o}", "accepted", (json_int_t)a->at * 1000,
	    "uid", (json_int_t)a->uid, "had", plan_level_name(a->had),
	    "reason", ctl_print_text(a->reason));

	MUST(o != NULL);
	return o;
}

/* ---- history.list ---- */

static void
on_list(void *arg, const struct ipc_history *answer)
{
	struct ctl_call *c = arg;
	struct history *h = c->state;

	if (failed(c, answer))
		return;
	for (size_t i = 0; i < answer->nrows; i++) {
		ctl_call_line(c, print_row(&answer->rows[i]));
		str_copy(h->after, answer->rows[i].domain, sizeof h->after);
	}
	h->count += answer->nrows;
	if (answer->more && answer->nrows > 0)
		ctl_call_next(c);
	else
		ctl_call_end(c, h->count, NULL);
}

static void
list_step(struct ctl_call *c)
{
	struct ipc_history_ask question = { .verb = IPC_HISTORY_LIST };
	const struct history *h = c->state;

	str_copy(question.domain, h->after, sizeof question.domain);
	ask(c, &question, on_list);
}

const struct ctl_verb ctl_verb_history_list = {
	.name = "history.list", .args = list_args, .right = CTL_READ,
	.state_size = sizeof(struct history), .step = list_step, .fini = history_fini,
};

/* ---- history.show ---- */

static void
on_show(void *arg, const struct ipc_history *answer)
{
	struct ctl_call *c = arg;

	if (failed(c, answer))
		return;
	for (size_t i = 0; i < answer->nrows; i++)
		ctl_call_line(c, print_row(&answer->rows[i]));
	for (size_t i = 0; i < answer->naccepted; i++)
		ctl_call_line(c, print_accepted(&answer->accepted[i]));
	ctl_call_end(c, answer->nrows + answer->naccepted, NULL);
}

static void
show_step(struct ctl_call *c)
{
	struct ipc_history_ask question = { .verb = IPC_HISTORY_SHOW };

	str_copy(question.domain, c->values[ARG_DOMAIN].text, sizeof question.domain);
	ask(c, &question, on_show);
}

const struct ctl_verb ctl_verb_history_show = {
	.name = "history.show", .args = show_args, .right = CTL_READ,
	.state_size = sizeof(struct history), .step = show_step, .fini = history_fini,
};

/* ---- history.accept ---- */

static void
on_accept(void *arg, const struct ipc_history *answer)
{
	struct ctl_call *c = arg;

	if (failed(c, answer))
		return;
	if (answer->forgotten > 0)
		ctl_replan(c->house, c->values[ARG_DOMAIN].text);
	ctl_call_end(c, answer->forgotten, NULL);
}

static void
accept_step(struct ctl_call *c)
{
	struct ipc_history_ask question = { .verb = IPC_HISTORY_ACCEPT, .uid = c->uid };

	str_copy(question.domain, c->values[ARG_DOMAIN].text, sizeof question.domain);
	str_copy(question.reason, c->values[ARG_REASON].text, sizeof question.reason);
	ask(c, &question, on_accept);
}

const struct ctl_verb ctl_verb_history_accept = {
	.name = "history.accept", .args = accept_args, .right = CTL_CHANGE,
	.state_size = sizeof(struct history), .step = accept_step, .fini = history_fini,
};
