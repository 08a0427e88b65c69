/* SPDX-License-Identifier: ISC */
/*
 * answer: one reply of ours on its way to an SMTP client: code, enhanced
 * status (RFC 2034, RFC 3463) and one line of text. A pure value.
 */
#ifndef MAIL_ANSWER_H
#define MAIL_ANSWER_H

#include <stdarg.h>

struct buf;

struct mail_answer {
	int	code;		/* 250, 451, 553 ... */
	char	dsn[12];	/* "5.1.7"; "" is left out (220, 221 to HELO, 354, EHLO) */
	char	text[256];	/* one printable line */
};

/*
 * Fills *answer; the text is escaped to one line. Always returns -1, so that
 * it can end a function that refuses. answer may be NULL.
 */
int	mail_answer_set(struct mail_answer *, int code, const char *dsn, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
int	mail_answer_setv(struct mail_answer *, int code, const char *dsn, const char *fmt, va_list)
	    __attribute__((format(printf, 4, 0)));
/* Appends "553 5.1.7 text" and CRLF. */
void	mail_answer_print(struct buf *, const struct mail_answer *);

#endif
