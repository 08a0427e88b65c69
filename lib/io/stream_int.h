/* SPDX-License-Identifier: ISC */
/* stream_int: what stream.c and stream_tls.c share. Included nowhere else. */
#ifndef IO_STREAM_INT_H
#define IO_STREAM_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/list.h"
#include "lib/io/stream.h"

#define READ_SIZE	16384u

enum phase { CONNECTING, CLEAR, CLEAR_DRAIN, HANDSHAKE, SECURE, FINISHING, ENDED };

struct io_stream {
	unsigned			 magic;
	enum phase			 phase;
	int				 fd;
	SSL				*ssl;
	const struct io_stream_events	*events;
	void				*arg;
	struct event_base		*base;
	struct event			 ev_read, ev_write, ev_timer, ev_kick;
	struct buf			 in, out;
	size_t				 in_max;
	int64_t				 deadline;	/* mono ms, 0 none */
	int64_t				 armed;		/* when ev_timer fires, 0 not armed */
	size_t				 discarded;
	unsigned			 depth;		/* callbacks on the stack */
	int				 freed, paused, want_drain, report_input;
	int				 reading, writing;	/* events added */
	int				 touched;	/* bytes went either way in clear */
	int				 last_words;	/* ended by its deadline: may still be written to */
	int				 brimful;	/* TLS may hold more than `in` would take */
	int				 err, ssl_err;
	int				 left_alone;	/* finished by its owner */
	TAILQ_ENTRY(io_stream)		 link;		/* then */
};

/* stream.c */
void	io_stream_set_reading(struct io_stream *, int on);
void	io_stream_set_writing(struct io_stream *, int on);
void	io_stream_end(struct io_stream *, enum io_end);
/* Deferred work: sends what is buffered; with report_input also reports what waits in `in`. */
void	io_stream_kick(struct io_stream *, int report_input);

/* stream_tls.c */
int	io_stream_tls_read(struct io_stream *);		/* 1: bytes came; 0: none now; -1: ended */
ssize_t	io_stream_tls_write(struct io_stream *);	/* as send(2), 0 = not now */
void	io_stream_tls_step(struct io_stream *);		/* one step of the handshake */

#endif
