/* SPDX-License-Identifier: ISC */
/*
 * ctl_select: which recipients a request is about. Every verb on the queue
 * takes the same arguments; they are read once and compared the same way.
 * Pure: no I/O, no clock, no state of the daemon.
 */
#ifndef SMTP_CTL_SELECT_H
#define SMTP_CTL_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/store/store.h"
#include "relayd/smtp/ctl_print.h"
#include "relayd/smtp/ctl_request.h"

/* The first arguments of such a verb. */
enum ctl_select_arg {
	CTL_SELECT_ID, CTL_SELECT_SENDER, CTL_SELECT_RECIPIENT, CTL_SELECT_DOMAIN,
	CTL_SELECT_REASON, CTL_SELECT_OLDER, CTL_SELECT_STATE, CTL_SELECT_AFTER, CTL_SELECT_MAX,
	CTL_SELECT__COUNT
};
#define CTL_SELECT_ARGS								\
	[CTL_SELECT_ID] = { .key = "id", .type = CTL_QIDS },			\
	[CTL_SELECT_SENDER] = { .key = "sender", .type = CTL_ADDRESS },		\
	[CTL_SELECT_RECIPIENT] = { .key = "recipient", .type = CTL_ADDRESS },	\
	[CTL_SELECT_DOMAIN] = { .key = "domain", .type = CTL_DOMAIN },		\
	[CTL_SELECT_REASON] = { .key = "reason", .type = CTL_TEXT },		\
	[CTL_SELECT_OLDER] = { .key = "older", .type = CTL_SPAN },		\
	[CTL_SELECT_STATE] = { .key = "state", .type = CTL_WORD, .words = ctl_state_names }, \
	[CTL_SELECT_AFTER] = { .key = "after", .type = CTL_QID },		\
	[CTL_SELECT_MAX] = { .key = "max", .type = CTL_NUMBER }

/* All that is set has to hold. Texts and ids are borrowed from the values. */
struct ctl_select {
	const uint64_t	*ids;		/* NULL: any */
	size_t		 nids;
	uint64_t	 after;		/* an id behind this one; 0: any */
	const char	*sender, *recipient;	/* an address, "@domain", "<>"; NULL: any */
	const char	*domain;	/* of the destination, A-labels; NULL: any */
	const char	*reason;	/* a token, or part of the text; NULL: any */
	int64_t		 older;		/* ms in the queue at least; -1: any */
	int		 state;		/* enum ctl_state; -1: any */
};
void	ctl_select_init(struct ctl_select *, const struct ctl_value values[CTL_SELECT__COUNT]);
/* 1: something narrows it down. */
int	ctl_select_is_set(const struct ctl_select *);

/* What is known beside the rows. */
struct ctl_select_facts {
	int64_t			 now;		/* queue ms */
	enum ctl_state		 state;		/* of the recipient */
	const struct why	*block;		/* of its destination, NULL if none */
};
int	ctl_select_matches(const struct ctl_select *, const struct store_message *,
	    const struct store_rcpt *, const struct ctl_select_facts *);

#endif
