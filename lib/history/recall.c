/* SPDX-License-Identifier: ISC */
/* recall: see recall.h. */
#include "lib/history/recall.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/plan/plan.h"

/* ---- the orderly ends ---- */

static int
forget(struct history_ledger *l, const struct plan_evidence *e, const char *host,
    enum plan_level level, const char *how)
{
	struct why why;
	int n = history_ledger_forget(l, e->domain, host, level, &why);

	if (n == -1) {
		log_err("%s", why.text);
		return -1;
	}
	if (n > 0)
		log_notice("TLS history of %s: %s %s withdrawn by its owner: %s", e->domain,
		    plan_level_name(level), host[0] != '\0' ? host : "of all hosts", how);
	return 0;
}

static int
dane_denied(const struct plan_evidence *e, const struct plan_host *h)
{
	return e->mx_secure && h->addresses_state == PLAN_ADDRESSES_FOUND && h->addresses_secure &&
	    h->tlsa_state == PLAN_TLSA_NONE && h->tlsa_denied;
}

static int
forget_dane(struct history_ledger *l, const struct plan_evidence *e)
{
	static const char how[] = "signed denial of the TLSA records";
	size_t denied = 0;

	for (size_t i = 0; i < e->nhosts; i++)
		denied += dane_denied(e, &e->hosts[i]) ? 1 : 0;
	if (denied > 0 && denied == e->nhosts)
		return forget(l, e, "", PLAN_DANE, how);
	for (size_t i = 0; i < e->nhosts; i++)
		if (dane_denied(e, &e->hosts[i]) &&
		    forget(l, e, e->hosts[i].name, PLAN_DANE, how) == -1)
			return -1;
	return 0;
}

static int
forget_sts(struct history_ledger *l, const struct plan_evidence *e)
{
	if (e->sts.state == PLAN_STS_NONE && e->sts.withdrawn)
		return forget(l, e, "", PLAN_STS, "its policy says mode none");
	if (e->sts.state == PLAN_STS_TESTING)
		return forget(l, e, "", PLAN_STS, "its policy says mode testing");
	return 0;
}

/* ---- what is left ---- */

/* Rows of one level are added up, a better level takes the place of a lesser one. */
static void
add_row(struct plan_past *to, const struct history_row *r)
{
	if (r->level < to->level)
		return;
	if (r->level > to->level)
		*to = (struct plan_past){ .level = r->level };
	if (r->last > to->last)
		to->last = r->last;
	to->count = r->count > UINT32_MAX - to->count ? UINT32_MAX : to->count + r->count;
}

static int
fill(struct history_ledger *l, int64_t since, struct plan_evidence *e)
{
	struct history_row *rows = must_calloc(HISTORY_ROWS_MAX, sizeof *rows);
	struct why why;
	int n = history_ledger_rows(l, e->domain, rows, HISTORY_ROWS_MAX, &why);

	for (int i = 0; i < n; i++) {
		if (rows[i].last < since)
			continue;
		add_row(&e->past, &rows[i]);
		if (rows[i].level == PLAN_STS)
			add_row(&e->past_sts, &rows[i]);
		for (size_t j = 0; j < e->nhosts; j++)
			if (strcmp(e->hosts[j].name, rows[i].host) == 0)
				add_row(&e->hosts[j].past, &rows[i]);
	}
	if (n == -1)
		log_err("%s: its mail waits", why.text);
	free(rows);
	return n == -1 ? -1 : 0;
}

void
history_recall(struct history_ledger *l, int64_t now, int64_t keep, struct plan_evidence *e)
{
	e->past_known = 1;
	if (keep == 0 || e->mx == PLAN_MX_ROUTE || e->domain[0] == '[')
		return;
	if (forget_dane(l, e) == -1 || forget_sts(l, e) == -1 || fill(l, now - keep, e) == -1)
		e->past_known = 0;
}
