/* SPDX-License-Identifier: ISC */
/*
 * fair: an order in which everybody gets a turn. What waits is taken in turn
 * over clients, and for each client in turn over its senders (queue/flow.h),
 * oldest first within a sender. However many senders one client uses, it
 * gets one turn in a round.
 *
 * Nodes are embedded in what waits and belong to their owner. The lists are
 * walked, so a queue is meant for some hundred entries.
 */
#ifndef QUEUE_FAIR_H
#define QUEUE_FAIR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"

struct queue_fair_sender;
struct queue_fair_client;

/* Zeroed: waits nowhere. */
struct queue_fair_node {
	TAILQ_ENTRY(queue_fair_node)	 link;
	struct queue_fair_sender	*of;
};

struct queue_fair {
	TAILQ_HEAD(, queue_fair_client)	 clients;	/* whose turn it is first */
	size_t				 n;
};

/* May this client have its turn now? */
typedef int queue_fair_may(void *arg, uint32_t client);
typedef void queue_fair_see(void *arg, uint32_t client, size_t n);

uint32_t queue_fair_client_of(uint64_t flow);
/*
 * May one more of `max` things go to somebody who has `own` of the `used`?
 * Nobody may take more than nine times of what is left, nor the last one
 * besides their first: one alone gets nine tenths, and whoever comes then
 * always finds some.
 */
int	queue_fair_share(size_t own, size_t used, size_t max);

void	queue_fair_init(struct queue_fair *);
/* Forgets all of them. */
void	queue_fair_fini(struct queue_fair *);
void	queue_fair_add(struct queue_fair *, struct queue_fair_node *, uint64_t flow);
/* It had its turn and did not use it: it is the next. */
void	queue_fair_add_first(struct queue_fair *, struct queue_fair_node *, uint64_t flow);
void	queue_fair_remove(struct queue_fair *, struct queue_fair_node *);	/* fine if absent */
/* Whose turn it is, taken out; NULL: nobody's. may: NULL for everybody. */
struct queue_fair_node *
	queue_fair_next(struct queue_fair *, queue_fair_may *may, void *arg);
/* 1: somebody's. */
int	queue_fair_any(const struct queue_fair *, queue_fair_may *may, void *arg);
/* 1: all that waits is of one client. */
int	queue_fair_alone(const struct queue_fair *, uint32_t *client);
/* How many of this client wait. */
size_t	queue_fair_waiting(const struct queue_fair *, uint32_t client);
void	queue_fair_each(const struct queue_fair *, queue_fair_see *, void *arg);

#endif
