/* SPDX-License-Identifier: ISC */
/*
 * sqlite_db: the one connection to queue.db (D11): statements, transactions,
 * checkpoints, and what to do when the disk fails under it (D4).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/store/io.h"
#include "lib/store/sqlite_int.h"
#include "lib/store/sqlite_schema.h"

#define WAL_HEADER	32

static const char *const statements[SQL__COUNT] = {
#define SQL(id, text)	[SQL_##id] = (text),
#include "lib/store/sqlite_sql.def"
#undef SQL
};

enum store_run
store_db_error(struct store_db *db, int rc, struct why *why, const char *doing)
{
	const char *text = db->conn != NULL ? sqlite3_errmsg(db->conn) : sqlite3_errstr(rc);
	int e;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		(void)why_set(why, WHY_LOCAL_SPACE, "queue.db: %s: %s", doing, text);
		return RUN_BROKEN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		/* Whether it is damaged shows when it is read again, from a new connection. */
		e = db->conn != NULL ? store_schema_unread(db->conn) : 0;
		if (e != 0) {
			(void)why_set(why, WHY_LOCAL_STORAGE, "queue.db: %s: %s", doing, strerror(e));
			return RUN_BROKEN;
		}
		(void)why_set(why, WHY_CORRUPT, "queue.db: %s: %s", doing, text);
		db->malformed = 1;
		return RUN_DAMAGED;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		(void)why_set(why, WHY_LOCAL_STORAGE, "queue.db: %s: %s", doing, text);
		return RUN_DAMAGED;
	default:
		(void)why_set(why, db->conn != NULL && store_schema_over_quota(db->conn) ?
		    WHY_LOCAL_SPACE : WHY_LOCAL_STORAGE, "queue.db: %s: %s (%d)", doing, text, rc);
		return RUN_BROKEN;
	}
}

enum store_run
store_db_disorder(struct store_db *db, struct why *why, const char *doing)
{
	(void)why_set(why, WHY_CORRUPT, "queue.db: %s: out of order", doing);
	db->malformed = 1;
	return RUN_DAMAGED;
}

enum store_run
store_db_run(struct store_db *db, enum store_sql id, struct why *why, int *changes)
{
	int rc = sqlite3_step(db->stmt[id]);

	(void)sqlite3_reset(db->stmt[id]);
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		return store_db_error(db, rc, why, statements[id]);
	if (changes != NULL)
		*changes = sqlite3_changes(db->conn);
	return RUN_DONE;
}

enum store_run
store_db_begin(struct store_db *db, struct why *why)
{
	enum store_run r;

	if (db->writing)
		return RUN_DONE;
	if ((r = store_db_run(db, SQL_BEGIN, why, NULL)) == RUN_DONE)
		db->writing = 1;
	return r;
}

/* The answer of a pragma that counts pages; 0 if it gives none. */
static int64_t
number(struct store_db *db, enum store_sql id)
{
	int64_t n = 0;

	if (sqlite3_step(db->stmt[id]) == SQLITE_ROW)
		n = sqlite3_column_int64(db->stmt[id], 0);
	(void)sqlite3_reset(db->stmt[id]);
	return n < 0 ? 0 : n;
}

/*
 * E3: what is in the WAL must find its place in the database file even on a
 * full disk, or nothing could be removed any more. So the file grows now,
 * while a failure can still be told, and not at the checkpoint.
 */
static enum store_run
claim_space(struct store_db *db, struct why *why)
{
	sqlite3_int64 bytes = number(db, SQL_PAGES) * STORE_PAGE_SIZE;
	int rc;

	if (bytes <= db->claimed)
		return RUN_DONE;
	db->claimed = (bytes + STORE_CLAIM_BYTES - 1) / STORE_CLAIM_BYTES * STORE_CLAIM_BYTES;
	rc = sqlite3_file_control(db->conn, "main", SQLITE_FCNTL_SIZE_HINT, &db->claimed);
	if (rc == SQLITE_OK || rc == SQLITE_NOTFOUND)
		return RUN_DONE;
	db->claimed = 0;
	(void)why_set(why, WHY_LOCAL_SPACE, "queue.db cannot grow (%d)", rc);
	return RUN_BROKEN;
}

enum store_run
store_db_commit(struct store_db *db, struct why *why)
{
	enum store_run r;

	if (!db->writing)
		return RUN_DONE;
	if ((r = claim_space(db, why)) != RUN_DONE)
		return r;
	if ((r = store_db_run(db, SQL_COMMIT, why, NULL)) != RUN_DONE)
		return RUN_BROKEN;	/* whatever it was: what is on the disk is unknown */
	db->writing = 0;
	db->wal_good = db->wal_seen;
	db->commits++;
	return RUN_DONE;
}

