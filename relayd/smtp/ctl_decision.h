/* SPDX-License-Identifier: ISC */
/*
 * ctl_decision: what would be decided about a domain now: evidence from the
 * policy worker, the rule of the configuration, and the plan that comes of
 * them, by the functions that delivery itself uses.
 */
#ifndef SMTP_CTL_DECISION_H
#define SMTP_CTL_DECISION_H

#include "lib/plan/decide.h"
#include "lib/queue/key.h"
#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/route.h"

struct ask_wait;

/* Zeroed before the first start; lives in a verb's state. */
struct ctl_decision {
	struct ctl_call			*call;
	struct queue_key		 key;
	struct ask_wait			*asking;
	void				(*done)(struct ctl_call *);
	/* the rest is there when done is called */
	struct plan_evidence		 evidence;
	struct generation		*generation;
	struct plan_rule		 rule;
	struct generation_exceptions	 exceptions;
	struct route			*route;		/* the plan */
};

/* key: a domain, or what a recipient waits under. fresh: past all caches. done comes from the
 * event loop, once, while the call lives. */
void	ctl_decision_start(struct ctl_decision *, struct ctl_call *, const char *key, int fresh,
	    void (*done)(struct ctl_call *));
void	ctl_decision_fini(struct ctl_decision *);	/* may be started again */

/* What was found and decided, line by line. */
void	ctl_decision_show_domain(struct ctl_call *, const struct ctl_decision *);
void	ctl_decision_show_host(struct ctl_call *, const struct ctl_decision *, size_t);
/* Its TLSA records. */
void	ctl_decision_show_records(struct ctl_call *, const struct ctl_decision *, size_t);
void	ctl_decision_show_rule(struct ctl_call *, const struct ctl_decision *);
void	ctl_decision_show_plan(struct ctl_call *, const struct ctl_decision *);
/* Sentences about what may surprise: how the links hang together, and the way to the DNS. */
void	ctl_decision_show_hints(struct ctl_call *, const struct ctl_decision *);

#endif
