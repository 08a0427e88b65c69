/* SPDX-License-Identifier: ISC */
/*
 * held: mail that is held (by a rule, by an administrator, because it is
 * damaged) is never given up by age, and never silent all the same: its
 * senders are told at the steps of notices.delay_held, and once a day the log
 * says how much of it is older than a day. The store keeps held recipients by
 * the time at which they are looked at next; nothing else is read.
 */
#ifndef SMTP_HELD_H
#define SMTP_HELD_H

#include <stdint.h>

struct event_base;
struct held;
struct sched;

/* Begins to look at once; the scheduler is borrowed. */
struct held	*held_new(struct event_base *, struct sched *);
void		 held_free(struct held **);	/* after the store is closed */
/* Recipients as of the last minute: all, and those that came more than a day ago. */
void		 held_counts(const struct held *, uint64_t *all, uint64_t *aged);

#endif
