/* SPDX-License-Identifier: ISC */
/* history: questions about the TLS history, and the answers. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/ipc_int.h"

/* ---- the question ---- */

void
ipc_history_ask_put(struct buf *b, const struct ipc_history_ask *a)
{
	buf_add_u8(b, (uint8_t)a->verb);
	buf_add_str(b, a->domain);
	buf_add_u32(b, a->uid);
	buf_add_str(b, a->reason);
}

/* One line for people: it goes to the log and to terminals. */
static void
get_reason(struct buf_reader *r, char *to)
{
	if (buf_get_str(r, to, HISTORY_REASON_MAX) == -1)
		return;
	for (const char *p = to; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			r->failed = 1;
}

int
ipc_history_ask_get(const void *data, size_t len, struct ipc_history_ask *a)
{
	struct buf_reader r = buf_reader_of(data, len);

	memset(a, 0, sizeof *a);
	a->verb = (enum ipc_history_verb)ipc_enum_get(&r, IPC_HISTORY_ACCEPT);
	ipc_name_get(&r, a->domain);
	buf_get_u32(&r, &a->uid);
	get_reason(&r, a->reason);
	if (buf_reader_done(&r) == -1 || (a->verb != IPC_HISTORY_LIST && a->domain[0] == '\0'))
		return -1;
	return a->verb != IPC_HISTORY_ACCEPT || a->reason[0] != '\0' ? 0 : -1;
}

/* ---- the answer ---- */

static void
put_row(struct buf *b, const struct history_row *row)
{
	buf_add_str(b, row->domain);
	buf_add_str(b, row->host);
	buf_add_u8(b, (uint8_t)row->level);
	buf_add_u64(b, (uint64_t)row->first);
	buf_add_u64(b, (uint64_t)row->last);
	buf_add_u32(b, row->count);
}

static void
get_row(struct buf_reader *r, struct history_row *row)
{
	ipc_name_get(r, row->domain);
	ipc_name_get(r, row->host);
	row->level = (enum plan_level)ipc_enum_get(r, PLAN_DANE);
	row->first = ipc_time_get(r);
	row->last = ipc_time_get(r);
	buf_get_u32(r, &row->count);
}

static void
put_accepted(struct buf *b, const struct history_accepted *a)
{
	buf_add_str(b, a->domain);
	buf_add_u64(b, (uint64_t)a->at);
	buf_add_u32(b, a->uid);
	buf_add_u8(b, (uint8_t)a->had);
	buf_add_str(b, a->reason);
}

static void
get_accepted(struct buf_reader *r, struct history_accepted *a)
{
	ipc_name_get(r, a->domain);
	a->at = ipc_time_get(r);
	buf_get_u32(r, &a->uid);
	a->had = (enum plan_level)ipc_enum_get(r, PLAN_DANE);
	get_reason(r, a->reason);
}

void
ipc_history_put(struct buf *b, const struct ipc_history *h)
{
	ipc_why_put(b, &h->why);
	buf_add_u32(b, h->forgotten);
	buf_add_u8(b, h->more != 0);
	buf_add_u16(b, (uint16_t)h->nrows);
	for (size_t i = 0; i < h->nrows; i++)
		put_row(b, &h->rows[i]);
	buf_add_u16(b, (uint16_t)h->naccepted);
	for (size_t i = 0; i < h->naccepted; i++)
		put_accepted(b, &h->accepted[i]);
}

int
ipc_history_get(const void *data, size_t len, struct ipc_history *h)
{
	struct buf_reader r = buf_reader_of(data, len);

	memset(h, 0, sizeof *h);
	ipc_why_get(&r, &h->why);
	buf_get_u32(&r, &h->forgotten);
	h->more = ipc_bool_get(&r);
	if ((h->nrows = ipc_count_get(&r, IPC_HISTORY_MAX)) > 0)
		h->rows = must_calloc(h->nrows, sizeof *h->rows);
	for (size_t i = 0; i < h->nrows && !r.failed; i++)
		get_row(&r, &h->rows[i]);
	if ((h->naccepted = ipc_count_get(&r, IPC_ACCEPTED_MAX)) > 0)
		h->accepted = must_calloc(h->naccepted, sizeof *h->accepted);
	for (size_t i = 0; i < h->naccepted && !r.failed; i++)
		get_accepted(&r, &h->accepted[i]);
	if (buf_reader_done(&r) == 0)
		return 0;
	ipc_history_fini(h);
	return -1;
}

void
ipc_history_fini(struct ipc_history *h)
{
	free(h->rows);
	free(h->accepted);
	memset(h, 0, sizeof *h);
}
