/* SPDX-License-Identifier: ISC */
/*
 * sqlite_batch: many ops in one transaction, and who is told what when it
 * fails. I/O that failed closes the database for everybody (D4); damage to a
 * row or page fails only the op that touched it (D8).
 */
#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/store/io.h"
#include "lib/store/sqlite_int.h"

#define REPORT_EVERY	60		/* failed tries to reopen, a second apart */
#define MEND_EVERY_MS	(10 * 60000)

static const struct op_class {
	enum store_run	(*run)(struct sqlite_store *, struct store_op *);
	int		needs_db;
	int		repeats;	/* may run again on a recovered database */
} classes[OP__COUNT] = {
	[OP_PUT] = { store_run_put, 1, 0 },
	[OP_SETTLE] = { store_run_settle, 1, 1 },
	[OP_LOAD] = { store_run_load, 1, 1 },
	[OP_FETCH] = { store_run_fetch, 1, 1 },
	[OP_LIST] = { store_run_list, 1, 1 },
	[OP_BODY] = { store_run_body, 1, 1 },
	[OP_READ] = { store_run_read, 0, 0 },
	[OP_DESTS] = { store_run_dests, 1, 1 },
	[OP_APPEND] = { store_run_append, 0, 0 },
	[OP_ABORT] = { store_run_abort, 0, 0 },
	[OP_SWEEP] = { store_run_sweep, 1, 1 },
	[OP_REPORT] = { store_run_report, 0, 0 },
	[OP_WAKE] = { store_run_wake, 1, 1 },
	[OP_NOTE] = { store_run_note, 1, 1 },
	[OP_NOTES] = { store_run_notes, 1, 1 },
	[OP_AGED] = { store_run_aged, 1, 1 },
	[OP_HELD] = { store_run_held, 1, 1 },
};

/* ---- the state of the database ---- */

/* Who waits for a put need not wait for the check: the answer is known. (One with a spool does:
 * what it appended is queued before it.) */
static void
fail_waiting_puts(struct sqlite_store *s, const struct why *why)
{
	struct store_op_list keep = STAILQ_HEAD_INITIALIZER(keep);
	struct store_op_list answer = STAILQ_HEAD_INITIALIZER(answer);
	struct store_op *op;

	(void)pthread_mutex_lock(&s->lock);
	while ((op = STAILQ_FIRST(&s->inbox)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->inbox, next);
		if (op->kind == OP_PUT && op->u.put.spool == NULL) {
			op->why = *why;
			STAILQ_INSERT_TAIL(&answer, op, next);
		} else
			STAILQ_INSERT_TAIL(&keep, op, next);
	}
	STAILQ_CONCAT(&s->inbox, &keep);
	(void)pthread_mutex_unlock(&s->lock);
	store_thread_post(s, &answer);
}

static int
is_stopping(void *arg)
{
	struct sqlite_store *s = arg;

	return s->stopping;
}

/* What clients hear meanwhile (D4). */
static void
say_broken(struct sqlite_store *s, const struct why *why)
{
	atomic_store(&s->broken,
	    why->reason == WHY_LOCAL_SPACE ? WHY_LOCAL_SPACE : WHY_LOCAL_STORAGE);
}

/* Not again and again: if it does not help, what cannot be read fails by itself. */
static int
may_mend(const struct sqlite_store *s)
{
	return s->mended_at == 0 || clock_mono_ms() - s->mended_at >= MEND_EVERY_MS;
}

/* 0: all that can be read is in a new file. */
static int
mend(struct sqlite_store *s, const struct why *damage)
{
	struct store_mended result;
	struct why why = { 0 };
	char text[sizeof why.text];
	int rc;

	s->mended_at = clock_mono_ms();
	s->nunlinks = 0;
	store_thread_report(s, "queue: %s: what can be read is written anew", damage->text);
	rc = store_db_mend(&s->db, &result, &why);
	store_mend_say(&result, text, sizeof text);
	store_thread_report(s, "queue: %s", rc == 0 ? text : why.text);
	return rc;
}

static int
recover(struct sqlite_store *s)
{
	struct why why = { 0 };
	int rc;

	rc = store_db_recover(&s->db, is_stopping, s, &why);
	if (rc == -1 && why.reason == WHY_CORRUPT && !s->stopping && may_mend(s))
		rc = mend(s, &why);
	s->recovered_at = clock_mono_ms();
	if (rc == 0)
		atomic_store(&s->broken, WHY_NONE);
	else
		say_broken(s, &why);
	if (rc == 0)
		store_thread_report(s, "queue: database reopened and checked");
	else if (s->recoveries++ % REPORT_EVERY == 0)
		store_thread_report(s, "queue: database stays closed: %s", why.text);
	if (rc == 0)
		s->recoveries = 0;
	return rc;
}

