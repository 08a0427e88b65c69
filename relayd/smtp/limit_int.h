/* SPDX-License-Identifier: ISC */
/* limit_int: what the files of limit share. Included nowhere else. */
#ifndef SMTP_LIMIT_INT_H
#define SMTP_LIMIT_INT_H

#include "lib/base/heap.h"
#include "lib/base/map.h"
#include "relayd/smtp/limit.h"
#include "relayd/smtp/limit_share.h"

struct limit {
	struct limits			*house;
	char				*name;
	unsigned			 refs;	/* owners: destinations, turns and connections */
	int				 shared;
	unsigned			 max, used;
	struct queue_rate		 rate;
	struct queue_bucket		 bucket;
	struct queue_fair		 line[LIMIT__KINDS];
	TAILQ_HEAD(, limit_spare)	 idle;	/* longest idle first */
	unsigned			 nidle;
	struct heap_node		 timer;	/* for the first in the line of tokens */
	struct limit_share		 share;	/* over workers */
	TAILQ_ENTRY(limit)		 watch;
	int				 watched;	/* others may want, or leave, a place */
};

struct limit_client {
	uint32_t		id;
	size_t			lanes, idle, jobs;	/* idle: of the lanes */
	struct limit_share	share;			/* lanes at work */
};

struct limits {
	struct map	*all;
	struct map	*clients;
	struct heap	 timers;
	void		(*changed)(void *);
	void		*arg;
	struct proc_commons	*commons;	/* borrowed; NULL: we are alone */
	TAILQ_HEAD(, limit)	 watched;
	size_t			 nwatched;
	int64_t			 glance;	/* mono ms; INT64_MAX: nothing is watched */
};

struct limit_asks {
	struct limit		*l;
	enum limit_kind		 kind;
	const uint32_t		*leaving;	/* a connection of this client ends */
};

/* limit.c */
int	limit_admits(void *asks, uint32_t client);	/* a queue_fair_may */
void	limit_serve(struct limit *, enum limit_kind);	/* all who can go on now do, in order */
void	limit_give_back(struct limit *, enum limit_kind, uint32_t client);
void	limit_attend(struct limit *);	/* who waits or is idle has changed: the others are told */

/* limit_client.c */
void	limit_client_lanes_add(struct limits *, uint32_t client, int n);
void	limit_client_idle_add(struct limits *, uint32_t client, int n);
size_t	limit_client_at_work(const struct limits *, uint32_t client);	/* lanes, in all workers */

#endif
