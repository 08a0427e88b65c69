/* SPDX-License-Identifier: ISC */
/*
 * sqlite_int: what the files of the SQLite store share. Two sides:
 * the loop side makes ops and calls their callbacks; the store thread owns
 * the database and the spool files and runs ops. An op belongs to one side at
 * a time; the lists between them are under one mutex.
 */
#ifndef STORE_SQLITE_INT_H
#define STORE_SQLITE_INT_H

#include <stdatomic.h>
#include <pthread.h>
#include <sqlite3.h>

#include "lib/base/list.h"
#include "lib/store/row.h"
#include "lib/store/spool.h"
#include "lib/store/sqlite_schema.h"
#include "lib/store/store.h"

#define SQLITE_STORE_MAGIC	0x53514c53u
#define STORE_PATH_MAX		4096
#define STORE_RESERVE_BYTES	(4 << 20)	/* E3 */
#define STORE_CLAIM_BYTES	(1 << 20)	/* queue.db grows by this */
#define STORE_WAL_FRAME		(24 + STORE_PAGE_SIZE)

/* ---- the database (sqlite_db.c): store thread only ---- */

enum store_sql {
#define SQL(id, text)	SQL_##id,
#include "lib/store/sqlite_sql.def"
#undef SQL
	SQL__COUNT
};

struct store_file_id {
	uint64_t	 dev, ino;
};

struct store_db {
	char		 dir[STORE_PATH_MAX - 64];
	char		 path[STORE_PATH_MAX];
	sqlite3		*conn;			/* NULL: closed after a failure */
	sqlite3_stmt	*stmt[SQL__COUNT];
	int		 writing;		/* between BEGIN and COMMIT */
	int64_t		 wal_good;		/* frames that belong to acknowledged commits */
	int64_t		 wal_seen;		/* frames after the commit now running */
	int64_t		 next_rcpt;		/* ids given out so far, ... */
	int64_t		 rcpt_limit;		/* ... and reserved durably */
	int64_t		 claimed;		/* bytes that queue.db occupies for sure */
	int64_t		 least;			/* the same, of when it was opened */
	struct store_file_id id, wal_id;	/* of what is open */
	unsigned long	 commits;
	int		 malformed;		/* SQLite has met a damaged page */
	char		 said[256];	/* of the WAL when it was opened, to be reported */
};

/*
 * How a step on the database went. BROKEN: I/O failed, nothing the
 * connection says may be believed any more (D4). DAMAGED: this row or page is
 * wrong, others may be fine (D8).
 */
enum store_run { RUN_DONE, RUN_MORE, RUN_BROKEN, RUN_DAMAGED };

int		 store_db_open(struct store_db *, const char *dir, struct why *);
void		 store_db_close(struct store_db *);	/* checkpoints, truncates the WAL */
/* Closes without believing anything, cuts unacknowledged frames off the WAL,
 * reopens, quick_check. busy is called now and then; 1 = give up. */
int		 store_db_recover(struct store_db *, int (*busy)(void *), void *arg, struct why *);
/* The same with a new file out of what can be read (sqlite_mend.c); as it was if that fails. */
struct store_mended;
int		 store_db_mend(struct store_db *, struct store_mended *, struct why *);
enum store_run	 store_db_begin(struct store_db *, struct why *);	/* fine if begun */
enum store_run	 store_db_commit(struct store_db *, struct why *);
void		 store_db_rollback(struct store_db *);
enum store_run	 store_db_checkpoint(struct store_db *, int shrink, struct why *);
/* Fills *why from the connection and the result code. */
enum store_run	 store_db_error(struct store_db *, int rc, struct why *, const char *doing);
/* A walk met something that stands before what it came from: it would go in circles. */
enum store_run	 store_db_disorder(struct store_db *, struct why *, const char *doing);
/* Runs a statement without rows, resets it. *changes may be NULL. */
enum store_run	 store_db_run(struct store_db *, enum store_sql, struct why *, int *changes);
void		 store_db_cells(sqlite3_stmt *, struct row_cell *, int n);
void		 store_db_bind_text(sqlite3_stmt *, int at, const char *);	/* borrowed; NULL fine */
int64_t		 store_db_free_bytes(struct store_db *);

