/* SPDX-License-Identifier: ISC */
/*
 * sqlite_body: bodies back out, never unverified (D9), and the ops of spool
 * files. Long files are gone through in slices, so that commits go on between.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/store/sqlite_int.h"

static void
hash(struct sqlite_store *s, const void *data, size_t n, uint8_t digest[32])
{
	store_hash_add(s->hash, data, n);
	store_hash_end(s->hash, digest);
}

/* Columns of SQL_MESSAGE_BODY: first, count, place, size, digest, body. */
static int
body_cells_ok(const struct row_cell c[6])
{
	return c[0].type == ROW_INT && c[0].num >= 1 && c[0].num <= INT64_MAX - ROW_RCPTS_MAX &&
	    c[1].type == ROW_INT && c[1].num >= 1 && c[1].num <= ROW_RCPTS_MAX &&
	    c[2].type == ROW_INT && c[2].num >= 0 && c[2].num < ROW_PLACE__COUNT &&
	    c[3].type == ROW_INT && c[3].num >= 0 &&
	    c[4].type == ROW_BLOB && c[4].len == 32;
}

static int
body_inline(struct sqlite_store *s, struct store_op *op, const struct row_cell c[6])
{
	uint8_t digest[32];
	char *data;

	if (c[5].type != ROW_BLOB || c[5].len != (uint64_t)c[3].num)
		return why_set(&op->why, WHY_CORRUPT, "body has the wrong length");
	hash(s, c[5].bytes, c[5].len, digest);
	if (memcmp(digest, op->u.body.where.digest, sizeof digest) != 0)
		return why_set(&op->why, WHY_CORRUPT, "body does not match its SHA-256");
	data = must_calloc(1, c[5].len + 1);
	if (c[5].len > 0)
		memcpy(data, c[5].bytes, c[5].len);
	op->u.body.found = store_body_new(&data, c[5].len);
	memcpy(op->u.body.found->digest, digest, sizeof digest);
	return 0;
}

static int
body_file(struct sqlite_store *s, struct store_op *op, uint64_t size)
{
	char *none = NULL;

	op->u.body.verify = store_verify_new(s->spool_dir, op->u.body.message, size,
	    op->u.body.where.digest, &op->why);
	if (op->u.body.verify == NULL)
		return -1;
	op->u.body.found = store_body_new(&none, size);
	op->u.body.found->file = op->u.body.message;
	memcpy(op->u.body.found->digest, op->u.body.where.digest, 32);
	return 0;
}

static enum store_run
body_start(struct sqlite_store *s, struct store_op *op)
{
	sqlite3_stmt *st = s->db.stmt[SQL_MESSAGE_BODY];
	struct row_where *w = &op->u.body.where;
	struct row_cell c[6];
	enum store_run r = RUN_DONE;
	int rc;

	(void)sqlite3_bind_int64(st, 1, (int64_t)op->u.body.message);
	rc = sqlite3_step(st);
	if (rc == SQLITE_DONE)
		(void)why_set(&op->why, WHY_LOCAL_STORAGE, "no such message");
	else if (rc != SQLITE_ROW)
		r = store_db_error(&s->db, rc, &op->why, "body");
	else {
		store_db_cells(st, c, 6);
		if (!body_cells_ok(c))
			(void)why_set(&op->why, WHY_CORRUPT, "message row is damaged");
		else {
			w->first = c[0].num;
			w->count = c[1].num;
			memcpy(w->digest, c[4].bytes, sizeof w->digest);
			if (c[2].num == ROW_INLINE)
				(void)body_inline(s, op, c);
			else
				(void)body_file(s, op, (uint64_t)c[3].num);
		}
	}
	(void)sqlite3_reset(st);
	return r;
}

enum store_run
store_run_body(struct sqlite_store *s, struct store_op *op)
{
	enum store_run r;
	int left = 0;

	if (op->u.body.verify == NULL && (r = body_start(s, op)) != RUN_DONE)
		return r;
	if (op->u.body.verify != NULL &&
	    (left = store_verify_step(op->u.body.verify, &op->why)) == 1)
		return RUN_MORE;
	store_verify_free(&op->u.body.verify);
	if (op->why.reason == WHY_NONE)
		return RUN_DONE;
	store_body_unref(&op->u.body.found);
	if (op->why.reason != WHY_CORRUPT)
		return RUN_DONE;
	if (op->u.body.where.first == 0) {	/* its recipients cannot be told */
		store_thread_report(s, "queue: message %016" PRIx64 ": %s", op->u.body.message,
		    op->why.text);
		return RUN_DONE;
	}
	return store_quarantine(s, op->u.body.message, &op->u.body.where, 0, op->why.text);
}

enum store_run
store_run_read(struct sqlite_store *s, struct store_op *op)
{
	int64_t n;

	op->u.read.data = must_calloc(1, op->u.read.max + 1);
	n = store_spool_read(s->spool_dir, op->u.read.file, op->u.read.offset, op->u.read.data,
	    op->u.read.max, op->u.read.size, &op->why);
	op->u.read.n = n < 0 ? 0 : (size_t)n;
	return RUN_DONE;
}

enum store_run
store_run_append(struct sqlite_store *s, struct store_op *op)
{
	(void)store_spool_append(op->u.append.spool, op->u.append.data, op->u.append.n, &op->why);
	return RUN_DONE;
}

enum store_run
store_run_abort(struct sqlite_store *s, struct store_op *op)
{
	store_spool_unlink(op->u.abort.spool);
	return RUN_DONE;
}

/* Does a row name this file? 1, 0, or -1 if the database does not tell. */
static int
file_known(void *arg, uint64_t message)
{
	struct sqlite_store *s = arg;
	sqlite3_stmt *st = s->db.stmt[SQL_MESSAGE_WHERE];
	int rc;

	if (message > INT64_MAX)
		return 0;
	(void)sqlite3_bind_int64(st, 1, (int64_t)message);
	rc = sqlite3_step(st);
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

enum store_run
store_run_sweep(struct sqlite_store *s, struct store_op *op)
{
	unsigned removed = 0;
	int left;

	left = store_sweep_step(op->u.sweep.sweep, file_known, s, clock_wall_ms(), &removed);
	if (removed > 0)
		store_thread_report(s, "queue: removed %u body files that no message names",
		    removed);
	return left ? RUN_MORE : RUN_DONE;
}

enum store_run
store_run_report(struct sqlite_store *s, struct store_op *op)
{
	return RUN_DONE;
}