/*
 * What has no name any more goes on as long as the process does: mail goes
 * out of it, none comes in. If that is the WAL alone, all of it is moved into
 * queue.db, and another one is made.
 */
static void
look_after_files(struct sqlite_store *s)
{
	struct why why = { 0 }, ignored = { 0 };
	enum store_place place = store_place_look(&s->db, &why);
	int was = s->displaced;

	if (place == PLACE_WAL_GONE &&
	    store_db_checkpoint(&s->db, 0, &ignored) == RUN_DONE && s->db.wal_good == 0) {
		store_thread_report(s, "queue: %s", why.text);
		(void)recover(s);
		place = PLACE_OK;
	}
	s->displaced = place != PLACE_OK;
	if (s->displaced)
		atomic_store(&s->broken, WHY_LOCAL_STORAGE);
	if (s->displaced && !was)
		store_thread_report(s, "queue: %s: nothing new is taken in until it is back; put it"
		    " back, or restart relayd when the queue is empty", why.text);
	if (was && !s->displaced && s->db.conn != NULL) {
		atomic_store(&s->broken, WHY_NONE);
		store_thread_report(s, "queue: queue.db is back in its place");
	}
}

int
store_batch_have_db(struct sqlite_store *s)
{
	if (s->db.conn == NULL && (clock_mono_ms() - s->recovered_at < STORE_RECOVER_MS ||
	    recover(s) == -1))
		return 0;
	look_after_files(s);
	return s->db.conn != NULL;
}

static void
give_reserve(struct sqlite_store *s)
{
	if (!s->reserve_given)
		store_space_reserve_give(s->db.dir);
	s->reserve_given = 1;
}

static void
note_full(struct sqlite_store *s)
{
	s->low = 1;
	s->full_at = clock_mono_ms();
}

static void
broken(struct sqlite_store *s, const struct why *why)
{
	store_thread_report(s, "queue: %s", why->text);
	say_broken(s, why);
	fail_waiting_puts(s, why);
	s->nunlinks = 0;
	if (why->reason == WHY_LOCAL_SPACE)
		note_full(s);
	(void)recover(s);
}

void
store_batch_checkpoint(struct sqlite_store *s, int64_t frames)
{
	struct why why = { 0 };

	if (s->db.conn == NULL || s->db.wal_good <= frames)
		return;
	/* When space is short the WAL gives its blocks back, unless removals live on them now. */
	if (store_db_checkpoint(&s->db, s->low && !s->reserve_given, &why) == RUN_DONE)
		return;
	/* No room to move it to: it is safe where it is, and nobody waits for this. */
	if (why.reason == WHY_LOCAL_SPACE) {
		note_full(s);
		give_reserve(s);
	} else
		broken(s, &why);
}

/* ---- one batch ---- */

void
store_batch_unlink_later(struct sqlite_store *s, uint64_t message)
{
	if (s->nunlinks == s->unlinks_cap) {
		s->unlinks_cap = s->unlinks_cap == 0 ? 16 : 2 * s->unlinks_cap;
		s->unlinks = must_realloc(s->unlinks, s->unlinks_cap, sizeof *s->unlinks);
	}
	s->unlinks[s->nunlinks++] = message;
}

static enum store_run
run_one(struct sqlite_store *s, struct store_op *op)
{
	const struct op_class *c = &classes[op->kind];
	enum store_run r;

	op->more = 0;
	if (op->finished)
		return RUN_DONE;
	r = c->run(s, op);
	op->more = r == RUN_MORE;
	if (!c->needs_db)
		op->finished = 1;	/* a file was changed: that is not undone by a rollback */
	return r;
}

/* Rows first, then the files that no row names any more (D10, state S9). */
static enum store_run
commit(struct sqlite_store *s, struct why *why)
{
	char path[STORE_PATH_MAX + 32];
	enum store_run r;

	if ((r = store_db_commit(&s->db, why)) != RUN_DONE)
		return r;
	for (size_t i = 0; i < s->nunlinks; i++) {
		store_spool_path(path, sizeof path, s->spool_dir, s->unlinks[i]);
		(void)store_io()->unlink(path);
	}
	s->nunlinks = 0;
	return RUN_DONE;
}

static enum store_run
run_together(struct sqlite_store *s, struct store_op_list *list, struct why *why)
{
	struct store_op *op;
	enum store_run r;

	STAILQ_FOREACH(op, list, next) {
		r = run_one(s, op);
		/* Whatever it made of it: the page will be met again. */
		if (s->db.malformed && r != RUN_BROKEN && may_mend(s)) {
			(void)why_set(why, WHY_CORRUPT, "queue.db has damaged pages");
			return RUN_DAMAGED;
		}
		if (r == RUN_DONE || r == RUN_MORE)
			continue;
		*why = op->why;
		return r;
	}
	if ((r = commit(s, why)) != RUN_DONE)
		return r;
	STAILQ_FOREACH(op, list, next)
		op->finished = !op->more;
	return RUN_DONE;
}

