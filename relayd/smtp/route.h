/* SPDX-License-Identifier: ISC */
/* route: a plan that several connections work under. Owners: its destination and each client. */
#ifndef SMTP_ROUTE_H
#define SMTP_ROUTE_H

#include "lib/plan/plan.h"

struct route {
	unsigned	 refs;
	struct plan	 plan;
};

struct route	*route_new(void);
struct route	*route_ref(struct route *);
void		 route_unref(struct route **);

#endif
