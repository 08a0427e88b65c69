/* SPDX-License-Identifier: ISC */
/*
 * oldest: how old the oldest message of the queue is, held ones too: what
 * status and metrics tell without waiting for the store. Looked up every 10 s.
 */
#ifndef SMTP_OLDEST_H
#define SMTP_OLDEST_H

#include <stdint.h>

struct event_base;
struct oldest;
struct store;

/* Begins to look at once. */
struct oldest	*oldest_new(struct event_base *, struct store *);
void		 oldest_free(struct oldest **);	/* after the store is closed */
/* ms; 0: the queue was empty. NULL is good: 0. */
int64_t		 oldest_age(const struct oldest *);

#endif
