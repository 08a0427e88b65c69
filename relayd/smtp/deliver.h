/* SPDX-License-Identifier: ISC */
/*
 * deliver: one lane to a destination. Walks the plan's targets in preference
 * order (random within one, RFC 5321 s5.1) and their addresses (families.h)
 * until a connection is admitted; then carries job after job over it. How far
 * one walk goes, and where the next one goes on, is said by walk.h.
 *
 * Callbacks come from the event loop, never from inside a call.
 */
#ifndef SMTP_DELIVER_H
#define SMTP_DELIVER_H

#include "relayd/smtp/client.h"
#include "relayd/smtp/walk.h"

struct deliver;

struct deliver_events {
	void	(*ready)(void *arg, struct deliver *);
	void	(*done)(void *arg, struct deliver *, struct job *);
	/* The lane is over; the owner frees it. was_ready: mail could have gone. */
	void	(*ended)(void *arg, struct deliver *, const struct why *, int was_ready);
};

struct deliver_param {
	struct event_base	*base;
	struct store		*store;
	struct generation	*generation;
	struct route		*route;
	int			 requiretls;	/* only hosts that take REQUIRETLS will do */
	struct walk_memory	**memory;	/* the destination's, malloc'd; outlives the lane */
};

struct deliver	*deliver_new(const struct deliver_param *, const struct deliver_events *, void *arg);
void		 deliver_free(struct deliver **);
void		 deliver_give(struct deliver *, struct job *);
void		 deliver_quit(struct deliver *);
/* Of a requiretls lane that has ended without being ready: 1 if no host will ever do, 0 if one may;
 * *why is why. Other lanes: 0, *why is left alone. */
int		 deliver_hopeless(const struct deliver *, struct why *);
/* The connection of a lane that has been ready; NULL while it walks. */
const struct client *deliver_client(const struct deliver *);
/* 1 if this lane's connection meets what the new plan asks of the same host (RULES P07). */
int		 deliver_fits(const struct deliver *, const struct plan *);

#endif
