/* SPDX-License-Identifier: ISC */
/* ctl_print: see ctl_print.h. */
#include "relayd/smtp/ctl_print.h"

#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/ipc/ipc.h"
#include "lib/mail/queue_id.h"
#include "lib/plan/plan.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/limit.h"
#include "relayd/smtp/pause.h"
#include "relayd/smtp/sched.h"

const char *const ctl_state_names[CTL_STATE__COUNT + 1] = {
	[CTL_READY] = "ready", [CTL_BLOCKED] = "blocked", [CTL_PAUSED] = "paused",
	[CTL_WAITING] = "waiting", [CTL_HELD] = "held",
};

static const char *const verdicts[] = {
	[PLAN_DEFER] = "defer", [PLAN_REJECT] = "reject", [PLAN_GO] = "go",
};

static const char *const sts_states[] = {
	[PLAN_STS_UNKNOWN] = "unknown", [PLAN_STS_NONE] = "none", [PLAN_STS_TESTING] = "testing",
	[PLAN_STS_ENFORCE] = "enforce", [PLAN_STS_FAILED] = "failed",
};

const char *
ctl_print_sts(enum plan_sts_state s)
{
	return (size_t)s < LENGTH(sts_states) ? sts_states[s] : "unknown";
}

json_t *
ctl_print_text(const char *s)
{
	char escaped[2048];
	json_t *j;

	if (s == NULL)
		return json_null();
	if ((j = json_string(s)) != NULL)
		return j;
	str_escape_to(escaped, sizeof escaped, s, strlen(s));
	j = json_string(escaped);
	MUST(j != NULL);
	return j;
}

void
ctl_print_set_time(json_t *o, const char *key, int64_t unix_ms)
{
	set(o, key, unix_ms == 0 ? json_null() : json_integer(unix_ms));
}

static int64_t
wall_of(int64_t mono_ms)
{
	return mono_ms == 0 ? 0 : clock_wall_ms() + (mono_ms - clock_mono_ms());
}

static void
set_mono(json_t *o, const char *key, int64_t mono_ms)
{
	ctl_print_set_time(o, key, wall_of(mono_ms));
}

void
ctl_print_set_why(json_t *o, const struct why *why)
{
	if (!why_is_set(why))
		return;
	set_text(o, "reason", why_token(why->reason));
	set_text(o, "code", why->dsn);
	set_text(o, "why", why->text);
}

/* ---- messages ---- */

/* All zero if the scheduler does not know it (held mail only). */
static struct dest_view
look(const struct sched *s, const char *name)
{
	const struct dest *d = map_gets(s->dests, name);
	struct dest_view v = { 0 };

	if (d != NULL)
		dest_look(d, &v);
	return v;
}

/* Its due time is that of a look for its notices (dest_window), not that of a try. */
static int
waits_behind(const struct store_rcpt *r)
{
	return r->tries == 0 ||
	    (r->reason != NULL && strcmp(r->reason, why_token(WHY_PAUSED)) == 0);
}

enum ctl_state
ctl_state_of(const struct sched *s, const struct store_rcpt *r)
{
	int due = r->due <= clock_queue_ms();
	struct dest_view v;

	if (r->state == STORE_HELD)
		return CTL_HELD;
	if (!due && !waits_behind(r))
		return CTL_WAITING;
	v = look(s, r->dest);
	if (v.pause != NULL)
		return CTL_PAUSED;
	if (v.blocked_until != 0)
		return CTL_BLOCKED;
	return due ? CTL_READY : CTL_WAITING;
}

static json_t *
message_head(const struct store_message *m)
{
	char id[MAIL_QUEUE_ID_LEN + 1];
	json_t *o = json_object();

	mail_queue_id_print(id, m->id);
	set_text(o, "id", id);
	ctl_print_set_time(o, "arrived", clock_queue_to_wall(m->created));
	set(o, "size", json_integer((json_int_t)m->size));
	set_text(o, "sender", m->sender);
	return o;
}

