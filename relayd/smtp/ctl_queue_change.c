/* SPDX-License-Identifier: ISC */
/*
 * ctl_queue_change: the verbs `queue.hold`, `release`, `delete`, `expire`,
 * `bounce` and `redirect`: what manage.h does, to all recipients that the
 * request selects. A page is on its way at a time; what was begun is carried
 * out even if the asker leaves. With "dry" nothing is changed, only counted.
 */
#include <string.h>

#include "lib/base/map.h"
#include "lib/mail/address.h"
#include "lib/mail/domain.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_merge.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/ctl_walk.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/manage.h"
#include "relayd/smtp/sched.h"

enum { CHANGE_ALL = CTL_SELECT__COUNT, CHANGE_DRY, CHANGE_NOTE, CHANGE_TO };
#define CHANGE_ARGS								\
	CTL_SELECT_ARGS,							\
	[CHANGE_ALL] = { .key = "all", .type = CTL_FLAG },			\
	[CHANGE_DRY] = { .key = "dry", .type = CTL_FLAG },			\
	[CHANGE_NOTE] = { .key = "note", .type = CTL_TEXT }
static const struct ctl_arg args[] = { CHANGE_ARGS, { .key = NULL } };
static const struct ctl_arg redirect_args[] = {
	CHANGE_ARGS,
	[CHANGE_TO] = { .key = "to", .type = CTL_ADDRESS, .required = 1 },
	{ .key = NULL },
};

struct change {
	struct ctl_walk		walk;
	struct manage_order	order;
	char			to_domain[MAIL_DOMAIN_CAP];
	int			to_utf8, begun;
	uint64_t		messages, octets, refused;
	struct why		refusal;	/* of the first one refused */
	size_t			pending;
	struct why		failure;
};

/* ---- the answer ---- */

static void
print_counts(struct ctl_call *c)
{
	const struct change *h = c->state;
	json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I}",
	    "action", manage_name(h->order.action), "dry", c->values[CHANGE_DRY].number == 1,
	    "recipients", (json_int_t)h->walk.count, "messages", (json_int_t)h->messages,
	    "octets", (json_int_t)h->octets, "refused", (json_int_t)h->refused);

	if (h->refused > 0) {
		set(o, "reason", json_string(why_token(h->refusal.reason)));
		set(o, "why", json_string(h->refusal.text));
	}
	ctl_call_line(c, o);
}

static int
refuse_all(struct ctl_refusal *r, uint64_t n, const char *reason, const char *why)
{
	int busy = strcmp(reason, why_token(WHY_LIMIT)) == 0;

	return ctl_refuse(r, busy ? CTL_BUSY : CTL_FAILED,
	    busy ? "try again when the attempt is over" : NULL, "%llu recipients: %s",
	    (unsigned long long)n, why);
}

static void
all_refused(struct ctl_call *c)
{
	const struct change *h = c->state;
	struct ctl_refusal r;

	(void)refuse_all(&r, h->refused, why_token(h->refusal.reason), h->refusal.text);
	ctl_call_refuse(c, &r);
}

static void
page_done(struct ctl_call *c)
{
	struct change *h = c->state;

	if (why_is_set(&h->failure)) {
		ctl_call_fail(c, &h->failure);
	} else if (ctl_walk_goes_on(&h->walk)) {
		ctl_call_next(c);
	} else if (h->walk.count == 0 && h->refused > 0 && !c->part) {
		all_refused(c);
	} else {
		print_counts(c);
		ctl_walk_end(&h->walk, c);
	}
}

static void
on_changed(struct ctl_call *c, const struct why *why)
{
	struct change *h = c->state;

	if (why_is_set(why) && !why_is_set(&h->failure))
		h->failure = *why;
	if (--h->pending == 0)
		page_done(c);
}

/* ---- a message ---- */

static int
concerns(const struct change *h, const struct store_rcpt *r)
{
	switch (h->order.action) {
	case MANAGE_HOLD:
		return r->state == STORE_DUE;
	case MANAGE_RELEASE:
		return r->state == STORE_HELD;
	case MANAGE_DELETE:
	case MANAGE_EXPIRE:
	case MANAGE_BOUNCE:
	case MANAGE_REDIRECT:
	case MANAGE__COUNT:
		break;
	}
	return 1;
}

static void
count_refused(struct change *h, size_t n, const struct why *why)
{
	if (h->refused == 0)
		h->refusal = *why;
	h->refused += n;
}

/* Its neighbours in the message are changed all the same. */
static int
is_out(struct ctl_call *c, const struct store_message *m, const struct store_rcpt *r)
{
	const struct dest *d = map_gets(c->house->sched->dests, r->dest);
	struct why why;

	if (d == NULL || !dest_has_out(d, m->id, r->id))
		return 0;
	(void)why_set(&why, WHY_LIMIT, "being delivered now");
	count_refused(c->state, 1, &why);
	return 1;
}

/* Leaves those that the request is about and that can be changed. */
static void
narrow(struct ctl_call *c, struct store_message *m)
{
	const struct change *h = c->state;
	size_t kept = 0;

	for (size_t i = 0; i < m->nrcpts; i++) {
		struct store_rcpt *r = &m->rcpts[i];

		if (concerns(h, r) && ctl_walk_wants(&h->walk, c, m, r) && !is_out(c, m, r))
			m->rcpts[kept++] = *r;
		else
			store_rcpt_fini(r);
	}
	m->nrcpts = kept;
}

