/* SPDX-License-Identifier: ISC */
/*
 * sqlite_load: messages out of rows. A row that cannot be read or does not
 * make sense stops only itself: it is held, reported, and stepped over (D8).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/sqlite_int.h"

#define BAD_MAX		4096

/* ---- results that grow ---- */

/* Doubles when full; capacities are powers of two, so n tells. */
static void *
grow(void *p, size_t n, size_t size)
{
	return (n & (n - 1)) != 0 ? p : must_realloc(p, n == 0 ? 1 : 2 * n, size);
}

static void
found_add(struct store_op *op, struct store_message *m)
{
	op->u.load.found = grow(op->u.load.found, op->u.load.nfound, sizeof *op->u.load.found);
	op->u.load.found[op->u.load.nfound++] = m;
}

static void
rcpt_add(struct store_message *m, const struct store_rcpt *r)
{
	m->rcpts = grow(m->rcpts, m->nrcpts, sizeof *m->rcpts);
	m->rcpts[m->nrcpts++] = *r;
}

/* ---- rows ---- */

/* 0 = *m is set; 1 = no such row, or one that makes no sense (*why says so). */
static int
message_read(struct sqlite_store *s, uint64_t id, struct store_message **m, struct row_where *w,
    struct why *why)
{
	struct row_cell cells[ROW_M__COUNT];
	sqlite3_stmt *st = s->db.stmt[SQL_MESSAGE_GET];
	int rc, found = 1;

	(void)sqlite3_bind_int64(st, 1, (int64_t)id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		store_db_cells(st, cells, ROW_M__COUNT);
		found = row_message_get(cells, m, w, why) == -1;
	} else if (rc == SQLITE_DONE)
		(void)why_set(why, WHY_CORRUPT, "message row %016" PRIx64 " is missing", id);
	else
		(void)store_db_error(&s->db, rc, why, "message row");
	(void)sqlite3_reset(st);
	return found;
}

static int
rcpt_read(struct sqlite_store *s, int64_t id, uint64_t *message, uint64_t *flow,
    struct store_rcpt *r, struct why *why)
{
	struct row_cell cells[ROW_R__COUNT];
	sqlite3_stmt *st = s->db.stmt[SQL_RCPT_GET];
	int rc, found = 1;

	(void)sqlite3_bind_int64(st, 1, id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		store_db_cells(st, cells, ROW_R__COUNT);
		found = row_rcpt_get(cells, message, flow, r, why) == -1;
	} else if (rc == SQLITE_DONE)
		(void)why_set(why, WHY_CORRUPT, "recipient row is missing");
	else
		(void)store_db_error(&s->db, rc, why, "recipient row");
	(void)sqlite3_reset(st);
	return found;
}

/*
 * Not even held, because the page does not let itself be written: remembered
 * until the next start. The caller's transaction is spoiled, it runs again.
 */
static enum store_run
set_aside(struct sqlite_store *s, struct store_op *op, uint64_t message, int64_t rcpt,
    const struct why *why)
{
	enum store_run r;

	op->why = *why;		/* said of the whole if it ends here: never nothing */
	if (why->reason != WHY_CORRUPT)
		return RUN_BROKEN;
	r = store_quarantine(s, message, NULL, rcpt, why->text);
	if (r == RUN_DONE)
		why_clear(&op->why);
	if (r != RUN_DAMAGED || s->nbad == BAD_MAX)
		return r;
	s->bad = grow(s->bad, s->nbad, sizeof *s->bad);
	s->bad[s->nbad++] = rcpt;
	return r;
}

/* ---- load: a window of one destination ---- */

static struct store_message *
find_loaded(struct store_op *op, uint64_t id)
{
	for (size_t i = op->u.load.nfound; i-- > 0;)
		if (op->u.load.found[i]->id == id)
			return op->u.load.found[i];
	return NULL;
}

