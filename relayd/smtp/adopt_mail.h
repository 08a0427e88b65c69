/* SPDX-License-Identifier: ISC */
/*
 * adopt_mail: moves all mail of one store into another, a page at a time,
 * each message with its id and all that is known of its recipients.
 *
 *	1  put into the new store, in one transaction with a note that says so
 *	2  removed from the old one
 *	3  made known to the scheduler; the note is dropped
 *
 * A crash in between is told by the note at the next start: a message with a
 * note is only removed from the old store, whatever has become of it in the new
 * one by then. So nothing is lost, and nothing is there twice.
 */
#ifndef SMTP_ADOPT_MAIL_H
#define SMTP_ADOPT_MAIL_H

#include <stddef.h>
#include <stdint.h>

#define ADOPT_ID_PREFIX	"adopt/id/"	/* the notes; 16 hex digits follow */

struct adopt_mail;
struct event_base;
struct store;
struct store_message;

struct adopt_mail_events {
	/* It is ours now; borrowed. */
	void	(*moved)(void *arg, const struct store_message *);
	/* Nothing is left that can be moved. The object may be freed from here. */
	void	(*done)(void *arg);
};

struct adopt_counts {
	uint64_t	messages, recipients;
	uint64_t	stuck;		/* that cannot be read or are here already, left where they are */
};

struct adopt_mail	*adopt_mail_new(struct event_base *, struct store *from, struct store *to,
			    const struct adopt_mail_events *, void *arg);
/* Before either store is closed: the calls that are still owed do nothing then. */
void			 adopt_mail_stop(struct adopt_mail *);
/* When done was called, or stopped and both stores are closed. */
void			 adopt_mail_free(struct adopt_mail **);
const struct adopt_counts *adopt_mail_counts(const struct adopt_mail *);

#endif
