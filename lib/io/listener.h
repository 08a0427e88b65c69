/* SPDX-License-Identifier: ISC */
/*
 * listener: accepts on a bound socket. When descriptors run out it pauses for
 * a second instead of spinning (HARDENING E4).
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <sys/socket.h>

struct event_base;
struct io_listener;

/* fd is non-blocking, close-on-exec, the callback's to own. */
typedef void io_accept_fn(void *arg, int fd, const struct sockaddr *, socklen_t);

/* Takes the listening fd (bound and listening). */
struct io_listener	*io_listener_new(struct event_base *, int fd, io_accept_fn *, void *arg);
/*
 * Other processes accept on the same socket: connections are taken one at a
 * time. yields (with the arg of accept) says whether another should rather have the
 * next one: it gets a millisecond for that.
 */
void			 io_listener_share(struct io_listener *, int (*yields)(void *arg));
void			 io_listener_free(struct io_listener **);
/* A listening TCP socket; -1 with errno. */
int			 io_listener_bind(const struct sockaddr *, socklen_t);
/*
 * A listening unix socket with this mode. One that nobody listens behind any more is replaced;
 * somebody else's stays: EADDRINUSE; what is no socket, too: EEXIST. -1 with errno.
 */
int			 io_listener_bind_unix(const char *path, unsigned mode);
/* "192.0.2.1:25", "[2001:db8::1]:25". */
void			 io_address_print(const struct sockaddr *, char *to, size_t cap, int with_port);

#endif
