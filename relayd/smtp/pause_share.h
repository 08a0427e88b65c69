/* SPDX-License-Identifier: ISC */
/*
 * pause_share: the list of paused destinations is worker 0's. Another worker
 * does what it is told while it is there (ctl_dest_pause.c), and gets the whole
 * list when it comes: what was paused or resumed while it was away holds for
 * it before it delivers anything, and durably. Should worker 0 be away, too, its
 * own list holds after a moment.
 */
#ifndef SMTP_PAUSE_SHARE_H
#define SMTP_PAUSE_SHARE_H

struct event_base;
struct pause_share;
struct sched;
struct siblings;

/* Before the queue is known: nothing is delivered until the list is here. */
void			 pause_share_wait(struct sched *, struct siblings *);
/* Joins SIBLINGS_PAUSES. The pauses of the scheduler are loaded. */
struct pause_share	*pause_share_new(struct event_base *, struct siblings *, struct sched *);
void			 pause_share_free(struct pause_share **);

#endif
