/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ipc_cache (F17): questions and answers about a cached MTA-STS policy
 * are refused, or the same when written again. The first octet picks which.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/ipc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
question(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_cache_ask a;

	if (ipc_cache_ask_get(data, n, &a) == -1)
		return;
	ipc_cache_ask_put(b, &a);
	MUST(buf_len(b) == n && memcmp(buf_data(b), data, n) == 0);
}

/* The status code of a reason may come back in its normal form: twice is the same. */
static void
answer(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_cache c, again;

	if (ipc_cache_get(data, n, &c) == -1)
		return;
	ipc_cache_put(b, &c);
	MUST(ipc_cache_get(buf_data(b), buf_len(b), &again) == 0);
	MUST(again.npatterns == c.npatterns && again.expires == c.expires);
	ipc_cache_fini(&again);
	ipc_cache_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf b;

	if (n == 0)
		return 0;
	buf_init(&b);
	(data[0] == 0 ? question : answer)(&b, data + 1, n - 1);
	buf_fini(&b);
	return 0;
}
