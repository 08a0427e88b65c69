/* SPDX-License-Identifier: ISC */
/* dataout: the sending side of RFC 5321 s4.5.2, and the guard of HARDENING I3. */
#include "lib/mail/dataout.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

enum state {
	LINE_START,
	TEXT,
	CR,		/* held back until its LF is there */
	FAILED
};

void
mail_dataout_init(struct mail_dataout *d)
{
	d->bdat = 0;
	d->state = LINE_START;
}

void
mail_dataout_init_bdat(struct mail_dataout *d)
{
	d->bdat = 1;
	d->state = LINE_START;
}

static int
refuse(struct mail_dataout *d, struct why *why, const char *problem)
{
	d->state = FAILED;
	return why_set(why, WHY_CORRUPT, "stored text %s", problem);
}

/* The next line, or the part of one that is left in [p, end). 0, or what is wrong. */
static const char *
take_line(const char *p, const char *end, const char **next, enum state *state)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	const char *stop = lf == NULL ? end : lf;
	const char *cr = memchr(p, '\r', (size_t)(stop - p));

	if (lf != NULL) {
		if (cr == NULL)
			return "holds an LF without CR";
		if (cr != lf - 1)
			return "holds a CR without LF";
		*next = lf + 1;
		*state = LINE_START;
		return NULL;
	}
	if (cr != NULL && cr != end - 1)
		return "holds a CR without LF";
	*next = cr == NULL ? end : cr;
	*state = cr == NULL ? TEXT : CR;
	return NULL;
}

/* The LF of a CR that ended the chunk before. */
static const char *
take_held_cr(struct mail_dataout *d, const char **p, struct buf *out)
{
	if (d->state != CR)
		return NULL;
	if (**p != '\n')
		return "holds a CR without LF";
	buf_add(out, "\r\n", 2);
	(*p)++;
	d->state = LINE_START;
	return NULL;
}

static const char *
add_lines(struct mail_dataout *d, const char *p, const char *end, struct buf *out)
{
	const char *run = p, *problem;
	enum state state = (enum state)d->state;

	while (p < end) {
		if (*p == '.' && state == LINE_START && !d->bdat) {
			buf_add(out, run, (size_t)(p - run));
			buf_addc(out, '.');
			run = p;
		}
		if ((problem = take_line(p, end, &p, &state)) != NULL)
			return problem;
		if (state == CR)
			break;
	}
	buf_add(out, run, (size_t)(p - run));
	d->state = state;
	return NULL;
}

int
mail_dataout_add(struct mail_dataout *d, const void *data, size_t n, struct buf *out,
    struct why *why)
{
	const char *p = data, *end = n > 0 ? p + n : p, *problem;
	size_t mark = buf_len(out);

	if (d->state == FAILED)
		return refuse(d, why, "failed before");
	if (n == 0)
		return 0;
	if (memchr(p, '\0', n) != NULL)
		return refuse(d, why, "holds a NUL");
	problem = take_held_cr(d, &p, out);
	if (problem == NULL)
		problem = add_lines(d, p, end, out);
	if (problem == NULL)
		return 0;
	/* Not an octet of this chunk may leave. */
	out->end = out->off + mark;
	return refuse(d, why, problem);
}

int
mail_dataout_finish(struct mail_dataout *d, struct buf *out, struct why *why)
{
	if (d->state == FAILED)
		return refuse(d, why, "failed before");
	if (d->state != LINE_START)
		return refuse(d, why, "does not end in CRLF");
	if (!d->bdat)
		buf_adds(out, ".\r\n");
	d->state = FAILED;	/* nothing may follow the end */
	return 0;
}
