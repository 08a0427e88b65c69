/* SPDX-License-Identifier: ISC */
/*
 * stream: one non-blocking TCP connection, in clear or under TLS, on a
 * libevent loop. Bytes in and out are gathered in buffers; what is written
 * during one callback leaves in one write (TCP_NODELAY is set).
 *
 * Rules: callbacks come from the event loop, never from inside a call on the
 * stream; io_stream_free and io_stream_finish may be called from any callback.
 * After `ended` no callback follows; the owner still frees the stream. One that
 * ended by IO_TIMEOUT may be written to and finished (a last 421).
 *
 * STARTTLS (RFC 3207): io_stream_tls refuses, with -1, to start a handshake
 * while bytes in clear are buffered or readable: they would be an injection
 * (HARDENING I4, C2).
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "lib/base/buf.h"

struct event_base;
struct io_stream;

enum io_end {
	IO_EOF,			/* orderly end; under TLS with close_notify */
	IO_TRUNCATED,		/* TCP ended under TLS without close_notify (HARDENING C5) */
	IO_ERROR,		/* errno in io_stream_errno */
	IO_TIMEOUT,		/* the deadline passed */
	IO_TLS_FAILED		/* handshake or record failure; OpenSSL's error queue is intact */
};

struct io_stream_events {
	void	(*connected)(void *arg);	/* after io_stream_connect */
	void	(*input)(void *arg);		/* new bytes in io_stream_in() */
	void	(*drained)(void *arg);		/* once after io_stream_want_drain */
	void	(*secured)(void *arg);		/* handshake done */
	void	(*ended)(void *arg, enum io_end);
};

/* Takes fd. events must outlive the stream. */
struct io_stream *io_stream_new(struct event_base *, int fd,
		    const struct io_stream_events *, void *arg);
/* Connects from local (NULL: any). NULL with errno if there is no socket to be had; a connect
 * that fails at once is told by `ended`. */
struct io_stream *io_stream_connect(struct event_base *, const struct sockaddr *, socklen_t,
		    const struct sockaddr *local, socklen_t local_len,
		    const struct io_stream_events *, void *arg);
/* Closes at once (TLS: tries close_notify); unsent bytes are dropped. */
void		 io_stream_free(struct io_stream **);
/* Sends what is buffered, ends its side, waits a moment for the peer's end, frees itself. */
void		 io_stream_finish(struct io_stream **);
/* At the end of a process: those that still finish are closed. */
void		 io_stream_close_finishing(void);

struct buf	*io_stream_in(struct io_stream *);	/* consume with buf_drop */
void		 io_stream_write(struct io_stream *, const void *, size_t);
struct buf	*io_stream_out(struct io_stream *);	/* append here, then io_stream_push */
void		 io_stream_push(struct io_stream *);
size_t		 io_stream_unsent(struct io_stream *);
void		 io_stream_want_drain(struct io_stream *);

/* Stops and restarts reading (back-pressure); input left over is reported again on resume. */
void		 io_stream_pause(struct io_stream *);
void		 io_stream_resume(struct io_stream *);
/* Reading stops by itself while this many bytes wait (default 64 KiB). */
void		 io_stream_input_max(struct io_stream *, size_t);

/* The stream ends with IO_TIMEOUT after ms from now; 0 = no deadline. */
void		 io_stream_deadline(struct io_stream *, int64_t ms);

/*
 * Starts TLS (takes the SSL in any case) once what is buffered to go out in clear has left.
 * -1: bytes in clear were waiting; the stream must be ended. On a stream that has not been
 * used in clear (implicit TLS, RFC 8314) what waits is the handshake.
 */
int		 io_stream_tls(struct io_stream *, SSL *, int server);
SSL		*io_stream_ssl(struct io_stream *);	/* NULL in clear; borrowed */
int		 io_stream_errno(const struct io_stream *);
int		 io_stream_ssl_error(const struct io_stream *);	/* SSL_get_error of the failure */
int		 io_stream_fd(const struct io_stream *);

#endif
