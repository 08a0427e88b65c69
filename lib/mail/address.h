/* SPDX-License-Identifier: ISC */
/*
 * address: the Mailbox of an SMTP path (RFC 5321 s4.1.2, RFC 6531 s3.3),
 * split into local part and domain. Pure syntax; nothing is expanded and
 * nothing has a meaning: percent, bang and a quoted @ are opaque octets of
 * the local part (HARDENING I13).
 *
 * Strict about characters: no control octets, no DEL, valid UTF-8 only, no
 * comments, no white space outside quotes, no trailing dot. Liberal about
 * one length: RFC 5321 s4.5.3.1.1 says that 64 octets of local part must be
 * taken; longer ones (VERP, SRS) are in use and are taken too, as long as
 * the mailbox fits a path (s4.5.3.1.3: 256 octets with brackets).
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#define MAIL_ADDRESS_MAX	254	/* octets of local@domain */

/* Pointers are borrowed from the text that was parsed and are not terminated. */
struct mail_address {
	const char	*local;		/* as written, quotes included */
	size_t		 local_len;
	const char	*domain;	/* name or [literal] */
	size_t		 domain_len;
	int		 quoted;	/* local part is a quoted string */
	int		 literal;	/* domain is an address literal */
	int		 utf8;		/* non-ASCII somewhere: needs SMTPUTF8 (HARDENING I11) */
};

/* local@domain. 0, or -1 if it is no Mailbox (*address is undefined then). */
int	mail_address_parse(const char *, size_t len, struct mail_address *);
/* Is it a Local-part (dot-string or quoted string) from end to end? 1 or 0. */
int	mail_address_local_ok(const char *, size_t len);
/* Is it a Domain or an address literal? U-labels count if valid UTF-8. 1 or 0. */
int	mail_address_domain_ok(const char *, size_t len);
/* The part behind the last @ of a parsed address; "" for "" and Postmaster. */
const char *mail_address_domain(const char *address);

/*
 * An address literal with its brackets: [192.0.2.1], [IPv6:2001:db8::1].
 * family AF_INET or AF_INET6, ip 4 or 16 octets in network order. 0 or -1.
 */
int	mail_address_literal(const char *, size_t len, int *family, uint8_t ip[16]);

#endif
