/* SPDX-License-Identifier: ISC */
/* front: see front.h. */
#include "relayd/smtp/front.h"

#include <stdlib.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_remote.h"
#include "relayd/smtp/ctlserve.h"
#include "relayd/smtp/pause_share.h"
#include "relayd/smtp/siblings.h"

#define PATIENCE_MS	30000	/* relayctl.8 says so */

struct front {
	struct ctl_house	 house;
	struct ctl_remote	*remote;	/* NULL: this is worker 0 */
	struct pause_share	*pauses;
};

struct front *
front_new(struct event_base *base, struct siblings *siblings, struct store *store,
    struct sched *sched, struct ctlserve *ctl, const struct admission *admission)
{
	struct front *f;

	if (siblings == NULL)
		return NULL;
	f = must_calloc(1, sizeof *f);
	f->house = (struct ctl_house){
		.store = store, .sched = sched, .admission = admission, .started = clock_mono_ms(),
	};
	if (siblings_self(siblings) != 0)
		f->remote = ctl_remote_new(base, siblings, &f->house);
	else if (ctl != NULL)
		ctlserve_share(ctl, siblings, PATIENCE_MS);
	f->pauses = pause_share_new(base, siblings, sched);
	siblings_start(siblings);
	return f;
}

void
front_free(struct front **fp)
{
	struct front *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	ctl_remote_free(&f->remote);
	pause_share_free(&f->pauses);
	free(f);
}