static void
undo(struct sqlite_store *s, struct store_op *op)
{
	store_db_rollback(&s->db);
	s->nunlinks = 0;
	if (!op->finished)
		store_op_reset(op);
}

/* One of them touches something damaged: each in a transaction of its own, so that only that one fails. */
static enum store_run
run_singly(struct sqlite_store *s, struct store_op_list *list, struct why *why)
{
	struct store_op *op;
	enum store_run r;

	STAILQ_FOREACH(op, list, next)
		undo(s, op);
	STAILQ_FOREACH(op, list, next) {
		size_t nbad;

		do {	/* again while it finds rows to step over */
			nbad = s->nbad;
			undo(s, op);
			r = run_one(s, op);
		} while (r == RUN_DAMAGED && s->nbad > nbad);
		if (r == RUN_DAMAGED) {
			struct why kept = op->why;

			undo(s, op);
			op->why = kept;
			op->finished = 1;
			store_thread_report(s, "queue: %s", kept.text);
			continue;
		}
		if (r == RUN_BROKEN) {
			*why = op->why;
			return r;
		}
		if ((r = commit(s, why)) != RUN_DONE)
			return r;
		op->finished = !op->more;
	}
	return RUN_DONE;
}

/* All of it again, on a database without damaged pages. */
static enum store_run
run_mended(struct sqlite_store *s, struct store_op_list *list, struct why *why)
{
	struct store_op *op;

	STAILQ_FOREACH(op, list, next)
		undo(s, op);
	fail_waiting_puts(s, why);
	(void)mend(s, why);
	if (s->db.conn == NULL)
		return RUN_BROKEN;
	why_clear(why);
	return run_together(s, list, why);
}

/* D4: everyone who waited in this batch hears of it; only what may be repeated is, once. */
static void
fail_unfinished(struct sqlite_store *s, struct store_op_list *list, struct store_op_list *again,
    const struct why *why)
{
	struct store_op_list keep = STAILQ_HEAD_INITIALIZER(keep);
	struct store_op *op;

	while ((op = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		if (!op->finished) {
			store_op_reset(op);
			if (classes[op->kind].repeats && !op->retried && s->db.conn != NULL) {
				op->retried = 1;
				STAILQ_INSERT_TAIL(again, op, next);
				continue;
			}
			op->why = *why;
			op->more = 0;
			op->finished = 1;
		}
		STAILQ_INSERT_TAIL(&keep, op, next);
	}
	STAILQ_CONCAT(list, &keep);
}

/* A put that failed leaves no file, unless its row might still come back. */
static void
discard_spools(struct sqlite_store *s, struct store_op_list *list)
{
	struct store_op *op;

	STAILQ_FOREACH(op, list, next)
		if (op->kind == OP_PUT && op->u.put.spool != NULL && why_is_set(&op->why) &&
		    s->db.conn != NULL)
			store_spool_unlink(op->u.put.spool);
}

static void
run_without_db(struct sqlite_store *s, struct store_op_list *list)
{
	static const struct why closed = {
		.reason = WHY_LOCAL_STORAGE, .dsn = "4.3.0",
		.text = "the queue database is closed after a failure",
	};
	struct store_op *op;

	STAILQ_FOREACH(op, list, next)
		if (!classes[op->kind].needs_db)
			(void)run_one(s, op);
		else if (!op->finished) {
			if (op->kind == OP_PUT && op->u.put.spool != NULL)
				store_spool_unlink(op->u.put.spool);
			store_op_reset(op);
			op->why = closed;
			op->more = 0;
			op->finished = 1;
		}
}

void
store_batch_run(struct sqlite_store *s, struct store_op_list *list)
{
	struct store_op_list again = STAILQ_HEAD_INITIALIZER(again);
	struct why why = { 0 };
	enum store_run r;

	if (!store_batch_have_db(s)) {
		run_without_db(s, list);
		return;
	}
	r = run_together(s, list, &why);
	if (r == RUN_DAMAGED && s->db.malformed && may_mend(s))
		r = run_mended(s, list, &why);
	if (r == RUN_DAMAGED)
		r = run_singly(s, list, &why);
	if (r == RUN_BROKEN) {
		/* Nobody who waits takes silence for success. */
		if (!why_is_set(&why))
			(void)why_set(&why, WHY_LOCAL_STORAGE, "queue.db: failed");
		broken(s, &why);
		fail_unfinished(s, list, &again, &why);
	}
	discard_spools(s, list);
	if (!STAILQ_EMPTY(&again)) {
		/* For removals, and for nothing else (E3). */
		if (why.reason == WHY_LOCAL_SPACE)
			give_reserve(s);
		store_batch_run(s, &again);
		STAILQ_CONCAT(list, &again);
	}
}
