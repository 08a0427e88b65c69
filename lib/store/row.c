/* SPDX-License-Identifier: ISC */
/* row: one table per row type says what each cell may hold. */
#include "lib/store/row.h"

#include <limits.h>
#include <string.h>

#include "lib/base/bug.h"

#define TEXT_MAX	8192		/* any envelope text */

struct column {
	const char	*name;
	enum row_type	 type;
	int64_t		 min, max;	/* of the number, or of the length */
	int		 nullable;
};

static const struct column message_columns[ROW_M__COUNT] = {
	[ROW_M_ID] = { "id", ROW_INT, 1, INT64_MAX, 0 },
	[ROW_M_FIRST] = { "first", ROW_INT, 1, INT64_MAX - ROW_RCPTS_MAX, 0 },
	[ROW_M_COUNT] = { "count", ROW_INT, 1, ROW_RCPTS_MAX, 0 },
	[ROW_M_CREATED] = { "created", ROW_INT, 0, INT64_MAX, 0 },
	[ROW_M_SIZE] = { "size", ROW_INT, 0, INT64_MAX, 0 },
	[ROW_M_PLACE] = { "place", ROW_INT, 0, ROW_PLACE__COUNT - 1, 0 },
	[ROW_M_EIGHTBIT] = { "eightbit", ROW_INT, 0, 1, 0 },
	[ROW_M_UTF8] = { "utf8", ROW_INT, 0, 1, 0 },
	[ROW_M_REQUIRETLS] = { "requiretls", ROW_INT, 0, 1, 0 },
	[ROW_M_CORRUPT] = { "corrupt", ROW_INT, 0, 1, 0 },
	[ROW_M_SUM] = { "sum", ROW_INT, INT64_MIN, INT64_MAX, 0 },
	[ROW_M_DIGEST] = { "digest", ROW_BLOB, 32, 32, 0 },
	[ROW_M_SENDER] = { "sender", ROW_TEXT, 0, TEXT_MAX, 0 },
	[ROW_M_CLIENT] = { "client", ROW_TEXT, 0, TEXT_MAX, 1 },
	[ROW_M_CLIENT_NAME] = { "client_name", ROW_TEXT, 0, TEXT_MAX, 1 },
	[ROW_M_ENVID] = { "envid", ROW_TEXT, 0, TEXT_MAX, 1 },
	[ROW_M_RET] = { "ret", ROW_TEXT, 0, TEXT_MAX, 1 },
};

static const struct column rcpt_columns[ROW_R__COUNT] = {
	[ROW_R_ID] = { "id", ROW_INT, 1, INT64_MAX, 0 },
	[ROW_R_MESSAGE] = { "message", ROW_INT, 1, INT64_MAX, 0 },
	[ROW_R_STATE] = { "state", ROW_INT, STORE_DUE, STORE_HELD, 0 },
	[ROW_R_DUE] = { "due", ROW_INT, 0, INT64_MAX, 0 },
	[ROW_R_TRIES] = { "tries", ROW_INT, 0, UINT32_MAX, 0 },
	[ROW_R_WARNED] = { "warned", ROW_INT, 0, INT64_MAX, 0 },
	[ROW_R_SUM] = { "sum", ROW_INT, INT64_MIN, INT64_MAX, 0 },
	[ROW_R_DEST] = { "dest", ROW_TEXT, 1, ROW_DEST_MAX, 0 },
	[ROW_R_ADDRESS] = { "address", ROW_TEXT, 1, TEXT_MAX, 0 },
	[ROW_R_ORCPT] = { "orcpt", ROW_TEXT, 0, TEXT_MAX, 1 },
	[ROW_R_NOTIFY] = { "notify", ROW_TEXT, 0, TEXT_MAX, 1 },
	[ROW_R_LAST] = { "last", ROW_TEXT, 0, ROW_LAST_MAX, 1 },
	[ROW_R_FLOW] = { "flow", ROW_INT, INT64_MIN, INT64_MAX, 0 },
	[ROW_R_REASON] = { "reason", ROW_TEXT, 0, ROW_REASON_MAX, 1 },
};

/* ---- checksum: FNV-1a, 64 bits; lengths are part of it ---- */

static void
sum_bytes(uint64_t *h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		*h = (*h ^ p[i]) * 0x100000001b3u;
}

static void
sum_num(uint64_t *h, int64_t v)
{
	/* A word at a time; the shift brings the high bits down again. */
	*h = (*h ^ (uint64_t)v) * 0x100000001b3u;
	*h ^= *h >> 29;
}

static void
sum_str(uint64_t *h, const char *s)
{
	size_t n = s == NULL ? 0 : strlen(s);

	sum_num(h, s == NULL ? -1 : (int64_t)n);
	sum_bytes(h, s, n);
}

int64_t
row_message_sum(const struct store_message *m, const struct row_where *w)
{
	uint64_t h = 0xcbf29ce484222325u;

	sum_num(&h, (int64_t)m->id);
	sum_num(&h, w->first);
	sum_num(&h, w->count);
	sum_num(&h, m->created);
	sum_num(&h, (int64_t)m->size);
	sum_num(&h, w->place);
	sum_num(&h, m->eightbit);
	sum_num(&h, m->utf8);
	sum_num(&h, m->requiretls);
	sum_bytes(&h, w->digest, sizeof w->digest);
	sum_str(&h, m->sender);
	sum_str(&h, m->client);
	sum_str(&h, m->client_name);
	sum_str(&h, m->envid);
	sum_str(&h, m->ret);
	return (int64_t)h;
}

