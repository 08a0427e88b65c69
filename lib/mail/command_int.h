/* SPDX-License-Identifier: ISC */
/* command_int: shared by the command*.c files, included nowhere else. */
#ifndef MAIL_COMMAND_INT_H
#define MAIL_COMMAND_INT_H

#include "lib/mail/command.h"

/* What is left to read of a line. */
struct mail_command_rest {
	const char	*p;
	size_t		 n;
};

static inline void
mail_command_skip(struct mail_command_rest *r, size_t n)
{
	r->p += n;
	r->n -= n;
}

/* Skips blanks; how many there were. */
size_t	mail_command_skip_blanks(struct mail_command_rest *);

/* The text behind MAIL and RCPT. 0; -1 and *answer. */
int	mail_command_parse_path(struct mail_command_rest, struct mail_command *,
	    struct mail_answer *);
/* The parameters behind the path. 0; -1 and *answer. */
int	mail_command_parse_params(struct mail_command_rest, struct mail_command *,
	    struct mail_answer *);

#endif
