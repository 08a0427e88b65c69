/* SPDX-License-Identifier: ISC */
/*
 * epoch: queue time (clock_queue_ms) over restarts. It is noted in the store
 * each minute, so that a wall clock that was set while the daemon was down ages
 * nothing either (HARDENING T1); a jump while it runs is said.
 */
#ifndef SMTP_EPOCH_H
#define SMTP_EPOCH_H

struct epoch;
struct event_base;
struct store;
struct why;

struct epoch	*epoch_new(struct event_base *, struct store *);
/* Starts queue time; before anything is stamped with it. */
void		 epoch_load(struct epoch *, void (*done)(void *arg, const struct why *), void *arg);
void		 epoch_watch(void);	/* says a jump; now and then */
/* After the store is closed. */
void		 epoch_free(struct epoch **);
/* The last word before the store closes. */
void		 epoch_flush(struct epoch *);

#endif
