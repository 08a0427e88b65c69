/* SPDX-License-Identifier: ISC */
/*
 * buf: a growable run of bytes with a cheap front: append at the end, drop
 * from the start.  Embedded in its owner (init/fini).  Every caller that is
 * fed from outside checks buf_len() against its own cap before it appends.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char	*mem;		/* allocation, NULL until first use */
	size_t	 off;		/* first live byte */
	size_t	 end;		/* one past the last live byte */
	size_t	 cap;		/* size of mem */
};

void	buf_init(struct buf *);
void	buf_fini(struct buf *);			/* frees, leaves it empty */
void	buf_clear(struct buf *);		/* empty, keeps the memory */

static inline size_t	buf_len(const struct buf *b) { return b->end - b->off; }
/* Borrowed until the next non-const call; not terminated. May be NULL if empty. */
static inline char	*buf_data(const struct buf *b)
{
	return b->mem == NULL ? NULL : b->mem + b->off;
}

void	 buf_add(struct buf *, const void *, size_t);
void	 buf_adds(struct buf *, const char *);
void	 buf_addc(struct buf *, char);
void	 buf_addf(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	 buf_addv(struct buf *, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));
void	 buf_drop(struct buf *, size_t n);	/* n <= buf_len */

/* Room for at least n bytes at the end; write there, then buf_commit(<= n). */
char	*buf_reserve(struct buf *, size_t n);
void	 buf_commit(struct buf *, size_t n);

/* Terminated with a NUL that is not counted; borrowed. Never NULL. */
const char *buf_str(struct buf *);

/* Moves the memory out: *data is malloc'd (NUL-terminated), b is empty after. */
void	 buf_take(struct buf *, char **data, size_t *len);

/* Fixed-width big-endian integers, for frames and rows. */
void	 buf_add_u8(struct buf *, uint8_t);
void	 buf_add_u16(struct buf *, uint16_t);
void	 buf_add_u32(struct buf *, uint32_t);
void	 buf_add_u64(struct buf *, uint64_t);
/* u32 length, then the bytes. NULL is written as "". */
void	 buf_add_str(struct buf *, const char *);
void	 buf_add_blob(struct buf *, const void *, size_t);

/*
 * A bounded reader over bytes from outside.  Each get returns 0, or -1 when
 * the bytes do not suffice; after a failure every further get fails too.
 */
struct buf_reader {
	const uint8_t	*p;
	size_t		 left;
	int		 failed;
};

struct buf_reader buf_reader_of(const void *, size_t);
int	buf_get_u8(struct buf_reader *, uint8_t *);
int	buf_get_u16(struct buf_reader *, uint16_t *);
int	buf_get_u32(struct buf_reader *, uint32_t *);
int	buf_get_u64(struct buf_reader *, uint64_t *);
/* Copies a string of at most cap - 1 bytes without NUL inside; else -1. */
int	buf_get_str(struct buf_reader *, char *, size_t cap);
/* Borrowed pointer into the bytes; at most max long. */
int	buf_get_blob(struct buf_reader *, const void **, size_t *len, size_t max);
/* malloc'd string (no NUL inside) of at most max bytes; caller frees. */
/* 0 if nothing failed and no byte remains. */
int	buf_reader_done(const struct buf_reader *);

#endif
