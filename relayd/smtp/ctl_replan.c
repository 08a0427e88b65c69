/* SPDX-License-Identifier: ISC */
/* ctl_replan: see ctl_replan.h. */
#include "relayd/smtp/ctl_replan.h"

#include "lib/base/map.h"
#include "lib/base/str.h"
#include "lib/ipc/sibling.h"
#include "lib/queue/key.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/sched.h"
#include "relayd/smtp/siblings.h"

static void
replan_one(void *value, void *arg)
{
	if (queue_key_is(dest_name(value), arg))
		dest_replan(value);
}

void
ctl_replan_here(const struct ctl_house *h, const char *domain)
{
	char name[CTL_ADDRESS_CAP];

	(void)str_copy(name, domain, sizeof name);
	map_each(h->sched->dests, replan_one, name);
}

/* One that is away has no plans to decide again when it comes. */
void
ctl_replan(const struct ctl_house *h, const char *domain)
{
	struct buf b;

	ctl_replan_here(h, domain);
	buf_init(&b);
	ipc_replan_put(&b, domain);
	for (unsigned i = 0; i < siblings_count(h->siblings); i++)
		(void)siblings_send(h->siblings, i, IPC_REPLAN, 0, buf_data(&b), buf_len(&b));
	buf_fini(&b);
}
