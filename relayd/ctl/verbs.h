/* SPDX-License-Identifier: ISC */
/* verbs: every row, in the order in which help shows them. */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include "relayd/ctl/out.h"
#include "relayd/ctl/verb.h"

extern const struct verb cmd_status;
extern const struct verb cmd_metrics;
extern const struct verb cmd_queue_list;
extern const struct verb cmd_queue_show;
extern const struct verb cmd_queue_flush;
extern const struct verb cmd_queue_hold;
extern const struct verb cmd_queue_release;
extern const struct verb cmd_queue_delete;
extern const struct verb cmd_queue_expire;
extern const struct verb cmd_queue_bounce;
extern const struct verb cmd_queue_redirect;
extern const struct verb cmd_dest_list;
extern const struct verb cmd_dest_show;
extern const struct verb cmd_dest_pause;
extern const struct verb cmd_dest_resume;
extern const struct verb cmd_explain;
extern const struct verb cmd_probe;
extern const struct verb cmd_preflight;
extern const struct verb cmd_policy_show;
extern const struct verb cmd_policy_refresh;
extern const struct verb cmd_policy_forget;
extern const struct verb cmd_exception_list;
extern const struct verb cmd_exception_show;
extern const struct verb cmd_monitor_list;
extern const struct verb cmd_monitor_reset;
extern const struct verb cmd_history_list;
extern const struct verb cmd_history_show;
extern const struct verb cmd_history_accept;

/* Views that several nouns share: the cached policy, the plan, its hosts, notes. */
extern const struct column view_cached[], view_plan[], view_hosts[], view_hint[];

extern const struct verb *const verbs[];	/* ends with NULL */

#endif
