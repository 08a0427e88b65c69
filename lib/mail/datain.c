/* SPDX-License-Identifier: ISC */
/*
 * datain: the receiving side of RFC 5321 s4.5.2 as a small state machine.
 * Only line ends, leading dots and NUL go through it octet by octet; the text
 * between them is found with memchr and copied in runs over many lines.
 */
#include "lib/mail/datain.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/mail/answer.h"

enum state {
	LINE_START,	/* behind CRLF, or nothing read yet */
	LF_START,	/* behind a bare LF: a new line, but no dot rule */
	TEXT,
	CR,		/* a CR that may be half of a CRLF */
	DOT,		/* a dot at LINE_START */
	DOT_CR,		/* dot and CR at LINE_START */
	LF_DOT,		/* a dot at LF_START, lenient clients only */
	END
};

/*
 * One chunk of input. cr, lf and nul are the first of their kind at or behind
 * at (end if there is none); each is searched on only once it was passed, so
 * the whole chunk costs three passes however odd its line ends are.
 */
struct chunk {
	const char	*at, *end;
	const char	*cr, *lf, *nul;
};

void
mail_datain_init(struct mail_datain *d, const struct mail_datain_param *param)
{
	memset(d, 0, sizeof *d);
	d->param = *param;
	d->state = LINE_START;
}

static const char *
find(const char *from, const char *end, char c)
{
	const char *found = from < end ? memchr(from, c, (size_t)(end - from)) : NULL;

	return found == NULL ? end : found;
}

static void
emit(struct mail_datain *d, struct buf *out, const char *s, size_t n)
{
	if (d->refused)
		return;
	d->size += n;
	if (out != NULL)
		buf_add(out, s, n);
}

static void
count_line(struct mail_datain *d)
{
	if (d->line > d->longest)
		d->longest = d->line;
	d->line = 0;
}

static void
line_end(struct mail_datain *d, struct buf *out)
{
	emit(d, out, "\r\n", 2);
	count_line(d);
	d->had_crlf = 1;
	d->state = LINE_START;
}

static void
bare_lf(struct mail_datain *d, struct buf *out)
{
	d->had_bare_lf = 1;
	d->refused |= d->param.strict;
	emit(d, out, "\r\n", 2);
	count_line(d);
	d->state = LF_START;
}

static void
bare_cr(struct mail_datain *d, struct buf *out)
{
	d->had_bare_cr = 1;
	d->refused |= d->param.strict;
	emit(d, out, " ", 1);
	d->line++;
	d->state = TEXT;
}

/* The dot turned out to be text. */
static void
keep_dot(struct mail_datain *d, struct buf *out)
{
	emit(d, out, ".", 1);
	d->line++;
}

static void
end_of_data(struct mail_datain *d, int lenient)
{
	d->ended = 1;
	d->ended_lenient = lenient;
	d->state = END;
}

static int
may_end_lenient(const struct mail_datain *d)
{
	return d->param.lenient_eod && !d->had_crlf;
}

/* Does a dot here mean anything? */
static int
is_dot_place(const struct mail_datain *d, enum state state)
{
	if (d->param.bdat)
		return 0;
	return state == LINE_START || (state == LF_START && may_end_lenient(d));
}

static int
on_line_start(struct mail_datain *d, struct buf *out, char c)
{
	if (c == '.' && is_dot_place(d, (enum state)d->state)) {
		d->state = d->state == LINE_START ? DOT : LF_DOT;
		return 1;
	}
	d->state = TEXT;
	return 0;
}

static int
on_text(struct mail_datain *d, struct buf *out, char c)
{
	if (c == '\r') {
		d->state = CR;
	} else if (c == '\n') {
		bare_lf(d, out);
	} else {
		/* Nothing but a NUL stops a run here otherwise. */
		d->had_nul = d->refused = 1;
		d->line++;
	}
	return 1;
}

static int
on_cr(struct mail_datain *d, struct buf *out, char c)
{
	if (c == '\n') {
		line_end(d, out);
		return 1;
	}
	bare_cr(d, out);
	return 0;
}

static int
on_dot(struct mail_datain *d, struct buf *out, char c)
{
	if (c == '\r') {
		d->state = DOT_CR;
		return 1;
	}
	if (c != '\n') {
		d->state = TEXT;	/* a stuffed dot: dropped */
		return 0;
	}
	if (may_end_lenient(d)) {
		end_of_data(d, 1);
		return 1;
	}
	keep_dot(d, out);
	bare_lf(d, out);
	return 1;
}