json_t *
ctl_print_message(const struct store_message *m)
{
	json_t *o = message_head(m);

	set_text(o, "client", m->client);
	set_text(o, "client_name", m->client_name);
	set_text(o, "envid", m->envid);
	set_text(o, "ret", m->ret);
	set(o, "eightbit", json_boolean(m->eightbit));
	set(o, "utf8", json_boolean(m->utf8));
	set(o, "requiretls", json_boolean(m->requiretls));
	set(o, "recipients", json_integer((json_int_t)m->nrcpts));
	return o;
}

static void
set_wait_of_pause(json_t *o, const struct pause *p)
{
	char text[PAUSE_REASON_CAP + 64];

	(void)str_fmt(text, sizeof text, "paused by admin uid %u%s%s", p->uid,
	    p->reason[0] != '\0' ? ": " : "", p->reason);
	ctl_print_set_time(o, "next_try", 0);
	set_text(o, "reason", NULL);
	set_text(o, "why", text);
}

/* Its own time or its destination's, whichever is later; why it has to wait that long. */
static void
set_wait(json_t *o, const struct sched *s, const struct store_rcpt *r)
{
	struct dest_view v = look(s, r->dest);
	int64_t until = wall_of(v.blocked_until), due = clock_queue_to_wall(r->due);
	int by_dest = v.why != NULL && until > due;

	if (v.pause != NULL && r->state == STORE_DUE) {
		set_wait_of_pause(o, v.pause);
		return;
	}
	if (r->state == STORE_HELD)
		until = 0;
	else if (!by_dest)
		until = due;
	ctl_print_set_time(o, "next_try", until);
	by_dest = by_dest && r->state == STORE_DUE;
	set_text(o, "reason", by_dest ? why_token(v.why->reason) : r->reason);
	set_text(o, "why", by_dest ? v.why->text : r->last);
}

json_t *
ctl_print_recipient(const struct sched *s, const struct store_message *m,
    const struct store_rcpt *r)
{
	json_t *o = message_head(m);

	set_text(o, "recipient", r->address);
	set_text(o, "destination", r->dest);
	set_text(o, "state", ctl_state_names[ctl_state_of(s, r)]);
	if (r->state != STORE_HELD)
		ctl_print_set_time(o, "due", clock_queue_to_wall(r->due));
	set(o, "tries", json_integer(r->tries));
	set_text(o, "last", r->last);
	set_wait(o, s, r);
	return o;
}

/* ---- destinations ---- */

static void
set_pause(json_t *o, const struct pause *p)
{
	set(o, "paused", json_boolean(p != NULL));
	if (p == NULL)
		return;
	ctl_print_set_time(o, "paused_since", p->since);
	set(o, "paused_by", json_integer(p->uid));
	set_known(o, "paused_why", p->reason);
}

/* "site": "mx mx.a.example", "site_connections": "3 of 20", "site_rate": "100/1s" */
static void
set_limit(json_t *o, const char *what, const struct limit *l)
{
	struct queue_rate rate;
	char key[40], text[64], per[32];

	if (l == NULL)
		return;
	set_text(o, what, limit_name(l));
	str_fmt(key, sizeof key, "%s_connections", what);
	str_fmt(text, sizeof text, "%u of %u", limit_used_by_all(l), limit_max(l));
	set_text(o, key, text);
	rate = limit_rate(l);
	if (rate.n == 0)
		return;
	num_duration_print(per, sizeof per, rate.per);
	str_fmt(key, sizeof key, "%s_rate", what);
	str_fmt(text, sizeof text, "%u in %s", rate.n, per);
	set_text(o, key, text);
}

