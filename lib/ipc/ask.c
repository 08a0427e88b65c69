/* SPDX-License-Identifier: ISC */
/* ask: the question of `smtp` to `policy`. */
#include "lib/ipc/ipc_int.h"

#include <string.h>

void
ipc_ask_put(struct buf *b, const struct ipc_ask *ask)
{
	buf_add_str(b, ask->domain);
	buf_add_u8(b, ask->fresh != 0);
	buf_add_u8(b, (uint8_t)ask->nhops);
	for (size_t i = 0; i < ask->nhops; i++) {
		buf_add_str(b, ask->hops[i].host);
		buf_add_u16(b, ask->hops[i].port);
	}
}

static int
get_hops(struct buf_reader *r, struct ipc_ask *ask)
{
	uint8_t n = 0;

	if (buf_get_u8(r, &n) == -1 || n > PLAN_HOPS_MAX)
		return -1;
	ask->nhops = n;
	for (size_t i = 0; i < n; i++) {
		struct plan_hop *h = &ask->hops[i];

		if (buf_get_str(r, h->host, sizeof h->host) == -1 || h->host[0] == '\0' ||
		    buf_get_u16(r, &h->port) == -1 || h->port == 0)
			return -1;
	}
	return 0;
}

int
ipc_ask_get(const void *data, size_t len, struct ipc_ask *ask)
{
	struct buf_reader r = buf_reader_of(data, len);

	memset(ask, 0, sizeof *ask);
	buf_get_str(&r, ask->domain, sizeof ask->domain);
	ask->fresh = ipc_bool_get(&r);
	if (get_hops(&r, ask) == -1)
		return -1;
	return buf_reader_done(&r) == 0 && ask->domain[0] != '\0' ? 0 : -1;
}