void
store_db_rollback(struct store_db *db)
{
	struct why ignored;

	if (db->writing && !sqlite3_get_autocommit(db->conn))
		(void)store_db_run(db, SQL_ROLLBACK, &ignored, NULL);
	db->writing = 0;
	db->rcpt_limit = db->next_rcpt;	/* the reservation may have gone with it */
}

static int
on_wal(void *arg, sqlite3 *conn, const char *name, int frames)
{
	struct store_db *db = arg;

	db->wal_seen = frames;
	return SQLITE_OK;
}

static enum store_run
checkpoint(struct store_db *db, int mode, struct why *why)
{
	int in_wal = 0, moved = 0, rc;

	rc = sqlite3_wal_checkpoint_v2(db->conn, NULL, mode, &in_wal, &moved);
	if (rc != SQLITE_OK) {
		(void)store_db_error(db, rc, why, "checkpoint");
		return RUN_BROKEN;
	}
	/* All of it is in the database file, synced; the next commit starts the WAL anew. */
	if (in_wal == moved)
		db->wal_good = db->wal_seen = 0;
	return RUN_DONE;
}

enum store_run
store_db_checkpoint(struct store_db *db, int shrink, struct why *why)
{
	return checkpoint(db, shrink ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, why);
}

/* ---- open and close ---- */

static int
prepare_all(struct store_db *db, struct why *why)
{
	for (int i = 0; i < SQL__COUNT; i++) {
		int rc = sqlite3_prepare_v3(db->conn, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
		    &db->stmt[i], NULL);

		if (rc != SQLITE_OK) {
			(void)store_db_error(db, rc, why, statements[i]);
			return -1;
		}
	}
	return 0;
}

/* Closes without a checkpoint and without a word. */
static void
drop(struct store_db *db)
{
	for (int i = 0; i < SQL__COUNT; i++) {
		(void)sqlite3_finalize(db->stmt[i]);
		db->stmt[i] = NULL;
	}
	if (db->conn != NULL)
		MUST(sqlite3_close(db->conn) == SQLITE_OK);
	db->conn = NULL;
	db->writing = 0;
	db->malformed = 0;
}

