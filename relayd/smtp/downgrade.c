/* SPDX-License-Identifier: ISC */
/* downgrade: see downgrade.h. */
#include "relayd/smtp/downgrade.h"

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/meter/count.h"
#include "lib/plan/shown.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/client.h"

void
downgrade_admitted(struct ask *ask, const struct client *c)
{
	const struct plan *p = client_plan(c);
	struct plan_shown shown;

	if (p->routed || p->domain[0] == '[')
		return;
	plan_shown(p, client_terms(c), client_facts(c), &shown);
	if (shown.proven[PLAN_ENCRYPT])
		ask_tell_proven(ask, p->domain, client_target(c)->host.name, &shown);
}

static void
alarm_raise(const char *domain, const char *host, const char *had, const char *has,
    const struct why *why)
{
	const struct log_kv kv[] = {
		LOG_STR("dest", domain), LOG_STR("relay", host), LOG_STR("had", had),
		LOG_STR("has", has), LOG_STR("reason", why_token(why->reason)),
		LOG_STR("dsn", why->dsn), LOG_STR("text", why->text),
	};
	struct buf b;

	buf_init(&b);
	buf_addf(&b, "%s: downgrade of %s: %s (%s) had=%s%s%s reason=%s", domain, host, why->text,
	    why->dsn, had, has != NULL ? " has=" : "", has != NULL ? has : "",
	    why_token(why->reason));
	log_event(LOG_LVL_WARNING, "smtp", "downgrade", buf_str(&b), kv, LENGTH(kv));
	meter_count(METER_DOWNGRADES, why->reason, 0);
	buf_fini(&b);
}

void
downgrade_decided(const struct plan *p)
{
	for (size_t i = 0; i < p->ntargets; i++) {
		const struct plan_target *t = &p->targets[i];

		if (t->why.reason == WHY_DOWNGRADE)
			alarm_raise(p->domain, t->host.name, plan_level_name(t->had), NULL, &t->why);
	}
}

/* One that is cut or slow shows nothing, neither good nor bad. */
static int
tells_something(const struct why *why)
{
	return why_tlsrpt(why->reason)[0] != '\0' && why->reason != WHY_TLS_EOF &&
	    why->reason != WHY_TLS_TIMEOUT;
}

void
downgrade_refused(const struct client *c, const struct why *why)
{
	const struct plan *p = client_plan(c);
	const struct plan_host *h = &client_target(c)->host;
	struct plan_shown shown;

	if (p->routed || !tells_something(why))
		return;
	plan_shown(p, client_terms(c), client_facts(c), &shown);
	if (plan_shown_best(&shown) < h->past.level)
		alarm_raise(p->domain, h->name, plan_level_name(h->past.level),
		    plan_level_name(plan_shown_best(&shown)), why);
}
