/* SPDX-License-Identifier: ISC */
/* manage_copy: see manage_copy.h. */
#include "relayd/smtp/manage_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/mail/queue_id.h"
#include "lib/store/store.h"

#define PIECE	65536
#define NOTE	"copy/"		/* queue id of the copy -> struct note */
#define NOTE_CAP	80

enum stage { MADE, DECIDED, STAGE__COUNT };
static const char *const stages[STAGE__COUNT] = { "made", "decided" };

/* What a copy replaces, and whether that was to go with the next settlement. */
struct note {
	enum stage	stage;
	uint64_t	message;
	int64_t		row;
};

struct manage_copy {
	struct store		*store;
	struct note		 note;
	struct store_message	*msg;
	struct store_body	*from;
	struct store_spool	*spool;
	uint64_t		 offset;
	void			(*done)(void *arg, const struct why *);
	void			*arg;
};

/* ---- the note ---- */

static void
note_key(char key[static STORE_NOTE_KEY_MAX], uint64_t copy)
{
	(void)str_copy(key, NOTE, STORE_NOTE_KEY_MAX);
	mail_queue_id_print(key + strlen(NOTE), copy);
}

static void
note_print(char value[static NOTE_CAP], const struct note *n)
{
	char id[MAIL_QUEUE_ID_LEN + 1];

	mail_queue_id_print(id, n->message);
	(void)str_fmt(value, NOTE_CAP, "%s %s %" PRId64, stages[n->stage], id, n->row);
}

static int
note_parse(const char *value, struct note *n)
{
	char stage[8], id[MAIL_QUEUE_ID_LEN + 1], number[21], end;
	uint64_t row;

	_Static_assert(MAIL_QUEUE_ID_LEN == 12, "as in the format");
	if (sscanf(value, "%7s %12s %20s%c", stage, id, number, &end) != 3 ||
	    mail_queue_id_parse(id, &n->message) == -1 || n->message == 0 ||
	    num_u64(number, INT64_MAX, &row) == -1)
		return -1;
	n->row = (int64_t)row;
	for (n->stage = MADE; n->stage < STAGE__COUNT; n->stage++)
		if (strcmp(stages[n->stage], stage) == 0)
			return 0;
	return -1;
}

/* What stays is looked at in vain at the next start. */
static void
on_noted(void *arg, const struct why *why)
{
	if (why_is_set(why))
		log_err("queue: a note of a redirect cannot be written: %s", why->text);
}

static void
note_drop(struct store *store, uint64_t copy)
{
	char key[STORE_NOTE_KEY_MAX];

	note_key(key, copy);
	store->ops->note_put(store, key, NULL, on_noted, NULL);
}

static void
note_stage(struct manage_copy *c, enum stage stage)
{
	char key[STORE_NOTE_KEY_MAX], value[NOTE_CAP];

	c->note.stage = stage;
	note_key(key, c->msg->id);
	note_print(value, &c->note);
	c->store->ops->note_put(c->store, key, value, on_noted, NULL);
}

/* ---- making it ---- */

static void
fail(struct manage_copy *c, const struct why *why)
{
	c->store->ops->spool_abort(&c->spool);
	c->done(c->arg, why);
}

static void
on_put(void *arg, const struct why *why)
{
	struct manage_copy *c = arg;

	c->done(c->arg, why);
}

static void	next_piece(struct manage_copy *);

static void
on_appended(void *arg, const struct why *why)
{
	struct manage_copy *c = arg;

	if (why_is_set(why))
		fail(c, why);
	else
		next_piece(c);
}

static void
on_piece(void *arg, const struct why *why, const char *p, size_t n)
{
	struct manage_copy *c = arg;
	struct why cut;

	if (why_is_set(why)) {
		fail(c, why);
	} else if (n == 0) {
		(void)why_set(&cut, WHY_CORRUPT, "the text of the message ends too early");
		fail(c, &cut);
	} else {
		c->offset += n;
		c->store->ops->spool_append(c->spool, p, n, on_appended, c);
	}
}

static void
next_piece(struct manage_copy *c)
{
	uint64_t left = c->from->size - c->offset;
	char key[STORE_NOTE_KEY_MAX], value[NOTE_CAP];

	if (left > 0) {
		c->store->ops->read(c->store, c->from, c->offset,
		    left < PIECE ? (size_t)left : PIECE, on_piece, c);
		return;
	}
	note_key(key, c->msg->id);
	note_print(value, &c->note);
	c->store->ops->put_noted(c->store, c->msg, c->spool, key, value, on_put, c);
	c->spool = NULL;
}

/* ---- what becomes of it ---- */

static void
on_settled(void *arg, const struct why *why, int gone)
{
	struct manage_copy *c = arg;
	char id[MAIL_QUEUE_ID_LEN + 1];

	mail_queue_id_print(id, c->msg->id);
	if (why_is_set(why))
		log_err("%s stays held until the next start: %s", id, why->text);
	else
		note_drop(c->store, c->msg->id);
	if (c->done != NULL)
		c->done(c->arg, why);
	manage_copy_free(&c);
}

static void
settle(struct manage_copy **cp, enum store_fate fate, int64_t due)
{
	struct manage_copy *c = *cp;
	const struct store_settle_rcpt row = {
		.id = c->msg->rcpts[0].id, .fate = fate, .due = due,
	};
	const struct store_settlement s = { .message = c->msg->id, .rcpts = &row, .nrcpts = 1 };

	*cp = NULL;
	c->store->ops->settle(c->store, &s, on_settled, c);
}

void
manage_copy_decide(struct manage_copy *c)
{
	note_stage(c, DECIDED);
}

