/* SPDX-License-Identifier: ISC */
/* route: see route.h. */
#include "relayd/smtp/route.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/plan/admit.h"

struct route *
route_new(void)
{
	struct route *r = must_calloc(1, sizeof *r);

	r->refs = 1;
	return r;
}

struct route *
route_ref(struct route *r)
{
	r->refs++;
	return r;
}

void
route_unref(struct route **rp)
{
	struct route *r = *rp;

	*rp = NULL;
	if (r == NULL || --r->refs > 0)
		return;
	plan_fini(&r->plan);
	plan_fini(&r->bare);
	free(r);
}

int
route_admits_bare(const struct route *r, const struct plan_target *t, const struct tls_facts *f)
{
	size_t i = (size_t)(t - r->plan.targets);

	MUST(i < r->plan.ntargets);
	return i < r->bare.ntargets && plan_target_same(&r->bare.targets[i], t) &&
	    plan_would_admit(&r->bare, &r->bare.targets[i].requirement, f);
}
