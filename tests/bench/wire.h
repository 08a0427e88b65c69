/* SPDX-License-Identifier: ISC */
/*
 * wire: a TCP connection on the event loop, in clear or under TLS, with a
 * buffer each way.  As thin as it can be, since its cost is in every figure:
 * one read and one write call for each turn of the conversation.
 *
 * Callbacks fire from the loop.  wire_close() may be called from them; the
 * wire is gone when they return.  `closed` comes once, for every end that
 * wire_close() did not make.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <sys/socket.h>
#include <event2/event.h>
#include <openssl/ssl.h>

struct wire;

struct wire_events {
	void	(*opened)(void *arg);			/* TCP connected (clients only) */
	void	(*secured)(void *arg, int resumed);	/* handshake done */
	void	(*input)(void *arg);			/* new bytes: see wire_in */
	void	(*closed)(void *arg, const char *why);
};

/* Takes a connected or connecting non-blocking socket; sets TCP_NODELAY. */
struct wire	*wire_new(struct event_base *, int fd, int connecting,
		    const struct wire_events *, void *arg);
/* NULL name: server side. Else client side: SNI and the name to verify, and a peer
 * that does not prove it ends in closed(). */
void		 wire_secure(struct wire *, SSL_CTX *, const char *name);
char		*wire_in(struct wire *, size_t *len);	/* borrowed; NUL follows it */
void		 wire_drop(struct wire *, size_t len);
void		 wire_add(struct wire *, const void *, size_t);
void		 wire_adds(struct wire *, const char *);
/* Writes what was added; from a callback of this wire that happens by itself. May end
 * in closed(), so elsewhere it is the last thing that is done with a wire. */
void		 wire_flush(struct wire *);
void		 wire_close(struct wire **);

/* Sockets: exit on failure. "127.0.0.1:0"; the bound address goes to name. */
int	 wire_listen(const char *address, char *name, size_t cap);
int	 wire_accept(int listener);			/* -1: nothing to accept */
int	 wire_connect(const char *address);		/* non-blocking; -1: errno */
/* A context as both ends use it: TLS 1.2 and later, AES-128-GCM first. */
SSL_CTX	*wire_server_ctx(const char *cert, const char *key);
SSL_CTX	*wire_client_ctx(const char *ca);

#endif
