/* SPDX-License-Identifier: ISC */
/* evidence: copying and freeing what was found out about a destination. */
#include "lib/plan/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"

void
plan_evidence_fini(struct plan_evidence *ev)
{
	for (size_t i = 0; i < ev->nhosts; i++)
		dns_tlsa_set_fini(&ev->hosts[i].tlsa);
	free(ev->hosts);
	free(ev->sts.patterns);
	memset(ev, 0, sizeof *ev);
}

static void
host_copy(struct plan_host *to, const struct plan_host *from)
{
	*to = *from;
	to->tlsa = (struct dns_tlsa_set){ 0 };
	dns_tlsa_set_copy(&to->tlsa, &from->tlsa);
}

void
plan_evidence_copy(struct plan_evidence *to, const struct plan_evidence *from)
{
	*to = *from;
	to->hosts = NULL;
	to->sts.patterns = NULL;
	if (from->nhosts > 0)
		to->hosts = must_calloc(from->nhosts, sizeof *to->hosts);
	for (size_t i = 0; i < from->nhosts; i++)
		host_copy(&to->hosts[i], &from->hosts[i]);
	if (from->sts.npatterns > 0) {
		to->sts.patterns = must_calloc(from->sts.npatterns, sizeof *to->sts.patterns);
		memcpy(to->sts.patterns, from->sts.patterns,
		    from->sts.npatterns * sizeof *to->sts.patterns);
	}
}
