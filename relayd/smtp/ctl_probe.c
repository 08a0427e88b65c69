/* SPDX-License-Identifier: ISC */
/*
 * ctl_probe: the verb `probe`: the plan for a domain as it would be decided
 * now, and what every address of its hosts shows up to the gate. A line per
 * address, then one that sums up: would mail go?
 */

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "relayd/smtp/ctl_decision.h"
#include "relayd/smtp/ctl_json.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_verbs.h"
#include "relayd/smtp/probe.h"
#include "relayd/smtp/sched.h"

#define PROBES_MAX	16	/* at once, of all askers */

enum { ARG_DOMAIN, ARG_FRESH };
static const struct ctl_arg args[] = {
	[ARG_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN, .required = 1 },
	[ARG_FRESH] = { .key = "fresh", .type = CTL_FLAG },
	{ .key = NULL },
};

/* Of one host, for the comparison of its addresses. */
struct seen {
	struct dns_address	 admitted, refused;	/* the last of each; family 0: none */
	struct why		 why;
};

struct state {
	struct ctl_house	*house;		/* NULL: not counted there */
	struct ctl_decision	 decision;
	struct probe		*probe;
	struct seen		 hosts[PLAN_HOSTS_MAX];
	unsigned		 counts[PROBE_UNTRIED + 1];
	enum plan_level		 weakest;	/* of what was admitted; NO_LEVEL: nothing */
	int64_t			 expires;	/* earliest end of a certificate, Unix s */
	struct why		 why;		/* the first that says something about security */
};

static void
fini(void *state)
{
	struct state *s = state;

	probe_free(&s->probe);
	ctl_decision_fini(&s->decision);
	if (s->house != NULL)
		s->house->probes--;
}

/* ---- a line per address ---- */

static void
set_certificate(json_t *o, const struct tls_facts *f)
{
	int64_t now = clock_wall_ms();

	set_known(o, "protocol", f->protocol);
	set_known(o, "cipher", f->cipher);
	set_known(o, "subject", f->subject);
	set_known(o, "issuer", f->issuer);
	set_known(o, "fingerprint", f->fingerprint);
	ctl_print_set_time(o, "not_after", f->not_after * 1000);
	if (f->not_after != 0)
		set(o, "days_left", json_integer((f->not_after - now / 1000) / 86400));
	set(o, "chain", json_boolean(f->pkix_chain));
	set(o, "name", json_boolean(f->pkix_name));
	set_known(o, "matched_name", f->matched_name);
	if (f->dane_usable > 0) {
		set(o, "dane_usable", json_integer(f->dane_usable));
		set(o, "dane_matched", json_boolean(f->dane_matched));
	}
	if (f->dane_matched) {
		set(o, "dane_usage", json_integer(f->dane_usage));
		set(o, "dane_depth", json_integer(f->dane_depth));
	}
}

static json_t *
print_result(const struct probe_result *r)
{
	const struct plan_requirement *q = &r->target->requirement;
	char ip[INET6_ADDRSTRLEN] = "";
	json_t *o = json_object();

	if (r->address != NULL)
		dns_address_print(r->address, ip, sizeof ip);
	set_text(o, "address", ip);
	set_known(o, "host", r->target->host.name);
	set(o, "preference", json_integer(r->target->host.preference));
	set(o, "port", json_integer(r->target->port));
	set_known(o, "verdict", probe_verdict_name(r->verdict));
	set_known(o, "level", plan_level_name(q->level));
	set_known(o, "proof", plan_proof_name(q->proof));
	set_known(o, "exception", q->exception);
	set(o, "in_clear", json_boolean(r->in_clear));
	ctl_print_set_why(o, &r->why);
	if (r->facts->encrypted)
		set_certificate(o, r->facts);
	set(o, "ms", json_integer(r->ms));
	return o;
}

/* ---- the sum ---- */

static void
note_host(struct state *s, const struct probe_result *r)
{
	size_t i = (size_t)(r->target - s->decision.route->plan.targets);
	struct seen *h = &s->hosts[i < PLAN_HOSTS_MAX ? i : PLAN_HOSTS_MAX - 1];

	if (r->verdict == PROBE_ADMITTED)
		h->admitted = *r->address;
	if (r->verdict == PROBE_REFUSED) {
		h->refused = *r->address;
		h->why = r->why;
	}
}

