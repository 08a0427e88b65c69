/* SPDX-License-Identifier: ISC */
/*
 * monitor: what applies to a host after the gate refused, in monitor mode
 * only: what an opportunistic MTA would do (DESIGN 2). Pure.
 *
 * The caller asks plan_admits with the target's own requirement first, logs
 * would=refuse with that reason, and then asks plan_admits again with this
 * one. A new connection may use its `want` (weak TLS) or no TLS at all.
 */
#ifndef PLAN_MONITOR_H
#define PLAN_MONITOR_H

#include "lib/plan/plan.h"

/*
 * Overwrites *to; the caller ends it with plan_requirement_fini. 0, or -1
 * where the plan is not in monitor mode: *to then admits nothing.
 */
int	plan_monitor_requirement(const struct plan *, const struct plan_requirement *refused,
	    struct plan_requirement *to);

#endif
