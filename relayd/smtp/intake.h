/* SPDX-License-Identifier: ISC */
/*
 * intake: one message on its way into the queue: envelope, then text as it
 * arrives (cleaned, counted, spilled to a spool file when it is large), then
 * the commit. The 250 belongs behind the commit's callback and nowhere else.
 *
 * An intake whose session has gone is aborted by intake_free; one that is
 * being committed is finished by itself and its message is not lost.
 */
#ifndef SMTP_INTAKE_H
#define SMTP_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/mail/answer.h"
#include "lib/mail/command.h"
#include "lib/mail/received.h"
#include "lib/store/store.h"
#include "relayd/smtp/generation.h"

struct event_base;
struct intake;

struct intake_events {
	/* The text may go on (after intake_text returned INTAKE_WAIT). */
	void	(*go_on)(void *arg);
	/* The commit is done: answer is 250 with the queue id, or 451/452/5yz. The intake is gone. */
	void	(*committed)(void *arg, const struct mail_answer *);
};

/* Where durable messages go: the scheduler, wired by smtp.c. */
struct intake_sink {
	void	(*queued)(void *arg, struct store_message *);	/* taken */
	void	*arg;
};

struct intake_param {
	struct event_base		*base;
	struct store			*store;
	struct generation		*generation;	/* borrowed for the call */
	const struct conf_client	*client;
	const char			*client_text;	/* "unknown[192.0.2.1]" */
	const char			*client_ip;
	const struct intake_sink	*sink;
};

/* For a MAIL command that parsed. */
struct intake	*intake_new(const struct intake_param *, const struct mail_command *,
		    const struct intake_events *, void *arg);
void		 intake_free(struct intake **);
/* 0, or -1 and *answer. */
int		 intake_rcpt(struct intake *, const struct mail_command *, struct mail_answer *);

/*
 * The text begins: the Received field is written. helo, TLS... of *trace are the session's.
 * bdat: it has no end of its own; the caller counts, and commits behind the last octet.
 */
void		 intake_begin(struct intake *, struct mail_received *trace, int bdat);
enum intake_text { INTAKE_MORE, INTAKE_WAIT, INTAKE_END, INTAKE_ABUSE };
/* ABUSE: so much beyond the size limit that the connection has to end (HARDENING I8). */
enum intake_text intake_text(struct intake *, const void *, size_t n, size_t *used);
uint64_t	 intake_octets(const struct intake *);	/* seen so far, whatever became of them */
/* BDAT: -1 and *answer if what came so far is refused already. */
int		 intake_refused(struct intake *, struct mail_answer *);
/* After INTAKE_END: judges and commits; `committed` follows and the intake is gone then. proto
 * (static) and tls are for the log. */
void		 intake_commit(struct intake *, const char *proto, const char *tls);

#endif
