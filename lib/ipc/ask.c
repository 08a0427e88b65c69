/* SPDX-License-Identifier: ISC */
/* ask: the question of `smtp` to `policy`. */
#include "lib/ipc/ipc.h"

void
ipc_ask_put(struct buf *b, const struct ipc_ask *ask)
{
	buf_add_str(b, ask->domain);
	buf_add_u8(b, ask->fresh != 0);
}

int
ipc_ask_get(const void *data, size_t len, struct ipc_ask *ask)
{
	struct buf_reader r = buf_reader_of(data, len);
	uint8_t fresh = 0;

	buf_get_str(&r, ask->domain, sizeof ask->domain);
	buf_get_u8(&r, &fresh);
	ask->fresh = fresh == 1;
	return buf_reader_done(&r) == 0 && ask->domain[0] != '\0' && fresh <= 1 ? 0 : -1;
}
