/* SPDX-License-Identifier: ISC */
/* shown: see shown.h. */
#include "lib/plan/shown.h"

#include <string.h>

void
plan_shown(const struct plan *p, const struct plan_requirement *r, const struct tls_facts *f,
    struct plan_shown *s)
{
	int trusted = f->pkix_chain && f->pkix_name;
	int matched = r->tlsa && f->dane_matched;

	memset(s, 0, sizeof *s);
	if (!f->encrypted || f->resumed)
		return;
	s->proven[PLAN_ENCRYPT] = 1;
	s->proven[PLAN_VERIFY] = trusted;
	s->proven[PLAN_STS] = r->sts && trusted;
	s->proven[PLAN_DANE] = p->mx_secure && r->level == PLAN_DANE && matched;
}

enum plan_level
plan_shown_best(const struct plan_shown *s)
{
	for (enum plan_level level = PLAN_DANE; level > PLAN_NO_LEVEL; level--)
		if (s->proven[level])
			return level;
	return PLAN_NO_LEVEL;
}