static enum store_run
load_one(struct sqlite_store *s, struct store_op *op, int64_t id)
{
	struct why why = { 0 };
	struct store_rcpt rcpt;
	struct store_message *m;
	struct row_where w;
	uint64_t message = 0, flow = 0;

	if (rcpt_read(s, id, &message, &flow, &rcpt, &why) != 0)
		return set_aside(s, op, 0, id, &why);
	if (strcmp(rcpt.dest, op->u.load.dest) != 0 || rcpt.state != STORE_DUE) {
		store_rcpt_fini(&rcpt);
		(void)why_set(&why, WHY_CORRUPT, "recipient row and index differ");
		return set_aside(s, op, message, id, &why);
	}
	if ((m = find_loaded(op, message)) == NULL) {
		if (message_read(s, message, &m, &w, &why) != 0) {
			store_rcpt_fini(&rcpt);
			return set_aside(s, op, message, id, &why);
		}
		m->flow = flow;
		found_add(op, m);
	}
	rcpt_add(m, &rcpt);
	return RUN_DONE;
}

static int
compare_rcpts(const void *a, const void *b)
{
	const struct store_rcpt *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

enum store_run
store_run_load(struct sqlite_store *s, struct store_op *op)
{
	enum store_run r;
	int64_t *ids;
	size_t n;

	r = store_share_scan(s, op, &ids, &n);
	for (size_t i = 0; i < n && r == RUN_DONE; i++)
		r = load_one(s, op, ids[i]);
	free(ids);
	/* Recipients stand in the order of the envelope, whatever their due times. */
	for (size_t i = 0; i < op->u.load.nfound && r == RUN_DONE; i++)
		qsort(op->u.load.found[i]->rcpts, op->u.load.found[i]->nrcpts,
		    sizeof(struct store_rcpt), compare_rcpts);
	return r;
}

/* ---- fetch and list: whole messages ---- */

static enum store_run
load_rcpts(struct sqlite_store *s, struct store_message *m, const struct row_where *w,
    struct why *why)
{
	struct row_cell cells[ROW_R__COUNT];
	sqlite3_stmt *st = s->db.stmt[SQL_RCPT_RANGE];
	struct store_rcpt rcpt;
	struct why bad = { 0 };
	uint64_t message, flow;
	int rc;

	(void)sqlite3_bind_int64(st, 1, w->first);
	(void)sqlite3_bind_int64(st, 2, w->first + w->count - 1);
	(void)sqlite3_bind_int64(st, 3, (int64_t)m->id);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		store_db_cells(st, cells, ROW_R__COUNT);
		/* Damaged ones are held when their turn comes; a list only leaves them out. */
		if (row_rcpt_get(cells, &message, &flow, &rcpt, &bad) == -1)
			continue;
		m->flow = flow;
		rcpt_add(m, &rcpt);
	}
	(void)sqlite3_reset(st);
	return rc == SQLITE_DONE ? RUN_DONE : store_db_error(&s->db, rc, why, "recipient rows");
}

/* One message into the results; a damaged one is left out of a list (report = 0). */
static enum store_run
fetch_one(struct sqlite_store *s, struct store_op *op, uint64_t id, int report)
{
	struct store_message *m = NULL;
	struct row_where w;
	struct why why = { 0 };
	enum store_run r;

	if (message_read(s, id, &m, &w, &why) != 0) {
		if (why.reason != WHY_CORRUPT)
			r = RUN_BROKEN;
		else
			r = RUN_DONE;
		if (r == RUN_BROKEN || report)
			op->why = why;
		return r;
	}
	found_add(op, m);
	r = load_rcpts(s, m, &w, &why);
	if (r == RUN_BROKEN)
		op->why = why;
	return r == RUN_DAMAGED ? RUN_DONE : r;
}

/* 1 = *id is the next message, 0 = none, -1 = *r says what went wrong. */
static int
next_message(struct sqlite_store *s, uint64_t *id, struct why *why, enum store_run *r)
{
	sqlite3_stmt *st = s->db.stmt[SQL_MESSAGE_NEXT];
	int64_t after = *id > INT64_MAX ? INT64_MAX : (int64_t)*id, next = 0;
	int rc;

	(void)sqlite3_bind_int64(st, 1, after);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		next = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	if (rc == SQLITE_ROW && next > after) {
		*id = (uint64_t)next;
		return 1;
	}
	if (rc == SQLITE_DONE)
		return 0;
	*r = rc == SQLITE_ROW ? store_db_disorder(&s->db, why, "list") :
	    store_db_error(&s->db, rc, why, "list");
	return -1;
}

