/* SPDX-License-Identifier: ISC */
/* sqlite_schema: pragmas read back (D14), tables, versions (O9). */
#include "lib/store/sqlite_schema.h"

#include <errno.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"

/* A setting that did not take is a promise not kept: each is asked for again. */
static const struct {
	const char	*set, *ask, *answer;
	int		 may_be_silent;
} pragmas[] = {
	{ "PRAGMA page_size", "PRAGMA page_size", "4096", 0 },
	{ "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA locking_mode", "exclusive", 0 },
	{ "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal", 0 },
	{ "PRAGMA synchronous = FULL", "PRAGMA synchronous", "2", 0 },
	/* No answer: the file layer knows no mmap at all. */
	{ "PRAGMA mmap_size = 0", "PRAGMA mmap_size", "0", 1 },
	{ "PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2", 0 },
	{ "PRAGMA wal_autocheckpoint = 0", "PRAGMA wal_autocheckpoint", "0", 0 },
	{ "PRAGMA journal_size_limit = 67108864", "PRAGMA journal_size_limit", "67108864", 0 },
	{ "PRAGMA cache_size = -16384", "PRAGMA cache_size", "-16384", 0 },
	{ "PRAGMA secure_delete = FAST", "PRAGMA secure_delete", "2", 0 },
	{ "PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema", "0", 0 },
};

#define NOTE_TABLE	"CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"

/*
 * A share (sqlite_share.c) is a client and 8 bits of the sender: senders as such may be as many
 * as messages, and each share costs the scan of a destination a seek.
 */
#define DUE_INDEX	"CREATE INDEX recipient_due ON recipient(dest, flow >> 24, due)" \
			" WHERE state = 0;"

/*
 * Recipients of one message have consecutive ids, which the message row names:
 * that saves an index over recipients. recipient_due alone answers "which
 * destinations are there" and "what is due", without touching a row; held
 * recipients are not in it.
 */
static const char tables[] =
    "BEGIN;"
    "CREATE TABLE message ("
    " id INTEGER PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL,"
    " created INTEGER NOT NULL, size INTEGER NOT NULL, place INTEGER NOT NULL,"
    " eightbit INTEGER NOT NULL, utf8 INTEGER NOT NULL, requiretls INTEGER NOT NULL,"
    " corrupt INTEGER NOT NULL, sum INTEGER NOT NULL, digest BLOB NOT NULL,"
    " sender TEXT NOT NULL, client TEXT, client_name TEXT, envid TEXT, ret TEXT,"
    " body BLOB) STRICT;"
    "CREATE TABLE recipient ("
    " id INTEGER PRIMARY KEY, message INTEGER NOT NULL, state INTEGER NOT NULL,"
    " due INTEGER NOT NULL, tries INTEGER NOT NULL, warned INTEGER NOT NULL,"
    " sum INTEGER NOT NULL, dest TEXT NOT NULL, address TEXT NOT NULL,"
    " orcpt TEXT, notify TEXT, last TEXT, flow INTEGER NOT NULL DEFAULT 0,"
    " reason TEXT) STRICT;"
    DUE_INDEX
    "CREATE TABLE counter (id INTEGER PRIMARY KEY, next INTEGER NOT NULL) STRICT;"
    "INSERT INTO counter VALUES (1, 1);"
    "PRAGMA application_id = 1917614436;"
    NOTE_TABLE
    "PRAGMA user_version = 3;"
    "COMMIT;";

/* Held ones by the time at which they are looked at next. Not part of the schema: who does not
 * know it keeps it up to date all the same. */
static const char held_index[] =
    "CREATE INDEX IF NOT EXISTS recipient_held ON recipient(due, message) WHERE state = 1";

/* From version i + 1 to the next. */
static const char *const migrations[] = {
	"BEGIN;" NOTE_TABLE "PRAGMA user_version = 2; COMMIT;",
	/* What is there already has no client: it is one flow, in the order of its due times. */
	"BEGIN; ALTER TABLE recipient ADD COLUMN flow INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN reason TEXT;"
	"DROP INDEX recipient_due;" DUE_INDEX "PRAGMA user_version = 3; COMMIT;",
};

_Static_assert(STORE_APPLICATION_ID == 1917614436, "as in the text above");
_Static_assert(STORE_PAGE_SIZE == 4096, "as in the table above");
_Static_assert(STORE_SCHEMA_VERSION == 3, "as in the text above");
_Static_assert(LENGTH(migrations) == STORE_SCHEMA_VERSION - 1, "a step from every version");

static int
last_errno(sqlite3 *conn, int which)
{
	sqlite3_file *f = NULL;
	int e = 0;

	(void)sqlite3_file_control(conn, "main", which, &f);
	if (f == NULL || f->pMethods == NULL ||
	    f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &e) != SQLITE_OK)
		return 0;
	return e;
}

static int
unread(int e)
{
	return e == EIO || e == ENXIO || e == ERANGE ? e : 0;	/* as in SQLite's unixRead */
}

int
store_schema_unread(sqlite3 *conn)
{
	int e = unread(last_errno(conn, SQLITE_FCNTL_FILE_POINTER));

	return e != 0 ? e : unread(last_errno(conn, SQLITE_FCNTL_JOURNAL_POINTER));
}

int
store_schema_over_quota(sqlite3 *conn)
{
	return last_errno(conn, SQLITE_FCNTL_FILE_POINTER) == EDQUOT ||
	    last_errno(conn, SQLITE_FCNTL_JOURNAL_POINTER) == EDQUOT;
}

