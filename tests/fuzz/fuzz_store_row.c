/* SPDX-License-Identifier: ISC */
/*
 * fuzz_store_row (HARDENING F19): cells made of arbitrary bytes. Input: one
 * byte picks the row type, then for each column a type byte, and 8 bytes of
 * number, or 2 bytes of length and the bytes. A row that is accepted must
 * hold what the decoder promises. The seeds have right checksums.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/store/row.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
cell_get(struct buf_reader *in, struct row_cell *c)
{
	uint8_t type = ROW_NULL;
	uint64_t num = 0;
	uint16_t len = 0;

	memset(c, 0, sizeof *c);
	(void)buf_get_u8(in, &type);
	c->type = (enum row_type)(type % (ROW_OTHER + 1));
	if (c->type == ROW_INT) {
		(void)buf_get_u64(in, &num);
		c->num = (int64_t)num;
	} else if (c->type == ROW_TEXT || c->type == ROW_BLOB) {
		(void)buf_get_u16(in, &len);
		c->len = len < in->left ? len : in->left;
		c->bytes = in->p;
		in->p += c->len;
		in->left -= c->len;
	}
}

static void
try_message(struct row_cell *c)
{
	struct store_message *m = NULL;
	struct row_where w;
	struct why why = { 0 };

	if (row_message_get(c, &m, &w, &why) == -1) {
		MUST(m == NULL && why.reason == WHY_CORRUPT);
		return;
	}
	MUST(m->id > 0 && m->sender != NULL && w.first > 0 && w.count > 0 && w.place < ROW_PLACE__COUNT);
	MUST(row_message_sum(m, &w) == c[ROW_M_SUM].num);
	store_message_free(&m);
}

static void
try_rcpt(struct row_cell *c)
{
	struct store_rcpt r;
	struct why why = { 0 };
	uint64_t message = 0, flow = 0;

	if (row_rcpt_get(c, &message, &flow, &r, &why) == -1) {
		MUST(r.address == NULL && why.reason == WHY_CORRUPT);
		return;
	}
	MUST(message > 0 && r.state <= STORE_HELD && *r.dest != '\0' && *r.address != '\0');
	free(r.address);
	free(r.dest);
	free(r.orcpt);
	free(r.notify);
	free(r.last);
	free(r.reason);
}

#define CELLS	((int)ROW_M__COUNT > (int)ROW_R__COUNT ? (int)ROW_M__COUNT : (int)ROW_R__COUNT)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct row_cell cells[CELLS];
	struct buf_reader in = buf_reader_of(data, n);
	uint8_t which = 0;

	(void)buf_get_u8(&in, &which);
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		cell_get(&in, &cells[i]);
	if (which & 1)
		try_rcpt(cells);
	else
		try_message(cells);
	return 0;
}
