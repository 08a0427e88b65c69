/* SPDX-License-Identifier: ISC */
/*
 * ctl_print: what the daemon knows, as JSON objects for the control socket.
 * Times are Unix milliseconds. Keys may be added and never change meaning.
 */
#ifndef SMTP_CTL_PRINT_H
#define SMTP_CTL_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/plan/evidence.h"
#include "lib/store/store.h"

struct dest;
struct ipc_cache;
struct plan;
struct plan_target;
struct sched;

/* What a recipient waits for. */
enum ctl_state {
	CTL_READY,		/* due: is being delivered or next in turn */
	CTL_BLOCKED,		/* due, but its destination backs off */
	CTL_PAUSED,		/* due, but an administrator stopped its destination */
	CTL_WAITING,		/* its own next try lies ahead */
	CTL_HELD,		/* until an administrator decides */
	CTL_STATE__COUNT
};
extern const char *const ctl_state_names[CTL_STATE__COUNT + 1];	/* ends with NULL */
enum ctl_state	 ctl_state_of(const struct sched *, const struct store_rcpt *);

/* A string from anywhere; what is no UTF-8 is escaped, NULL is null. */
json_t	*ctl_print_text(const char *);
/* Null if it is 0. */
void	 ctl_print_set_time(json_t *, const char *key, int64_t unix_ms);
/* reason, code and why, if it is set. */
void	 ctl_print_set_why(json_t *, const struct why *);
const char *ctl_print_sts(enum plan_sts_state);
json_t	*ctl_print_message(const struct store_message *);
/* One recipient with the facts of its message that a list shows. */
json_t	*ctl_print_recipient(const struct sched *, const struct store_message *,
	    const struct store_rcpt *);
json_t	*ctl_print_dest(const struct dest *);
json_t	*ctl_print_plan(const struct plan *);
json_t	*ctl_print_target(const struct plan_target *);
json_t	*ctl_print_cache(const char *domain, const struct ipc_cache *);

#endif
