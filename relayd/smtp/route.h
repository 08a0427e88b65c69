/* SPDX-License-Identifier: ISC */
/*
 * route: a plan that several connections work under. Owners: its destination
 * and each client. Where an exception is in it, also what it were without.
 */
#ifndef SMTP_ROUTE_H
#define SMTP_ROUTE_H

#include "lib/plan/plan.h"

struct route {
	unsigned	 refs;
	struct plan	 plan;
	struct plan	 bare;		/* without exceptions; no targets if there is none */
};

struct route	*route_new(void);
struct route	*route_ref(struct route *);
void		 route_unref(struct route **);
/*
 * Would the gate have admitted a connection with these facts to this target
 * without the exception? For the ledger; nobody is let through by it.
 */
int		 route_admits_bare(const struct route *, const struct plan_target *,
		    const struct tls_facts *);

#endif
