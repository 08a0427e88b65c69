/* SPDX-License-Identifier: ISC */
/*
 * sqlite_share: which recipients of a destination come next. What is due is
 * handed out in turn: each client gets its turn, and in its turn each of its
 * shares (senders, 256 of them at most), so that 100,000 rows of one never
 * hide one row of another. Within a share the order is that of the due times.
 * All of it comes from the index: a seek for each client, another for each
 * share when its turn comes, then rows in a row.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/rand.h"
#include "lib/store/sqlite_int.h"

#define BATCH_MAX	64		/* rows of a share read ahead */
#define SHARES		256		/* of a client */
#define REST_PER_MS	4		/* shares looked at, for a ms of rest before the next time */

/* The rows of one client and some of its senders, as they are read. */
struct share {
	int64_t		 key;		/* flow >> 24, as the index has it */
	int64_t		 due, id;	/* the row read last; the rest is behind it */
	int64_t		 ids[BATCH_MAX], dues[BATCH_MAX];
	size_t		 at, n;		/* of ids that are not handed out yet */
	size_t		 batch;		/* grows as it is read */
	int		 ended;		/* nothing that is due is left behind ids[] */
};

/* A client. Its shares are found one after the other, from one that is drawn, all around. */
struct holder {
	int64_t		 first, from, at;	/* keys: its lowest, where it began, found last */
	int		 around, complete;
	struct share	*shares[SHARES];	/* that may have more */
	size_t		 n, turn;
};

struct scan {
	struct sqlite_store	*s;
	struct store_op		*op;
	struct holder		**holders;
	size_t			 n, looked;	/* clients; shares read */
};

