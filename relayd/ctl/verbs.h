/* SPDX-License-Identifier: ISC */
/* verbs: every row, in the order in which help shows them. */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include "relayd/ctl/verb.h"

extern const struct verb cmd_status;
extern const struct verb cmd_queue_list;
extern const struct verb cmd_queue_show;
extern const struct verb cmd_queue_flush;
extern const struct verb cmd_dest_list;
extern const struct verb cmd_dest_show;
extern const struct verb cmd_exception_list;
extern const struct verb cmd_exception_show;
extern const struct verb cmd_history_list;
extern const struct verb cmd_history_show;
extern const struct verb cmd_history_accept;

extern const struct verb *const verbs[];	/* ends with NULL */

#endif
