/* SPDX-License-Identifier: ISC */
/*
 * ctl_explain: the verb `explain`: why mail to a domain goes as it does, why a
 * message waits, or the table of all decisions. Nothing is remembered for it:
 * the domain is looked up and decided now, as a delivery would do it.
 */

#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/ipc/ipc.h"
#include "lib/plan/table.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctl_decision.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/sched.h"

#define RCPTS_A_STEP	100
#define DESTS_MAX	10	/* of one message are looked up */

enum { ARG_DOMAIN, ARG_ID, ARG_TABLE, ARG_FRESH };
static const struct ctl_arg args[] = {
	[ARG_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN },
	[ARG_ID] = { .key = "id", .type = CTL_QID },
	[ARG_TABLE] = { .key = "table", .type = CTL_FLAG },
	[ARG_FRESH] = { .key = "fresh", .type = CTL_FLAG },
	{ .key = NULL },
};

struct explain {
	void			(*step)(struct ctl_call *);	/* the next one */
	struct ctl_decision	 decision;
	struct ask_wait		*asking;
	json_t			*cached;
	struct store_message	*msg;
	size_t			 at, dests;
};

static void
fini(void *state)
{
	struct explain *x = state;

	ctl_decision_fini(&x->decision);
	ask_cancel(&x->asking);
	json_decref(x->cached);
	store_message_free(&x->msg);
}

static void
go_on(struct ctl_call *c, void (*step)(struct ctl_call *))
{
	((struct explain *)c->state)->step = step;
	ctl_call_next(c);
}

static void
show_dest(struct ctl_call *c, const char *name)
{
	const struct dest *d = map_gets(c->house->sched->dests, name);

	if (d != NULL)
		ctl_call_line(c, ctl_print_dest(d));
}

/* ---- a domain ---- */

static void
domain_end(struct ctl_call *c)
{
	struct explain *x = c->state;

	ctl_decision_show_rule(c, &x->decision);
	if (x->cached != NULL)
		ctl_call_line(c, x->cached);
	x->cached = NULL;
	ctl_decision_show_plan(c, &x->decision);
	show_dest(c, c->values[ARG_DOMAIN].text);
	ctl_decision_show_hints(c, &x->decision);
	ctl_call_end(c, 1, NULL);
}

/* A host a step, first the links of all, then the records. */
static void
domain_records(struct ctl_call *c)
{
	struct explain *x = c->state;

	if (x->at < x->decision.evidence.nhosts)
		ctl_decision_show_records(c, &x->decision, x->at++);
	go_on(c, x->at < x->decision.evidence.nhosts ? domain_records : domain_end);
}

static void
domain_host(struct ctl_call *c)
{
	struct explain *x = c->state;

	if (x->at < x->decision.evidence.nhosts) {
		ctl_decision_show_host(c, &x->decision, x->at++);
		ctl_call_next(c);
		return;
	}
	x->at = 0;
	go_on(c, domain_records);
}

static void
on_cache(void *arg, const struct ipc_cache *cache)
{
	struct ctl_call *c = arg;
	struct explain *x = c->state;

	x->asking = NULL;
	if (cache->found || cache->failed || why_is_set(&cache->why))
		x->cached = ctl_print_cache(c->values[ARG_DOMAIN].text, cache);
	ctl_decision_show_domain(c, &x->decision);
	go_on(c, domain_host);
}

static void
on_decided(struct ctl_call *c)
{
	struct ipc_cache_ask question = { .verb = IPC_CACHE_SHOW };
	struct explain *x = c->state;

	if (x->decision.evidence.mx == PLAN_MX_ROUTE || x->decision.key.domain[0] == '[') {
		ctl_decision_show_domain(c, &x->decision);
		go_on(c, domain_host);
		return;
	}
	(void)str_copy(question.domain, x->decision.key.domain, sizeof question.domain);
	x->asking = ask_cache(c->house->sched->ask, &question, on_cache, c);
}

static void
domain_begin(struct ctl_call *c)
{
	ctl_decision_start(&((struct explain *)c->state)->decision, c, c->values[ARG_DOMAIN].text,
	    c->values[ARG_FRESH].number == 1, on_decided);
}

/* ---- a message ---- */

/* What has to happen before it is tried. */
static const char *
waits_for(const struct sched *s, const struct store_rcpt *r)
{
	const struct dest *d = map_gets(s->dests, r->dest);
	struct dest_view v = { 0 };

	if (d != NULL)
		dest_look(d, &v);
	switch (ctl_state_of(s, r)) {
	case CTL_HELD:
		return "administrator";
	case CTL_WAITING:
		return "next try";
	case CTL_BLOCKED:
		return "back-off of the destination";
	case CTL_PAUSED:
		return "the end of a pause";
	case CTL_READY:
	case CTL_STATE__COUNT:
		break;
	}
	return v.asking ? "policy look-up" : "its turn";
}

