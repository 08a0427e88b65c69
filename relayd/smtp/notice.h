/* SPDX-License-Identifier: ISC */
/*
 * notice: what the sender is told after an attempt, who else is told, and the
 * messages that say so (RFC 3461, RFC 3464). Failed, delayed and relayed
 * recipients of one attempt are in one notice; one that would be too large is
 * split. An empty sender is told nothing, whatever happened (RFC 5321 s4.5.5);
 * that such mail, a notice as a rule, could not be delivered is loud in the log.
 *
 * Whether the message itself was sent by a program (Auto-Submitted,
 * Precedence) makes no difference: RFC 3834 is about other kinds of answers,
 * and a program that wants none sends from <> or with NOTIFY=NEVER.
 */
#ifndef SMTP_NOTICE_H
#define SMTP_NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/mail/dsn.h"
#include "lib/queue/key.h"
#include "relayd/smtp/job.h"

struct conf;
struct notice_cap;
struct store;

struct notice_target {
	const char	*address;		/* borrowed */
	char		 dest[QUEUE_KEY_CAP];
};

struct notice {
	const struct job	*job;
	const struct conf	*conf;
	struct mail_dsn_rcpt	*rcpts;
	size_t			 n;
	struct buf		 headers;	/* start of the original */
	struct notice_target	 to[2];		/* the sender, the postmaster */
	size_t			 nto;
	const char		*orphan;	/* of mail without a sender: the first that failed */
	size_t			 norphans;
	/* of the last notice_make */
	struct notice_made {
		uint64_t		 id;
		size_t			 to;		/* index */
	}			*made;
	struct store_message	**messages;
	size_t			 nmade;
	/* while headers is read */
	struct store		*store;
	void			(*read)(void *arg);
	void			*arg;
};

/* Job and configuration are borrowed until notice_fini. */
void	notice_init(struct notice *, const struct job *, const struct conf *);
void	notice_fini(struct notice *);
/*
 * Recipient i of the job, unless its NOTIFY forbids it (RFC 3461 s4.1; without NOTIFY:
 * failures and delays). remote: host name, NULL if none; until: tried until, queue ms, 0.
 * The failure of mail without a sender is told to the postmaster alone, if there is one and
 * the mail was not for him.
 */
void	notice_add(struct notice *, size_t i, enum mail_dsn_action, const char *dsn,
	    const char *remote, int64_t until);
/* Finds who is told, within the cap; what the cap holds back is logged. 0: nobody. */
int	notice_address(struct notice *, struct notice_cap *);
/* The start of the original out of the store, for notice_make; without it a notice is made all
 * the same. done may be called from inside. */
void	notice_read(struct notice *, struct store *, void (*done)(void *arg), void *arg);
/* Composes n->messages anew; the messages are the caller's from then on. */
void	notice_make(struct notice *);
void	notice_log(const struct notice *);	/* what was made last, if anything, is in the queue */

/*
 * When the sender of a recipient that waits for this reason has to be told next (queue ms;
 * QUEUE_DELAY_NEVER). Goes by age alone: NOTIFY is looked at when it is told.
 */
int64_t	notice_delay_at(const struct conf *, const struct store_message *,
	    const struct store_rcpt *, const struct why *);
/* The first step behind `now` of mail that waits for this reason, told or not. */
int64_t	notice_delay_after(const struct conf *, int64_t created, const struct why *, int64_t now);
/* When a held recipient has to be looked at next: to be told, or because a day is over. */
int64_t	notice_held_look(const struct conf *, int64_t created, int64_t warned);
/* The same, the earliest of all recipients. */
int64_t	notice_delay_first(const struct conf *, const struct store_message *, const struct why *);

#endif