/* sqlite_place.c */
enum store_place { PLACE_OK, PLACE_WAL_GONE, PLACE_LOST };
int		 store_place_note(struct store_db *, int64_t least, struct why *);
/* Has what is open its name still, and its length? WAL_GONE: only the WAL has not. */
enum store_place store_place_look(const struct store_db *, struct why *);
int		 store_place_here(const struct store_db *, struct why *);	/* -1: there is no file */
/* Before it is opened: -1 if SQLite would throw something away. */
int		 store_place_whole(const struct store_db *, struct why *);
/* Says on the loop what is missing in a directory that is about to be opened. */
void		 store_place_warn(const char *dir, const char *spool);

/* sqlite_wal.c: before the database is opened. said: what to report, "" if there was nothing.
 * -1 and *why: it is damaged, and SQLite would throw away what was acknowledged. */
int		 store_wal_mend(const struct store_db *, char *said, size_t, struct why *);

/* sqlite_mend.c */
struct store_mended {
	uint64_t	 rows, gaps;	/* copied; places where something was lost */
	uint64_t	 lost;		/* messages of which no recipient is left */
	char		 aside[STORE_PATH_MAX + 16];	/* where the damaged file is */
};
void		 store_mend_say(const struct store_mended *, char *to, size_t cap);
/* Of a database that is closed. -1 and *why: it is as it was. */
int		 store_mend(const struct store_db *, struct store_mended *, struct why *);

/* ---- ops ---- */

enum store_op_kind {
	OP_PUT, OP_SETTLE, OP_LOAD, OP_FETCH, OP_LIST, OP_BODY, OP_READ, OP_DESTS, OP_APPEND,
	OP_ABORT, OP_SWEEP, OP_REPORT, OP_WAKE, OP_NOTE, OP_NOTES,
	OP_AGED, OP_HELD, OP__COUNT
};

struct store_op {
	STAILQ_ENTRY(store_op)	 next;
	enum store_op_kind	 kind;
	int			 finished;	/* not run again if the batch fails */
	int			 more;		/* wants another slice */
	int			 retried;	/* has failed once in a batch */
	struct why		 why;
	void			*arg;
	union {
		struct {
			struct store_message	*msg;
			struct store_spool	*spool;	/* ours; NULL if in memory */
			char			*key, *value;	/* of a note that comes with it, or NULL */
			struct row_where	 where;
			store_done_fn		*done;
		} put;
		struct {
			uint64_t		 message;
			struct store_settle_rcpt *rcpts;
			size_t			 nrcpts;
			struct store_message	**notices;
			size_t			 nnotices;
			int			 gone;
			store_settled_fn	*done;
		} settle;
		struct {			/* LOAD, FETCH, LIST, AGED */
			char			*dest;
			uint64_t		 message;
			int64_t			 due;
			size_t			 max;
			int64_t			*skip;
			size_t			 nskip;
			struct store_message	**found;
			size_t			 nfound;
			int			 more;
			int64_t			 next_due;
			store_load_fn		*done;
			struct store_mark	 from, mark;	/* AGED */
			store_aged_fn		*aged;
		} load;
		struct {
			uint64_t		 before, all, older;
			store_held_fn		*done;
		} held;
		struct {
			uint64_t		 message;
			struct store_body	*found;
			struct store_verify	*verify;	/* a spool file being read through */
			struct row_where	 where;
			store_body_fn		*done;
		} body;
		struct {
			uint64_t		 file, offset, size;
			size_t			 max, n;
			char			*data;
			store_chunk_fn		*done;
		} read;
		struct {
			struct store_dest	*dests;
			size_t			 n;
			char			*names;
			store_dests_fn		*done;
		} dests;
		struct {
			struct store_spool	*spool;
			char			*data;
			size_t			 n;
			store_done_fn		*done;
		} append;
		struct {
			struct store_spool	*spool;
		} abort;
		struct {
			struct store_sweep	*sweep;
		} sweep;
		struct {
			char			*dest;		/* NULL: all */
			char			*texts;
			const char		**reasons;	/* into texts */
			size_t			 nreasons;
			int64_t			 now;
			struct store_wake	*at;		/* where it stands between slices */
			uint64_t		 woken;
			store_woken_fn		*done;
		} wake;
		struct {
			char			*key, *value;	/* NULL: removed */
			store_done_fn		*done;
		} note;
		struct {
			char			*prefix, *texts;
			struct store_note	*notes;
			size_t			 n;
			store_notes_fn		*done;
		} notes;
	} u;
};
STAILQ_HEAD(store_op_list, store_op);