/* errno, of this file. */
static int
file_error(struct why *why, const char *path)
{
	return why_set(why, errno == ENOSPC || errno == EDQUOT ? WHY_LOCAL_SPACE :
	    WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
}

/* Its own creation, so that mode and directory entry are ours to decide. */
static int
create_file(struct store_db *db, struct why *why)
{
	const struct store_io *io = store_io();
	int fd;

	fd = io->open(db->path, O_RDWR | O_CREAT, 0600);
	if (fd == -1 || io->close(fd) == -1 || io->sync_dir(db->dir) == -1)
		return file_error(why, db->path);
	return 0;
}

static int
open_connection(struct store_db *db, struct why *why)
{
	int rc, chunk = STORE_CLAIM_BYTES;

	rc = sqlite3_open_v2(db->path, &db->conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK) {
		(void)store_db_error(db, rc, why, "open");
		return -1;
	}
	/* No value of ours is larger; a forged length is refused before it is believed. */
	(void)sqlite3_limit(db->conn, SQLITE_LIMIT_LENGTH, 1 << 20);
	(void)sqlite3_file_control(db->conn, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
	(void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (store_schema_prepare(db->conn, why) == -1)
		return -1;
	/* Behind the pragmas: wal_autocheckpoint takes the hook away. */
	(void)sqlite3_wal_hook(db->conn, on_wal, db);
	return 0;
}

static int
open_all(struct store_db *db, struct why *why)
{
	if (store_place_whole(db, why) == -1 || create_file(db, why) == -1 ||
	    store_wal_mend(db, db->said, sizeof db->said, why) == -1 ||
	    open_connection(db, why) == -1)
		return -1;
	/* Start from a WAL that is done with: then what comes into it are our commits. Its
	 * blocks stay, which is room for removals on a full disk. */
	if (checkpoint(db, SQLITE_CHECKPOINT_PASSIVE, why) != RUN_DONE)
		return -1;
	db->claimed = 0;
	if (store_schema_next_rcpt(db->conn, &db->next_rcpt, why) == -1)
		return -1;
	db->rcpt_limit = db->next_rcpt;
	if (prepare_all(db, why) == -1)
		return -1;
	return store_place_note(db, number(db, SQL_PAGES) * STORE_PAGE_SIZE, why);
}

int
store_db_open(struct store_db *db, const char *dir, struct why *why)
{
	if (str_fmt(db->dir, sizeof db->dir, "%s", dir) == -1 ||
	    str_fmt(db->path, sizeof db->path, "%s/queue.db", dir) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "directory name too long");
	if (open_all(db, why) == 0)
		return 0;
	drop(db);
	return -1;
}

void
store_db_close(struct store_db *db)
{
	struct why ignored;

	if (db->conn != NULL && !db->writing)
		(void)checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE, &ignored);
	drop(db);
}

/*
 * D4. The kernel marks pages clean after a failed fsync, so the frames of the
 * failed commit may be readable and yet never reach the disk. A later commit
 * behind them would be lost with them at a power cut: WAL recovery stops at
 * the first bad frame. So the first of them is made bad now, before anybody
 * reads it. (Not by truncation: on a full disk the blocks would not come back.)
 */
static int
cut_wal(struct store_db *db, struct why *why)
{
	static const char nothing[WAL_HEADER];
	const struct store_io *io = store_io();
	char path[STORE_PATH_MAX + 8];
	off_t keep = db->wal_good == 0 ? 0 : WAL_HEADER + db->wal_good * STORE_WAL_FRAME;
	struct stat st;
	int fd, rc = -1;

	(void)str_fmt(path, sizeof path, "%s-wal", db->path);
	if (stat(path, &st) == -1 && errno == ENOENT)
		return 0;
	if ((fd = io->open(path, O_RDWR, 0)) != -1) {
		if (fstat(fd, &st) == 0 && (st.st_size <= keep ||
		    store_io_write_all(fd, nothing, sizeof nothing, keep) == 0) &&
		    io->fdatasync(fd) == 0)
			rc = 0;
		if (io->close(fd) == -1)
			rc = -1;
	}
	return rc == -1 ? file_error(why, path) : 0;
}

static int
quick_check(struct store_db *db, int (*busy)(void *), void *arg, struct why *why)
{
	sqlite3_stmt *st = NULL;
	int rc, ok, e;

	sqlite3_progress_handler(db->conn, 20000, busy, arg);
	rc = sqlite3_prepare_v2(db->conn, "PRAGMA quick_check(1)", -1, &st, NULL);
	ok = rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW &&
	    sqlite3_column_bytes(st, 0) == 2 &&
	    memcmp(sqlite3_column_text(st, 0), "ok", 2) == 0;
	(void)sqlite3_finalize(st);
	sqlite3_progress_handler(db->conn, 0, NULL, NULL);
	e = ok ? 0 : store_schema_unread(db->conn);
	return ok ? 0 : e != 0 ?
	    why_set(why, WHY_LOCAL_STORAGE, "queue.db: quick_check: %s", strerror(e)) :
	    why_set(why, WHY_CORRUPT, "queue.db did not pass quick_check");
}

int
store_db_recover(struct store_db *db, int (*busy)(void *), void *arg, struct why *why)
{
	int64_t next = db->next_rcpt;

	drop(db);
	if (store_place_here(db, why) == 0 && cut_wal(db, why) == 0 && open_all(db, why) == 0 &&
	    quick_check(db, busy, arg, why) == 0) {
		/* Ids in memory, of loaded recipients, must not come back for others. */
		if (db->next_rcpt < next)
			db->next_rcpt = db->rcpt_limit = next;
		return 0;
	}
	drop(db);
	db->next_rcpt = next;
	return -1;
}

int
store_db_mend(struct store_db *db, struct store_mended *result, struct why *why)
{
	struct why ignored = { 0 };
	int64_t next = db->next_rcpt;
	int rc;

	drop(db);
	rc = store_mend(db, result, why);
	if (open_all(db, rc == 0 ? why : &ignored) == -1) {
		drop(db);
		rc = -1;
	}
	if (db->next_rcpt < next)
		db->next_rcpt = db->rcpt_limit = next;
	return rc;
}

/* ---- values ---- */

void
store_db_cells(sqlite3_stmt *st, struct row_cell *cells, int n)
{
	static const enum row_type types[] = {
		[SQLITE_INTEGER] = ROW_INT, [SQLITE_FLOAT] = ROW_OTHER, [SQLITE_TEXT] = ROW_TEXT,
		[SQLITE_BLOB] = ROW_BLOB, [SQLITE_NULL] = ROW_NULL,
	};

	for (int i = 0; i < n; i++) {
		struct row_cell *c = &cells[i];

		c->type = types[sqlite3_column_type(st, i)];
		c->num = c->type == ROW_INT ? sqlite3_column_int64(st, i) : 0;
		c->bytes = NULL;
		c->len = 0;
		if (c->type == ROW_TEXT || c->type == ROW_BLOB) {
			c->bytes = sqlite3_column_blob(st, i);
			c->len = (size_t)sqlite3_column_bytes(st, i);
		}
	}
}

void
store_db_bind_text(sqlite3_stmt *st, int at, const char *s)
{
	/* Fails only for a bad index or length; both are checked elsewhere. */
	(void)sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

int64_t
store_db_free_bytes(struct store_db *db)
{
	return number(db, SQL_FREELIST) * STORE_PAGE_SIZE;
}
