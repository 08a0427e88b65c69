/* SPDX-License-Identifier: ISC */
/*
 * sqlite_mend: a database with damaged pages is written anew, out of every row
 * that can still be read (D8). A damaged page of an index costs nothing then,
 * one of a table its rows, which the store would have stumbled over for ever.
 * The damaged file stays beside it. Rows are copied as they are: whether they
 * make sense is seen when they are loaded, as ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/store/io.h"
#include "lib/store/sqlite_int.h"

#define GAPS_MAX	100000	/* more is no damage but another file */
#define ASIDE_MAX	9	/* damaged files that are kept */
#define COLUMNS_MAX	32

struct mend {
	sqlite3			*from, *to;
	struct store_mended	*result;
	struct why		*why;
};

static const char *const tables[] = { "message", "recipient", "note", "counter" };

static int
fail(struct mend *m, sqlite3 *conn, const char *doing)
{
	int rc = sqlite3_errcode(conn) & 0xff;

	return why_set(m->why, rc == SQLITE_FULL || store_schema_over_quota(conn) ? WHY_LOCAL_SPACE :
	    rc == SQLITE_IOERR || store_schema_unread(conn) != 0 ? WHY_LOCAL_STORAGE : WHY_CORRUPT,
	    "queue.db: mending: %s: %s", doing, sqlite3_errmsg(conn));
}

/* ---- one table ---- */

/* 1: the first row behind this id can be read, or there is none; 0: not. */
static int
is_readable(sqlite3_stmt *st, int64_t after)
{
	int rc;

	(void)sqlite3_bind_int64(st, 1, after);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && sqlite3_column_int64(st, 0) <= after)
		rc = SQLITE_CORRUPT;
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* The least id behind which rows can be read again: all behind a bad page lead into it. */
static int64_t
behind_damage(sqlite3_stmt *st, int64_t bad)
{
	int64_t good = bad, step = 1;

	do {
		if (good >= INT64_MAX - step)
			return INT64_MAX;
		bad = good;
		good += step;
		step = step > INT64_MAX / 2 ? step : 2 * step;
	} while (!is_readable(st, good));
	while (good - bad > 1) {
		int64_t middle = bad + (good - bad) / 2;

		if (is_readable(st, middle))
			good = middle;
		else
			bad = middle;
	}
	return good;
}

static int
write_row(struct mend *m, sqlite3_stmt *from, sqlite3_stmt *to)
{
	int rc;

	for (int i = 1; i < sqlite3_column_count(from); i++)
		(void)sqlite3_bind_value(to, i, sqlite3_column_value(from, i));
	rc = sqlite3_step(to) & 0xff;
	(void)sqlite3_reset(to);
	if (rc == SQLITE_DONE)
		m->result->rows++;
	else if (rc == SQLITE_CONSTRAINT || rc == SQLITE_MISMATCH || rc == SQLITE_TOOBIG)
		m->result->gaps++;	/* no row that the store has written */
	else
		return fail(m, m->to, "write");
	return 0;
}

static int
copy_rows(struct mend *m, sqlite3_stmt *from, sqlite3_stmt *to)
{
	int64_t after = 0;

	for (;;) {
		int rc;

		(void)sqlite3_bind_int64(from, 1, after);
		while ((rc = sqlite3_step(from)) == SQLITE_ROW) {
			int64_t id = sqlite3_column_int64(from, 0);

			if (id <= after) {
				rc = SQLITE_CORRUPT;
				break;
			}
			if (write_row(m, from, to) == -1)
				return -1;
			after = id;
		}
		(void)sqlite3_reset(from);
		if (rc == SQLITE_DONE)
			return 0;
		if ((rc & 0xff) != SQLITE_CORRUPT || store_schema_unread(m->from) != 0 ||
		    ++m->result->gaps > GAPS_MAX)
			return fail(m, m->from, "read");
		if ((after = behind_damage(from, after)) == INT64_MAX)
			return 0;
	}
}

static int
copy_table(struct mend *m, const char *name)
{
	sqlite3_stmt *from = NULL, *to = NULL;
	char sql[256], marks[2 * COLUMNS_MAX + 1] = "";
	int rc = -1, n;

	(void)str_fmt(sql, sizeof sql, "SELECT rowid, * FROM %s NOT INDEXED WHERE rowid > ?"
	    " ORDER BY rowid", name);
	if (sqlite3_prepare_v2(m->from, sql, -1, &from, NULL) != SQLITE_OK)
		return fail(m, m->from, name);
	n = sqlite3_column_count(from) - 1;
	for (int i = 0; i < n && i < COLUMNS_MAX; i++)
		memcpy(marks + strlen(marks), i == 0 ? "?" : ",?", i == 0 ? 2 : 3);
	(void)str_fmt(sql, sizeof sql, "INSERT OR REPLACE INTO %s VALUES(%s)", name, marks);
	if (sqlite3_prepare_v2(m->to, sql, -1, &to, NULL) != SQLITE_OK)
		(void)fail(m, m->to, name);
	else
		rc = copy_rows(m, from, to);
	(void)sqlite3_finalize(from);
	(void)sqlite3_finalize(to);
	return rc;
}

/* ---- the files ---- */

