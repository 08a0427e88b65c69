/* SPDX-License-Identifier: ISC */
/*
 * sqlite_aged: what waits, looked through page by page, whether it is its
 * turn or not: the recipients of one destination, or those that are held.
 * Nothing is set aside here; a row that cannot be read is stepped over.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/sqlite_int.h"

struct page {
	int64_t	*ids;
	size_t	 n;
	int	 full;
};

static int
compare_ids(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* ---- which rows: from the index alone ---- */

/* In the order of the index: of held ones it is due, message, id, otherwise due, id. */
static int
is_behind(const struct store_mark *a, const struct store_mark *b, int held)
{
	if (a->due != b->due)
		return a->due > b->due;
	if (held && a->share != b->share)
		return a->share > b->share;
	return a->id > b->id;
}

/* From the mark on, as far as it is due; the statement yields id and due. */
static enum store_run
take_rows(struct sqlite_store *s, struct store_op *op, sqlite3_stmt *st, struct page *p)
{
	struct store_mark *mark = &op->u.load.mark;
	int rc, held = op->u.load.dest == NULL, disorder = 0;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct store_mark at = {
			.id = sqlite3_column_int64(st, 0), .due = sqlite3_column_int64(st, 1),
			.share = held ? sqlite3_column_int64(st, 2) : mark->share,
		};

		if (at.due > op->u.load.due) {
			if (op->u.load.next_due == 0 || at.due < op->u.load.next_due)
				op->u.load.next_due = at.due;
			break;
		}
		if (p->n == op->u.load.max) {
			p->full = 1;
			break;
		}
		if ((disorder = !is_behind(&at, mark, held)))
			break;
		*mark = at;
		p->ids[p->n++] = at.id;
	}
	(void)sqlite3_reset(st);
	if (disorder)
		return store_db_disorder(&s->db, &op->why, "look through");
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? RUN_DONE :
	    store_db_error(&s->db, rc, &op->why, "look through");
}

static enum store_run
take_held(struct sqlite_store *s, struct store_op *op, struct page *p)
{
	sqlite3_stmt *st = s->db.stmt[SQL_HELD_ROWS];

	(void)sqlite3_bind_int64(st, 1, op->u.load.mark.due);
	(void)sqlite3_bind_int64(st, 2, op->u.load.mark.share);
	(void)sqlite3_bind_int64(st, 3, op->u.load.mark.id);
	return take_rows(s, op, st, p);
}

/* 1: the mark stands before the next share; 0: there is none; -1: *r. */
static int
next_share(struct sqlite_store *s, struct store_op *op, enum store_run *r)
{
	sqlite3_stmt *st = s->db.stmt[SQL_AGED_SHARE];
	struct store_mark *mark = &op->u.load.mark;
	int64_t before = mark->share;
	int rc;

	store_db_bind_text(st, 1, op->u.load.dest);
	(void)sqlite3_bind_int64(st, 2, mark->share);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*mark = (struct store_mark){ .share = sqlite3_column_int64(st, 0),
		    .due = INT64_MIN };
	(void)sqlite3_reset(st);
	if (rc == SQLITE_DONE || (rc == SQLITE_ROW && mark->share > before))
		return rc == SQLITE_ROW;
	*r = rc == SQLITE_ROW ? store_db_disorder(&s->db, &op->why, "look through") :
	    store_db_error(&s->db, rc, &op->why, "look through");
	return -1;
}

static enum store_run
take_dest(struct sqlite_store *s, struct store_op *op, struct page *p)
{
	sqlite3_stmt *st = s->db.stmt[SQL_AGED_ROWS];
	enum store_run r = RUN_DONE;

	do {
		store_db_bind_text(st, 1, op->u.load.dest);
		(void)sqlite3_bind_int64(st, 2, op->u.load.mark.share);
		(void)sqlite3_bind_int64(st, 3, op->u.load.mark.due);
		(void)sqlite3_bind_int64(st, 4, op->u.load.mark.id);
		r = take_rows(s, op, st, p);
	} while (r == RUN_DONE && !p->full && next_share(s, op, &r) == 1);
	return r;
}

/* ---- their messages ---- */

