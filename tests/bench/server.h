/* SPDX-License-Identifier: ISC */
/*
 * server: the receiving end of SMTP, only as much as a relay that behaves
 * needs: PIPELINING, 8BITMIME, SMTPUTF8, SIZE and, with a context, STARTTLS,
 * without which MAIL is refused then.  Used by sink and pipe.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stddef.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "tests/bench/tally.h"

struct server;

struct server_param {
	struct event_base *base;
	SSL_CTX		  *ctx;		/* NULL: plain SMTP */
	struct tally_head *count;
	/*
	 * A whole message: last recipient, and content as it came: stuffed,
	 * without the final dot.  Borrowed.  Answer now or later.
	 */
	void		 (*message)(struct server *, const char *rcpt, const char *data,
			    size_t len);
};

void	server_new(const struct server_param *, int fd);	/* *param is kept by pointer */
/* Ends the message; fine (and needed) too when the client has gone meanwhile. */
void	server_reply(struct server *, const char *line);

#endif
