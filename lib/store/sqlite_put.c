/* SPDX-License-Identifier: ISC */
/* sqlite_put: a message and its recipients into rows, its body into row or file. */
#include <string.h>

#include "lib/store/sqlite_int.h"

#define RCPT_IDS_RESERVED	65536	/* per write of the counter */
#define TEXT_MAX		8192	/* as row.c reads back */

static int
too_long(const char *s, size_t max)
{
	return s != NULL && strlen(s) > max;
}

/* What could be written but not be read back must not be accepted. */
static int
storable(const struct store_message *m, struct why *why)
{
	int bad = m->nrcpts == 0 || m->nrcpts > ROW_RCPTS_MAX || m->created < 0 ||
	    m->id == 0 || m->id > INT64_MAX || m->sender == NULL ||
	    too_long(m->sender, TEXT_MAX) || too_long(m->client, TEXT_MAX) ||
	    too_long(m->client_name, TEXT_MAX) || too_long(m->envid, TEXT_MAX) ||
	    too_long(m->ret, TEXT_MAX);

	for (size_t i = 0; i < m->nrcpts && !bad; i++) {
		const struct store_rcpt *r = &m->rcpts[i];

		bad = r->address == NULL || *r->address == '\0' || r->dest == NULL ||
		    *r->dest == '\0' || too_long(r->address, TEXT_MAX) ||
		    too_long(r->dest, ROW_DEST_MAX) || too_long(r->orcpt, TEXT_MAX) ||
		    too_long(r->notify, TEXT_MAX) || too_long(r->last, ROW_LAST_MAX) ||
		    too_long(r->reason, ROW_REASON_MAX) ||
		    r->due < 0 || r->warned < 0;
	}
	return bad ? why_set(why, WHY_LOCAL_STORAGE, "the envelope does not fit a queue row") : 0;
}

static enum store_run
reserve_ids(struct store_db *db, size_t n, struct why *why)
{
	enum store_run r;
	int64_t limit = db->next_rcpt + (int64_t)n + RCPT_IDS_RESERVED;

	if (db->next_rcpt + (int64_t)n <= db->rcpt_limit)
		return RUN_DONE;
	(void)sqlite3_bind_int64(db->stmt[SQL_COUNTER_PUT], 1, limit);
	if ((r = store_db_run(db, SQL_COUNTER_PUT, why, NULL)) == RUN_DONE)
		db->rcpt_limit = limit;
	return r;
}

static enum store_run
put_message(struct store_db *db, const struct store_message *m, const struct row_where *w,
    struct why *why, int *existing)
{
	sqlite3_stmt *st = db->stmt[SQL_MESSAGE_PUT];
	int rc;

	(void)sqlite3_bind_int64(st, 1, (int64_t)m->id);
	(void)sqlite3_bind_int64(st, 2, w->first);
	(void)sqlite3_bind_int64(st, 3, w->count);
	(void)sqlite3_bind_int64(st, 4, m->created);
	(void)sqlite3_bind_int64(st, 5, (int64_t)m->size);
	(void)sqlite3_bind_int64(st, 6, w->place);
	(void)sqlite3_bind_int64(st, 7, m->eightbit);
	(void)sqlite3_bind_int64(st, 8, m->utf8);
	(void)sqlite3_bind_int64(st, 9, m->requiretls);
	(void)sqlite3_bind_int64(st, 10, row_message_sum(m, w));
	(void)sqlite3_bind_blob(st, 11, w->digest, sizeof w->digest, SQLITE_STATIC);
	store_db_bind_text(st, 12, m->sender);
	store_db_bind_text(st, 13, m->client);
	store_db_bind_text(st, 14, m->client_name);
	store_db_bind_text(st, 15, m->envid);
	store_db_bind_text(st, 16, m->ret);
	if (w->place == ROW_FILE)
		(void)sqlite3_bind_null(st, 17);
	else
		(void)sqlite3_bind_blob64(st, 17, m->body->data == NULL ? "" : m->body->data,
		    m->size, SQLITE_STATIC);
	rc = sqlite3_step(st);
	(void)sqlite3_reset(st);
	*existing = rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID;
	if (rc == SQLITE_DONE || *existing)
		return RUN_DONE;
	return store_db_error(db, rc, why, "put");
}

static enum store_run
put_rcpt(struct store_db *db, const struct store_message *m, const struct store_rcpt *r,
    struct why *why)
{
	sqlite3_stmt *st = db->stmt[SQL_RCPT_PUT];

