/* SPDX-License-Identifier: ISC */
/* ctl_verbs: the table of verbs. A new one is a row here and a file of its own. */
#include "relayd/smtp/ctl_verbs.h"

#include <string.h>

#include "lib/base/str.h"

static const struct ctl_verb *const verbs[] = {
	&ctl_verb_status,
	&ctl_verb_metrics,
	&ctl_verb_queue_list,
	&ctl_verb_queue_show,
	&ctl_verb_queue_flush,
	&ctl_verb_queue_hold,
	&ctl_verb_queue_release,
	&ctl_verb_queue_delete,
	&ctl_verb_queue_expire,
	&ctl_verb_queue_bounce,
	&ctl_verb_queue_redirect,
	&ctl_verb_dest_list,
	&ctl_verb_dest_show,
	&ctl_verb_dest_pause,
	&ctl_verb_dest_resume,
	&ctl_verb_explain,
	&ctl_verb_probe,
	&ctl_verb_policy_show,
	&ctl_verb_policy_refresh,
	&ctl_verb_policy_forget,
	&ctl_verb_exception_list,
	&ctl_verb_exception_show,
	&ctl_verb_monitor_list,
	&ctl_verb_monitor_reset,
	&ctl_verb_history_list,
	&ctl_verb_history_show,
	&ctl_verb_history_accept,
};

const struct ctl_verb *
ctl_verb_find(const char *name)
{
	for (size_t i = 0; i < LENGTH(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

const char *
ctl_verb_nearest(const char *name)
{
	unsigned best = 4, d;
	const char *nearest = NULL;

	for (size_t i = 0; i < LENGTH(verbs); i++) {
		d = str_distance(name, verbs[i]->name);
		if (d < best) {
			best = d;
			nearest = verbs[i]->name;
		}
	}
	return nearest;
}
