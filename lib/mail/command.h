/* SPDX-License-Identifier: ISC */
/*
 * command: one SMTP command line <-> a value. Pure syntax (RFC 5321 s4.1,
 * RFC 1870, 3030, 3207, 3461, 4954, 6152, 6531, 8689); the order of commands
 * and who may send them is the server's business.
 *
 * What clumsy internal clients send is taken and marked `lax` (strict
 * profiles may refuse it): a space behind the colon of MAIL FROM: and RCPT
 * TO:, a path without angle brackets, an EHLO name that is no domain.
 */
#ifndef MAIL_COMMAND_H
#define MAIL_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "lib/mail/address.h"
#include "lib/mail/answer.h"

#define MAIL_COMMAND_MAX	4096	/* octets of a line without CRLF (HARDENING I6) */
#define MAIL_COMMAND_SHORT_MAX	510	/* verbs without long arguments (RFC 5321 s4.5.3.1.4) */
#define MAIL_HELO_MAX		255
#define MAIL_ENVID_MAX		100	/* RFC 3461 s4.4 */
#define MAIL_ORCPT_MAX		500	/* RFC 3461 s4.2 */

struct buf;

enum mail_verb {
	MAIL_VERB_UNKNOWN,
	MAIL_VERB_EHLO, MAIL_VERB_HELO, MAIL_VERB_MAIL, MAIL_VERB_RCPT, MAIL_VERB_DATA,
	MAIL_VERB_BDAT, MAIL_VERB_RSET, MAIL_VERB_NOOP, MAIL_VERB_VRFY, MAIL_VERB_EXPN,
	MAIL_VERB_HELP, MAIL_VERB_QUIT, MAIL_VERB_STARTTLS, MAIL_VERB_AUTH,
	MAIL_VERB_FOREIGN,	/* another protocol: answer 500 and close (HARDENING I12) */
	MAIL_VERB__COUNT
};

enum mail_body { MAIL_BODY_NONE, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME };
enum mail_ret { MAIL_RET_NONE, MAIL_RET_FULL, MAIL_RET_HDRS };

/* RFC 3461 s4.1. given = 0: the parameter was absent (= FAILURE, maybe DELAY). */
struct mail_notify {
	int	given;
	int	never, success, failure, delay;
};

struct mail_command {
	enum mail_verb		 verb;		/* set even if the line is refused */
	int			 lax;		/* needed forbearance, see above */

	/* EHLO, HELO: the name; printable ASCII, maybe with spaces. */
	char			 helo[MAIL_HELO_MAX + 1];
	/* AUTH, VRFY, EXPN, HELP, NOOP: the rest of the line. Borrowed, not terminated. */
	const char		*arg;
	size_t			 arg_len;
	/* BDAT (RFC 3030 s2) */
	uint64_t		 chunk;
	int			 last;

	/* MAIL, RCPT: local@domain as written, source route dropped; "" for <>;
	 * "Postmaster" in any case for RCPT TO:<Postmaster>. */
	char			 path[MAIL_ADDRESS_MAX + 1];
	int			 path_utf8;	/* path or ORCPT is not ASCII; RCPT: 553 5.6.7
						 * unless MAIL had SMTPUTF8 */

	/* MAIL parameters */
	int			 has_size;
	uint64_t		 size;
	enum mail_body		 body;
	int			 smtputf8, requiretls;
	enum mail_ret		 ret;
	char			 envid[MAIL_ENVID_MAX + 1];	/* decoded; "" = none */
	int			 has_auth;			/* AUTH=: checked and ignored */

	/* RCPT parameters */
	struct mail_notify	 notify;
	/* "rfc822;a@b" decoded, "utf-8;\x{F8}@b" with what is not ASCII as \x{HEX};
	 * printable ASCII; "" = none. */
	char			 orcpt[MAIL_ORCPT_MAX + 1];
};

/*
 * line: the octets before CRLF, any content. 0 and *command; -1 and *answer,
 * ready to be sent (500 5.5.2, 501 5.5.4, 553 5.1.7, 553 5.6.7, 555 5.5.4...).
 * A non-ASCII sender without SMTPUTF8 is refused here; a non-ASCII recipient
 * is for the caller (path_utf8), who knows the transaction.
 */
int	mail_command_parse(const char *line, size_t len, struct mail_command *,
	    struct mail_answer *);

/* 1 if these first octets of a session, maybe not yet a whole line, are TLS, HTTP or SSH. */
int	mail_command_is_foreign(const char *, size_t len);

/*
 * Appends the command with its CRLF, as our client sends it. Only what is set
 * is written: the caller leaves out what the server did not offer.
 */
void	mail_command_print(struct buf *, const struct mail_command *);

const char	*mail_verb_name(enum mail_verb);	/* "MAIL"; "" for unknown */

/* "SUCCESS,FAILURE" <-> value, for the queue. print: "" if not given. parse: 0 or -1. */
void	mail_notify_print(const struct mail_notify *, char *to, size_t cap);
int	mail_notify_parse(const char *, struct mail_notify *);
/* "FULL", "HDRS", "" <-> value; unknown text is MAIL_RET_NONE. */
const char	*mail_ret_name(enum mail_ret);
enum mail_ret	 mail_ret_of(const char *);

#endif
