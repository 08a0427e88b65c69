/* SPDX-License-Identifier: ISC */
/*
 * sqlite_thread: the store thread. It takes everything that waits, runs it in
 * one transaction, commits, and hands all results back at once. While it is
 * in its fdatasync the next batch gathers: no timer, no artificial delay.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/store/sqlite_int.h"

#define BATCH_OPS		1024
#define BATCH_BYTES		(8 << 20)
#define WAL_FRAMES_FULL		4096	/* 16 MiB: checkpoint now */
#define WAL_FRAMES_IDLE		256	/* 1 MiB: checkpoint when nothing else is to do */
#define IDLE_MS			500
#define TICK_MS			60000
#define FULL_MS			60000	/* after a write found no space */
#define SWEEP_MS		(3600 * 1000)

/* ---- hand-over ---- */

void
store_thread_post(struct sqlite_store *s, struct store_op_list *list)
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
	store_thread_post(s, &list);
}

/* ---- waiting ---- */

static void
measure(struct sqlite_store *s)
{
	int64_t now = clock_mono_ms();

	uint64_t bytes, inodes;

	if (s->measured_at != 0 && now - s->measured_at < 1000)
		return;
	s->measured_at = now;
	/* A quota may be met where the file system has plenty. */
	s->low = (s->full_at != 0 && now - s->full_at < FULL_MS) ||
	    (store_space_free(s->db.dir, &bytes, &inodes) == 0 &&
	    bytes < s->min_free_bytes + 2 * STORE_RESERVE_BYTES);
	if (s->db.conn != NULL)
		atomic_store(&s->free_in_db, store_db_free_bytes(&s->db));
}

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
	(void)store_batch_have_db(s);
	store_batch_checkpoint(s, WAL_FRAMES_IDLE);
	measure(s);
	if (clock_mono_ms() - s->swept_at >= SWEEP_MS)
		start_sweep(s);
	if (s->reserve_given && !s->low)
		s->reserve_given = store_space_reserve_make(s->db.dir, s->min_free_bytes) == -1;
}

static int
idle_ms(const struct sqlite_store *s)
{
	if (s->db.conn == NULL || s->displaced)
		return STORE_RECOVER_MS;
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

/* What wants another slice takes part in the next batch. */
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

void *
store_thread_main(void *arg)
{
	struct sqlite_store *s = arg;
	struct store_op_list batch = STAILQ_HEAD_INITIALIZER(batch);

	if (s->db.said[0] != '\0')
		store_thread_report(s, "%s", s->db.said);
	start_sweep(s);
	while (take(s, &batch) == 0) {	/* batch is empty: post moved it on */
		store_batch_run(s, &batch);
		keep_slow(s, &batch);
		store_thread_post(s, &batch);
		store_batch_checkpoint(s, s->low ? 0 : WAL_FRAMES_FULL);
		measure(s);
	}
	store_db_close(&s->db);
	return NULL;
}
