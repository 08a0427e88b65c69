/* SPDX-License-Identifier: ISC */
/*
 * ctl_request: a line from the control socket, as a verb and typed values.
 * Pure: no I/O, no state of the daemon; the fuzz target is exactly this.
 */
#ifndef SMTP_CTL_REQUEST_H
#define SMTP_CTL_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/mail/domain.h"

#define CTL_REQUEST_MAX	65536	/* bytes of a request line */
#define CTL_DEPTH_MAX	4	/* nested objects and arrays */
#define CTL_ARGS_MAX	16	/* arguments of a verb */
#define CTL_IDS_MAX	100	/* of one CTL_QIDS */
#define CTL_VERB_CAP	32
#define CTL_TEXT_CAP	256
#define CTL_LINE_MAX	200
#define CTL_VERSION	1
#define CTL_ADDRESS_CAP	321	/* never less than MAIL_DOMAIN_CAP */

enum ctl_type {
	CTL_FLAG,		/* true or false */
	CTL_NUMBER,		/* 0..1000000000 */
	CTL_QID,		/* a queue id as text */
	CTL_QIDS,		/* one, or an array of them */
	CTL_SPAN,		/* "5d": a duration; the value is in ms */
	CTL_ADDRESS,		/* a mail address, "@domain" for all of one, "<>" for the null path */
	CTL_DOMAIN,		/* any spelling; the value is in A-labels */
	CTL_WORD,		/* one of words */
	CTL_TEXT		/* one line for people, not empty, at most CTL_LINE_MAX octets */
};

enum ctl_right { CTL_READ, CTL_CHANGE };

/* One argument; a list of them ends with key NULL. */
struct ctl_arg {
	const char		*key;
	enum ctl_type		 type;
	enum ctl_right		 right;		/* to give this argument at all */
	int			 required;
	const char *const	*words;		/* of CTL_WORD, NULL ends it */
};

struct ctl_value {
	int		 given;
	uint64_t	 number;		/* FLAG 0 or 1, NUMBER, QID, SPAN, WORD: its index */
	char		 text[CTL_ADDRESS_CAP];	/* DOMAIN, TEXT, ADDRESS */
	uint64_t	 ids[CTL_IDS_MAX];	/* QIDS; number tells how many */
};

/* Why there is no answer; kinds may be added. */
enum ctl_kind {
	CTL_USAGE,		/* "usage": the request is not understood */
	CTL_DENIED,		/* "denied": not for this user */
	CTL_BUSY,		/* "busy": try again */
	CTL_FAILED		/* "failed": the daemon could not do it */
};

struct ctl_refusal {
	enum ctl_kind	 kind;
	char		 error[CTL_TEXT_CAP];	/* one printable line each */
	char		 fix[CTL_TEXT_CAP];
};
const char	*ctl_kind_name(enum ctl_kind);
/* Fills it (fix may be NULL); always -1. What came from outside is escaped here. */
int		 ctl_refuse(struct ctl_refusal *, enum ctl_kind, const char *fix,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Line without its end -> *root (the caller's) and the verb; -1 and *refusal. */
int	ctl_request_parse(const char *line, size_t n, json_t **root, char verb[CTL_VERB_CAP],
	    struct ctl_refusal *);
/* Values in the order of args; unknown keys and wrong types are refused. */
int	ctl_request_values(json_t *root, const struct ctl_arg *args,
	    struct ctl_value values[CTL_ARGS_MAX], struct ctl_refusal *);

#endif
