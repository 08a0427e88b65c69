/* SPDX-License-Identifier: ISC */
/*
 * probe: connects to every address of every host of a plan, with the engine
 * that delivers, up to the gate and no further: EHLO, STARTTLS, handshake,
 * EHLO, plan_admits, QUIT. Never a MAIL, RCPT, DATA or AUTH.
 *
 * Each address is judged by the plan's own requirement, monitor mode or not.
 * One that only monitor mode would use is looked at all the same: the gate
 * refuses it, and the certificate is seen.
 *
 * Bounded: PROBE_AT_ONCE connections, PROBE_ADDRESS_MS for one, PROBE_ALL_MS
 * for all, PROBE_ADDRESSES_MAX addresses. Callbacks come from the event loop.
 */
#ifndef SMTP_PROBE_H
#define SMTP_PROBE_H

#include "relayd/smtp/client.h"

#define PROBE_AT_ONCE		4
#define PROBE_ADDRESS_MS	20000
#define PROBE_ALL_MS		60000
#define PROBE_ADDRESSES_MAX	64

struct probe;

enum probe_verdict {
	PROBE_ADMITTED,		/* mail would go */
	PROBE_REFUSED,		/* a server spoke, and the gate or the handshake said no */
	PROBE_UNREACHABLE,	/* no server, or one that wants no session now */
	PROBE_UNTRIED		/* host without address, or no time left */
};

/* Borrowed for the call. */
struct probe_result {
	const struct plan_target	*target;
	const struct dns_address	*address;	/* NULL: the host has none */
	enum probe_verdict		 verdict;
	const struct tls_facts		*facts;		/* zeroed without a handshake */
	int				 in_clear;	/* admitted without TLS, by an exception */
	struct why			 why;		/* unless ADMITTED */
	int64_t				 ms;		/* it took */
};

struct probe_events {
	void	(*result)(void *arg, const struct probe_result *);
	void	(*done)(void *arg);		/* the last call; the owner frees */
};

struct probe_param {
	struct event_base	*base;
	struct store		*store;
	struct generation	*generation;	/* a reference is taken */
	struct route		*route;		/* a reference is taken; its plan says PLAN_GO or has
						 * hosts that may not be used */
};

struct probe	*probe_new(const struct probe_param *, const struct probe_events *, void *arg);
/* Cuts what is under way. */
void		 probe_free(struct probe **);
const char	*probe_verdict_name(enum probe_verdict);

#endif
