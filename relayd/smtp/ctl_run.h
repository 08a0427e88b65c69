/* SPDX-License-Identifier: ISC */
/*
 * ctl_run: a request of the control socket whose answer does not go to its
 * asker but into a buffer, a step at a time: this worker's part of an answer
 * that several workers give. The front has looked at rights.
 */
#ifndef SMTP_CTL_RUN_H
#define SMTP_CTL_RUN_H

struct buf;
struct ctl_house;
struct ctl_run;
struct event_base;
struct ipc_ctl_ask;

/* Begins. stepped comes from the loop, once for each step: lines are there to be taken. */
struct ctl_run	*ctl_run_new(struct event_base *, struct ctl_house *, const struct ipc_ctl_ask *,
		    void (*stepped)(void *arg), void *arg);
void		 ctl_run_free(struct ctl_run **);
struct buf	*ctl_run_lines(struct ctl_run *);	/* whole ones; consume with buf_drop */
int		 ctl_run_is_over(const struct ctl_run *);	/* the last line is among them */
/* Behind stepped, unless it is over: the next step. */
void		 ctl_run_more(struct ctl_run *);

#endif
