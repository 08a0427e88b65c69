/* SPDX-License-Identifier: ISC */
/* cmd_metrics: relayctl metrics. */
#include "relayd/ctl/out.h"
#include "relayd/ctl/verbs.h"

static const struct view views[] = {
	{ "metric", VIEW_METRICS, NULL },
	{ NULL, VIEW_METRICS, NULL },
};

const struct verb cmd_metrics = {
	.name = "metrics", .args = "", .usage = "counters and gauges, as Prometheus reads them",
	.views = views,
};
