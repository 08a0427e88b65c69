/* SPDX-License-Identifier: ISC */
/* sqlite_note: small values by key, in the same transactions as the queue. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/sqlite_int.h"

/* ---- on the store thread ---- */

enum store_run
store_note_write(struct sqlite_store *s, const char *key, const char *value, struct why *why)
{
	enum store_sql id = value != NULL ? SQL_NOTE_PUT : SQL_NOTE_DROP;
	sqlite3_stmt *st = s->db.stmt[id];
	enum store_run r;

	if ((r = store_db_begin(&s->db, why)) != RUN_DONE)
		return r;
	store_db_bind_text(st, 1, key);
	if (value != NULL)
		store_db_bind_text(st, 2, value);
	return store_db_run(&s->db, id, why, NULL);
}

enum store_run
store_run_note(struct sqlite_store *s, struct store_op *op)
{
	return store_note_write(s, op->u.note.key, op->u.note.value, &op->why);
}

/* Keys and values one behind the other; the pointers are set when it moves no more. */
static void
notes_settle(struct store_op *op, struct buf *texts)
{
	const char *p;
	size_t len;

	buf_take(texts, &op->u.notes.texts, &len);
	p = op->u.notes.texts;
	op->u.notes.notes = must_calloc(op->u.notes.n + 1, sizeof *op->u.notes.notes);
	for (size_t i = 0; i < op->u.notes.n; i++) {
		op->u.notes.notes[i].key = p;
		p += strlen(p) + 1;
		op->u.notes.notes[i].value = p;
		p += strlen(p) + 1;
	}
}

enum store_run
store_run_notes(struct sqlite_store *s, struct store_op *op)
{
	sqlite3_stmt *st = s->db.stmt[SQL_NOTES];
	struct row_cell cells[2];
	struct buf texts;
	int rc;

	buf_init(&texts);
	store_db_bind_text(st, 1, op->u.notes.prefix);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		store_db_cells(st, cells, 2);
		if (!row_text_ok(&cells[0], 1, STORE_NOTE_KEY_MAX) ||
		    !row_text_ok(&cells[1], 0, STORE_NOTE_MAX)) {
			store_thread_report(s, "queue: a damaged note is left out");
			continue;
		}
		buf_add(&texts, cells[0].bytes, cells[0].len);
		buf_addc(&texts, '\0');
		buf_add(&texts, cells[1].bytes, cells[1].len);
		buf_addc(&texts, '\0');
		op->u.notes.n++;
	}
	(void)sqlite3_reset(st);
	notes_settle(op, &texts);
	return rc == SQLITE_DONE ? RUN_DONE : store_db_error(&s->db, rc, &op->why, "notes");
}

/* ---- on the loop ---- */

void
store_note_reset(struct store_op *op)
{
	free(op->u.notes.notes);
	free(op->u.notes.texts);
	op->u.notes.notes = NULL;
	op->u.notes.texts = NULL;
	op->u.notes.n = 0;
}

void
store_note_deliver(struct store_op *op)
{
	free(op->u.note.key);
	free(op->u.note.value);
	op->u.note.done(op->arg, &op->why);
}

void
store_notes_deliver(struct store_op *op)
{
	op->u.notes.done(op->arg, &op->why, op->u.notes.notes, op->u.notes.n);
	store_note_reset(op);
	free(op->u.notes.prefix);
}

void
store_note_put(struct store *st, const char *key, const char *value, store_done_fn *done, void *arg)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;
	struct store_op *op = store_op_new(s, OP_NOTE, arg);

	MUST(s->magic == SQLITE_STORE_MAGIC);
	MUST(*key != '\0' && strlen(key) <= STORE_NOTE_KEY_MAX);
	MUST(value == NULL || strlen(value) <= STORE_NOTE_MAX);
	op->u.note.key = must_strdup(key);
	op->u.note.value = must_strdup_null(value);
	op->u.note.done = done;
	store_op_submit(s, op);
}

void
store_notes(struct store *st, const char *prefix, store_notes_fn *done, void *arg)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;
	struct store_op *op = store_op_new(s, OP_NOTES, arg);

	MUST(s->magic == SQLITE_STORE_MAGIC);
	op->u.notes.prefix = must_strdup(prefix);
	op->u.notes.done = done;
	store_op_submit(s, op);
}