	(void)sqlite3_bind_int64(st, 1, r->id);
	(void)sqlite3_bind_int64(st, 2, (int64_t)m->id);
	(void)sqlite3_bind_int64(st, 3, r->state);
	(void)sqlite3_bind_int64(st, 4, r->due);
	(void)sqlite3_bind_int64(st, 5, r->tries);
	(void)sqlite3_bind_int64(st, 6, r->warned);
	(void)sqlite3_bind_int64(st, 7, row_rcpt_sum(m->id, r));
	store_db_bind_text(st, 8, r->dest);
	store_db_bind_text(st, 9, r->address);
	store_db_bind_text(st, 10, r->orcpt);
	store_db_bind_text(st, 11, r->notify);
	store_db_bind_text(st, 12, r->last);
	(void)sqlite3_bind_int64(st, 13, (int64_t)m->flow);
	store_db_bind_text(st, 14, r->reason);
	return store_db_run(db, SQL_RCPT_PUT, why, NULL);
}

enum store_run
store_put_rows(struct sqlite_store *s, struct store_message *m, struct row_where *w,
    struct why *why, int *existing)
{
	struct store_db *db = &s->db;
	enum store_run r;

	if ((r = store_db_begin(db, why)) != RUN_DONE ||
	    (r = reserve_ids(db, m->nrcpts, why)) != RUN_DONE)
		return r;
	w->first = db->next_rcpt;
	w->count = (int64_t)m->nrcpts;
	r = put_message(db, m, w, why, existing);
	if (r != RUN_DONE || *existing)
		return r;
	db->next_rcpt += w->count;
	for (size_t i = 0; i < m->nrcpts; i++) {
		m->rcpts[i].id = w->first + (int64_t)i;
		if ((r = put_rcpt(db, m, &m->rcpts[i], why)) != RUN_DONE)
			return r;
	}
	return RUN_DONE;
}

/* D10: all of the file before the row. A large body that came in memory gets a file too. */
static int
body_place(struct sqlite_store *s, struct store_op *op)
{
	struct store_message *m = op->u.put.msg;
	struct row_where *w = &op->u.put.where;

	if (op->u.put.spool == NULL) {
		m->size = m->body->size;
		if (m->size <= STORE_INLINE_MAX) {
			w->place = ROW_INLINE;
			store_hash_add(s->hash, m->body->data, m->size);
			store_hash_end(s->hash, w->digest);
			return 0;
		}
		op->u.put.spool = store_spool_new(s, s->spool_dir,
		    atomic_fetch_add(&s->spools, 1));
		(void)store_spool_append(op->u.put.spool, m->body->data, m->size, &op->why);
	}
	w->place = ROW_FILE;
	return store_spool_finish(op->u.put.spool, m->id, w->digest, &m->size, &op->why);
}

/* The file of a message that is there would be written over, and go with this one's failure. */
static enum store_run
is_known(struct sqlite_store *s, uint64_t message, int *known, struct why *why)
{
	sqlite3_stmt *st = s->db.stmt[SQL_MESSAGE_WHERE];
	int rc;

	(void)sqlite3_bind_int64(st, 1, (int64_t)message);
	rc = sqlite3_step(st);
	(void)sqlite3_reset(st);
	*known = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? RUN_DONE :
	    store_db_error(&s->db, rc, why, "put");
}

enum store_run
store_run_put(struct sqlite_store *s, struct store_op *op)
{
	struct store_message *m = op->u.put.msg;
	enum store_run r;
	int existing = 0;

	if (storable(m, &op->why) == -1)
		return RUN_DONE;
	if (s->displaced) {
		(void)why_set(&op->why, WHY_LOCAL_STORAGE, "queue.db is not in its place");
		return RUN_DONE;
	}
	if ((op->u.put.spool != NULL || m->body->size > STORE_INLINE_MAX) &&
	    (r = is_known(s, m->id, &existing, &op->why)) != RUN_DONE)
		return r;
	if (existing) {
		(void)why_set(&op->why, WHY_LOCAL_STORAGE, "queue id is in use already");
		return RUN_DONE;
	}
	if (body_place(s, op) == -1)
		return RUN_DONE;
	r = store_put_rows(s, m, &op->u.put.where, &op->why, &existing);
	if (r == RUN_DONE && !existing && op->u.put.key != NULL)
		r = store_note_write(s, op->u.put.key, op->u.put.value, &op->why);
	if (r == RUN_DONE && existing)
		(void)why_set(&op->why, WHY_LOCAL_STORAGE, "queue id is in use already");
	else if (r == RUN_DONE && m->body != NULL)
		memcpy(m->body->digest, op->u.put.where.digest, sizeof m->body->digest);
	return r;
}