static void
on_result(void *arg, const struct probe_result *r)
{
	struct ctl_call *c = arg;
	struct state *s = c->state;
	enum plan_level level = r->target->requirement.level;

	ctl_call_line(c, print_result(r));
	s->counts[r->verdict]++;
	note_host(s, r);
	if (r->verdict == PROBE_ADMITTED &&
	    (s->weakest == PLAN_NO_LEVEL || level < s->weakest))
		s->weakest = level;
	if (r->facts->not_after != 0 && (s->expires == 0 || r->facts->not_after < s->expires))
		s->expires = r->facts->not_after;
	if (why_is_set(&r->why) && (!why_is_set(&s->why) ||
	    (why_tlsrpt(s->why.reason)[0] == '\0' && why_tlsrpt(r->why.reason)[0] != '\0')))
		s->why = r->why;
}

static const char *
verdict(const struct state *s)
{
	const struct plan *p = &s->decision.route->plan;
	const unsigned *n = s->counts;

	if (p->verdict == PLAN_REJECT)
		return "reject";
	if (n[PROBE_ADMITTED] > 0)
		return n[PROBE_REFUSED] + n[PROBE_UNREACHABLE] + n[PROBE_UNTRIED] > 0 ?
		    "partial" : "deliver";
	if (p->verdict == PLAN_DEFER)
		return why_tlsrpt(p->why.reason)[0] != '\0' ? "refuse" : "defer";
	return n[PROBE_REFUSED] > 0 ? "refuse" : "unreachable";
}

static json_t *
print_sum(const struct state *s)
{
	const struct plan *p = &s->decision.route->plan;
	json_t *o = json_object();

	set_known(o, "probe", s->decision.key.domain);
	set_known(o, "verdict", verdict(s));
	set_known(o, "level", s->weakest == PLAN_NO_LEVEL ? NULL : plan_level_name(s->weakest));
	set(o, "monitor", json_boolean(p->monitor));
	set_known(o, "origin", p->origin);
	set(o, "hosts", json_integer((json_int_t)p->ntargets));
	for (int v = 0; v <= PROBE_UNTRIED; v++)
		set(o, probe_verdict_name((enum probe_verdict)v), json_integer(s->counts[v]));
	ctl_print_set_time(o, "not_after", s->expires * 1000);
	ctl_print_set_why(o, why_is_set(&p->why) ? &p->why : &s->why);
	return o;
}

/* RULES P09: one server or certificate for each address family is a common mistake. */
static void
compare_addresses(struct ctl_call *c)
{
	struct state *s = c->state;
	const struct plan *p = &s->decision.route->plan;
	char good[INET6_ADDRSTRLEN], bad[INET6_ADDRSTRLEN], text[1024];

	for (size_t i = 0; i < p->ntargets && i < PLAN_HOSTS_MAX; i++) {
		const struct seen *h = &s->hosts[i];

		if (h->admitted.family == 0 || h->refused.family == 0)
			continue;
		dns_address_print(&h->admitted, good, sizeof good);
		dns_address_print(&h->refused, bad, sizeof bad);
		(void)str_fmt(text, sizeof text, "%s: %s is refused (%s) and %s is not: another "
		    "server or certificate answers there", p->targets[i].host.name, bad,
		    why_token(h->why.reason), good);
		ctl_call_line(c, json_pack("{s:o}", "hint", ctl_print_text(text)));
	}
}

static void
end(struct ctl_call *c)
{
	struct state *s = c->state;

	ctl_call_line(c, print_sum(s));
	compare_addresses(c);
	ctl_decision_show_hints(c, &s->decision);
	ctl_call_end(c, 1, json_pack("{s:b}", "good", s->counts[PROBE_ADMITTED] > 0));
}

static void
on_done(void *arg)
{
	end(arg);
}

static const struct probe_events events = { .result = on_result, .done = on_done };

/* ---- the way ---- */

static void
on_decided(struct ctl_call *c)
{
	struct state *s = c->state;
	const struct probe_param p = {
		.base = c->house->sched->base, .store = c->house->store,
		.generation = s->decision.generation, .route = s->decision.route,
	};

	if (s->decision.route->plan.ntargets == 0)
		end(c);
	else
		s->probe = probe_new(&p, &events, c);
}

static void
probe_step(struct ctl_call *c)
{
	struct state *s = c->state;
	struct ctl_refusal r;

	if (c->house->probes >= PROBES_MAX) {
		(void)ctl_refuse(&r, CTL_BUSY, "try again", "%u probes are under way", PROBES_MAX);
		ctl_call_refuse(c, &r);
		return;
	}
	s->house = c->house;
	s->house->probes++;
	why_clear(&s->why);
	ctl_decision_start(&s->decision, c, c->values[ARG_DOMAIN].text,
	    c->values[ARG_FRESH].number == 1, on_decided);
}

const struct ctl_verb ctl_verb_probe = {
	.name = "probe", .args = args, .right = CTL_CHANGE,
	.state_size = sizeof(struct state), .step = probe_step, .fini = fini,
};
