/* SPDX-License-Identifier: ISC */
/*
 * sqlite_wake: what waits for one of some reasons is due now. Rows are looked
 * at a slice at a time, share after share, so that mail goes in and out
 * meanwhile; what a slice has moved lies before where the next one begins.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/sqlite_int.h"

#define SLICE	500		/* rows looked at */

struct store_wake {
	char	*dest;		/* where it stands; NULL: at the beginning */
	int	 in_share;
	int64_t	 share;		/* flow >> 24 */
	int64_t	 due, id;	/* the row looked at last */
	size_t	 looked;	/* in this slice */
	int64_t	 ids[SLICE];
	size_t	 n;
};

void
store_wake_free(struct store_wake **wp)
{
	struct store_wake *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	free(w->dest);
	free(w);
}

static int
is_meant(const struct store_op *op, const char *reason)
{
	for (size_t i = 0; reason != NULL && i < op->u.wake.nreasons; i++)
		if (strcmp(op->u.wake.reasons[i], reason) == 0)
			return 1;
	return 0;
}

/* 1: w stands at a destination; 0: there are no more; -1: *r says what went wrong. */
static int
next_dest(struct sqlite_store *s, struct store_op *op, enum store_run *r)
{
	sqlite3_stmt *st = s->db.stmt[SQL_DEST_NEXT];
	struct store_wake *w = op->u.wake.at;
	struct row_cell cell;
	int rc, first = w->dest == NULL, disorder = 0;

	w->share = INT64_MIN;
	if (op->u.wake.dest != NULL) {
		if (first)
			w->dest = must_strdup(op->u.wake.dest);
		return first;
	}
	store_db_bind_text(st, 1, first ? "" : w->dest);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		char *next;

		store_db_cells(st, &cell, 1);
		next = must_strndup(cell.len == 0 ? "" : cell.bytes, cell.len);
		disorder = strcmp(next, first ? "" : w->dest) <= 0;
		free(w->dest);
		w->dest = next;
	}
	(void)sqlite3_reset(st);
	if (!disorder && (rc == SQLITE_ROW || rc == SQLITE_DONE))
		return rc == SQLITE_ROW;
	*r = disorder ? store_db_disorder(&s->db, &op->why, "wake") : store_db_error(&s->db, rc, &op->why, "wake");
	return -1;
}

static int
next_share(struct sqlite_store *s, struct store_op *op, enum store_run *r)
{
	sqlite3_stmt *st = s->db.stmt[SQL_SHARE_NEXT];
	struct store_wake *w = op->u.wake.at;
	int64_t before = w->share;
	int rc;

	store_db_bind_text(st, 1, w->dest);
	(void)sqlite3_bind_int64(st, 2, w->share);
	(void)sqlite3_bind_int64(st, 3, INT64_MAX);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		w->share = sqlite3_column_int64(st, 0);
		w->due = op->u.wake.now;	/* what is due by then needs no waking */
		w->id = INT64_MAX;
	}
	(void)sqlite3_reset(st);
	if (rc == SQLITE_DONE || (rc == SQLITE_ROW && w->share > before))
		return rc == SQLITE_ROW;
	*r = rc == SQLITE_ROW ? store_db_disorder(&s->db, &op->why, "wake") : store_db_error(&s->db, rc, &op->why, "wake");
	return -1;
}