static int
on_dot_cr(struct mail_datain *d, struct buf *out, char c)
{
	if (c == '\n') {
		end_of_data(d, 0);
		return 1;
	}
	keep_dot(d, out);
	bare_cr(d, out);
	return 0;
}

static int
on_lf_dot(struct mail_datain *d, struct buf *out, char c)
{
	if (c == '\n') {
		end_of_data(d, 1);
	} else if (c == '\r') {
		keep_dot(d, out);
		d->state = CR;
	} else {
		d->state = TEXT;
		return 0;
	}
	return 1;
}

/* 1: the octet is used up; 0: it is to be looked at again in the new state. */
typedef int step_fn(struct mail_datain *, struct buf *out, char c);
static step_fn *const steps[] = {
	[LINE_START] = on_line_start,
	[LF_START] = on_line_start,
	[TEXT] = on_text,
	[CR] = on_cr,
	[DOT] = on_dot,
	[DOT_CR] = on_dot_cr,
	[LF_DOT] = on_lf_dot,
};

static int
has_eightbit(const char *s, size_t n)
{
	uint64_t word, any = 0;

	for (; n >= sizeof word; s += sizeof word, n -= sizeof word) {
		memcpy(&word, s, sizeof word);
		any |= word;
	}
	for (; n > 0; s++, n--)
		any |= (uint64_t)(unsigned char)*s;
	return (any & UINT64_C(0x8080808080808080)) != 0;
}

/*
 * Copies text and whole CRLF lines as far as nothing in them is special: up
 * to a dot at a line start, an odd line end, a NUL, or the end of the chunk.
 */
static void
copy_run(struct mail_datain *d, struct chunk *in, struct buf *out)
{
	const char *from = in->at, *p = from, *stop;
	enum state state = (enum state)d->state;

	while (p < in->end && !(*p == '.' && is_dot_place(d, state))) {
		if (in->cr < p)
			in->cr = find(p, in->end, '\r');
		if (in->lf < p)
			in->lf = find(p, in->end, '\n');
		stop = in->cr < in->lf ? in->cr : in->lf;
		if (in->nul < stop)
			stop = in->nul;
		d->line += (uint64_t)(stop - p);
		if (stop > p)
			state = TEXT;
		p = stop;
		if (p != in->cr || p + 1 != in->lf || in->lf == in->end)
			break;
		count_line(d);
		d->had_crlf = 1;
		state = LINE_START;
		p += 2;
	}
	if (!d->eightbit)
		d->eightbit = has_eightbit(from, (size_t)(p - from));
	emit(d, out, from, (size_t)(p - from));
	d->state = state;
	in->at = p;
}

int
mail_datain_feed(struct mail_datain *d, const void *data, size_t n, size_t *used, struct buf *out)
{
	const char *start = data;
	struct chunk in = { .at = start, .end = n > 0 ? start + n : start };

	in.cr = find(in.at, in.end, '\r');
	in.lf = find(in.at, in.end, '\n');
	in.nul = find(in.at, in.end, '\0');
	while (in.at < in.end && !d->ended) {
		if (d->state == LINE_START || d->state == LF_START || d->state == TEXT)
			copy_run(d, &in, out);
		if (in.at < in.end)
			in.at += steps[d->state](d, out, *in.at);
		/* Nothing is appended behind the first NUL: no need to find more. */
		if (in.nul < in.at)
			in.nul = in.end;
	}
	*used = (size_t)(in.at - start);
	return d->ended;
}

void
mail_datain_finish(struct mail_datain *d, struct buf *out)
{
	if (d->state == CR)
		bare_cr(d, out);
	if (d->state == TEXT)
		line_end(d, out);
	d->ended = 1;
	d->state = END;
}

int
mail_datain_verdict(const struct mail_datain *d, struct mail_answer *answer)
{
	if (d->had_nul)
		return mail_answer_set(answer, 550, "5.6.0", "Message text holds a NUL");
	if (d->param.strict && d->had_bare_cr)
		return mail_answer_set(answer, 550, "5.6.0", "Message text holds a CR without LF");
	if (d->param.strict && d->had_bare_lf)
		return mail_answer_set(answer, 550, "5.6.0", "Message text holds an LF without CR");
	return 0;
}
