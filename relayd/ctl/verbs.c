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
	&cmd_exception_list,
	&cmd_exception_show,
	&cmd_history_list,
	&cmd_history_show,
	&cmd_history_accept,
	NULL,
};
