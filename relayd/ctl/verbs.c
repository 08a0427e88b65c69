/* SPDX-License-Identifier: ISC */
/* verbs: see verbs.h. */
#include "relayd/ctl/verbs.h"

const struct verb *const verbs[] = {
	&cmd_status,
	&cmd_queue_list,
	&cmd_queue_show,
	&cmd_queue_flush,
	&cmd_queue_hold,
	&cmd_queue_release,
	&cmd_queue_delete,
	&cmd_queue_expire,
	&cmd_queue_bounce,
	&cmd_queue_redirect,
	&cmd_dest_list,
	&cmd_dest_show,
	&cmd_dest_pause,
	&cmd_dest_resume,
	&cmd_explain,
	&cmd_probe,
	&cmd_preflight,
	&cmd_policy_show,
	&cmd_policy_refresh,
	&cmd_policy_forget,
	&cmd_exception_list,
	&cmd_exception_show,
	&cmd_monitor_list,
	&cmd_monitor_reset,
	&cmd_history_list,
	&cmd_history_show,
	&cmd_history_accept,
	NULL,
};
