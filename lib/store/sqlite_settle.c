/* SPDX-License-Identifier: ISC */
/* sqlite_settle: what became of recipients, and setting aside what is damaged. */
#include <inttypes.h>

#include "lib/store/sqlite_int.h"

static enum store_run
rcpt_done(struct store_db *db, uint64_t message, int64_t id, struct why *why)
{
	(void)sqlite3_bind_int64(db->stmt[SQL_RCPT_DONE], 1, id);
	(void)sqlite3_bind_int64(db->stmt[SQL_RCPT_DONE], 2, (int64_t)message);
	return store_db_run(db, SQL_RCPT_DONE, why, NULL);
}

static enum store_run
rcpt_move(struct store_db *db, uint64_t message, const struct store_settle_rcpt *r, struct why *why)
{
	sqlite3_stmt *st = db->stmt[SQL_RCPT_MOVE];

	(void)sqlite3_bind_int64(st, 1, r->fate == STORE_HOLD ? STORE_HELD : STORE_DUE);
	(void)sqlite3_bind_int64(st, 2, r->due < 0 ? 0 : r->due);
	(void)sqlite3_bind_int64(st, 3, r->tries);
	(void)sqlite3_bind_int64(st, 4, r->warned < 0 ? 0 : r->warned);
	store_db_bind_text(st, 5, r->last);
	store_db_bind_text(st, 6, r->reason);
	(void)sqlite3_bind_int64(st, 7, r->id);
	(void)sqlite3_bind_int64(st, 8, (int64_t)message);
	return store_db_run(db, SQL_RCPT_MOVE, why, NULL);
}

/* The message goes with its last recipient; its file after the commit. */
static enum store_run
message_end(struct sqlite_store *s, uint64_t message, int *gone, struct why *why)
{
	sqlite3_stmt *where = s->db.stmt[SQL_MESSAGE_WHERE], *left = s->db.stmt[SQL_RCPT_LEFT];
	int64_t first, count;
	int place, rc;

	(void)sqlite3_bind_int64(where, 1, (int64_t)message);
	rc = sqlite3_step(where);
	first = sqlite3_column_int64(where, 0);
	count = sqlite3_column_int64(where, 1);
	place = sqlite3_column_int(where, 2);
	(void)sqlite3_reset(where);
	if (rc == SQLITE_DONE)
		return RUN_DONE;	/* gone before: a repeated settlement */
	if (rc != SQLITE_ROW)
		return store_db_error(&s->db, rc, why, "settle");
	if (first < 1 || first > INT64_MAX - ROW_RCPTS_MAX || count < 1 || count > ROW_RCPTS_MAX) {
		(void)why_set(why, WHY_CORRUPT, "message row %016" PRIx64 " is damaged", message);
		return RUN_DAMAGED;
	}
	(void)sqlite3_bind_int64(left, 1, first);
	(void)sqlite3_bind_int64(left, 2, first + count - 1);
	(void)sqlite3_bind_int64(left, 3, (int64_t)message);
	rc = sqlite3_step(left);
	(void)sqlite3_reset(left);
	if (rc == SQLITE_ROW)
		return RUN_DONE;
	if (rc != SQLITE_DONE)
		return store_db_error(&s->db, rc, why, "settle");
	if (place == ROW_FILE)
		store_batch_unlink_later(s, message);
	*gone = 1;
	(void)sqlite3_bind_int64(s->db.stmt[SQL_MESSAGE_GONE], 1, (int64_t)message);
	return store_db_run(&s->db, SQL_MESSAGE_GONE, why, NULL);
}

/* A notice that is there already came with this very settlement, tried before: fine. */
static enum store_run
put_notice(struct sqlite_store *s, struct store_message *m, struct why *why)
{
	struct row_where w = { .place = ROW_INLINE };
	int existing = 0;

	m->size = m->body->size;
	if (m->size > STORE_INLINE_MAX) {
		(void)why_set(why, WHY_LOCAL_STORAGE, "notice is larger than %d", STORE_INLINE_MAX);
		return RUN_DAMAGED;
	}
	store_hash_add(s->hash, m->body->data, m->size);
	store_hash_end(s->hash, w.digest);
	return store_put_rows(s, m, &w, why, &existing);
}

enum store_run
store_run_settle(struct sqlite_store *s, struct store_op *op)
{
	struct store_db *db = &s->db;
	uint64_t message = op->u.settle.message;
	enum store_run r;
	int done = 0;

	if ((r = store_db_begin(db, &op->why)) != RUN_DONE)
		return r;
	for (size_t i = 0; i < op->u.settle.nrcpts; i++) {
		const struct store_settle_rcpt *rcpt = &op->u.settle.rcpts[i];

		if (rcpt->fate == STORE_DONE)
			r = rcpt_done(db, message, rcpt->id, &op->why);
		else
			r = rcpt_move(db, message, rcpt, &op->why);
		if (r != RUN_DONE)
			return r;
		done |= rcpt->fate == STORE_DONE;
	}
	for (size_t i = 0; i < op->u.settle.nnotices; i++)
		if ((r = put_notice(s, op->u.settle.notices[i], &op->why)) != RUN_DONE)
			return r;
	return done ? message_end(s, message, &op->u.settle.gone, &op->why) : RUN_DONE;
}

static enum store_run
hold(struct store_db *db, uint64_t message, const struct row_where *w, int64_t rcpt,
    const char *text, struct why *why)
{
	sqlite3_stmt *st;

	if (rcpt != 0) {
		st = db->stmt[SQL_HOLD_ONE];
		store_db_bind_text(st, 1, text);
		(void)sqlite3_bind_int64(st, 2, rcpt);
		return store_db_run(db, SQL_HOLD_ONE, why, NULL);
	}
	st = db->stmt[SQL_HOLD_ALL];
	store_db_bind_text(st, 1, text);
	(void)sqlite3_bind_int64(st, 2, w->first);
	(void)sqlite3_bind_int64(st, 3, w->first + w->count - 1);
	(void)sqlite3_bind_int64(st, 4, (int64_t)message);
	return store_db_run(db, SQL_HOLD_ALL, why, NULL);
}

enum store_run
store_quarantine(struct sqlite_store *s, uint64_t message, const struct row_where *w,
    int64_t rcpt, const char *text)
{
	struct why why = { 0 };
	enum store_run r;

	store_thread_report(s, "queue: message %016" PRIx64 " recipient %" PRId64 " set aside: %s",
	    message, rcpt, text);
	if ((r = store_db_begin(&s->db, &why)) != RUN_DONE ||
	    (r = hold(&s->db, message, w, rcpt, text, &why)) != RUN_DONE)
		return r;
	if (message == 0)
		return RUN_DONE;
	(void)sqlite3_bind_int64(s->db.stmt[SQL_MESSAGE_CORRUPT], 1, (int64_t)message);
	return store_db_run(&s->db, SQL_MESSAGE_CORRUPT, &why, NULL);
}