/* The recipients of one destination. */
static int
change_part(struct ctl_call *c, struct store_message *part)
{
	struct change *h = c->state;
	size_t n = part->nrcpts;
	struct why why;

	if (c->values[CHANGE_DRY].number == 1)
		store_message_free(&part);
	else if (ctl_call_manage(c, &h->order, &part, on_changed, &why) == -1) {
		count_refused(h, n, &why);
		return 0;
	} else
		h->pending++;
	h->walk.count += n;
	return 1;
}

/* Taken. */
static void
change_message(struct ctl_call *c, struct store_message *m)
{
	struct change *h = c->state;
	uint64_t octets = m->size;
	int changed = 0;
	struct why why;

	h->walk.after = m->id;
	narrow(c, m);
	if (h->to_utf8 && !m->utf8 && m->nrcpts > 0) {
		(void)why_set(&why, WHY_BAD_ADDRESS, "the address needs SMTPUTF8");
		count_refused(h, m->nrcpts, &why);
	} else {
		while (m->nrcpts > 0)
			changed |= change_part(c, sched_split(m));
		h->messages += changed ? 1 : 0;
		h->octets += changed ? octets : 0;
	}
	store_message_free(&m);
}

static void
on_page(struct ctl_call *c, const struct why *why, struct store_message **msgs, size_t n, int more)
{
	struct change *h = c->state;
	int going = ctl_walk_page(&h->walk, c, why, n, more) == 0;

	for (size_t i = 0; i < n; i++) {
		if (going && ctl_walk_takes(&h->walk, msgs[i]))
			change_message(c, msgs[i]);
		else
			store_message_free(&msgs[i]);
	}
	if (going && h->pending == 0)
		page_done(c);
}

/* ---- the request ---- */

static int
check_target(struct ctl_call *c, struct ctl_refusal *r)
{
	struct change *h = c->state;
	const char *to = c->values[CHANGE_TO].text, *domain;
	struct mail_address address;
	struct why why;

	if (!c->values[CHANGE_TO].given)
		return 0;
	if (mail_address_parse(to, strlen(to), &address) == -1)
		return ctl_refuse(r, CTL_USAGE, NULL, "to: this is no mail address");
	domain = mail_address_domain(to);
	if (mail_domain_to_ascii(domain, strlen(domain), h->to_domain, &why) == -1)
		return ctl_refuse(r, CTL_USAGE, NULL, "to: %s", why.text);
	h->to_utf8 = address.utf8;
	return 0;
}

static int
begin(struct ctl_call *c)
{
	struct change *h = c->state;
	struct ctl_refusal r;

	h->begun = 1;
	ctl_walk_begin(&h->walk, c);
	h->order = (struct manage_order){
		.action = (enum manage_action)c->verb->kind, .uid = c->uid,
		.reason = c->values[CHANGE_NOTE].text, .to = c->values[CHANGE_TO].text,
		.to_domain = h->to_domain,
	};
	if (ctl_select_is_set(&h->walk.select) + (c->values[CHANGE_ALL].number == 1) != 1)
		(void)ctl_refuse(&r, CTL_USAGE, "name ids, a selection, or all; -n only counts",
		    "which mail?");
	else if (check_target(c, &r) == 0)
		return 0;
	ctl_call_refuse(c, &r);
	return -1;
}

static void
change_step(struct ctl_call *c)
{
	struct change *h = c->state;

	if (!h->begun && begin(c) == -1)
		return;
	ctl_walk_next(&h->walk, c, on_page);
}

/* ---- several workers ---- */

static int
sum_is_refused(const json_t *row, struct ctl_refusal *r)
{
	json_int_t refused = json_integer_value(json_object_get(row, "refused"));
	const char *reason = json_string_value(json_object_get(row, "reason"));
	const char *why = json_string_value(json_object_get(row, "why"));

	if (json_integer_value(json_object_get(row, "recipients")) > 0 || refused <= 0)
		return 0;
	return refuse_all(r, (uint64_t)refused, reason != NULL ? reason : "",
	    why != NULL ? why : "");
}

static const struct ctl_field sums[] = {
	{ .key = "recipients", .join = CTL_ADD }, { .key = "messages", .join = CTL_ADD },
	{ .key = "octets", .join = CTL_ADD },
	{ .key = "reason", .join = CTL_WITH, .by = "refused" },
	{ .key = "why", .join = CTL_WITH, .by = "refused" },
	{ .key = "refused", .join = CTL_ADD },
	{ .key = NULL },
};

static const struct ctl_merge merge = {
	.kind = CTL_SUMMED, .fields = sums, .count = CTL_COUNT_SUM, .to_max = 1,
	.refused = sum_is_refused,
};

#define VERB(word, action, arguments)						\
	const struct ctl_verb ctl_verb_queue_##word = {				\
		.name = "queue." #word, .args = arguments, .right = CTL_CHANGE, .merge = &merge, \
		.kind = action, .state_size = sizeof(struct change), .step = change_step, \
	}
VERB(hold, MANAGE_HOLD, args);
VERB(release, MANAGE_RELEASE, args);
VERB(delete, MANAGE_DELETE, args);
VERB(expire, MANAGE_EXPIRE, args);
VERB(bounce, MANAGE_BOUNCE, args);
VERB(redirect, MANAGE_REDIRECT, redirect_args);