struct event;
struct sqlite_store {
	struct store		 pub;		/* first */
	unsigned		 magic;
	/* loop side */
	struct event		*wake;		/* the thread has finished ops */
	struct event		*flush;		/* hand outbox over at the end of this loop turn */
	struct store_op_list	 outbox;
	struct store_op_list	 spare;
	unsigned		 nspare;
	int			 calling;	/* inside callbacks */
	uint64_t		 min_free_bytes, min_free_inodes;
	int64_t			 space_asked;	/* mono ms, 0 never */
	int			 space_ok;
	_Atomic uint64_t	 spools;	/* temporary names given out; both sides */
	/* between the sides, under lock */
	pthread_t		 thread;
	pthread_mutex_t		 lock;
	pthread_cond_t		 some;
	struct store_op_list	 inbox, done;
	int			 asleep, signalled;
	_Atomic int		 stopping;
	int			 eventfd;
	/* fixed after open */
	char			 spool_dir[STORE_PATH_MAX];
	int			 lock_fd;
	/* one side writes, both read */
	_Atomic int		 broken;	/* enum why_reason: the database is closed for it */
	_Atomic int64_t		 free_in_db;
	/* store thread */
	struct store_db		 db;
	struct store_hash	*hash;
	struct store_op_list	 slow;		/* ops that are not through after their slice */
	uint64_t		*unlinks;	/* spool files to remove after the commit */
	size_t			 nunlinks, unlinks_cap;
	int64_t			*bad;		/* recipient rows that cannot even be held */
	size_t			 nbad;
	int64_t			 mended_at;	/* mono ms, 0 never */
	int64_t			 recovered_at, swept_at, measured_at, full_at;	/* mono ms */
	int			 reserve_given;
	int			 low;		/* space is short: checkpoint after each batch */
	int			 displaced;	/* what is open has no name: nothing new goes into it */
	unsigned		 recoveries;	/* failed in a row */
};

/* sqlite_put.c, sqlite_settle.c, sqlite_load.c, sqlite_body.c: run on the thread */
enum store_run	store_run_put(struct sqlite_store *, struct store_op *);
enum store_run	store_run_settle(struct sqlite_store *, struct store_op *);
enum store_run	store_run_load(struct sqlite_store *, struct store_op *);
enum store_run	store_run_fetch(struct sqlite_store *, struct store_op *);
enum store_run	store_run_list(struct sqlite_store *, struct store_op *);
enum store_run	store_run_dests(struct sqlite_store *, struct store_op *);
enum store_run	store_run_body(struct sqlite_store *, struct store_op *);
enum store_run	store_run_read(struct sqlite_store *, struct store_op *);
enum store_run	store_run_append(struct sqlite_store *, struct store_op *);
enum store_run	store_run_abort(struct sqlite_store *, struct store_op *);
enum store_run	store_run_sweep(struct sqlite_store *, struct store_op *);
enum store_run	store_run_report(struct sqlite_store *, struct store_op *);

