/* SPDX-License-Identifier: ISC */
/* sibling: see sibling.h. */
#include "lib/ipc/sibling.h"

#include "lib/ipc/ipc_int.h"

/* ---- a request ---- */

void
ipc_ctl_ask_put(struct buf *b, const struct ipc_ctl_ask *a)
{
	buf_add_u32(b, a->uid);
	buf_add_blob(b, a->line, a->len);
}

int
ipc_ctl_ask_get(const void *data, size_t n, struct ipc_ctl_ask *a)
{
	struct buf_reader r = buf_reader_of(data, n);
	const void *line = NULL;

	*a = (struct ipc_ctl_ask){ 0 };
	buf_get_u32(&r, &a->uid);
	buf_get_blob(&r, &line, &a->len, IPC_REQUEST_MAX);
	a->line = line;
	return buf_reader_done(&r);
}

/* ---- a domain ---- */

void
ipc_replan_put(struct buf *b, const char *domain)
{
	buf_add_str(b, domain);
}

int
ipc_replan_get(const void *data, size_t n, char domain[IPC_REPLAN_CAP])
{
	struct buf_reader r = buf_reader_of(data, n);

	buf_get_str(&r, domain, IPC_REPLAN_CAP);
	return buf_reader_done(&r) == 0 && domain[0] != '\0' ? 0 : -1;
}

/* ---- a lease ---- */

void
ipc_lease_put(struct buf *b, const struct ipc_lease *l)
{
	buf_add_str(b, l->id);
	buf_add_u8(b, (uint8_t)l->word);
	buf_add_u64(b, l->uses);
}

int
ipc_lease_get(const void *data, size_t n, struct ipc_lease *l)
{
	struct buf_reader r = buf_reader_of(data, n);

	buf_get_str(&r, l->id, sizeof l->id);
	l->word = (enum ipc_lease_word)ipc_enum_get(&r, IPC_LEASE__LAST);
	buf_get_u64(&r, &l->uses);
	return buf_reader_done(&r) == 0 && l->id[0] != '\0' && l->uses <= INT64_MAX ? 0 : -1;
}

/* ---- a pause ---- */

void
ipc_pause_put(struct buf *b, const struct ipc_pause *p)
{
	buf_add_str(b, p->domain);
	buf_add_str(b, p->value);
}

int
ipc_pause_get(const void *data, size_t n, struct ipc_pause *p)
{
	struct buf_reader r = buf_reader_of(data, n);

	buf_get_str(&r, p->domain, sizeof p->domain);
	buf_get_str(&r, p->value, sizeof p->value);
	return buf_reader_done(&r) == 0 && p->domain[0] != '\0' ? 0 : -1;
}
