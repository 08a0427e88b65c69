/* SPDX-License-Identifier: ISC */
/* wake: see wake.h. */
#include "relayd/smtp/wake.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rand.h"
#include "lib/base/str.h"
#include "relayd/smtp/dest_int.h"

/* ---- what can be cured by what ---- */

/* Beside those with an RFC 8460 result type. */
static const enum why_reason of_policy[] = {
	WHY_POLICY_UNAVAILABLE, WHY_POLICY_EXPIRED, WHY_REQUIRETLS_UNSUPPORTED,
	WHY_REQUIRETLS_NO_TLS,
};
static const enum why_reason of_reach[] = {
	WHY_DNS_FAILURE, WHY_NO_SUCH_DOMAIN, WHY_NULL_MX, WHY_NO_ADDRESS, WHY_ADDRESS_REFUSED,
	WHY_LOOP, WHY_OWN_ADDRESS, WHY_SPECIAL_NAME, WHY_CONNECT_REFUSED, WHY_CONNECT_TIMEOUT,
	WHY_CONNECTION_LOST, WHY_TIMEOUT, WHY_PROTOCOL_ERROR, WHY_REMOTE_DEFERRED,
	WHY_AUTH_FAILED, WHY_SOURCE_ADDRESS, WHY_REMOTE_BUSY, WHY_GREYLISTED,
};

static int
is_in(enum why_reason r, const enum why_reason *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i] == r)
			return 1;
	return 0;
}

int
wake_cures(enum wake_cure cure, enum why_reason r)
{
	switch (cure) {
	case WAKE_NOTHING:
		return 0;
	case WAKE_REACH:
		if (is_in(r, of_reach, LENGTH(of_reach)))
			return 1;
		break;
	case WAKE_POLICY:
		break;
	}
	return why_tlsrpt(r)[0] != '\0' || is_in(r, of_policy, LENGTH(of_policy));
}

/* ---- waking ---- */

struct waking {
	struct sched	*s;
	char		*dest;
	const char	*what;
};

static void
on_woken(void *arg, const struct why *why, uint64_t recipients)
{
	struct waking *w = arg;
	struct dest *d = map_gets(w->s->dests, w->dest);

	if (why_is_set(why))
		log_err("%s: mail that waits cannot be woken: %s", w->dest, why->text);
	else if (recipients > 0)
		log_info("%s: %llu recipients wait no longer: %s", w->dest,
		    (unsigned long long)recipients, w->what);
	if (recipients > 0 && d != NULL)
		dest_on_disk(d, 0, clock_queue_ms());
	free(w->dest);
	free(w);
}

/* A block for another reason stays: what is due now waits behind it. */
static void
wake(struct dest *d, const char *const *reasons, size_t n, int unblock, const char *what)
{
	struct waking *w = must_calloc(1, sizeof *w);

	w->s = d->s;
	w->dest = must_strdup(d->name);
	w->what = what;
	d->s->store->ops->wake(d->s->store, d->name, reasons, n, clock_queue_ms(), on_woken, w);
	if (!unblock)
		return;
	queue_backoff_kick(&d->backoff);
	sched_wake_at(d->s, d, clock_mono_ms());
}

static void
wake_cured(struct dest *d, enum wake_cure cure, const char *what)
{
	const char *reasons[WHY__COUNT];
	size_t n = 0;
	struct job *j;

	TAILQ_FOREACH(j, &d->out, link)
		j->cure = cure;
	for (int r = 0; r < WHY__COUNT; r++)
		if (wake_cures(cure, (enum why_reason)r))
			reasons[n++] = why_token((enum why_reason)r);
	wake(d, reasons, n, wake_cures(cure, d->why.reason), what);
}

/* ---- the configuration as far as it concerns one destination ---- */

struct digest {
	uint64_t	reach, policy;
};

static uint64_t
finish(struct buf *b)
{
	uint64_t h = rand_hash(buf_data(b), buf_len(b));

	buf_fini(b);
	return h;
}

/* A file of the configuration: its name, and what was in it. */
static void
add_file(struct buf *b, const struct generation *g, const char *name)
{
	const char *data;
	size_t len;

	buf_add_str(b, name);
	if (*name != '\0' && conf_file(g->conf, name, &data, &len) == 0)
		buf_add_u64(b, rand_hash(data, len));
}

static void
add_via(struct buf *b, const struct generation *g, const struct plan_via *via)
{
	char record[1200];

	buf_add_u32(b, (uint32_t)via->nhops);
	for (size_t i = 0; i < via->nhops; i++) {
		buf_add_str(b, via->hops[i].host);
		buf_add_u32(b, via->hops[i].port);
	}
	buf_add_u8(b, via->implicit != 0);
	buf_add_u64(b, via->login);
	add_file(b, g, via->ca);
	add_file(b, g, via->identity);
	for (size_t i = 0; i < via->tlsa.n; i++) {
		dns_tlsa_print(&via->tlsa.rr[i], record, sizeof record);
		buf_add_str(b, record);
	}
}

