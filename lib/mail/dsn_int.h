/* SPDX-License-Identifier: ISC */
/* dsn_int: shared by the dsn*.c files, included nowhere else. */
#ifndef MAIL_DSN_INT_H
#define MAIL_DSN_INT_H

#include "lib/mail/dsn.h"

#define MAIL_DSN_NAME_MAX	255
#define MAIL_DSN_ADDRESS_MAX	640	/* 254 octets, some escaped */
#define MAIL_DSN_TEXT_MAX	900	/* a line stays below 998 octets */

struct mail_dsn_action_row {
	const char	*name;		/* RFC 3464 s2.3.3 */
	const char	*status;	/* when none is known */
	const char	*classes;	/* status classes that go with it */
	const char	*intro;
};
extern const struct mail_dsn_action_row mail_dsn_actions[MAIL_DSN__COUNT];

/* "Name: date" and CRLF; nothing for time 0. */
void	mail_dsn_add_date(struct buf *, const char *name, int64_t ms);
/* Text with CRLF line ends as quoted-printable (RFC 2045 s6.7). */
void	mail_dsn_add_quoted(struct buf *, const char *, size_t);
/* The part for people. */
void	mail_dsn_add_text(struct buf *, const struct mail_dsn *, int utf8);
/* The part for programs. */
void	mail_dsn_add_status(struct buf *, const struct mail_dsn *, int utf8);
/* The recipient's status code, well-formed and of a class that fits the action. */
const char *mail_dsn_status(const struct mail_dsn_rcpt *);

#endif
