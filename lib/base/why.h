/* SPDX-License-Identifier: ISC */
/*
 * why: failure is a value that travels.  Set where the fact is known, read
 * by outcome, log, DSN, metrics and relayctl; never re-derived from text.
 * Tokens, RFC 8460 result types and RFC 3463 codes stand in why.def.
 */
#ifndef BASE_WHY_H
#define BASE_WHY_H

enum why_reason {
#define REASON(id, token, tlsrpt, dsn, words)	WHY_##id,
#include "lib/base/why.def"
#undef REASON
	WHY__COUNT
};

struct why {
	enum why_reason	reason;
	char		dsn[12];	/* "4.7.5", RFC 3463 */
	char		text[256];	/* one printable line, peer text escaped */
};

/*
 * Fills *why with the reason, its default status code and the text, which is
 * escaped to one line.  Always returns -1, so that it can end a function.
 * why may be NULL.
 */
int		 why_set(struct why *, enum why_reason, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));
/* The same with a status code of its own (a remote server's); a malformed one is ignored. */
int		 why_set_dsn(struct why *, enum why_reason, const char *dsn, const char *fmt, ...)
		    __attribute__((format(printf, 4, 5)));
void		 why_clear(struct why *);	/* NONE, "2.0.0", "" */
int		 why_is_set(const struct why *);

const char	*why_token(enum why_reason);
const char	*why_tlsrpt(enum why_reason);	/* RFC 8460 s4.3, "" if none */
const char	*why_dsn(enum why_reason);
const char	*why_words(enum why_reason);
/* The reason of a token, or WHY__COUNT. */
enum why_reason	 why_reason_of(const char *token);

#endif
