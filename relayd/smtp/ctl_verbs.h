/* SPDX-License-Identifier: ISC */
/* ctl_verbs: every verb of the control socket, one row each, in ctl_verbs.c. */
#ifndef SMTP_CTL_VERBS_H
#define SMTP_CTL_VERBS_H

#include "relayd/smtp/ctl_call.h"

extern const struct ctl_verb ctl_verb_status;
extern const struct ctl_verb ctl_verb_queue_list;
extern const struct ctl_verb ctl_verb_queue_show;
extern const struct ctl_verb ctl_verb_queue_flush;
extern const struct ctl_verb ctl_verb_dest_list;
extern const struct ctl_verb ctl_verb_dest_show;
extern const struct ctl_verb ctl_verb_exception_list;
extern const struct ctl_verb ctl_verb_exception_show;
extern const struct ctl_verb ctl_verb_history_list;
extern const struct ctl_verb ctl_verb_history_show;
extern const struct ctl_verb ctl_verb_history_accept;

/* NULL if there is none of this name. */
const struct ctl_verb	*ctl_verb_find(const char *name);
/* The most similar name, NULL if none is near. */
const char		*ctl_verb_nearest(const char *name);

#endif
