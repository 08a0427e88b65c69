/* SPDX-License-Identifier: ISC */
/*
 * sqlite_thread: the store thread. It takes everything that waits, runs it in
 * one transaction, commits, and hands all results back at once. While it is
 * in its fdatasync the next batch gathers: no timer, no artificial delay.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/store/io.h"
#include "lib/store/sqlite_int.h"

#define BATCH_OPS		1024
#define BATCH_BYTES		(8 << 20)
#define WAL_FRAMES_FULL		4096	/* 16 MiB: checkpoint now */
#define WAL_FRAMES_IDLE		256	/* 1 MiB: checkpoint when nothing else is to do */
#define IDLE_MS			500
#define TICK_MS			60000
#define RECOVER_MS		1000
#define SWEEP_MS		(3600 * 1000)

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
};

/* ---- hand-over ---- */

static void
post(struct sqlite_store *s, struct store_op_list *list)
{
	const uint64_t one = 1;
	int tell;

	if (STAILQ_EMPTY(list))
		return;
	(void)pthread_mutex_lock(&s->lock);
	STAILQ_CONCAT(&s->done, list);
	tell = !s->signalled;
	s->signalled = 1;
	(void)pthread_mutex_unlock(&s->lock);
	if (tell)
		while (write(s->eventfd, &one, sizeof one) == -1 && errno == EINTR)
			;
}

void
store_thread_report(struct sqlite_store *s, const char *fmt, ...)
{
	struct store_op *op = must_calloc(1, sizeof *op);
	struct store_op_list list = STAILQ_HEAD_INITIALIZER(list);
	va_list ap;

	op->kind = OP_REPORT;
	va_start(ap, fmt);
	(void)vsnprintf(op->why.text, sizeof op->why.text, fmt, ap);
	va_end(ap);
	STAILQ_INSERT_TAIL(&list, op, next);
	post(s, &list);
}

void
store_thread_unlink_later(struct sqlite_store *s, uint64_t message)
{
	if (s->nunlinks == s->unlinks_cap) {
		s->unlinks_cap = s->unlinks_cap == 0 ? 16 : 2 * s->unlinks_cap;
		s->unlinks = must_realloc(s->unlinks, s->unlinks_cap, sizeof *s->unlinks);
	}
	s->unlinks[s->nunlinks++] = message;
}

/* ---- the state of the database ---- */

static void
measure(struct sqlite_store *s)
{
	int64_t now = clock_mono_ms();

	if (s->measured_at != 0 && now - s->measured_at < 1000)
		return;
	s->measured_at = now;
	if (s->db.conn != NULL)
		atomic_store(&s->free_in_db, store_db_free_bytes(&s->db));
}

/* Long checks must not keep sessions waiting for an answer that is known: no put succeeds. */
static int
while_checking(void *arg)
{
	struct sqlite_store *s = arg;
	struct store_op_list keep = STAILQ_HEAD_INITIALIZER(keep);
	struct store_op_list answer = STAILQ_HEAD_INITIALIZER(answer);
	struct store_op *op;
	int stop;

	(void)pthread_mutex_lock(&s->lock);
	while ((op = STAILQ_FIRST(&s->inbox)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->inbox, next);
		if (op->kind == OP_PUT) {
			(void)why_set(&op->why, WHY_LOCAL_STORAGE, "the queue is being checked");
			STAILQ_INSERT_TAIL(&answer, op, next);
		} else
			STAILQ_INSERT_TAIL(&keep, op, next);
	}
	STAILQ_CONCAT(&s->inbox, &keep);
	stop = s->stopping;
	(void)pthread_mutex_unlock(&s->lock);
	STAILQ_FOREACH(op, &answer, next)
		if (op->u.put.spool != NULL)
			store_spool_unlink(op->u.put.spool);
	post(s, &answer);
	return stop;
}

static int
recover(struct sqlite_store *s)
{
	struct why why = { 0 };
	int rc;

	rc = store_db_recover(&s->db, while_checking, s, &why);
	s->recovered_at = clock_mono_ms();
	atomic_store(&s->broken, rc != 0);
	if (rc == 0)
		store_thread_report(s, "queue: database reopened and checked");
	else
		store_thread_report(s, "queue: database stays closed: %s", why.text);
	return rc;
}

/* Is there a database? Tried again once a second. */
static int
have_db(struct sqlite_store *s)
{
	if (s->db.conn != NULL)
		return 1;
	if (clock_mono_ms() - s->recovered_at < RECOVER_MS)
		return 0;
	return recover(s) == 0;
}

static void
give_reserve(struct sqlite_store *s)
{
	if (!s->reserve_given)
		store_space_reserve_give(s->db.dir);
	s->reserve_given = 1;
}

static void
broken(struct sqlite_store *s, const struct why *why)
{
	store_thread_report(s, "queue: %s", why->text);
	atomic_store(&s->broken, 1);
	s->nunlinks = 0;
	if (why->reason == WHY_LOCAL_SPACE)
		give_reserve(s);
	(void)recover(s);
}

