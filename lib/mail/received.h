/* SPDX-License-Identifier: ISC */
/*
 * received: the trace field that this relay puts in front of a message
 * (RFC 5321 s4.4, RFC 3848 and RFC 6531 s4.3 for the protocol names). Octets
 * from outside cannot leave the place they are put (HARDENING I10): what is
 * no plain name character becomes '?'.
 */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include <stddef.h>
#include <stdint.h>

struct buf;

struct mail_received {
	const char	*helo;		/* as the client said; NULL or "": unknown */
	const char	*client_name;	/* verified name, NULL if none */
	const char	*client_ip;	/* "192.0.2.1", "2001:db8::1" */
	const char	*host;		/* this relay */
	const char	*queue_id;	/* mail_queue_id_print */
	const char	*rcpt;		/* the only recipient; NULL if there are several */
	const char	*tls;		/* "TLSv1.3 TLS_AES_256_GCM_SHA384", NULL in clear */
	int		 esmtp;		/* EHLO, not HELO */
	int		 auth;
	int		 utf8;		/* MAIL had SMTPUTF8 */
	int64_t		 when;		/* Unix ms */
};

/* Appends the whole field, folded, with its CRLF. */
void	mail_received_add(struct buf *, const struct mail_received *);
/* What every field made for this host holds, for loop detection (HARDENING I14). */
void	mail_received_marker(char *to, size_t cap, const char *host);

#endif
