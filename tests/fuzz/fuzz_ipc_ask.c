/* SPDX-License-Identifier: ISC */
/* fuzz_ipc_ask (F17): a question to the worker is refused, or the same when written again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/ipc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ipc_ask ask;
	struct buf b;

	if (ipc_ask_get(data, n, &ask) == -1)
		return 0;
	buf_init(&b);
	ipc_ask_put(&b, &ask);
	MUST(buf_len(&b) == n && memcmp(buf_data(&b), data, n) == 0);
	buf_fini(&b);
	return 0;
}
