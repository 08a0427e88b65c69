/* SPDX-License-Identifier: ISC */
/*
 * limit: connections at once and messages in a time: of a domain, of a group
 * of mail servers (a "site"), of the relay as a whole. Who finds no room
 * stands in a line, fair over clients (queue/fair.h), and is woken with the
 * place or the token in hand; nobody polls, nobody is overtaken.
 *
 * With several workers the limits are those of all of them (limit_share.h):
 * while there is a line, or an idle connection, each looks some 30 times in a
 * second at what the others have and want. Their lines have turns.
 *
 * A destination asks the limits on its way in their order and keeps what it
 * has while it waits at the next one; the order is the same for all, so that
 * nobody waits for each other. Of the relay's connections a client may not
 * take all (queue_fair_share).
 */
#ifndef SMTP_LIMIT_H
#define SMTP_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/queue/fair.h"
#include "lib/queue/rate.h"

#define LIMIT_WAY	3	/* domain, site, relay */

struct limit;
struct limits;
struct proc_commons;

enum limit_kind { LIMIT_PLACE, LIMIT_TOKEN, LIMIT__KINDS };

/* The limits that one connection or message counts against, in the order of asking. */
struct limit_way {
	struct limit	*v[LIMIT_WAY];
	unsigned	 n;
};

/* A destination's turn: to have one more connection (PLACE), to send one more message (TOKEN). */
struct limit_turn {
	struct queue_fair_node	 node;
	enum limit_kind		 kind;
	struct limit		*at;		/* it waits there; NULL: nowhere */
	struct limit_way	 has;		/* these are passed */
	uint32_t		 client;	/* for whom */
	void			(*wake)(struct limit_turn *);
};

/* What an open connection counts against. */
struct limit_hold;
struct limit_spare {
	TAILQ_ENTRY(limit_spare)	 link;
	struct limit_hold		*of;
};
struct limit_hold {
	struct limit_way	 has;
	uint32_t		 client;		/* whose mail it carries, or carried last */
	struct limit_spare	 spare[LIMIT_WAY];
	int			 idle;
	void			(*end)(struct limit_hold *);	/* somebody needs the place */
};

/* commons: borrowed; NULL: there are no other workers. changed: limits_next may be earlier now. */
struct limits	*limits_new(struct proc_commons *, void (*changed)(void *arg), void *arg);
void		 limits_free(struct limits **);
int64_t		 limits_next(const struct limits *);	/* mono ms, INT64_MAX: never */
void		 limits_run(struct limits *);		/* what is due */
/* Messages in memory of one client. */
void		 limits_jobs_add(struct limits *, uint32_t client, int n);
size_t		 limits_jobs(const struct limits *, uint32_t client);
size_t		 limits_lanes(const struct limits *, uint32_t client);

/* By name. A reference, counted. shared: one at most; its places are shared out between clients. */
struct limit	*limit_get(struct limits *, const char *name, int shared);
void		 limit_unref(struct limit **);
/* As configured now; rate.n = 0 for none. */
void		 limit_set(struct limit *, unsigned connections, struct queue_rate);
const char	*limit_name(const struct limit *);
unsigned	 limit_used(const struct limit *);		/* here */
unsigned	 limit_used_by_all(const struct limit *);	/* in all workers */
unsigned	 limit_max(const struct limit *);
size_t		 limit_waiting(const struct limit *, enum limit_kind);
struct queue_rate limit_rate(const struct limit *);

/*
 * 1: all of them are passed; it is yours until limit_turn_drop, or to be used.
 * 0: the turn is in a line and will be woken.
 */
int		 limit_take(struct limit_turn *, const struct limit_way *, uint32_t client);
/* The same without waiting; nothing is kept at 0. */
int		 limit_take_now(struct limit_turn *, const struct limit_way *, uint32_t client);
void		 limit_turn_used(struct limit_turn *);		/* the token is spent */
void		 limit_turn_drop(struct limit_turn *);		/* it is not wanted any more */

/* A connection takes over what the turn has. */
void		 limit_hold_take(struct limit_hold *, struct limit_turn *);
void		 limit_hold_drop(struct limit_hold *);
void		 limit_hold_client(struct limit_hold *, uint32_t client);
void		 limit_hold_idle(struct limit_hold *, int idle);
/* 1: somebody (but the turn) could go on if this connection ended. */
int		 limit_hold_wanted(const struct limit_hold *, const struct limit_turn *);

#endif
