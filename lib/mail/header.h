/* SPDX-License-Identifier: ISC */
/*
 * header: what the relay needs to know of a message's header block: hop
 * count, missing fields, TLS-Required. One linear pass over the start of the
 * stored text; nothing is changed. RFC 5322 s2.2, RFC 5321 s6.3, RFC 8689 s4.1.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stddef.h>

#define MAIL_HEADER_MAX		262144	/* octets of the block (HARDENING I6) */
#define MAIL_HEADER_FIELDS_MAX	2000

struct mail_answer;

struct mail_header {
	size_t		 len;		/* octets up to the body, blank line included if there is one */
	int		 complete;	/* a blank line, a body line or the end of text was seen */
	/* The text starts with no field: headers that are put in front of it need a blank
	 * line behind them. */
	int		 fresh_line;
	unsigned	 fields;
	unsigned	 received;	/* hops so far */
	unsigned	 own;		/* Received fields that hold the marker */
	unsigned	 from, date, message_id, mime_version;	/* how many of each */
	int		 tls_required_no;	/* exactly one TLS-Required, value "No" */
	int		 eightbit;	/* octets >= 0x80 in the block (RFC 6531) */
	int		 too_big, too_many;	/* a limit was passed; counting stopped there */
};

/*
 * text: the first n octets of the stored text (only the first
 * MAIL_HEADER_MAX are looked at); whole: 1 if that is all of it.
 * marker: what our own Received fields hold (mail_received_marker); NULL: none.
 */
void	mail_header_scan(const char *text, size_t n, int whole, const char *marker,
	    struct mail_header *);

/* The value of the first Message-ID, angle brackets included, if it is one of printable ASCII that
 * fits on a line: borrowed, *len octets. NULL: there is none. */
const char *mail_header_message_id(const char *text, size_t n, size_t *len);

/* 0; -1 and *answer: too big (552 5.3.4), too many fields (554 5.6.0), or a
 * loop (554 5.4.6): max_hops Received fields, or 3 of our own (HARDENING I14). */
int	mail_header_judge(const struct mail_header *, unsigned max_hops, struct mail_answer *);

#endif
