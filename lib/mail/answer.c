/* SPDX-License-Identifier: ISC */
/* answer: our replies to SMTP clients. */
#include "lib/mail/answer.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/str.h"

int
mail_answer_set(struct mail_answer *answer, int code, const char *dsn, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mail_answer_setv(answer, code, dsn, fmt, ap);
	va_end(ap);
	return -1;
}

int
mail_answer_setv(struct mail_answer *answer, int code, const char *dsn, const char *fmt, va_list ap)
{
	char text[512];

	if (answer == NULL)
		return -1;
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	answer->code = code;
	str_copy(answer->dsn, dsn, sizeof answer->dsn);
	str_escape_to(answer->text, sizeof answer->text, text, strlen(text));
	return -1;
}

void
mail_answer_print(struct buf *out, const struct mail_answer *answer)
{
	buf_addf(out, "%03d", answer->code);
	if (answer->dsn[0] != '\0')
		buf_addf(out, " %s", answer->dsn);
	buf_addf(out, " %s\r\n", answer->text);
}
