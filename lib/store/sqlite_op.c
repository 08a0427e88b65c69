/* SPDX-License-Identifier: ISC */
/*
 * sqlite_op: ops on the loop side. What one turn of the loop asks for goes to
 * the thread together at the end of the turn, and comes back together.
 */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/store/sqlite_int.h"

#define SPARE_OPS	256

/* ---- ops come and go ---- */

struct store_op *
store_op_new(struct sqlite_store *s, enum store_op_kind kind, void *arg)
{
	struct store_op *op = STAILQ_FIRST(&s->spare);

	if (op == NULL)
		op = must_calloc(1, sizeof *op);
	else {
		STAILQ_REMOVE_HEAD(&s->spare, next);
		s->nspare--;
		memset(op, 0, sizeof *op);
	}
	op->kind = kind;
	op->arg = arg;
	return op;
}

static void
op_recycle(struct sqlite_store *s, struct store_op *op)
{
	if (s->nspare >= SPARE_OPS) {
		free(op);
		return;
	}
	STAILQ_INSERT_HEAD(&s->spare, op, next);
	s->nspare++;
}

void
store_op_flush(struct sqlite_store *s)
{
	int wake;

	(void)pthread_mutex_lock(&s->lock);
	STAILQ_CONCAT(&s->inbox, &s->outbox);
	wake = s->asleep;
	(void)pthread_mutex_unlock(&s->lock);
	if (wake)
		(void)pthread_cond_signal(&s->some);
}

void
store_op_submit(struct sqlite_store *s, struct store_op *op)
{
	if (STAILQ_EMPTY(&s->outbox))
		event_active(s->flush, EV_TIMEOUT, 0);
	STAILQ_INSERT_TAIL(&s->outbox, op, next);
}

static void
free_found(struct store_op *op)
{
	for (size_t i = 0; i < op->u.load.nfound; i++)
		store_message_free(&op->u.load.found[i]);
	free(op->u.load.found);
	op->u.load.found = NULL;
	op->u.load.nfound = 0;
	op->u.load.more = 0;
	op->u.load.next_due = 0;
}

void
store_op_reset(struct store_op *op)
{
	memset(&op->why, 0, sizeof op->why);
	switch (op->kind) {
	case OP_LOAD:
	case OP_FETCH:
	case OP_LIST:
	case OP_AGED:
		free_found(op);
		break;
	case OP_BODY:
		store_verify_free(&op->u.body.verify);
		store_body_unref(&op->u.body.found);
		break;
	case OP_DESTS:
		free(op->u.dests.dests);
		free(op->u.dests.names);
		op->u.dests.dests = NULL;
		op->u.dests.names = NULL;
		op->u.dests.n = 0;
		break;
	case OP_SETTLE:
		op->u.settle.gone = 0;
		break;
	case OP_WAKE:
		store_wake_free(&op->u.wake.at);
		op->u.wake.woken = 0;
		break;
	case OP_NOTES:
		store_note_reset(op);
		break;
	case OP_NOTE:
	case OP_PUT:
	case OP_READ:
	case OP_APPEND:
	case OP_ABORT:
	case OP_SWEEP:
	case OP_REPORT:
	case OP_HELD:
	case OP__COUNT:
		break;
	}
}

/* ---- results ---- */

static void
deliver_put(struct store_op *op)
{
	struct store_message *m = op->u.put.msg;
	char *none = NULL;

	store_spool_free(&op->u.put.spool);
	free(op->u.put.key);
	free(op->u.put.value);
	if (op->why.reason == WHY_NONE && m->body == NULL) {
		m->body = store_body_new(&none, m->size);
		m->body->file = m->id;
		memcpy(m->body->digest, op->u.put.where.digest, sizeof m->body->digest);
	}
	op->u.put.done(op->arg, &op->why);
}

static void
deliver_settle(struct store_op *op)
{
	for (size_t i = 0; i < op->u.settle.nnotices; i++)
		store_message_free(&op->u.settle.notices[i]);
	free(op->u.settle.notices);
	free(op->u.settle.rcpts);
	op->u.settle.done(op->arg, &op->why, op->u.settle.gone);
}

static void
deliver_load(struct store_op *op)
{
	free(op->u.load.dest);
	free(op->u.load.skip);
	op->u.load.done(op->arg, &op->why, op->u.load.found, op->u.load.nfound, op->u.load.more,
	    op->u.load.next_due);
	free(op->u.load.found);
}

static void
deliver_body(struct store_op *op)
{
	op->u.body.done(op->arg, &op->why, op->u.body.found);
}

static void
deliver_read(struct store_op *op)
{
	op->u.read.done(op->arg, &op->why, op->u.read.data, op->u.read.n);
	free(op->u.read.data);
}

static void
deliver_dests(struct store_op *op)
{
	op->u.dests.done(op->arg, &op->why, op->u.dests.dests, op->u.dests.n);
	free(op->u.dests.dests);
	free(op->u.dests.names);
}

static void
deliver_append(struct store_op *op)
{
	free(op->u.append.data);
	/* An aborted spool's owner may be gone. */
	if (!store_spool_aborted(op->u.append.spool))
		op->u.append.done(op->arg, &op->why);
}

static void
deliver_abort(struct store_op *op)
{
	store_spool_free(&op->u.abort.spool);
}

static void
deliver_sweep(struct store_op *op)
{
	store_sweep_free(&op->u.sweep.sweep);
}

static void
deliver_report(struct store_op *op)
{
	log_err("%s", op->why.text);
}

static void (*const deliver[OP__COUNT])(struct store_op *) = {
	[OP_PUT] = deliver_put, [OP_SETTLE] = deliver_settle, [OP_LOAD] = deliver_load,
	[OP_FETCH] = deliver_load, [OP_LIST] = deliver_load, [OP_BODY] = deliver_body,
	[OP_READ] = deliver_read, [OP_DESTS] = deliver_dests, [OP_APPEND] = deliver_append,
	[OP_NOTE] = store_note_deliver, [OP_NOTES] = store_notes_deliver,
	[OP_AGED] = store_aged_deliver, [OP_HELD] = store_held_deliver,
	[OP_WAKE] = store_wake_deliver, [OP_ABORT] = deliver_abort, [OP_SWEEP] = deliver_sweep, [OP_REPORT] = deliver_report,
};

void
store_op_deliver_all(struct sqlite_store *s)
{
	struct store_op_list list = STAILQ_HEAD_INITIALIZER(list);
	struct store_op *op;

	(void)pthread_mutex_lock(&s->lock);
	STAILQ_CONCAT(&list, &s->done);
	s->signalled = 0;
	(void)pthread_mutex_unlock(&s->lock);
	s->calling++;
	while ((op = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, next);
		deliver[op->kind](op);
		op_recycle(s, op);
	}
	s->calling--;
}

void
store_op_drain(struct sqlite_store *s)
{
	struct store_op_list list = STAILQ_HEAD_INITIALIZER(list);
	struct store_op *op;

	STAILQ_CONCAT(&list, &s->outbox);
	s->calling++;
	while ((op = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, next);
		if (op->kind == OP_ABORT)
			store_spool_unlink(op->u.abort.spool);
		if (op->kind == OP_PUT && op->u.put.spool != NULL)
			store_spool_unlink(op->u.put.spool);
		(void)why_set(&op->why, WHY_LOCAL_SHUTDOWN, "the queue is closed");
		deliver[op->kind](op);
		free(op);
	}
	s->calling--;
}
