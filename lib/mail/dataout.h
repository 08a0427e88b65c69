/* SPDX-License-Identifier: ISC */
/*
 * dataout: stored text -> what follows the 354: leading dots doubled, and
 * CRLF.CRLF at the end (RFC 5321 s4.5.2). The last line of defence against
 * smuggling (HARDENING I3): a bare CR, a bare LF or a NUL is an error of this
 * side and never becomes bytes on the wire. Wire bytes of clean text are
 * copied in runs.
 *
 * After -1 the connection must be closed: the message on it has no end.
 */
#ifndef MAIL_DATAOUT_H
#define MAIL_DATAOUT_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct why;

struct mail_dataout {
	int	bdat;		/* no dots: mail_dataout_init_bdat */
	int	state;		/* private */
};

void	mail_dataout_init(struct mail_dataout *);
/* The same checks for BDAT: no stuffing, no final dot; what goes out is what came in. */
void	mail_dataout_init_bdat(struct mail_dataout *);
/* Appends the wire form of the next chunk. -1: nothing of it appended; *why is CORRUPT. */
int	mail_dataout_add(struct mail_dataout *, const void *, size_t n, struct buf *out,
	    struct why *);
/* Appends the final dot line. -1 if the text does not end in CRLF (empty text does). */
int	mail_dataout_finish(struct mail_dataout *, struct buf *out, struct why *);

#endif
