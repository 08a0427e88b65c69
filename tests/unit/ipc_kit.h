/* SPDX-License-Identifier: ISC */
/* ipc_kit: what holds for every message on the wire: whole or nothing, and every bit looked at. */
#ifndef TESTS_UNIT_IPC_KIT_H
#define TESTS_UNIT_IPC_KIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

/* put: one with everything in it; get: 0 or -1, and looks at what came out. */
struct message {
	void	(*put)(struct buf *);
	int	(*get)(const void *, size_t);
};

/* From an exact copy, so that a sanitizer sees the first byte too far. */
static int
get_exact(int (*get)(const void *, size_t), const void *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	int rc;

	if (n > 0)
		memcpy(copy, data, n);
	rc = get(copy, n);
	free(copy);
	return rc;
}

static void
check_lengths(const struct message *m)
{
	struct buf b;

	buf_init(&b);
	m->put(&b);
	ck_assert_int_eq(get_exact(m->get, buf_data(&b), buf_len(&b)), 0);
	for (size_t n = 0; n < buf_len(&b); n++)
		ck_assert_int_eq(get_exact(m->get, buf_data(&b), n), -1);
	buf_addc(&b, 0);
	ck_assert_int_eq(get_exact(m->get, buf_data(&b), buf_len(&b)), -1);
	buf_fini(&b);
}

/* A flipped bit is refused, or what comes out is in range. */
static void
check_bits(const struct message *m)
{
	struct buf b;

	buf_init(&b);
	m->put(&b);
	for (size_t bit = 0; bit < 8 * buf_len(&b); bit++) {
		buf_data(&b)[bit / 8] ^= (char)(1 << bit % 8);
		(void)get_exact(m->get, buf_data(&b), buf_len(&b));
		buf_data(&b)[bit / 8] ^= (char)(1 << bit % 8);
	}
	buf_fini(&b);
}

#endif
