/* SPDX-License-Identifier: ISC */
/* proven: what a connection showed, on its way into the TLS history. */
#include <string.h>

#include "lib/ipc/ipc_int.h"

void
ipc_proven_put(struct buf *b, const struct ipc_proven *p)
{
	buf_add_str(b, p->domain);
	buf_add_str(b, p->host);
	for (size_t i = PLAN_ENCRYPT; i < PLAN_LEVELS; i++)
		buf_add_u8(b, p->shown.proven[i] != 0);
}

int
ipc_proven_get(const void *data, size_t len, struct ipc_proven *p)
{
	struct buf_reader r = buf_reader_of(data, len);

	memset(p, 0, sizeof *p);
	ipc_name_get(&r, p->domain);
	ipc_name_get(&r, p->host);
	for (size_t i = PLAN_ENCRYPT; i < PLAN_LEVELS; i++) {
		p->shown.proven[i] = ipc_bool_get(&r);
	}
	return buf_reader_done(&r) == 0 && p->domain[0] != '\0' && p->host[0] != '\0' ? 0 : -1;
}
