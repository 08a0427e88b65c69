/* SPDX-License-Identifier: ISC */
/*
 * datain: message text as it arrives, cleaned to what is stored (RFC 5321
 * s4.5.2, HARDENING section 3, I1, I2). DATA ends at CRLF.CRLF and nowhere
 * else, whatever the network of the client; leading dots are removed; BDAT
 * has no dots and no end. Stored text has only CRLF line ends, no bare CR or
 * LF, no NUL. The result does not depend on how the bytes were cut.
 *
 *	bare LF: becomes CRLF; bare CR: becomes a space. strict: refused.
 *	NUL: refused always.
 * A refusal is told by mail_datain_verdict at the true end, so that no text
 * is ever taken for commands. A dot that follows a bare LF is text and kept.
 *
 * Clean text is copied in runs, not octet by octet.
 */
#ifndef MAIL_DATAIN_H
#define MAIL_DATAIN_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct mail_answer;

struct mail_datain_param {
	int	bdat;		/* no dots, the caller counts the octets */
	int	strict;		/* 550 5.6.0 for bare CR or LF */
	int	lenient_eod;	/* LF.LF ends a text that holds no CRLF at all (HARDENING 9.5) */
};

struct mail_datain {
	struct mail_datain_param param;
	int		 state;		/* private */
	int		 ended;		/* the end of DATA was seen */
	int		 had_crlf, had_bare_lf, had_bare_cr, had_nul, eightbit;
	int		 ended_lenient;	/* by LF.LF */
	int		 refused;	/* nothing is appended from here on */
	uint64_t	 size;		/* octets of cleaned text */
	uint64_t	 line;		/* octets of the line so far */
	uint64_t	 longest;	/* longest line without its CRLF */
};

void	mail_datain_init(struct mail_datain *, const struct mail_datain_param *);

/*
 * Cleans n octets and appends the text to out; out may be NULL: the text is
 * read and dropped (too big, refused). Returns 1 at the end of DATA (*used
 * octets belong to the text, the rest are commands), else 0 and *used = n.
 * At most 2 octets of output per octet of input, and 3 more.
 */
int	mail_datain_feed(struct mail_datain *, const void *, size_t n, size_t *used,
	    struct buf *out);
/* BDAT, behind the last chunk: settles a last CR and ends the last line with CRLF. */
void	mail_datain_finish(struct mail_datain *, struct buf *out);

/* 0 = may be stored; -1 and *answer (550 5.6.0). Valid once the text has ended. */
int	mail_datain_verdict(const struct mail_datain *, struct mail_answer *);

#endif
