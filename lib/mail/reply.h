/* SPDX-License-Identifier: ISC */
/*
 * reply: the replies of a remote server, read incrementally (RFC 5321 s4.2,
 * RFC 2034, RFC 3463). Strict: three digits 2yz..5yz (1yz is read, too), then
 * space, hyphen or the line end; the same code on every line; CRLF only; no
 * NUL, no bare CR or LF. Bounded (HARDENING C3): 4,096 octets a line, 128
 * lines, 64 KiB. The result does not depend on how the bytes were cut.
 *
 * A parser belongs to one connection. After MAIL_REPLY_BAD it stays bad.
 */
#ifndef MAIL_REPLY_H
#define MAIL_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define MAIL_REPLY_LINE_MAX	4096
#define MAIL_REPLY_LINES_MAX	128
#define MAIL_REPLY_MAX		65536
#define MAIL_REPLY_TEXT_MAX	512

struct why;

struct mail_reply {
	int		 code;		/* 100..599 */
	char		 dsn[12];	/* "5.7.1" if its class is that of the code, else "" */
	char		 text[MAIL_REPLY_TEXT_MAX + 1];	/* lines joined by a space, status codes
						 * removed, escaped to one printable line */
	unsigned	 nlines;
	/* Each line behind code and separator, raw, ended by LF.
	 * Borrowed until the next call on the parser. */
	const char	*lines;
	size_t		 lines_len;
};

struct mail_reply_parser {
	struct buf	 line;		/* unfinished line */
	struct buf	 lines;		/* texts of the finished lines */
	size_t		 total;		/* octets of this reply so far */
	unsigned	 nlines;
	int		 code;
	char		 dsn[12];
	int		 complete, bad;
};

enum mail_reply_result {
	MAIL_REPLY_MORE,	/* all bytes taken, no reply yet */
	MAIL_REPLY_DONE,	/* *reply is filled; bytes beyond *used are not touched */
	MAIL_REPLY_BAD		/* protocol error: *why is PROTOCOL_ERROR; close the connection */
};

void	mail_reply_init(struct mail_reply_parser *);
void	mail_reply_fini(struct mail_reply_parser *);
/* Forgets an unfinished reply (never needed between two replies). */
void	mail_reply_reset(struct mail_reply_parser *);
/* *used: bytes consumed, n if MORE. why may be NULL. */
enum mail_reply_result mail_reply_feed(struct mail_reply_parser *, const void *, size_t n,
	    size_t *used, struct mail_reply *, struct why *);

/* What a server offers (RFC 5321 s4.1.1.1). The first line is a greeting, not a keyword. */
struct mail_ehlo {
	char		 domain[256];	/* what the server calls itself, escaped; may be "" */
	int		 starttls, pipelining, chunking, eightbitmime, smtputf8;
	int		 enhancedstatuscodes, dsn, requiretls;
	int		 has_size;
	uint64_t	 size;		/* 0 = no limit, or not a number */
	int		 auth_plain, auth_login;
	char		 auth[256];	/* the mechanisms, escaped, "" if none */
	/* Not offered, but a keyword looks like STARTTLS overwritten on the path ("XXXXXXXA",
	 * RULES P05). */
	int		 starttls_mangled;
	char		 mangled[32];	/* that keyword, escaped */
};

/* Reads a reply to EHLO; all zero unless the code is 2yz. */
void	mail_ehlo_parse(const struct mail_reply *, struct mail_ehlo *);

#endif