/* sqlite_share.c: the rows that a load is about, at most max, in the order in which they are due
 * in turn; *ids is malloc'd. Sets more and next_due. */
enum store_run	store_share_scan(struct sqlite_store *, struct store_op *, int64_t **ids, size_t *n);

/* sqlite_aged.c */
enum store_run	store_run_aged(struct sqlite_store *, struct store_op *);
enum store_run	store_run_held(struct sqlite_store *, struct store_op *);
void		store_aged_deliver(struct store_op *);
void		store_held_deliver(struct store_op *);
void		store_aged(struct store *, const char *dest, int64_t due, size_t max,
		    const struct store_mark *, store_aged_fn *, void *arg);
void		store_held(struct store *, uint64_t before, store_held_fn *, void *arg);

/* sqlite_wake.c */
enum store_run	store_run_wake(struct sqlite_store *, struct store_op *);
void		store_wake_free(struct store_wake **);
void		store_wake_deliver(struct store_op *);
void		store_wake(struct store *, const char *dest, const char *const *reasons, size_t n,
		    int64_t now, store_woken_fn *, void *arg);

/* sqlite_note.c */
enum store_run	store_run_note(struct sqlite_store *, struct store_op *);
enum store_run	store_run_notes(struct sqlite_store *, struct store_op *);
enum store_run	store_note_write(struct sqlite_store *, const char *key, const char *value,
		    struct why *);
void		store_note_reset(struct store_op *);	/* of OP_NOTES */
void		store_note_deliver(struct store_op *);
void		store_notes_deliver(struct store_op *);
void		store_note_put(struct store *, const char *key, const char *value, store_done_fn *,
		    void *arg);
void		store_notes(struct store *, const char *prefix, store_notes_fn *, void *arg);

/* One message with its recipients; existing = 1 if the id was there already. */
enum store_run	store_put_rows(struct sqlite_store *, struct store_message *,
		    struct row_where *, struct why *, int *existing);
/* Sets aside what is damaged (D8): holds its recipients, reports. rcpt 0: all. */
enum store_run	store_quarantine(struct sqlite_store *, uint64_t message,
		    const struct row_where *, int64_t rcpt, const char *text);

/* sqlite_thread.c */
void		*store_thread_main(void *);
void		 store_thread_post(struct sqlite_store *, struct store_op_list *);	/* to the loop */
/* A loud line, logged on the loop. */
void		 store_thread_report(struct sqlite_store *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

/* sqlite_batch.c */
#define STORE_RECOVER_MS	1000	/* between tries to reopen a database that failed */
/* Runs all, commits; results stay in list, `more` marks those that want another slice. */
void		 store_batch_run(struct sqlite_store *, struct store_op_list *list);
int		 store_batch_have_db(struct sqlite_store *);	/* tries to reopen once a second */
void		 store_batch_checkpoint(struct sqlite_store *, int64_t frames);	/* if more in the WAL */
/* A spool file that no row names once this batch is committed. */
void		 store_batch_unlink_later(struct sqlite_store *, uint64_t message);

/* sqlite_op.c, sqlite_calls.c: loop side */
struct store_op	*store_op_new(struct sqlite_store *, enum store_op_kind, void *arg);
void		 store_op_submit(struct sqlite_store *, struct store_op *);
void		 store_op_flush(struct sqlite_store *);
void		 store_op_deliver_all(struct sqlite_store *);
/* After the thread has ended: what is still asked for fails. */
void		 store_op_drain(struct sqlite_store *);
void		 store_sqlite_close(struct store **);
/* Frees the results of a run that will be repeated. */
void		 store_op_reset(struct store_op *);
extern const struct store_ops	store_sqlite_ops;

/* space.c */
int	store_space_fs_allowed(const char *dir, const char *allowed, struct why *);
int	store_space_free(const char *dir, uint64_t *bytes, uint64_t *inodes);
int	store_space_reserve_make(const char *dir, uint64_t keep_free);
void	store_space_reserve_give(const char *dir);

#endif