static sqlite3 *
open_one(const char *path, int flags)
{
	sqlite3 *conn = NULL;

	if (sqlite3_open_v2(path, &conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE | flags, NULL) != SQLITE_OK) {
		(void)sqlite3_close(conn);
		return NULL;
	}
	(void)sqlite3_limit(conn, SQLITE_LIMIT_LENGTH, 1 << 20);
	return conn;
}

/* All of the WAL goes into the old file: none of it may be taken for the new one's. */
static int
open_old(struct mend *m, const char *path)
{
	int in_wal = 0, moved = 0;

	m->from = open_one(path, 0);
	if (m->from == NULL)
		return why_set(m->why, WHY_CORRUPT, "queue.db: mending: cannot be opened");
	(void)sqlite3_db_config(m->from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (sqlite3_exec(m->from, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA mmap_size = 0",
	    NULL, NULL, NULL) != SQLITE_OK || store_schema_is_current(m->from, m->why) == -1 ||
	    sqlite3_wal_checkpoint_v2(m->from, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_wal, &moved) !=
	    SQLITE_OK || in_wal != moved)
		return fail(m, m->from, "open");
	return 0;
}

/* Nobody needs what is in it before it has its name: it is synced once. */
static int
open_new(struct mend *m, const char *path)
{
	static const char settings[] =
	    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE";
	int fd;

	(void)store_io()->unlink(path);
	if ((fd = store_io()->open(path, O_RDWR | O_CREAT | O_EXCL, 0600)) == -1)
		return why_set(m->why, errno == ENOSPC || errno == EDQUOT ? WHY_LOCAL_SPACE :
		    WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	(void)store_io()->close(fd);
	m->to = open_one(path, 0);
	if (m->to == NULL)
		return why_set(m->why, WHY_LOCAL_STORAGE, "%s cannot be opened", path);
	if (sqlite3_exec(m->to, settings, NULL, NULL, NULL) != SQLITE_OK)
		return fail(m, m->to, "create");
	return store_schema_create(m->to, m->why);
}

/* Nobody will ever ask for these: that can only be said. */
static int
count_lost(struct mend *m)
{
	static const char sql[] = "SELECT count(*) FROM message AS m WHERE NOT EXISTS (SELECT 1 FROM"
	    " recipient WHERE id BETWEEN m.first AND m.first + m.count - 1 AND message = m.id)";
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(m->to, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		(void)fail(m, m->to, "count");
	else
		m->result->lost = (uint64_t)sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return why_is_set(m->why) ? -1 : 0;
}

static int
copy_all(struct mend *m)
{
	if (sqlite3_exec(m->to, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return fail(m, m->to, "begin");
	for (size_t i = 0; i < LENGTH(tables); i++)
		if (copy_table(m, tables[i]) == -1)
			return -1;
	if (sqlite3_exec(m->to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return fail(m, m->to, "commit");
	return count_lost(m);
}

static int
sync_file(const char *path)
{
	int fd = store_io()->open(path, O_RDWR, 0), rc;

	if (fd == -1)
		return -1;
	rc = store_io()->fdatasync(fd);
	return store_io()->close(fd) == -1 ? -1 : rc;
}

/* At every moment there is a queue.db, the old one or the new one. */
static int
exchange(struct mend *m, const struct store_db *db, const char *new)
{
	struct store_mended *r = m->result;
	int rc = -1;

	if (sync_file(new) == -1)
		return why_set(m->why, WHY_LOCAL_STORAGE, "%s: %s", new, strerror(errno));
	for (int i = 1; i <= ASIDE_MAX && rc == -1; i++) {
		(void)str_fmt(r->aside, sizeof r->aside, "%s.damaged.%d", db->path, i);
		if (i == ASIDE_MAX)
			(void)store_io()->unlink(r->aside);
		rc = link(db->path, r->aside);
	}
	if (rc == -1 || store_io()->rename(new, db->path) == -1 ||
	    store_io()->sync_dir(db->dir) == -1)
		return why_set(m->why, WHY_LOCAL_STORAGE, "%s: %s", r->aside, strerror(errno));
	return 0;
}

void
store_mend_say(const struct store_mended *r, char *to, size_t cap)
{
	(void)snprintf(to, cap, "%" PRIu64 " rows are in a new queue.db, %" PRIu64 " places could not"
	    " be read, %" PRIu64 " messages have no recipients left; the damaged file is %s",
	    r->rows, r->gaps, r->lost, r->aside);
}

int
store_mend(const struct store_db *db, struct store_mended *result, struct why *why)
{
	struct mend m = { .result = result, .why = why };
	char path[STORE_PATH_MAX + 8];
	int rc = -1;

	memset(result, 0, sizeof *result);
	(void)str_fmt(path, sizeof path, "%s.new", db->path);
	if (open_old(&m, db->path) == 0 && open_new(&m, path) == 0)
		rc = copy_all(&m);
	(void)sqlite3_close(m.from);
	if (sqlite3_close(m.to) != SQLITE_OK)
		rc = -1;
	if (rc == 0)
		rc = exchange(&m, db, path);
	if (rc == -1)
		(void)store_io()->unlink(path);
	return rc;
}
