/* SPDX-License-Identifier: ISC */
/*
 * dsn: composes a delivery status notification (RFC 3461, 3464, 6522, 3834;
 * RFC 6533 where addresses are not ASCII and the message came with SMTPUTF8).
 * Pure: plain values in, a complete message with CRLF line ends out. No value
 * can start a field, a line or a part (OpenSMTPD CVE-2020-8794): control
 * octets are escaped, lengths are cut, the boundary is random and checked.
 *
 * Whether a notification is owed at all is the caller's question: none for
 * an empty sender or NOTIFY=NEVER (RFC 3461 s4.1, RFC 5321 s6.1). Its
 * envelope sender is <>.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/mail/command.h"

struct buf;

/* RFC 3464 s2.3.3; EXPIRED is written as "failed". */
enum mail_dsn_action {
	MAIL_DSN_FAILED,
	MAIL_DSN_EXPIRED,	/* queue life ended on a temporary failure */
	MAIL_DSN_DELAYED,
	MAIL_DSN_HELD,		/* kept, not tried, no limit of time; written as "delayed" */
	MAIL_DSN_DELIVERED,
	MAIL_DSN_RELAYED,	/* next hop does not offer DSN (RFC 3461 s5.2.2) */
	MAIL_DSN__COUNT
};

/* Strings: NULL or "" if unknown. Raw octets from outside are fine anywhere. */
struct mail_dsn_rcpt {
	const char		*final;		/* address in RCPT */
	const char		*orcpt;		/* ORCPT, decoded: "rfc822;a@b" */
	enum mail_dsn_action	 action;
	const char		*status;	/* "5.7.5"; malformed or NULL: by action */
	const char		*words;		/* what it means (why_words) */
	const char		*token;		/* reason token (why_token) */
	const char		*why;		/* one line of detail (why.text) */
	const char		*remote_mta;	/* host name */
	const char		*diagnostic;	/* reply as received: "550 5.1.1 no such user" */
	int64_t			 last_attempt;	/* Unix ms, 0 = none */
	int64_t			 retry_until;	/* Unix ms, 0 = none; delayed only */
};

struct mail_dsn {
	const char	*host;		/* reporting MTA */
	const char	*queue_id;	/* of the message it is about */
	const char	*own_id;	/* queue id of the notification, for its Message-ID */
	const char	*sender;	/* whom it goes to */
	const char	*envid;		/* decoded */
	const char	*received_from;	/* "[192.0.2.1]", the client; NULL if local */
	int64_t		 arrival;	/* Unix ms */
	int64_t		 now;		/* Unix ms */
	int		 smtputf8;	/* the message came with SMTPUTF8 */
	int		 requiretls;	/* never return the body (RFC 8689 s5) */
	enum mail_ret	 ret;		/* NONE: headers only, as HDRS */
	/* Start of the stored message, at least its header block; whole: all of it. */
	const char	*original;
	size_t		 original_len;
	int		 whole;
	const struct mail_dsn_rcpt *rcpts;
	size_t		 nrcpts;
};

/* What its envelope has to say. */
struct mail_dsn_made {
	int	eightbit;	/* BODY=8BITMIME */
	int	utf8;		/* SMTPUTF8 */
};

#define MAIL_DSN_RETURN_MAX	65536	/* octets of body that are returned at most */

/* Appends the whole message to out. */
void	mail_dsn_compose(struct buf *out, const struct mail_dsn *, struct mail_dsn_made *);
/*
 * A notification that was composed with `eightbit` and without `utf8`, for a server without
 * 8BITMIME: the header of the message alone, in ASCII. Appends it to out. 0, or -1: it is no such
 * notification, and nothing was appended.
 */
int	mail_dsn_to_ascii(struct buf *out, const char *, size_t);

#endif
