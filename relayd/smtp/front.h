/* SPDX-License-Identifier: ISC */
/*
 * front: makes several workers one relay: what relayctl asks, what exceptions
 * permit, what is paused. Worker 0 keeps the control socket, the counts of
 * limited exceptions and the list of pauses; the others ask it or are told.
 */
#ifndef SMTP_FRONT_H
#define SMTP_FRONT_H

struct admission;
struct ctlserve;
struct event_base;
struct front;
struct sched;
struct siblings;
struct store;

/*
 * Once the queue is known (pauses and the counts of exceptions are read); ctl
 * is NULL for all but worker 0. Without siblings NULL comes back.
 */
struct front	*front_new(struct event_base *, struct siblings *, struct store *, struct sched *,
		    struct ctlserve *ctl, const struct admission *);
/* Before the control server, the store, and the siblings are freed. */
void		 front_free(struct front **);

#endif