static int
compare_ids(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* In memory already, or not to be read. */
static int
is_skipped(const struct scan *c, int64_t id)
{
	const struct store_op *op = c->op;

	if (op->u.load.nskip > 0 && bsearch(&id, op->u.load.skip, op->u.load.nskip, sizeof id,
	    compare_ids) != NULL)
		return 1;
	for (size_t i = 0; i < c->s->nbad; i++)
		if (c->s->bad[i] == id)
			return 1;
	return 0;
}

static void
sooner(struct scan *c, int64_t due)
{
	if (due != 0 && (c->op->u.load.next_due == 0 || due < c->op->u.load.next_due))
		c->op->u.load.next_due = due;
}

/* ---- one share ---- */

/* Reads on, until there is something to hand out or the end of what is due. */
static enum store_run
share_fill(struct scan *c, struct share *sh)
{
	sqlite3_stmt *st = c->s->db.stmt[SQL_SHARE_ROWS];
	int rc = SQLITE_DONE, disorder = 0;

	c->looked++;
	sh->at = sh->n = 0;
	sh->batch = sh->batch == 0 ? 1 : sh->batch < BATCH_MAX ? 2 * sh->batch : BATCH_MAX;
	store_db_bind_text(st, 1, c->op->u.load.dest);
	(void)sqlite3_bind_int64(st, 2, sh->key);
	(void)sqlite3_bind_int64(st, 3, sh->due);
	(void)sqlite3_bind_int64(st, 4, sh->id);
	while (sh->n < sh->batch && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(st, 0), due = sqlite3_column_int64(st, 1);

		if ((disorder = due < sh->due || (due == sh->due && id <= sh->id)))
			break;
		sh->id = id;
		sh->due = due;
		if (is_skipped(c, sh->id))
			continue;
		if (sh->due > c->op->u.load.due) {
			sooner(c, sh->due);
			break;
		}
		sh->ids[sh->n] = sh->id;
		sh->dues[sh->n++] = sh->due;
	}
	sh->ended = sh->n < sh->batch;
	(void)sqlite3_reset(st);
	if (disorder)
		return store_db_disorder(&c->s->db, &c->op->why, "load");
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? RUN_DONE :
	    store_db_error(&c->s->db, rc, &c->op->why, "load");
}

/* 1: its next one is ids[at]; 0: it has none that is due; -1: *r says what went wrong. */
static int
share_look(struct scan *c, struct share *sh, enum store_run *r)
{
	if (sh->at < sh->n)
		return 1;
	if (sh->ended)
		return 0;
	if ((*r = share_fill(c, sh)) != RUN_DONE)
		return -1;
	return sh->n > 0;
}

/* ---- one client ---- */

/* 1: *key is the next share of the destination behind `after`, up to `last`; 0: none. */
static int
seek(struct scan *c, int64_t after, int64_t last, int64_t *key, enum store_run *r)
{
	sqlite3_stmt *st = c->s->db.stmt[SQL_SHARE_NEXT];
	int rc;

	store_db_bind_text(st, 1, c->op->u.load.dest);
	(void)sqlite3_bind_int64(st, 2, after);
	(void)sqlite3_bind_int64(st, 3, last);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*key = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	if (rc == SQLITE_DONE || (rc == SQLITE_ROW && *key > after))
		return rc == SQLITE_ROW;
	*r = rc == SQLITE_ROW ? store_db_disorder(&c->s->db, &c->op->why, "load") :
	    store_db_error(&c->s->db, rc, &c->op->why, "load");
	return -1;
}

/* The share that it finds is the last of its list then; complete when there are no others. */
static enum store_run
holder_find(struct scan *c, struct holder *h)
{
	enum store_run r = RUN_DONE;
	int found;

	found = seek(c, h->at, h->around ? h->from : h->first + SHARES - 1, &h->at, &r);
	if (found == 0 && !h->around) {
		h->around = 1;
		h->at = h->first - 1;
		found = seek(c, h->at, h->from, &h->at, &r);
	}
	h->complete = found == 0;
	if (found == 1) {
		h->shares[h->n] = must_calloc(1, sizeof(struct share));
		h->shares[h->n]->key = h->at;
		h->shares[h->n++]->due = INT64_MIN;
	}
	return r;
}

/* The share whose turn it is: one that was not looked at yet, as long as there are such. */
static int
holder_look(struct scan *c, struct holder *h, struct share **sh, enum store_run *r)
{
	for (;;) {
		int got;

		if (!h->complete) {
			if ((*r = holder_find(c, h)) != RUN_DONE)
				return -1;
			h->turn = h->complete ? 0 : h->n - 1;
		}
		if (h->n == 0)	/* and none is left to be found */
			return 0;
		h->turn %= h->n;
		*sh = h->shares[h->turn];
		if ((got = share_look(c, *sh, r)) != 0)
			return got;
		free(*sh);	/* through */
		h->n--;
		memmove(&h->shares[h->turn], &h->shares[h->turn + 1],
		    (h->n - h->turn) * sizeof(struct share *));
	}
}

/* ---- all of them ---- */

static enum store_run
find_holders(struct scan *c)
{
	enum store_run r = RUN_DONE;
	int64_t key = INT64_MIN;

	while (seek(c, key, INT64_MAX, &key, &r) == 1) {
		struct holder *h = must_calloc(1, sizeof *h);

		key |= SHARES - 1;	/* the next one is another client */
		h->first = key - (SHARES - 1);
		h->at = h->from = h->first + rand_below(SHARES) - 1;
		if ((c->n & (c->n - 1)) == 0)
			c->holders = must_realloc(c->holders, c->n == 0 ? 1 : 2 * c->n,
			    sizeof *c->holders);
		c->holders[c->n++] = h;
	}
	return r;
}

/* Who begins is drawn: pages may be smaller than the number of those that wait. */
static enum store_run
hand_out(struct scan *c, int64_t *ids, size_t *n)
{
	enum store_run r = RUN_DONE;
	size_t served = c->n;
	struct share *sh;

	rand_shuffle(c->holders, c->n, sizeof *c->holders);
	while (served > 0 && *n < c->op->u.load.max) {
		served = 0;
		for (size_t i = 0; i < c->n && *n < c->op->u.load.max; i++) {
			int got = holder_look(c, c->holders[i], &sh, &r);

			if (got == -1)
				return r;
			if (got == 0)
				continue;
			ids[(*n)++] = sh->ids[sh->at++];
			c->holders[i]->turn++;
			served++;
		}
	}
	return RUN_DONE;
}

/* The first that is found tells that there is more. */
static enum store_run
look_behind(struct scan *c)
{
	enum store_run r = RUN_DONE;
	struct share *sh;

	for (size_t i = 0; i < c->n && !c->op->u.load.more; i++) {
		int got = holder_look(c, c->holders[i], &sh, &r);

		if (got == -1)
			return r;
		if (got == 0)
			continue;
		c->op->u.load.more = 1;
		sooner(c, sh->dues[sh->at]);
	}
	return RUN_DONE;
}

/*
 * Thousands of shares of which nothing is due cost tens of milliseconds to look through, and
 * each of their rows has a due time of its own. Who asks again waits in proportion.
 */
static void
rest(struct scan *c)
{
	int64_t earliest;

	if (c->op->u.load.more || c->op->u.load.next_due == 0)
		return;
	earliest = c->op->u.load.due + (int64_t)(c->looked / REST_PER_MS);
	if (c->op->u.load.next_due < earliest)
		c->op->u.load.next_due = earliest;
}

static void
scan_fini(struct scan *c)
{
	for (size_t i = 0; i < c->n; i++) {
		for (size_t j = 0; j < c->holders[i]->n; j++)
			free(c->holders[i]->shares[j]);
		free(c->holders[i]);
	}
	free(c->holders);
}

enum store_run
store_share_scan(struct sqlite_store *s, struct store_op *op, int64_t **ids, size_t *n)
{
	struct scan c = { .s = s, .op = op };
	enum store_run r;

	*n = 0;
	*ids = must_calloc(op->u.load.max + 1, sizeof **ids);
	if ((r = find_holders(&c)) == RUN_DONE && c.n > 0 &&
	    (r = hand_out(&c, *ids, n)) == RUN_DONE)
		r = look_behind(&c);
	rest(&c);
	scan_fini(&c);
	return r;
}