int64_t
row_rcpt_sum(uint64_t message, const struct store_rcpt *r)
{
	uint64_t h = 0xcbf29ce484222325u;

	sum_num(&h, r->id);
	sum_num(&h, (int64_t)message);
	sum_str(&h, r->dest);
	sum_str(&h, r->address);
	sum_str(&h, r->orcpt);
	sum_str(&h, r->notify);
	return (int64_t)h;
}

/* ---- cells ---- */

int
row_text_ok(const struct row_cell *c, size_t min, size_t max)
{
	return c->type == ROW_TEXT && c->len >= min && c->len <= max &&
	    (c->len == 0 || memchr(c->bytes, '\0', c->len) == NULL);
}

static int
cell_ok(const struct row_cell *c, const struct column *col)
{
	if (c->type == ROW_NULL)
		return col->nullable;
	if (c->type != col->type)
		return 0;
	if (c->type == ROW_INT)
		return c->num >= col->min && c->num <= col->max;
	if (c->type == ROW_TEXT)
		return row_text_ok(c, (size_t)col->min, (size_t)col->max);
	return c->len >= (size_t)col->min && c->len <= (size_t)col->max;
}

static int
cells_check(const struct row_cell *cells, const struct column *cols, size_t n, const char *what,
    struct why *why)
{
	for (size_t i = 0; i < n; i++)
		if (!cell_ok(&cells[i], &cols[i]))
			return why_set(why, WHY_CORRUPT, "%s row: column %s is out of range", what,
			    cols[i].name);
	return 0;
}

static char *
cell_dup(const struct row_cell *c)
{
	return c->type == ROW_NULL ? NULL : must_strndup(c->len == 0 ? "" : c->bytes, c->len);
}

int
row_message_get(const struct row_cell c[ROW_M__COUNT], struct store_message **out,
    struct row_where *w, struct why *why)
{
	struct store_message *m;

	*out = NULL;
	if (cells_check(c, message_columns, ROW_M__COUNT, "message", why) == -1)
		return -1;
	m = must_calloc(1, sizeof *m);
	m->id = (uint64_t)c[ROW_M_ID].num;
	m->created = c[ROW_M_CREATED].num;
	m->size = (uint64_t)c[ROW_M_SIZE].num;
	m->eightbit = (int)c[ROW_M_EIGHTBIT].num;
	m->utf8 = (int)c[ROW_M_UTF8].num;
	m->requiretls = (int)c[ROW_M_REQUIRETLS].num;
	m->sender = cell_dup(&c[ROW_M_SENDER]);
	m->client = cell_dup(&c[ROW_M_CLIENT]);
	m->client_name = cell_dup(&c[ROW_M_CLIENT_NAME]);
	m->envid = cell_dup(&c[ROW_M_ENVID]);
	m->ret = cell_dup(&c[ROW_M_RET]);
	w->first = c[ROW_M_FIRST].num;
	w->count = c[ROW_M_COUNT].num;
	w->place = (enum row_place)c[ROW_M_PLACE].num;
	w->corrupt = (int)c[ROW_M_CORRUPT].num;
	memcpy(w->digest, c[ROW_M_DIGEST].bytes, sizeof w->digest);
	if (row_message_sum(m, w) != c[ROW_M_SUM].num) {
		store_message_free(&m);
		return why_set(why, WHY_CORRUPT, "message row does not match its checksum");
	}
	*out = m;
	return 0;
}

int
row_rcpt_get(const struct row_cell c[ROW_R__COUNT], uint64_t *message, uint64_t *flow,
    struct store_rcpt *r, struct why *why)
{
	memset(r, 0, sizeof *r);
	if (cells_check(c, rcpt_columns, ROW_R__COUNT, "recipient", why) == -1)
		return -1;
	*message = (uint64_t)c[ROW_R_MESSAGE].num;
	*flow = (uint64_t)c[ROW_R_FLOW].num;
	r->id = c[ROW_R_ID].num;
	r->state = (enum store_rcpt_state)c[ROW_R_STATE].num;
	r->due = c[ROW_R_DUE].num;
	r->tries = (uint32_t)c[ROW_R_TRIES].num;
	r->warned = c[ROW_R_WARNED].num;
	r->dest = cell_dup(&c[ROW_R_DEST]);
	r->address = cell_dup(&c[ROW_R_ADDRESS]);
	r->orcpt = cell_dup(&c[ROW_R_ORCPT]);
	r->notify = cell_dup(&c[ROW_R_NOTIFY]);
	r->last = cell_dup(&c[ROW_R_LAST]);
	r->reason = cell_dup(&c[ROW_R_REASON]);
	if (row_rcpt_sum(*message, r) == c[ROW_R_SUM].num)
		return 0;
	store_rcpt_fini(r);
	memset(r, 0, sizeof *r);
	return why_set(why, WHY_CORRUPT, "recipient row does not match its checksum");
}
