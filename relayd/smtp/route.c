/* SPDX-License-Identifier: ISC */
/* route: see route.h. */
#include "relayd/smtp/route.h"

#include <stdlib.h>

#include "lib/base/bug.h"

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
	free(r);
}