static void
checkpoint_beyond(struct sqlite_store *s, int64_t frames)
{
	struct why why = { 0 };

	if (s->db.conn == NULL || s->db.wal_good <= frames)
		return;
	if (store_db_checkpoint(&s->db, &why) != RUN_DONE)
		broken(s, &why);
}

/* ---- one batch ---- */

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

/* Leaves results in list; ops that want another slice go to s->slow. */
static void
run_batch(struct sqlite_store *s, struct store_op_list *list)
{
	struct store_op_list again = STAILQ_HEAD_INITIALIZER(again);
	struct why why = { 0 };
	enum store_run r;

	if (!have_db(s)) {
		run_without_db(s, list);
		return;
	}
	r = run_together(s, list, &why);
	if (r == RUN_DAMAGED)
		r = run_singly(s, list, &why);
	if (r == RUN_BROKEN) {
		broken(s, &why);
		fail_unfinished(s, list, &again, &why);
	}
	discard_spools(s, list);
	if (!STAILQ_EMPTY(&again)) {
		run_batch(s, &again);
		STAILQ_CONCAT(list, &again);
	}
}

static void
keep_slow(struct sqlite_store *s, struct store_op_list *list)
{
	struct store_op_list through = STAILQ_HEAD_INITIALIZER(through);
	struct store_op *op;

	while ((op = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		if (op->more && !(op->kind == OP_SWEEP && s->stopping))
			STAILQ_INSERT_TAIL(&s->slow, op, next);
		else
			STAILQ_INSERT_TAIL(&through, op, next);
	}
	STAILQ_CONCAT(list, &through);
}

/* ---- waiting ---- */

static void
start_sweep(struct sqlite_store *s)
{
	struct store_op *op = must_calloc(1, sizeof *op);

	op->kind = OP_SWEEP;
	op->u.sweep.sweep = store_sweep_new(s->spool_dir);
	STAILQ_INSERT_TAIL(&s->slow, op, next);
	s->swept_at = clock_mono_ms();
}

/* Nothing waits: what can be done now? Without the lock. */
static void
idle(struct sqlite_store *s)
{
	(void)have_db(s);
	checkpoint_beyond(s, WAL_FRAMES_IDLE);
	measure(s);
	if (clock_mono_ms() - s->swept_at >= SWEEP_MS)
		start_sweep(s);
	if (s->reserve_given && !atomic_load(&s->broken)) {
		store_space_reserve_make(s->db.dir, s->min_free_bytes);
		s->reserve_given = 0;
	}
}

static int
idle_ms(const struct sqlite_store *s)
{
	if (s->db.conn == NULL)
		return RECOVER_MS;
	return s->db.wal_good > WAL_FRAMES_IDLE ? IDLE_MS : TICK_MS;
}

/* With the lock. 0 if something came, else the time is over. */
static int
wait_some(struct sqlite_store *s, int ms)
{
	struct timespec until;
	int rc;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	s->asleep = 1;
	rc = pthread_cond_timedwait(&s->some, &s->lock, &until);
	s->asleep = 0;
	return rc == ETIMEDOUT ? -1 : 0;
}

static size_t
op_bytes(const struct store_op *op)
{
	return op->kind == OP_PUT && op->u.put.spool == NULL ? op->u.put.msg->body->size :
	    op->kind == OP_APPEND ? op->u.append.n : 0;
}

/* Everything that waits, up to what one transaction should hold. */
static void
take_inbox(struct sqlite_store *s, struct store_op_list *batch)
{
	struct store_op *op;
	size_t n = 0, bytes = 0;

	while ((op = STAILQ_FIRST(&s->inbox)) != NULL && n < BATCH_OPS && bytes < BATCH_BYTES) {
		STAILQ_REMOVE_HEAD(&s->inbox, next);
		STAILQ_INSERT_TAIL(batch, op, next);
		bytes += op_bytes(op);
		n++;
	}
}

/* 0 with a batch, or -1 when all is done and the store closes. */
static int
take(struct sqlite_store *s, struct store_op_list *batch)
{
	int stop;

	(void)pthread_mutex_lock(&s->lock);
	while (STAILQ_EMPTY(&s->inbox) && STAILQ_EMPTY(&s->slow) && !s->stopping)
		if (wait_some(s, idle_ms(s)) == -1) {
			(void)pthread_mutex_unlock(&s->lock);
			idle(s);
			(void)pthread_mutex_lock(&s->lock);
		}
	take_inbox(s, batch);
	stop = s->stopping && STAILQ_EMPTY(batch);
	(void)pthread_mutex_unlock(&s->lock);
	STAILQ_CONCAT(batch, &s->slow);
	return stop && STAILQ_EMPTY(batch) ? -1 : 0;
}

void *
store_thread_main(void *arg)
{
	struct sqlite_store *s = arg;
	struct store_op_list batch = STAILQ_HEAD_INITIALIZER(batch);

	start_sweep(s);
	while (take(s, &batch) == 0) {	/* batch is empty: post moved it on */
		run_batch(s, &batch);
		keep_slow(s, &batch);
		post(s, &batch);
		checkpoint_beyond(s, WAL_FRAMES_FULL);
		measure(s);
	}
	store_db_close(&s->db);
	return NULL;
}