/* 1: *message has this recipient; 0: it is gone or cannot be told. */
static int
message_of(struct sqlite_store *s, int64_t id, uint64_t *message)
{
	sqlite3_stmt *st = s->db.stmt[SQL_RCPT_MESSAGE];
	int rc;

	(void)sqlite3_bind_int64(st, 1, id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*message = (uint64_t)sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW && *message > 0 && *message <= INT64_MAX;
}

static int
is_found(const struct store_op *op, uint64_t message)
{
	for (size_t i = op->u.load.nfound; i-- > 0;)
		if (op->u.load.found[i]->id == message)
			return 1;
	return 0;
}

static void
narrow(struct store_message *m, const struct page *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->nrcpts; i++) {
		if (bsearch(&m->rcpts[i].id, p->ids, p->n, sizeof *p->ids, compare_ids) != NULL)
			m->rcpts[kept++] = m->rcpts[i];
		else
			store_rcpt_fini(&m->rcpts[i]);
	}
	m->nrcpts = kept;
}

static enum store_run
take_messages(struct sqlite_store *s, struct store_op *op, struct page *p)
{
	enum store_run r = RUN_DONE;
	uint64_t message;

	for (size_t i = 0; i < p->n && r == RUN_DONE; i++) {
		if (!message_of(s, p->ids[i], &message) || is_found(op, message))
			continue;
		op->u.load.message = message;
		r = store_run_fetch(s, op);
		if (r == RUN_DONE)
			memset(&op->why, 0, sizeof op->why);	/* a damaged one is left out */
	}
	qsort(p->ids, p->n, sizeof *p->ids, compare_ids);
	for (size_t i = 0; i < op->u.load.nfound; i++)
		narrow(op->u.load.found[i], p);
	return r;
}

enum store_run
store_run_aged(struct sqlite_store *s, struct store_op *op)
{
	struct page p = { .ids = must_calloc(op->u.load.max + 1, sizeof *p.ids) };
	enum store_run r;

	op->u.load.mark = op->u.load.from;
	r = op->u.load.dest != NULL ? take_dest(s, op, &p) : take_held(s, op, &p);
	op->u.load.more = p.full;
	if (r == RUN_DONE && p.n > 0)
		r = take_messages(s, op, &p);
	free(p.ids);
	return r;
}

enum store_run
store_run_held(struct sqlite_store *s, struct store_op *op)
{
	sqlite3_stmt *st = s->db.stmt[SQL_HELD_COUNT];
	int rc;

	(void)sqlite3_bind_int64(st, 1, (int64_t)op->u.held.before);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		op->u.held.all = (uint64_t)sqlite3_column_int64(st, 0);
		op->u.held.older = (uint64_t)sqlite3_column_int64(st, 1);
	}
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW ? RUN_DONE : store_db_error(&s->db, rc, &op->why, "count held");
}

/* ---- on the loop ---- */

void
store_aged_deliver(struct store_op *op)
{
	free(op->u.load.dest);
	op->u.load.aged(op->arg, &op->why, op->u.load.found, op->u.load.nfound,
	    op->u.load.more ? &op->u.load.mark : NULL, op->u.load.next_due);
	free(op->u.load.found);
}

void
store_held_deliver(struct store_op *op)
{
	op->u.held.done(op->arg, &op->why, op->u.held.all, op->u.held.older);
}

void
store_aged(struct store *st, const char *dest, int64_t due, size_t max,
    const struct store_mark *from, store_aged_fn *done, void *arg)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;
	struct store_op *op = store_op_new(s, OP_AGED, arg);

	MUST(s->magic == SQLITE_STORE_MAGIC);
	op->u.load.dest = must_strdup_null(dest);
	op->u.load.due = due;
	op->u.load.max = max;
	op->u.load.from = *from;
	op->u.load.aged = done;
	store_op_submit(s, op);
}

void
store_held(struct store *st, uint64_t before, store_held_fn *done, void *arg)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;
	struct store_op *op = store_op_new(s, OP_HELD, arg);

	MUST(s->magic == SQLITE_STORE_MAGIC);
	op->u.held.before = before < INT64_MAX ? before : INT64_MAX;
	op->u.held.done = done;
	store_op_submit(s, op);
}