void
manage_copy_release(struct manage_copy **cp, int64_t due,
    void (*done)(void *, const struct why *), void *arg)
{
	(*cp)->done = done;
	(*cp)->arg = arg;
	settle(cp, STORE_RETRY, due);
}

void
manage_copy_remove(struct manage_copy **cp)
{
	(*cp)->done = NULL;
	note_stage(*cp, MADE);
	settle(cp, STORE_DONE, 0);
}

/* ---- life ---- */

struct manage_copy *
manage_copy_new(struct store *store, struct store_message **m, struct store_body **from,
    uint64_t message, int64_t row, void (*done)(void *, const struct why *), void *arg)
{
	struct manage_copy *c = must_calloc(1, sizeof *c);

	MUST((*m)->nrcpts == 1 && (*from)->data == NULL);
	c->store = store;
	c->note = (struct note){ .message = message, .row = row };
	c->msg = *m;
	c->from = *from;
	*m = NULL;
	*from = NULL;
	c->msg->rcpts[0].state = STORE_HELD;
	c->spool = store->ops->spool_new(store);
	c->done = done;
	c->arg = arg;
	next_piece(c);
	return c;
}

void
manage_copy_free(struct manage_copy **cp)
{
	struct manage_copy *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->store->ops->spool_abort(&c->spool);
	store_message_free(&c->msg);
	store_body_unref(&c->from);
	free(c);
}

/* ---- after a crash ---- */

struct left {
	uint64_t	copy;
	struct note	note;
};

struct mending {
	struct store	*store;
	struct left	*left;
	size_t		 n, at;
	enum store_fate	 fate;
	void		(*done)(void *arg, const struct why *);
	void		*arg;
};

static void	mend_next(struct mending *);

static void
mend_end(struct mending *m, const struct why *why)
{
	m->done(m->arg, why);
	free(m->left);
	free(m);
}

static void
mend_done(struct mending *m)
{
	note_drop(m->store, m->left[m->at].copy);
	m->at++;
	mend_next(m);
}

static void
on_mended(void *arg, const struct why *why, int gone)
{
	struct mending *m = arg;
	char id[MAIL_QUEUE_ID_LEN + 1];

	if (why_is_set(why)) {
		mend_end(m, why);
		return;
	}
	mail_queue_id_print(id, m->left[m->at].copy);
	log_notice("%s: the redirect that made it was cut short and is %s", id,
	    m->fate == STORE_DONE ? "undone" : "finished");
	mend_done(m);
}

/* Only what is as the redirect left it. */
static void
mend(struct mending *m, const struct store_message *copy)
{
	const struct store_settle_rcpt row = {
		.id = copy->rcpts[0].id, .fate = m->fate, .due = clock_queue_ms(),
	};
	const struct store_settlement s = { .message = copy->id, .rcpts = &row, .nrcpts = 1 };

	m->store->ops->settle(m->store, &s, on_mended, m);
}

static void
on_copy(void *arg, const struct why *why, struct store_message **found, size_t n, int more,
    int64_t next_due)
{
	struct mending *m = arg;

	if (why_is_set(why) && why->reason != WHY_CORRUPT)
		mend_end(m, why);
	else if (n == 1 && found[0]->nrcpts == 1 && found[0]->rcpts[0].state == STORE_HELD)
		mend(m, found[0]);
	else
		mend_done(m);
	for (size_t i = 0; i < n; i++)
		store_message_free(&found[i]);
}

static int
has_row(const struct store_message *m, int64_t row)
{
	for (size_t i = 0; i < m->nrcpts; i++)
		if (m->rcpts[i].id == row)
			return 1;
	return 0;
}

static void
on_original(void *arg, const struct why *why, struct store_message **found, size_t n, int more,
    int64_t next_due)
{
	struct mending *m = arg;
	const struct left *l = &m->left[m->at];
	int gone = n == 0 || !has_row(found[0], l->note.row);

	for (size_t i = 0; i < n; i++)
		store_message_free(&found[i]);
	if (why_is_set(why) && why->reason != WHY_CORRUPT) {
		mend_end(m, why);
	} else if (why_is_set(why)) {
		m->at++;	/* nobody can tell: the copy stays held, for somebody to look at */
		mend_next(m);
	} else {
		m->fate = gone && l->note.stage == DECIDED ? STORE_RETRY : STORE_DONE;
		m->store->ops->fetch(m->store, l->copy, on_copy, m);
	}
}

static void
mend_next(struct mending *m)
{
	static const struct why fine;

	if (m->at < m->n)
		m->store->ops->fetch(m->store, m->left[m->at].note.message, on_original, m);
	else
		mend_end(m, &fine);
}

static void
on_notes(void *arg, const struct why *why, const struct store_note *notes, size_t n)
{
	struct mending *m = arg;

	if (why_is_set(why)) {
		mend_end(m, why);
		return;
	}
	m->left = must_calloc(n + 1, sizeof *m->left);
	for (size_t i = 0; i < n; i++) {
		struct left *l = &m->left[m->n];

		if (mail_queue_id_parse(notes[i].key + strlen(NOTE), &l->copy) == 0 &&
		    note_parse(notes[i].value, &l->note) == 0)
			m->n++;
		else
			log_err("queue: a note of a redirect is damaged: %s", notes[i].key);
	}
	mend_next(m);
}

void
manage_copy_recover(struct store *store, void (*done)(void *, const struct why *), void *arg)
{
	struct mending *m = must_calloc(1, sizeof *m);

	m->store = store;
	m->done = done;
	m->arg = arg;
	store->ops->notes(store, NOTE, on_notes, m);
}