/* RUN_MORE: the slice is over, the share is not. */
static enum store_run
look_at_rows(struct sqlite_store *s, struct store_op *op)
{
	sqlite3_stmt *st = s->db.stmt[SQL_WAKE_ROWS];
	struct store_wake *w = op->u.wake.at;
	int rc = SQLITE_ROW, disorder = 0;

	store_db_bind_text(st, 1, w->dest);
	(void)sqlite3_bind_int64(st, 2, w->share);
	(void)sqlite3_bind_int64(st, 3, w->due);
	(void)sqlite3_bind_int64(st, 4, w->id);
	while (w->looked < SLICE && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(st, 0), due = sqlite3_column_int64(st, 1);

		if ((disorder = due < w->due || (due == w->due && id <= w->id)))
			break;
		w->id = id;
		w->due = due;
		w->looked++;
		if (is_meant(op, (const char *)sqlite3_column_text(st, 2)))
			w->ids[w->n++] = w->id;
	}
	(void)sqlite3_reset(st);
	if (disorder)
		return store_db_disorder(&s->db, &op->why, "wake");
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_db_error(&s->db, rc, &op->why, "wake");
	return rc == SQLITE_ROW ? RUN_MORE : RUN_DONE;
}

static enum store_run
move_rows(struct sqlite_store *s, struct store_op *op)
{
	struct store_wake *w = op->u.wake.at;
	enum store_run r = RUN_DONE;

	if (w->n > 0)
		r = store_db_begin(&s->db, &op->why);
	for (size_t i = 0; i < w->n && r == RUN_DONE; i++) {
		(void)sqlite3_bind_int64(s->db.stmt[SQL_WAKE], 1, op->u.wake.now);
		(void)sqlite3_bind_int64(s->db.stmt[SQL_WAKE], 2, w->ids[i]);
		r = store_db_run(&s->db, SQL_WAKE, &op->why, NULL);
	}
	op->u.wake.woken += w->n;
	w->n = 0;
	return r;
}

/* The next share, else the next destination, else the end. */
static int
advance(struct sqlite_store *s, struct store_op *op, enum store_run *r)
{
	struct store_wake *w = op->u.wake.at;
	int got = w->dest != NULL ? next_share(s, op, r) : 0;

	while (got == 0) {
		if ((got = next_dest(s, op, r)) != 1)
			return got;
		w->looked++;
		got = next_share(s, op, r);
	}
	return got;
}

enum store_run
store_run_wake(struct sqlite_store *s, struct store_op *op)
{
	struct store_wake *w = op->u.wake.at;
	enum store_run r = RUN_DONE, moved;

	if (w == NULL)
		w = op->u.wake.at = must_calloc(1, sizeof *w);
	w->looked = 0;
	while (r == RUN_DONE && w->looked < SLICE) {
		if (!w->in_share) {
			int got = advance(s, op, &r);

			if (got != 1)
				return got == 0 ? move_rows(s, op) : r;
			w->in_share = 1;
			w->looked++;
		}
		if ((r = look_at_rows(s, op)) == RUN_DONE)
			w->in_share = 0;
	}
	if (r != RUN_DONE && r != RUN_MORE)
		return r;
	moved = move_rows(s, op);
	return moved == RUN_DONE ? RUN_MORE : moved;
}

void
store_wake_deliver(struct store_op *op)
{
	op->u.wake.done(op->arg, &op->why, op->u.wake.woken);
	store_wake_free(&op->u.wake.at);
	free(op->u.wake.dest);
	free(op->u.wake.texts);
	free(op->u.wake.reasons);
}

/* The reasons one behind the other; the pointers into them. */
static void
copy_reasons(struct store_op *op, const char *const *reasons, size_t n)
{
	size_t bytes = 1;
	char *p;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(reasons[i]) + 1;
	p = op->u.wake.texts = must_calloc(1, bytes);
	op->u.wake.reasons = must_calloc(n + 1, sizeof *reasons);
	op->u.wake.nreasons = n;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(reasons[i]) + 1;

		memcpy(p, reasons[i], len);
		op->u.wake.reasons[i] = p;
		p += len;
	}
}

void
store_wake(struct store *st, const char *dest, const char *const *reasons, size_t n, int64_t now,
    store_woken_fn *done, void *arg)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;
	struct store_op *op = store_op_new(s, OP_WAKE, arg);

	op->u.wake.dest = must_strdup_null(dest);
	copy_reasons(op, reasons, n);
	op->u.wake.now = now;
	op->u.wake.done = done;
	store_op_submit(s, op);
}
