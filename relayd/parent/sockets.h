/* SPDX-License-Identifier: ISC */
/*
 * sockets: every listening socket of the relay: bound here, or adopted from
 * the service manager (LISTEN_FDS), lent to each smtp process. They all accept
 * on the same sockets, so that what waits on one is lost with none of them; the
 * control socket and the one for metrics are worker 0's.
 */
#ifndef PARENT_SOCKETS_H
#define PARENT_SOCKETS_H

struct child;
struct conf;
struct sockets;

/* Exits with 71 or 73 and a clear word if an address cannot be bound. */
struct sockets	*sockets_open(const struct conf *);
void		 sockets_hand_over(const struct sockets *, struct child *);
void		 sockets_free(struct sockets **);

#endif
