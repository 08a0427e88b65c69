/* SPDX-License-Identifier: ISC */
/* requiretls: see requiretls.h. */
#include "lib/plan/requiretls.h"

#include <string.h>

#include "lib/base/list.h"

int
plan_requiretls_name(const struct plan *p, const struct plan_target *t, struct why *why)
{
	if (t->named)
		return 0;
	if (p->sts_state == PLAN_STS_UNKNOWN || p->sts_state == PLAN_STS_FAILED)
		return why_set(why, WHY_POLICY_UNAVAILABLE, "REQUIRETLS: the MTA-STS policy that may "
		    "list %s is not to be had now", t->host.name);
	return why_set(why, WHY_REQUIRETLS_NO_TLS, "REQUIRETLS: nothing proves that %s is a mail "
	    "server of %s (neither DNSSEC nor MTA-STS)", t->host.name, p->domain);
}

/* What a host showed and will show again, rather than what happened on the way to it. */
static const enum why_reason lasting[] = {
	WHY_STARTTLS_NOT_SUPPORTED, WHY_STARTTLS_MANGLED, WHY_STARTTLS_REFUSED,
	WHY_STARTTLS_INJECTION, WHY_TLS_ALERT, WHY_TLS_TOO_OLD, WHY_TLS_RESUMED, WHY_CERT_MISMATCH,
	WHY_CERT_EXPIRED, WHY_CERT_NOT_TRUSTED, WHY_CERT_INVALID, WHY_TLSA_MISMATCH,
	WHY_TLSA_INVALID, WHY_DANE_REQUIRED, WHY_STS_MX_MISMATCH, WHY_STS_REQUIRED,
	WHY_LEVEL_NOT_MET, WHY_REQUIRETLS_UNSUPPORTED, WHY_REQUIRETLS_NO_TLS,
};

static int
lasts(enum why_reason reason)
{
	for (size_t i = 0; i < LENGTH(lasting); i++)
		if (lasting[i] == reason)
			return 1;
	return 0;
}

void
plan_requiretls_begin(struct plan_requiretls_walk *w)
{
	memset(w, 0, sizeof *w);
	why_clear(&w->passing);
	why_clear(&w->unsupported);
	why_clear(&w->no_tls);
}

void
plan_requiretls_refused(struct plan_requiretls_walk *w, const char *host, const struct why *why)
{
	if (!lasts(why->reason))
		w->passing = *why;
	else if (why->reason == WHY_REQUIRETLS_UNSUPPORTED)
		w->unsupported = *why;
	else if (why->reason == WHY_REQUIRETLS_NO_TLS)
		w->no_tls = *why;
	else
		why_set(&w->no_tls, WHY_REQUIRETLS_NO_TLS, "REQUIRETLS: %s: %s", host, why->text);
}

int
plan_requiretls_over(const struct plan_requiretls_walk *w, struct why *why)
{
	*why = why_is_set(&w->unsupported) ? w->unsupported : w->no_tls;
	if (why_is_set(&w->passing))
		*why = w->passing;
	return !why_is_set(&w->passing) && why_is_set(why);
}
