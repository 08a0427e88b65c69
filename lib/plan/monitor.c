/* SPDX-License-Identifier: ISC */
/* monitor: the opportunistic requirement behind a refused one. */
#include "lib/plan/monitor.h"

#include <string.h>

int
plan_monitor_requirement(const struct plan *p, const struct plan_requirement *refused,
    struct plan_requirement *to)
{
	memset(to, 0, sizeof *to);
	if (!p->monitor)
		return -1;
	to->level = PLAN_PLAINTEXT;
	to->proof = PLAN_BY_MONITOR;
	to->want = refused->want;
	to->want.tlsa = (struct dns_tlsa_set){ 0 };
	to->want.min_version = TLS_V1_0;
	return 0;
}