enum store_run
store_run_fetch(struct sqlite_store *s, struct store_op *op)
{
	uint64_t id = op->u.load.message - 1;
	enum store_run r = RUN_DONE;

	/* No such message is an empty answer, not a failure. */
	if (next_message(s, &id, &op->why, &r) != 1 || id != op->u.load.message)
		return r;
	return fetch_one(s, op, id, 1);
}

enum store_run
store_run_list(struct sqlite_store *s, struct store_op *op)
{
	uint64_t id = op->u.load.message;
	enum store_run r = RUN_DONE;
	size_t rcpts = 0;
	int got = 1;

	for (size_t i = 0; i < op->u.load.max && rcpts < STORE_LIST_RCPTS && r == RUN_DONE; i++) {
		size_t n = op->u.load.nfound;

		if ((got = next_message(s, &id, &op->why, &r)) != 1)
			return r;
		r = fetch_one(s, op, id, 0);
		rcpts += op->u.load.nfound > n ? op->u.load.found[n]->nrcpts : 0;
	}
	if (r == RUN_DONE && got == 1)
		op->u.load.more = next_message(s, &id, &op->why, &r) == 1;
	return r;
}

/* ---- dests ---- */

/* Names go into one run of bytes; the pointers are set when it moves no more. */
static void
name_add(struct store_op *op, struct buf *names, const struct row_cell *name)
{
	struct store_dest *d;

	op->u.dests.dests = grow(op->u.dests.dests, op->u.dests.n, sizeof *op->u.dests.dests);
	d = &op->u.dests.dests[op->u.dests.n++];
	memset(d, 0, sizeof *d);
	buf_add(names, name->bytes, name->len);
	buf_addc(names, '\0');
}

static void
names_settle(struct store_op *op, struct buf *names)
{
	const char *p;
	size_t len;

	buf_take(names, &op->u.dests.names, &len);
	p = op->u.dests.names;
	for (size_t i = 0; i < op->u.dests.n; i++) {
		op->u.dests.dests[i].name = p;
		p += strlen(p) + 1;
	}
}

/* 1: this row stands behind the last one, in the order of the index. */
static int
in_order(const struct row_cell now[4], const struct row_cell last[4], const char *dest)
{
	if (dest == NULL || strlen(dest) != now[0].len || memcmp(dest, now[0].bytes, now[0].len) != 0)
		return dest == NULL || strncmp(dest, now[0].bytes, now[0].len) < 0;
	if (now[2].num != last[2].num)
		return now[2].num > last[2].num;
	return now[1].num != last[1].num ? now[1].num > last[1].num : now[3].num > last[3].num;
}

/*
 * All of the index is gone through, and this is the one time that it is: an
 * entry out of order hides others from every search, and nobody would be told.
 */
enum store_run
store_run_dests(struct sqlite_store *s, struct store_op *op)
{
	sqlite3_stmt *st = s->db.stmt[SQL_DESTS];
	struct row_cell cells[4], last[4] = { 0 };
	char dest[ROW_DEST_MAX + 1];
	struct store_dest *d = NULL;
	struct buf names;
	int rc, disorder = 0;

	buf_init(&names);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		store_db_cells(st, cells, 4);
		if (!row_text_ok(&cells[0], 1, ROW_DEST_MAX) || cells[1].type != ROW_INT)
			continue;
		if ((disorder = !in_order(cells, last, d != NULL ? dest : NULL)))
			break;
		if (d == NULL || strlen(dest) != cells[0].len ||
		    memcmp(dest, cells[0].bytes, cells[0].len) != 0) {
			name_add(op, &names, &cells[0]);
			d = &op->u.dests.dests[op->u.dests.n - 1];
			d->due = INT64_MAX;
			memcpy(dest, cells[0].bytes, cells[0].len);
			dest[cells[0].len] = '\0';
		}
		d->count++;
		if (cells[1].num < d->due)
			d->due = cells[1].num;
		memcpy(last, cells, sizeof last);
	}
	(void)sqlite3_reset(st);
	names_settle(op, &names);
	if (disorder)
		return store_db_disorder(&s->db, &op->why, "dests");
	return rc == SQLITE_DONE ? RUN_DONE : store_db_error(&s->db, rc, &op->why, "dests");
}