json_t *
ctl_print_dest(const struct dest *d)
{
	struct dest_view v;
	json_t *o = json_object();

	dest_look(d, &v);
	set_text(o, "destination", dest_name(d));
	set(o, "recipients", json_integer((json_int_t)v.count));
	set(o, "connections", json_integer(v.nlanes));
	set(o, "loaded", json_integer((json_int_t)v.nready));
	set(o, "delivering", json_integer((json_int_t)v.nout));
	set(o, "failures", json_integer(v.failures));
	set_mono(o, "blocked_until", v.blocked_until);
	ctl_print_set_time(o, "next_due",
	    v.disk_due == INT64_MAX ? 0 : clock_queue_to_wall(v.disk_due));
	set(o, "connections_now", json_integer(v.connections));
	set_limit(o, "domain", v.domain);
	set_limit(o, "site", v.site);
	if (v.waits_for != NULL)
		set_text(o, "waits_for", limit_name(v.waits_for));
	set(o, "asking_policy", json_boolean(v.asking));
	set_pause(o, v.pause);
	if (v.blocked_until != 0 || v.failures > 0)
		ctl_print_set_why(o, v.why);
	return o;
}

json_t *
ctl_print_plan(const struct plan *p)
{
	json_t *o = json_object();

	set_text(o, "plan", verdicts[p->verdict]);
	ctl_print_set_why(o, &p->why);
	set(o, "monitor", json_boolean(p->monitor));
	set_text(o, "origin", p->origin);
	set_mono(o, "expires", p->expires);
	set(o, "mx_secure", json_boolean(p->mx_secure));
	set_text(o, "sts", sts_states[p->sts_state]);
	set_known(o, "sts_id", p->sts_id);
	set(o, "port", json_integer(p->port));
	return o;
}

static json_t *
addresses(const struct plan_host *h)
{
	char text[INET6_ADDRSTRLEN];
	json_t *a = json_array();

	for (size_t i = 0; i < h->naddresses; i++) {
		dns_address_print(&h->addresses[i], text, sizeof text);
		append(a, json_string(text));
	}
	return a;
}

json_t *
ctl_print_target(const struct plan_target *t)
{
	const struct plan_requirement *r = &t->requirement;
	json_t *o = json_object();

	set_text(o, "host", t->host.name);
	set(o, "preference", json_integer(t->host.preference));
	set(o, "usable", json_boolean(t->usable));
	set_text(o, "level", plan_level_name(r->level));
	set_text(o, "proof", plan_proof_name(r->proof));
	set(o, "tlsa", json_integer((json_int_t)r->want.tlsa.n));
	set_known(o, "exception", r->exception);
	set(o, "addresses", addresses(&t->host));
	ctl_print_set_why(o, &t->why);
	return o;
}

/* ---- the cached MTA-STS policy ---- */

static json_t *
patterns(const struct ipc_cache *c)
{
	json_t *a = json_array();

	for (size_t i = 0; i < c->npatterns; i++)
		append(a, ctl_print_text(c->patterns[i]));
	return a;
}

static void
set_failure(json_t *o, const struct ipc_cache *c)
{
	set_text(o, "failure", why_token(c->failure.reason));
	set_text(o, "failure_why", c->failure.text);
	set_known(o, "failure_id", c->failed_id);
	ctl_print_set_time(o, "failure_first", c->failed_first * 1000);
	ctl_print_set_time(o, "failure_last", c->failed_last * 1000);
}

json_t *
ctl_print_cache(const char *domain, const struct ipc_cache *c)
{
	json_t *o = json_object();

	set_text(o, "cached", domain);
	set(o, "found", json_boolean(c->found));
	if (c->found) {
		set_text(o, "mode", ctl_print_sts(c->mode));
		set_text(o, "id", c->id);
		set(o, "patterns", patterns(c));
		set(o, "max_age", json_integer(c->max_age));
		set(o, "age", json_integer(clock_wall_ms() / 1000 - c->fetched));
		ctl_print_set_time(o, "fetched", c->fetched * 1000);
		ctl_print_set_time(o, "expires", c->expires * 1000);
		ctl_print_set_time(o, "tried", c->tried * 1000);
		ctl_print_set_time(o, "used", c->used * 1000);
	}
	if (c->failed)
		set_failure(o, c);
	ctl_print_set_why(o, &c->why);
	return o;
}
