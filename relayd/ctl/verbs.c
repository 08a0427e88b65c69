/* SPDX-License-Identifier: ISC */
/* verbs: see verbs.h. */
#include "relayd/ctl/verbs.h"

const struct verb *const verbs[] = {
	&cmd_status,
	&cmd_queue_list,
	&cmd_queue_show,
	&cmd_queue_flush,
	&cmd_dest_list,
	&cmd_dest_show,
	NULL,
};
