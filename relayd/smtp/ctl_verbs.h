/* SPDX-License-Identifier: ISC */
/* ctl_verbs: every verb of the control socket, one row each, in ctl_verbs.c. */
#ifndef SMTP_CTL_VERBS_H
#define SMTP_CTL_VERBS_H

#include "relayd/smtp/ctl_call.h"

extern const struct ctl_verb ctl_verb_status;
extern const struct ctl_verb ctl_verb_metrics;
extern const struct ctl_verb ctl_verb_queue_list;
extern const struct ctl_verb ctl_verb_queue_show;
extern const struct ctl_verb ctl_verb_queue_flush;
extern const struct ctl_verb ctl_verb_queue_hold;
extern const struct ctl_verb ctl_verb_queue_release;
extern const struct ctl_verb ctl_verb_queue_delete;
extern const struct ctl_verb ctl_verb_queue_expire;
extern const struct ctl_verb ctl_verb_queue_bounce;
extern const struct ctl_verb ctl_verb_queue_redirect;
extern const struct ctl_verb ctl_verb_dest_list;
extern const struct ctl_verb ctl_verb_dest_show;
extern const struct ctl_verb ctl_verb_dest_pause;
extern const struct ctl_verb ctl_verb_dest_resume;
extern const struct ctl_verb ctl_verb_explain;
extern const struct ctl_verb ctl_verb_probe;
extern const struct ctl_verb ctl_verb_policy_show;
extern const struct ctl_verb ctl_verb_policy_refresh;
extern const struct ctl_verb ctl_verb_policy_forget;
extern const struct ctl_verb ctl_verb_exception_list;
extern const struct ctl_verb ctl_verb_exception_show;
extern const struct ctl_verb ctl_verb_monitor_list;
extern const struct ctl_verb ctl_verb_monitor_reset;
extern const struct ctl_verb ctl_verb_history_list;
extern const struct ctl_verb ctl_verb_history_show;
extern const struct ctl_verb ctl_verb_history_accept;

/* NULL if there is none of this name. */
const struct ctl_verb	*ctl_verb_find(const char *name);
/* The most similar name, NULL if none is near. */
const char		*ctl_verb_nearest(const char *name);

#endif
