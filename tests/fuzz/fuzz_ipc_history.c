/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ipc_history (F17): proofs, questions and answers of the TLS history
 * are refused, or the same when written again. The first octet picks which.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/ipc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
same(struct buf *b, const uint8_t *data, size_t n)
{
	MUST(buf_len(b) == n && memcmp(buf_data(b), data, n) == 0);
}

static void
proven(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_proven p;

	if (ipc_proven_get(data, n, &p) == -1)
		return;
	ipc_proven_put(b, &p);
	same(b, data, n);
}

static void
question(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_history_ask a;

	if (ipc_history_ask_get(data, n, &a) == -1)
		return;
	ipc_history_ask_put(b, &a);
	same(b, data, n);
}

/* The status code of a reason may come back in its normal form: twice is the same. */
static void
answer(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_history h, again;

	if (ipc_history_get(data, n, &h) == -1)
		return;
	ipc_history_put(b, &h);
	MUST(ipc_history_get(buf_data(b), buf_len(b), &again) == 0);
	MUST(again.nrows == h.nrows && again.naccepted == h.naccepted);
	ipc_history_fini(&again);
	ipc_history_fini(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const kinds[])(struct buf *, const uint8_t *, size_t) = {
		proven, question, answer,
	};
	struct buf b;

	if (n == 0 || data[0] >= sizeof kinds / sizeof kinds[0])
		return 0;
	buf_init(&b);
	kinds[data[0]](&b, data + 1, n - 1);
	buf_fini(&b);
	return 0;
}
