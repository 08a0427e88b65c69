/* SPDX-License-Identifier: ISC */
/* sqlite_calls: the functions of the store's table; each makes an op and submits it. */
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/store/sqlite_int.h"

#define READ_MAX	(1 << 20)

static struct sqlite_store *
self(struct store *st)
{
	struct sqlite_store *s = (struct sqlite_store *)(void *)st;

	MUST(s != NULL && s->magic == SQLITE_STORE_MAGIC);
	return s;
}

/* The thread may be busy for long, checking the database. */
static void
answer_broken(struct sqlite_store *s, struct store_op *op)
{
	struct store_op_list list = STAILQ_HEAD_INITIALIZER(list);

	(void)why_set(&op->why, WHY_LOCAL_STORAGE, "the queue database is closed after a failure");
	STAILQ_INSERT_TAIL(&list, op, next);
	store_thread_post(s, &list);
}

static void
sqlite_put_noted(struct store *st, struct store_message *m, struct store_spool *spool,
    const char *key, const char *value, store_done_fn *done, void *arg)
{
	struct store_op *op = store_op_new(self(st), OP_PUT, arg);

	MUST(spool != NULL || (m->body != NULL && (m->body->data != NULL || m->body->size == 0)));
	op->u.put.msg = m;
	op->u.put.spool = spool;
	if (key != NULL) {
		MUST(*key != '\0' && strlen(key) <= STORE_NOTE_KEY_MAX &&
		    strlen(value) <= STORE_NOTE_MAX);
		op->u.put.key = must_strdup(key);
		op->u.put.value = must_strdup(value);
	}
	op->u.put.done = done;
	if (spool == NULL && atomic_load(&self(st)->broken))
		answer_broken(self(st), op);
	else
		store_op_submit(self(st), op);
}

static void
sqlite_put(struct store *st, struct store_message *m, struct store_spool *spool,
    store_done_fn *done, void *arg)
{
	sqlite_put_noted(st, m, spool, NULL, NULL, done, arg);
}

static size_t
text_size(const char *s, size_t max)
{
	return s == NULL ? 0 : strnlen(s, max) + 1;
}

/* Moves *s to the room at `to`, which is zero; returns what is behind it. */
static char *
text_move(char *to, const char **s, size_t max)
{
	size_t n = text_size(*s, max);

	if (n == 0)
		return to;
	memcpy(to, *s, n - 1);
	*s = to;
	return to + n;
}

/* One allocation for the rows and their texts. */
static struct store_settle_rcpt *
copy_fates(const struct store_settlement *se)
{
	struct store_settle_rcpt *copy;
	size_t bytes = se->nrcpts * sizeof *copy;
	char *text;

	for (size_t i = 0; i < se->nrcpts; i++)
		bytes += text_size(se->rcpts[i].last, ROW_LAST_MAX) +
		    text_size(se->rcpts[i].reason, ROW_REASON_MAX);
	copy = must_calloc(1, bytes + 1);
	text = (char *)(copy + se->nrcpts);
	for (size_t i = 0; i < se->nrcpts; i++) {
		copy[i] = se->rcpts[i];
		text = text_move(text, &copy[i].last, ROW_LAST_MAX);
		text = text_move(text, &copy[i].reason, ROW_REASON_MAX);
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

static int
has_space(struct sqlite_store *s)
{
	uint64_t bytes, inodes;

	if (store_space_free(s->spool_dir, &bytes, &inodes) == -1)
		return 0;
	/* Free pages inside queue.db serve as well, but the WAL needs room of its own. */
	return inodes >= s->min_free_inodes && bytes >= s->min_free_bytes / 2 &&
	    bytes + (uint64_t)atomic_load(&s->free_in_db) >= s->min_free_bytes;
}

/* Asked for every MAIL; the file system is asked at most once a second. */
static enum why_reason
sqlite_refuses(struct store *st)
{
	struct sqlite_store *s = self(st);
	enum why_reason broken = (enum why_reason)atomic_load(&s->broken);
	int64_t now = clock_mono_ms();

	if (broken != WHY_NONE)
		return broken;
	if (s->space_asked == 0 || now - s->space_asked >= 1000) {
		s->space_asked = now;
		s->space_ok = has_space(s);
	}
	return s->space_ok ? WHY_NONE : WHY_LOCAL_SPACE;
}

const struct store_ops store_sqlite_ops = {
	.put = sqlite_put,
	.put_noted = sqlite_put_noted,
	.settle = sqlite_settle,
	.load = sqlite_load,
	.aged = store_aged,
	.held = store_held,
	.fetch = sqlite_fetch,
	.list = sqlite_list,
	.body = sqlite_body,
	.read = sqlite_read,
	.dests = sqlite_dests,
	.wake = store_wake,
	.note_put = store_note_put,
	.notes = store_notes,
	.spool_new = sqlite_spool_new,
	.spool_append = sqlite_spool_append,
	.spool_abort = sqlite_spool_abort,
	.refuses = sqlite_refuses,
	.close = store_sqlite_close,
};