static void	message_dest(struct ctl_call *);

static void
on_dest_decided(struct ctl_call *c)
{
	struct explain *x = c->state;

	ctl_decision_show_rule(c, &x->decision);
	ctl_decision_show_plan(c, &x->decision);
	ctl_decision_show_hints(c, &x->decision);
	go_on(c, message_dest);
}

/* Its destinations, one after the other, each looked up now. */
static void
message_dest(struct ctl_call *c)
{
	struct explain *x = c->state;
	const struct store_message *m = x->msg;

	while (x->at < m->nrcpts && !store_rcpt_is_first(m, x->at))
		x->at++;
	if (x->at == m->nrcpts || x->dests++ == DESTS_MAX) {
		ctl_call_end(c, 1, NULL);
		return;
	}
	show_dest(c, m->rcpts[x->at].dest);
	ctl_decision_start(&x->decision, c, m->rcpts[x->at++].dest,
	    c->values[ARG_FRESH].number == 1, on_dest_decided);
}

static void
message_rcpts(struct ctl_call *c)
{
	struct explain *x = c->state;
	const struct sched *s = c->house->sched;
	json_t *o;

	for (size_t i = 0; i < RCPTS_A_STEP && x->at < x->msg->nrcpts; i++) {
		const struct store_rcpt *r = &x->msg->rcpts[x->at++];

		o = ctl_print_recipient(s, x->msg, r);
		set(o, "waits_for", json_string(waits_for(s, r)));
		ctl_call_line(c, o);
	}
	if (x->at < x->msg->nrcpts) {
		ctl_call_next(c);
		return;
	}
	x->at = 0;
	go_on(c, message_dest);
}

static void
on_message(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n,
    int more)
{
	struct explain *x = c->state;

	if ((x->msg = ctl_call_fetched(c, why, msgs, n)) == NULL)
		return;
	ctl_call_line(c, ctl_print_message(x->msg));
	go_on(c, message_rcpts);
}

/* ---- the table ---- */

static void
table(struct ctl_call *c)
{
	static const char *const rules[PLAN_TABLE__RULES] = {
		"encrypt", "verify", "sts", "dane", "exception", "override",
	};
	static const char *const levels[PLAN_TABLE__LEVELS] = {
		"at_plaintext", "at_encrypt", "at_verify", "at_sts", "at_dane", "at_dane_sts",
	};
	struct plan_table_decision d;
	struct plan_table_admission a;
	size_t n = 0;

	for (size_t i = 0; plan_table_decision(i, &d) == 0; i++, n++) {
		json_t *o = json_object();

		set_text(o, "mx", d.mx);
		set_text(o, "tlsa", d.tlsa);
		set_text(o, "mta_sts", d.sts);
		for (size_t k = 0; k < PLAN_TABLE__RULES; k++)
			set_text(o, rules[k], d.cells[k]);
		ctl_call_line(c, o);
	}
	for (size_t i = 0; plan_table_admission(i, &a) == 0; i++, n++) {
		json_t *o = json_object();

		set_text(o, "shown", a.shown);
		for (size_t k = 0; k < PLAN_TABLE__LEVELS; k++)
			set_text(o, levels[k], a.cells[k]);
		ctl_call_line(c, o);
	}
	ctl_call_end(c, n, NULL);
}

/* ---- which of them ---- */

static void
begin(struct ctl_call *c)
{
	struct ctl_refusal r;
	int domain = c->values[ARG_DOMAIN].given, id = c->values[ARG_ID].given;

	if (domain + id + (c->values[ARG_TABLE].number == 1) != 1) {
		(void)ctl_refuse(&r, CTL_USAGE, "relayctl explain user@partner.example",
		    "one address, domain, queue id, or --table is wanted");
		ctl_call_refuse(c, &r);
	} else if (domain) {
		domain_begin(c);
	} else if (id) {
		ctl_call_fetch(c, c->values[ARG_ID].number, on_message);
	} else {
		table(c);
	}
}

static void
explain_step(struct ctl_call *c)
{
	struct explain *x = c->state;

	if (x->step == NULL)
		begin(c);
	else
		x->step(c);
}

/* A decision is the same everywhere; a message is with one of them. */
static const struct ctl_merge merge = { .kind = CTL_WHOEVER, .only_with = "id" };

const struct ctl_verb ctl_verb_explain = {
	.name = "explain", .args = args, .right = CTL_READ, .merge = &merge,
	.state_size = sizeof(struct explain), .step = explain_step, .fini = fini,
};
