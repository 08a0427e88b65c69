/* SPDX-License-Identifier: ISC */
/*
 * ctl_local: this process's own question to the whole relay: a verb of the
 * control socket without arguments, as if somebody asked over it, but the
 * answer is gathered in memory. For verbs whose answers are short.
 */
#ifndef SMTP_CTL_LOCAL_H
#define SMTP_CTL_LOCAL_H

struct buf;
struct ctl_front;
struct ctl_house;
struct ctl_local;
struct event_base;

/* front: NULL: there is one worker. done comes once, from the loop: the answer is whole. */
struct ctl_local *ctl_local_new(struct event_base *, struct ctl_house *, struct ctl_front *,
		    const char *verb, void (*done)(void *arg), void *arg);
/* At any time; before done the answer is not waited for any more. */
void		 ctl_local_free(struct ctl_local **);
struct buf	*ctl_local_lines(struct ctl_local *);	/* with the last one */

#endif