static int
has_host(const struct plan *p, const struct plan_exception *x)
{
	for (size_t i = 0; i < p->ntargets; i++)
		for (size_t j = 0; j < x->nhosts; j++)
			if (str_domain_matches(x->hosts[j], p->targets[i].host.name))
				return 1;
	return 0;
}

/* Only worker 0 knows whether they are used up; that there are more is news to all. */
static uint32_t
uses_of(const struct generation *g, const char *id)
{
	const struct conf_exception *x = g->conf->exceptions.v;

	for (size_t i = 0; i < g->conf->exceptions.n; i++)
		if (strcmp(x[i].id, id) == 0)
			return (uint32_t)x[i].max_uses;
	return 0;
}

static void
add_exception(struct buf *b, const struct generation *g, const struct plan_exception *x)
{
	buf_add_str(b, x->id);
	buf_add_u32(b, uses_of(g, x->id));
	buf_add_u8(b, (uint8_t)x->allow);
	buf_add_u8(b, x->allow_weak_tls != 0);
	buf_add_u8(b, x->overrides_published != 0);
	buf_add_u8(b, x->any_domain != 0);
	for (size_t i = 0; i < x->nhosts; i++)
		buf_add_str(b, x->hosts[i]);
}

static struct digest
digest_of(const struct dest *d, const struct generation *g)
{
	const struct plan *p = d->last != NULL ? &d->last->plan : NULL;
	struct generation_exceptions exceptions;
	struct plan_rule rule;
	struct buf reach, policy;
	struct digest digest;

	(void)generation_rule(g, d->s->ledger, &d->key, &rule, &exceptions);
	buf_init(&reach);
	buf_init(&policy);
	if (rule.via != NULL)
		add_via(&reach, g, rule.via);
	buf_add_u32(&reach, rule.port);
	buf_add_u64(&reach, rule.source);
	buf_add_u8(&policy, (uint8_t)rule.level);
	buf_add_u8(&policy, rule.monitor != 0);
	buf_add_u32(&policy, (uint32_t)rule.min_version);
	buf_add_str(&policy, g->conf->delivery.ca_file);
	buf_add_u64(&policy, g->ca_digest);	/* all destinations ask for it at a reload */
	for (const struct plan_exception *x = rule.exception; x != NULL; x = x->next)
		if (!x->any_domain || x->nhosts == 0 || p == NULL || has_host(p, x))
			add_exception(&policy, g, x);
	digest.reach = finish(&reach);
	digest.policy = finish(&policy);
	return digest;
}

static void
compare(void *value, void *arg)
{
	struct dest *d = value;
	struct digest old = digest_of(d, arg), new = digest_of(d, d->s->generation);

	if (old.reach != new.reach || old.policy != new.policy)
		d->changed = d->s->generation->number;
	if (old.reach != new.reach)
		wake_cured(d, WAKE_REACH, "the configuration has another way for them");
	else if (old.policy != new.policy)
		wake_cured(d, WAKE_POLICY, "the configuration has another rule for them");
}

void
wake_reload(struct sched *s, const struct generation *old)
{
	map_each(s->dests, compare, (void *)(uintptr_t)old);
}

/* ---- the plan ---- */

/* Hosts of one preference come in any order. */
static uint64_t
plan_digest(const struct plan *p)
{
	uint64_t sum = 1;

	for (size_t i = 0; i < p->ntargets; i++) {
		const struct plan_target *t = &p->targets[i];
		struct buf b;

		buf_init(&b);
		buf_add_str(&b, t->host.name);
		buf_add_u32(&b, t->port);
		buf_add_u8(&b, t->usable != 0);
		buf_add_u8(&b, p->monitor != 0);
		buf_add_u32(&b, (uint32_t)t->why.reason);
		buf_add_u64(&b, plan_requirement_key(&t->requirement));
		sum += finish(&b);
	}
	return sum != 0 ? sum : 1;
}

void
wake_planned(struct dest *d)
{
	const struct plan *p = &d->route->plan;
	enum why_reason missing = d->planless;
	uint64_t before = d->plan_digest;
	const char *token;

	if (p->ntargets > 0) {
		route_unref(&d->last);
		d->last = route_ref(d->route);
	}
	if (p->verdict == PLAN_DEFER) {
		d->planless = p->why.reason;
		return;
	}
	d->planless = WHY_NONE;
	d->plan_digest = plan_digest(p);
	if (before != 0 && before != d->plan_digest)
		wake_cured(d, WAKE_POLICY, "the destination has another policy");
	if (missing == WHY_NONE)
		return;
	token = why_token(missing);
	wake(d, &token, 1, d->why.reason == missing, "the destination's policy is known again");
}

/* ---- the administrator ---- */

static void
resume(void *value, void *arg)
{
	const char *token = why_token(WHY_PAUSED);
	struct dest *d = value;

	if (strcmp(d->key.domain, arg) == 0)
		wake(d, &token, 1, 0, "the destination is resumed");
}

void
wake_resumed(struct sched *s, const char *domain)
{
	char name[QUEUE_KEY_CAP];

	(void)str_copy(name, domain, sizeof name);
	map_each(s->dests, resume, name);
}
