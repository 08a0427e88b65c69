/* SPDX-License-Identifier: ISC */
/* buf: growable bytes and the bounded reader over foreign ones. */
#include "lib/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"

void
buf_init(struct buf *b)
{
	memset(b, 0, sizeof *b);
}

void
buf_fini(struct buf *b)
{
	free(b->mem);
	buf_init(b);
}

void
buf_clear(struct buf *b)
{
	b->off = b->end = 0;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t cap, len = buf_len(b);

	MUST(b->off == 0 || b->mem != NULL);
	if (b->cap - b->end >= n && b->mem != NULL)
		return b->mem + b->end;
	/* Slide first where the dropped front gives half of the room back. */
	if (b->off > 0 && b->cap - len >= n && b->off >= b->cap / 2) {
		memmove(b->mem, b->mem + b->off, len);
		b->off = 0;
		b->end = len;
		return b->mem + b->end;
	}
	MUST(n < SIZE_MAX / 4 && len < SIZE_MAX / 4);
	for (cap = b->cap ? b->cap : 256; cap < len + n; cap *= 2)
		continue;
	if (b->off > 0) {
		memmove(b->mem, b->mem + b->off, len);
		b->off = 0;
		b->end = len;
	}
	b->mem = must_realloc(b->mem, cap, 1);
	b->cap = cap;
	return b->mem + b->end;
}

void
buf_commit(struct buf *b, size_t n)
{
	MUST(b->cap - b->end >= n);
	b->end += n;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), p, n);
	b->end += n;
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->end++;
}

void
buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	to = buf_reserve(b, 128);
	n = vsnprintf(to, 128, fmt, ap);
	MUST(n >= 0);
	if (n >= 128)
		vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
	va_end(again);
	b->end += (size_t)n;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_addv(b, fmt, ap);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t n)
{
	MUST(n <= buf_len(b));
	b->off += n;
	if (b->off == b->end)
		b->off = b->end = 0;
}

const char *
buf_str(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->mem + b->off;
}

void
buf_take(struct buf *b, char **data, size_t *len)
{
	size_t n = buf_len(b);

	buf_str(b);
	if (b->off > 0)
		memmove(b->mem, b->mem + b->off, n + 1);
	*data = b->mem;
	if (len != NULL)
		*len = n;
	buf_init(b);
}

static void
add_be(struct buf *b, uint64_t v, unsigned width)
{
	char *to = buf_reserve(b, width);

	for (unsigned i = 0; i < width; i++)
		to[i] = (char)(v >> (8 * (width - 1 - i)));
	b->end += width;
}

void buf_add_u8(struct buf *b, uint8_t v) { add_be(b, v, 1); }
void buf_add_u16(struct buf *b, uint16_t v) { add_be(b, v, 2); }
void buf_add_u32(struct buf *b, uint32_t v) { add_be(b, v, 4); }
void buf_add_u64(struct buf *b, uint64_t v) { add_be(b, v, 8); }

void
buf_add_blob(struct buf *b, const void *p, size_t n)
{
	MUST(n <= UINT32_MAX);
	buf_add_u32(b, (uint32_t)n);
	buf_add(b, p, n);
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add_blob(b, s, s == NULL ? 0 : strlen(s));
}

struct buf_reader
buf_reader_of(const void *p, size_t n)
{
	return (struct buf_reader){ .p = p, .left = n, .failed = 0 };
}

static int
get_be(struct buf_reader *r, uint64_t *v, unsigned width)
{
	*v = 0;
	if (r->failed || r->left < width) {
		r->failed = 1;
		return -1;
	}
	for (unsigned i = 0; i < width; i++)
		*v = *v << 8 | r->p[i];
	r->p += width;
	r->left -= width;
	return 0;
}

#define GETTER(bits)						\
int								\
buf_get_u##bits(struct buf_reader *r, uint##bits##_t *v)	\
{								\
	uint64_t wide;						\
	int rc = get_be(r, &wide, bits / 8);			\
								\
	*v = (uint##bits##_t)wide;				\
	return rc;						\
}
GETTER(8)
GETTER(16)
GETTER(32)
GETTER(64)
#undef GETTER

int
buf_get_blob(struct buf_reader *r, const void **p, size_t *len, size_t max)
{
	uint32_t n;

	*p = NULL;
	*len = 0;
	if (buf_get_u32(r, &n) == -1)
		return -1;
	if (n > r->left || n > max) {
		r->failed = 1;
		return -1;
	}
	*p = r->p;
	*len = n;
	r->p += n;
	r->left -= n;
	return 0;
}

static int
get_text(struct buf_reader *r, const void **p, size_t *n, size_t max)
{
	if (buf_get_blob(r, p, n, max) == -1)
		return -1;
	if (*n > 0 && memchr(*p, '\0', *n) != NULL) {
		r->failed = 1;
		return -1;
	}
	return 0;
}

int
buf_get_str(struct buf_reader *r, char *to, size_t cap)
{
	const void *p;
	size_t n;

	MUST(cap > 0);
	to[0] = '\0';
	if (get_text(r, &p, &n, cap - 1) == -1)
		return -1;
	if (n > 0)
		memcpy(to, p, n);
	to[n] = '\0';
	return 0;
}

int
buf_reader_done(const struct buf_reader *r)
{
	return !r->failed && r->left == 0 ? 0 : -1;
}
