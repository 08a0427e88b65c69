/* SPDX-License-Identifier: ISC */
/*
 * client: the sending end of SMTP.  MAIL, RCPT and DATA go out in one write,
 * content and final dot in another.  With a context: STARTTLS at once and the
 * peer must prove its name, else the connection ends.  Used by load and pipe.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stddef.h>
#include <event2/event.h>
#include <openssl/ssl.h>

struct client;

struct client_param {
	struct event_base *base;
	const char	*address;	/* "127.0.0.1:2525" */
	SSL_CTX		*ctx;		/* NULL: in clear */
	const char	*name;		/* that the peer must prove */
	void		 (*ready)(void *arg);			/* send now */
	void		 (*done)(void *arg, int code);		/* ready again */
	void		 (*closed)(void *arg, const char *why);	/* the client is freed */
	void		*arg;
};

/* NULL if the connection fails at once (errno). *param is copied, its strings are not. */
struct client	*client_new(const struct client_param *);
/* Content is stuffed, ends in CRLF, lacks the final dot and stays the caller's till done. */
void		 client_send(struct client *, const char *from, const char *rcpt,
		    const char *data, size_t len);
void		 client_quit(struct client **);	/* no callback follows */

#endif