static int
fail(sqlite3 *conn, struct why *why, const char *doing)
{
	int rc = sqlite3_errcode(conn) & 0xff, e = store_schema_unread(conn);

	if (e != 0)
		return why_set(why, WHY_LOCAL_STORAGE, "queue.db: %s: %s", doing, strerror(e));
	return why_set(why, rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? WHY_CORRUPT :
	    rc == SQLITE_FULL || store_schema_over_quota(conn) ? WHY_LOCAL_SPACE :
	    WHY_LOCAL_STORAGE, "queue.db: %s: %s", doing,
	    sqlite3_errmsg(conn));
}

/* The first cell of the first row as text; "" and 1 if there is no row. */
static int
ask(sqlite3 *conn, const char *sql, char *to, size_t cap)
{
	sqlite3_stmt *st = NULL;
	const unsigned char *text;
	int rc;

	*to = '\0';
	if (sqlite3_prepare_v2(conn, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && (text = sqlite3_column_text(st, 0)) != NULL)
		(void)str_copy(to, (const char *)text, cap);
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static int
ask_number(sqlite3 *conn, const char *sql, int64_t *n)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(conn, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int
set_pragmas(sqlite3 *conn, struct why *why)
{
	char answer[32];

	for (size_t i = 0; i < LENGTH(pragmas); i++) {
		if (ask(conn, pragmas[i].set, answer, sizeof answer) == -1)
			return fail(conn, why, pragmas[i].set);
		if (ask(conn, pragmas[i].ask, answer, sizeof answer) == -1)
			return fail(conn, why, pragmas[i].ask);
		if (strcmp(answer, pragmas[i].answer) != 0 &&
		    !(pragmas[i].may_be_silent && *answer == '\0'))
			return why_set(why, WHY_LOCAL_STORAGE, "queue.db: \"%s\" answers \"%s\"",
			    pragmas[i].set, answer);
	}
	return 0;
}

/* Its version if it is ours, 0 = an empty file, -1 = hands off. */
static int
identify(sqlite3 *conn, struct why *why)
{
	int64_t version, application, objects;

	if (ask_number(conn, "PRAGMA user_version", &version) == -1 ||
	    ask_number(conn, "PRAGMA application_id", &application) == -1 ||
	    ask_number(conn, "SELECT count(*) FROM sqlite_schema", &objects) == -1)
		return fail(conn, why, "read");
	if (version == 0 && application == 0 && objects == 0)
		return 0;
	if (application != STORE_APPLICATION_ID)
		return why_set(why, WHY_LOCAL_STORAGE, "queue.db is not a queue of relayd");
	if (version > STORE_SCHEMA_VERSION)
		return why_set(why, WHY_LOCAL_STORAGE, "queue.db has schema %lld, written by a newer"
		    " relayd; this one knows %d", (long long)version, STORE_SCHEMA_VERSION);
	if (version < 1)
		return why_set(why, WHY_CORRUPT, "queue.db has schema %lld", (long long)version);
	return (int)version;
}

static int
migrate(sqlite3 *conn, int version, struct why *why)
{
	for (; version < STORE_SCHEMA_VERSION; version++)
		if (sqlite3_exec(conn, migrations[version - 1], NULL, NULL, NULL) != SQLITE_OK)
			return fail(conn, why, "bring the schema up to date");
	return 0;
}

int
store_schema_create(sqlite3 *conn, struct why *why)
{
	if (sqlite3_exec(conn, tables, NULL, NULL, NULL) != SQLITE_OK)
		return fail(conn, why, "create");
	if (sqlite3_exec(conn, held_index, NULL, NULL, NULL) != SQLITE_OK)
		return fail(conn, why, "index of what is held");
	return 0;
}

int
store_schema_is_current(sqlite3 *conn, struct why *why)
{
	int version = identify(conn, why);

	if (version == -1 || version == STORE_SCHEMA_VERSION)
		return version == -1 ? -1 : 0;
	return why_set(why, WHY_CORRUPT, "queue.db has schema %d", version);
}

int
store_schema_prepare(sqlite3 *conn, struct why *why)
{
	char sql[64];
	int ours;

	(void)str_fmt(sql, sizeof sql, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = %d",
	    STORE_PAGE_SIZE);
	if (sqlite3_exec(conn, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(conn, why, "page size");
	if ((ours = identify(conn, why)) == -1 || set_pragmas(conn, why) == -1)
		return -1;
	if (ours && migrate(conn, ours, why) == -1)
		return -1;
	if (!ours && sqlite3_exec(conn, tables, NULL, NULL, NULL) != SQLITE_OK)
		return fail(conn, why, "create");
	if (sqlite3_exec(conn, held_index, NULL, NULL, NULL) != SQLITE_OK)
		return fail(conn, why, "index of what is held");
	return 0;
}

int
store_schema_next_rcpt(sqlite3 *conn, int64_t *next, struct why *why)
{
	const int64_t far = INT64_C(1) << 62;
	int64_t counter = 0, highest = 0;

	if (ask_number(conn, "SELECT coalesce(max(id), 0) FROM recipient", &highest) == -1)
		return fail(conn, why, "recipient");
	if (ask_number(conn, "SELECT next FROM counter WHERE id = 1", &counter) == -1)
		counter = 0;
	if (highest < 0 || highest >= far)
		highest = 0;
	/* A lost counter: keep clear of ids that a message with few recipients left may span. */
	if (counter < 1 || counter >= far)
		counter = highest + 1000000;
	*next = counter > highest ? counter : highest + 1;
	return 0;
}

uint64_t
store_schema_newest(sqlite3 *conn)
{
	int64_t newest = 0;

	if (ask_number(conn, "SELECT coalesce(max(id), 0) FROM message", &newest) == -1)
		return 0;
	return newest > 0 ? (uint64_t)newest : 0;
}
