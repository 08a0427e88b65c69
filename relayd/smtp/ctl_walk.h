/* SPDX-License-Identifier: ISC */
/*
 * ctl_walk: a verb's way through the queue, a page at a time: the messages
 * that were named, or all in order of arrival. Its verb has CTL_SELECT_ARGS
 * first. It stops behind the message that fills the asked-for number, and
 * says where to go on. It ends at the last message that was there when it
 * began: what a verb itself puts into the queue, notices and copies, is not
 * its own prey, and no answer grows as fast as mail comes in.
 */
#ifndef SMTP_CTL_WALK_H
#define SMTP_CTL_WALK_H

#include "relayd/smtp/ctl_call.h"
#include "relayd/smtp/ctl_select.h"

#define CTL_WALK_PAGE	50	/* messages at most (STORE_LIST_RCPTS) */

struct ctl_walk {
	struct ctl_select	select;
	size_t			at;		/* of the named ones */
	uint64_t		after;		/* the last message that was looked at */
	uint64_t		until;		/* what comes later is not for this answer */
	uint64_t		count, max;	/* recipients that matched; UINT64_MAX: all */
	int			more, left;
};

void	ctl_walk_begin(struct ctl_walk *, const struct ctl_call *);
/* Asks for a page. */
void	ctl_walk_next(struct ctl_walk *, struct ctl_call *, ctl_loaded_fn *);
/* First thing with the page; takes what the callback was given. 0, or -1: the call has ended. */
int	ctl_walk_page(struct ctl_walk *, struct ctl_call *, const struct why *, size_t n, int more);
/* Is the message, each of a page in turn, for this answer? */
int	ctl_walk_takes(struct ctl_walk *, const struct store_message *);
int	ctl_walk_wants(const struct ctl_walk *, const struct ctl_call *,
	    const struct store_message *, const struct store_rcpt *);
/* The page is done: is there another one? Else the last line. */
int	ctl_walk_goes_on(const struct ctl_walk *);
void	ctl_walk_end(const struct ctl_walk *, struct ctl_call *);

#endif
