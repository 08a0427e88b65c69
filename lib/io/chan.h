/* SPDX-License-Identifier: ISC */
/*
 * chan: framed messages and descriptors between our own processes, over a
 * socketpair. Frame: u32 payload length, u16 type, u16 version (the top bit
 * says that a descriptor comes along), u32 request; big-endian. A frame that
 * is too long, or of another version, ends the channel: the receiver drops
 * the peer and lives on.
 *
 * Callbacks come from the event loop. io_chan_free may be called from them.
 */
#ifndef IO_CHAN_H
#define IO_CHAN_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct io_chan;

struct io_frame {
	uint16_t	 type;
	uint32_t	 request;
	const void	*data;		/* borrowed */
	size_t		 len;
	int		 fd;		/* -1 if none; the callback's to close */
};

struct io_chan_events {
	void	(*frame)(void *arg, const struct io_frame *);
	void	(*closed)(void *arg, const char *why);	/* once; the owner frees */
};

/* Takes fd. max_len: longest payload accepted. */
struct io_chan	*io_chan_new(struct event_base *, int fd, size_t max_len,
		    const struct io_chan_events *, void *arg);
void		 io_chan_free(struct io_chan **);
/* Queues a frame; fd (or -1) is duplicated into the message and closed here once sent. */
void		 io_chan_send(struct io_chan *, uint16_t type, uint32_t request, const void *,
		    size_t, int fd);

#endif
