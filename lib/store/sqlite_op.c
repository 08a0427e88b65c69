/* SPDX-License-Identifier: ISC */
/*
 * sqlite_op: the loop side. Each function of the table makes an op; what one
 * turn of the loop asks for goes to the thread together at the end of the
 * turn, and comes back together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/sqlite_int.h"

#define SPARE_OPS	256
#define READ_MAX	(1 << 20)

static struct sqlite_store *
self(struct store *st)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;

	MUST(s != NULL && s->magic == SQLITE_STORE_MAGIC);
	return s;
}

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
	case OP_PUT:
	case OP_READ:
	case OP_APPEND:
	case OP_ABORT:
	case OP_SWEEP:
	case OP_REPORT:
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
	[OP_ABORT] = deliver_abort, [OP_SWEEP] = deliver_sweep, [OP_REPORT] = deliver_report,
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

/* ---- the table ---- */

static void
sqlite_put(struct store *st, struct store_message *m, struct store_spool *spool,
    store_done_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_PUT, arg);

	MUST(spool != NULL || (m->body != NULL && (m->body->data != NULL || m->body->size == 0)));
	op->u.put.msg = m;
	op->u.put.spool = spool;
	op->u.put.done = done;
	store_op_submit(self(st), op);
}

/* One allocation for the rows and their texts. */
static struct store_settle_rcpt *
copy_fates(const struct store_settlement *se)
{
	struct store_settle_rcpt *copy;
	size_t bytes = se->nrcpts * sizeof *copy;
	char *text;

	for (size_t i = 0; i < se->nrcpts; i++)
		if (se->rcpts[i].last != NULL)
			bytes += strnlen(se->rcpts[i].last, ROW_LAST_MAX) + 1;
	copy = must_calloc(1, bytes + 1);
	text = (char *)(copy + se->nrcpts);
	for (size_t i = 0; i < se->nrcpts; i++) {
		size_t n;

		copy[i] = se->rcpts[i];
		if (copy[i].last == NULL)
			continue;
		n = strnlen(copy[i].last, ROW_LAST_MAX);
		memcpy(text, copy[i].last, n);
		copy[i].last = text;
		text += n + 1;
	}
	return copy;
}

static void
sqlite_settle(struct store *st, const struct store_settlement *se, store_settled_fn *done,
    void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_SETTLE, arg);

	op->u.settle.message = se->message;
	op->u.settle.rcpts = copy_fates(se);
	op->u.settle.nrcpts = se->nrcpts;
	op->u.settle.done = done;
	if (se->nnotices > 0) {
		op->u.settle.nnotices = se->nnotices;
		op->u.settle.notices = must_calloc(se->nnotices, sizeof *se->notices);
		for (size_t i = 0; i < se->nnotices; i++) {
			op->u.settle.notices[i] = se->notices[i];
			se->notices[i] = NULL;
		}
	}
	store_op_submit(self(st), op);
}

static void
sqlite_load(struct store *st, const char *dest, int64_t due, size_t max, const int64_t *skip,
    size_t nskip, store_load_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_LOAD, arg);

	op->u.load.dest = must_strdup(dest);
	op->u.load.due = due;
	op->u.load.max = max;
	op->u.load.nskip = nskip;
	if (nskip > 0) {
		op->u.load.skip = must_calloc(nskip, sizeof *skip);
		memcpy(op->u.load.skip, skip, nskip * sizeof *skip);
	}
	op->u.load.done = done;
	store_op_submit(self(st), op);
}

static void
sqlite_fetch(struct store *st, uint64_t message, store_load_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_FETCH, arg);

	op->u.load.message = message;
	op->u.load.done = done;
	store_op_submit(self(st), op);
}

static void
sqlite_list(struct store *st, uint64_t after, size_t max, store_load_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_LIST, arg);

	op->u.load.message = after;
	op->u.load.max = max;
	op->u.load.done = done;
	store_op_submit(self(st), op);
}

static void
sqlite_body(struct store *st, uint64_t message, store_body_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_BODY, arg);

	op->u.body.message = message;
	op->u.body.done = done;
	store_op_submit(self(st), op);
}

static void
sqlite_read(struct store *st, struct store_body *b, uint64_t offset, size_t n,
    store_chunk_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_READ, arg);

	MUST(b->file != 0);
	op->u.read.file = b->file;
	op->u.read.size = b->size;
	op->u.read.offset = offset;
	op->u.read.max = n < READ_MAX ? n : READ_MAX;
	op->u.read.done = done;
	store_op_submit(self(st), op);
}

static void
sqlite_dests(struct store *st, store_dests_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_DESTS, arg);

	op->u.dests.done = done;
	store_op_submit(self(st), op);
}

static struct store_spool *
sqlite_spool_new(struct store *st)
{
	struct sqlite_store *s = self(st);

	return store_spool_new(s, s->spool_dir, atomic_fetch_add(&s->spools, 1));
}

static void
sqlite_spool_append(struct store_spool *sp, const void *data, size_t n, store_done_fn *done,
    void *arg)
{
	struct sqlite_store *s = store_spool_owner(sp);
	struct store_op *op = store_op_new(s, OP_APPEND, arg);

	op->u.append.spool = sp;
	op->u.append.data = must_calloc(1, n + 1);
	memcpy(op->u.append.data, data, n);
	op->u.append.n = n;
	op->u.append.done = done;
	store_op_submit(s, op);
}

static void
sqlite_spool_abort(struct store_spool **spp)
{
	struct store_spool *sp = *spp;
	struct store_op *op;

	*spp = NULL;
	if (sp == NULL)
		return;
	store_spool_mark_aborted(sp);
	op = store_op_new(store_spool_owner(sp), OP_ABORT, NULL);
	op->u.abort.spool = sp;
	store_op_submit(store_spool_owner(sp), op);
}

/* Asked for every MAIL; the file system is asked at most once a second. */
static int
sqlite_has_space(struct store *st)
{
	struct sqlite_store *s = self(st);
	int64_t now = clock_mono_ms();
	uint64_t bytes, inodes;

	if (atomic_load(&s->broken))
		return 0;
	if (s->space_asked != 0 && now - s->space_asked < 1000)
		return s->space_ok;
	s->space_asked = now;
	if (store_space_free(s->spool_dir, &bytes, &inodes) == -1)
		return s->space_ok = 0;
	/* Free pages inside queue.db serve as well, but the WAL needs room of its own. */
	s->space_ok = inodes >= s->min_free_inodes && bytes >= s->min_free_bytes / 2 &&
	    bytes + (uint64_t)atomic_load(&s->free_in_db) >= s->min_free_bytes;
	return s->space_ok;
}

const struct store_ops store_sqlite_ops = {
	.put = sqlite_put,
	.settle = sqlite_settle,
	.load = sqlite_load,
	.fetch = sqlite_fetch,
	.list = sqlite_list,
	.body = sqlite_body,
	.read = sqlite_read,
	.dests = sqlite_dests,
	.spool_new = sqlite_spool_new,
	.spool_append = sqlite_spool_append,
	.spool_abort = sqlite_spool_abort,
	.has_space = sqlite_has_space,
	.close = store_sqlite_close,
};
