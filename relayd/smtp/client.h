/* SPDX-License-Identifier: ISC */
/*
 * client: one outgoing SMTP connection to one address of one target of a
 * plan: RFC 5321 s4, STARTTLS (RFC 3207), then message after message.
 *
 * The way to MAIL leads through ADMIT and through nothing else: ADMIT calls
 * plan_admits, for the connection and again for every message. There is no
 * downgrade edge: what the requirement does not allow ends the connection,
 * and another requirement is another client.
 *
 * Callbacks come from the event loop, never from inside a call.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <stdint.h>

#include "lib/base/why.h"
#include "lib/plan/plan.h"
#include "lib/store/store.h"
#include "lib/tls/want.h"
#include "relayd/smtp/families.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/job.h"
#include "relayd/smtp/route.h"

struct client;
struct event_base;

struct client_events {
	/* Admitted and idle: it may be given a job, left waiting, or told to quit. */
	void	(*ready)(void *arg, struct client *);
	/* Every result of the job is settled; or all are open: a kept connection turned out to be
	 * closed and nothing was tried. The client may be ready again later, or end. */
	void	(*done)(void *arg, struct client *, struct job *);
	/* The connection is over, any job was handed back before. The owner frees the client.
	 * why: NONE after an orderly quit or idle end of a connection that was ready before. */
	void	(*ended)(void *arg, struct client *, const struct why *);
};

struct client_param {
	struct event_base	*base;
	struct store		*store;
	struct generation	*generation;	/* a reference is taken */
	struct route		*route;		/* a reference is taken */
	size_t			 target;	/* index in the plan */
	struct dns_address	 address;
	uint16_t		 port;
	int64_t			 connect_ms;	/* 0: delivery.connect_timeout */
	/* Monitor mode: the gate refused the plan's own requirement for this reason; the
	 * requirement of plan/monitor.h applies instead. NULL: none of that. */
	const struct why	*refused;
	/* TLS with this server failed before: stay in clear, if the requirement allows that. */
	int			 in_clear;
	/* Only to see whether it is admitted: no AUTH, and client_give is a bug. */
	int			 probing;
	/* Only to be ready for REQUIRETLS messages (plan_admits_requiretls). */
	int			 requiretls;
};

struct client	*client_new(const struct client_param *, const struct client_events *, void *arg);
void		 client_free(struct client **);		/* cuts; a job in flight is not handed back */
/* Once after `ready`. A connection that has begun to end meanwhile hands the job back untried. */
void		 client_give(struct client *, struct job *);
/* Ends an idle connection with QUIT; `ended` follows. */
void		 client_quit(struct client *);

/* Facts for the log and for reuse. Borrowed. */
const char			*client_relay(const struct client *);	/* "mx[192.0.2.1]:25" */
const char			*client_local(const struct client *);	/* "192.0.2.25", NULL: any */
const struct tls_facts		*client_facts(const struct client *);
const struct plan_target	*client_target(const struct client *);
const struct plan		*client_plan(const struct client *);
const struct route		*client_route(const struct client *);
const struct plan_requirement	*client_terms(const struct client *);	/* what applies here */
const struct why		*client_refused(const struct client *);	/* monitor mode, else NULL */
uint64_t			 client_key(const struct client *);	/* plan_requirement_key */
unsigned			 client_sent(const struct client *);	/* messages so far */
/* Recipients that were put off for the state of this server, while it took nothing at all: another
 * host may be better off. 0 once it has taken a message. */
unsigned			 client_declined(const struct client *);
/* ms from the start of the connection to ready (the c of delays=). */
int64_t				 client_setup_ms(const struct client *);
/* 1: a connection attempt reached an SMTP server that spoke (for back-off). */
int				 client_offers_dsn(const struct client *);	/* RFC 3461 */
int				 client_spoke(const struct client *);
/* 1: it has failed behind the reply to EHLO: a full session (HARDENING C6). */
int				 client_full(const struct client *);
/* What came of connecting. */
enum families_reach		 client_reach(const struct client *);

#endif
