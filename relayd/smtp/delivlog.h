/* SPDX-License-Identifier: ISC */
/*
 * delivlog: the delivery log, one record per attempt and recipient, in a
 * Postfix-shaped line with the policy facts behind status=, or as JSON
 * (CONVENTIONS 3). The keys are listed in relayd-logs(5).
 */
#ifndef SMTP_DELIVLOG_H
#define SMTP_DELIVLOG_H

#include "relayd/smtp/client.h"

/* status= of a record. */
enum delivlog_status { DELIVLOG_SENT, DELIVLOG_DEFERRED, DELIVLOG_BOUNCED, DELIVLOG_EXPIRED,
	DELIVLOG_HELD, DELIVLOG_RELEASED, DELIVLOG_DELETED, DELIVLOG_REDIRECTED, DELIVLOG__COUNT };

/* What there is to say about an attempt beside the job. */
struct delivlog_attempt {
	const struct client	*client;	/* NULL: no connection (relay=none) */
	const struct plan	*plan;		/* NULL: no plan yet */
	const char		*dest;
	const char		*relay;		/* without a client; NULL: none */
	const char		*learnt;	/* "journal": from there, after a crash; else NULL */
	int			 duplicate;	/* the recipient may have a copy already */
};

void	delivlog_attempt(const struct job *, size_t rcpt, enum delivlog_status,
	    const struct delivlog_attempt *);
/* A recipient that waits because its destination does; no attempt was made. */
void	delivlog_waiting(const struct job *, size_t rcpt, const char *dest, const struct why *);
/* One host of a walk that would not do. facts may be NULL. */
void	delivlog_host(const char *domain, const char *relay, const struct plan_target *,
	    const struct tls_facts *, const struct why *);
void	delivlog_accepted(const struct store_message *, const char *protocol, const char *tls);
/* The header said "TLS-Required: No", for which this client is listed or not. */
void	delivlog_tls_required_no(const struct store_message *, int honoured);
void	delivlog_active(const struct store_message *, size_t nrcpts);
/* A process was killed behind the final dot to this relay: it may have taken the message. */
void	delivlog_possible_duplicate(uint64_t id, const struct store_rcpt *, const char *relay);
void	delivlog_removed(uint64_t id);

#endif
