/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ipc_sibling: what workers say to each other is refused, or the same
 * when written again. The first octet picks which.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/sibling.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
question(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_ctl_ask a;

	if (ipc_ctl_ask_get(data, n, &a) == 0)
		ipc_ctl_ask_put(b, &a);
}

static void
lease(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_lease l;

	if (ipc_lease_get(data, n, &l) == 0)
		ipc_lease_put(b, &l);
}

static void
a_pause(struct buf *b, const uint8_t *data, size_t n)
{
	struct ipc_pause p;

	if (ipc_pause_get(data, n, &p) == 0)
		ipc_pause_put(b, &p);
}

static void
replan(struct buf *b, const uint8_t *data, size_t n)
{
	char domain[IPC_REPLAN_CAP];

	if (ipc_replan_get(data, n, domain) == 0)
		ipc_replan_put(b, domain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const kinds[])(struct buf *, const uint8_t *, size_t) = {
		question, lease, a_pause, replan,
	};
	struct buf b;

	if (n == 0)
		return 0;
	buf_init(&b);
	kinds[data[0] % 4](&b, data + 1, n - 1);
	MUST(buf_len(&b) == 0 || (buf_len(&b) == n - 1 && memcmp(buf_data(&b), data + 1, n - 1) == 0));
	buf_fini(&b);
	return 0;
}
