/* SPDX-License-Identifier: ISC */
/*
 * ledger_open: opens history.db, makes sure that it is ours, whole, and as
 * durable as it was asked to be: each setting is read back (HARDENING D14).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/history/ledger_int.h"

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE proven(domain TEXT NOT NULL, host TEXT NOT NULL, level INTEGER NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY(domain, host, level)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE accepted(id INTEGER PRIMARY KEY, domain TEXT NOT NULL, at INTEGER NOT NULL,"
    " uid INTEGER NOT NULL, had INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX accepted_domain ON accepted(domain);"
    "PRAGMA user_version = 1;"
    "COMMIT";

/* What must come back: our version, and both tables answer. */
static const struct check {
	const char	*ask, *want;
} checks[] = {
	{ "PRAGMA quick_check(1)", "ok" },
	{ "PRAGMA user_version", "1" },
	{ "SELECT count(*) * 0 FROM (SELECT domain, host, level, first, last, count FROM proven "
	    "LIMIT 1)", "0" },
	{ "SELECT count(*) * 0 FROM (SELECT domain, at, uid, had, reason FROM accepted LIMIT 1)",
	    "0" },
};

/* Exclusive first: then WAL needs no shared memory. */
static const struct setting {
	const char	*set, *ask, *want;
} settings[] = {
	{ "PRAGMA locking_mode = EXCLUSIVE",	"PRAGMA locking_mode",	"exclusive" },
	{ "PRAGMA journal_mode = WAL",		"PRAGMA journal_mode",	"wal" },
	{ "PRAGMA synchronous = FULL",		"PRAGMA synchronous",	"2" },
	{ "PRAGMA temp_store = MEMORY",		"PRAGMA temp_store",	"2" },
	{ "PRAGMA trusted_schema = OFF",	"PRAGMA trusted_schema", "0" },
	{ "PRAGMA cell_size_check = ON",	"PRAGMA cell_size_check", "1" },
};

static int
db_says(sqlite3 *db, struct why *why)
{
	return why_set(why, WHY_LOCAL_STORAGE, "history.db: %s", sqlite3_errmsg(db));
}

static int
expect(sqlite3 *db, const char *sql, const char *want, struct why *why)
{
	sqlite3_stmt *s;
	const char *text = NULL;
	int right;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return db_says(db, why);
	if (sqlite3_step(s) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(s, 0);
	right = text != NULL && strcmp(text, want) == 0;
	if (!right)
		why_set(why, WHY_LOCAL_STORAGE, "history.db: \"%.60s\" answers %s, not %s", sql,
		    text != NULL ? text : sqlite3_errmsg(db), want);
	sqlite3_finalize(s);
	return right ? 0 : -1;
}

static int
apply_settings(sqlite3 *db, struct why *why)
{
	for (size_t i = 0; i < LENGTH(settings); i++) {
		if (sqlite3_exec(db, settings[i].set, NULL, NULL, NULL) != SQLITE_OK)
			return db_says(db, why);
		if (expect(db, settings[i].ask, settings[i].want, why) == -1)
			return -1;
	}
	return 0;
}

static int
open_db(struct history_ledger *l, const char *path, struct why *why)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	struct why fresh;

	if (sqlite3_open_v2(path, &l->db, flags, NULL) != SQLITE_OK) {
		if (l->db == NULL)
			return why_set(why, WHY_LOCAL_STORAGE, "history.db: out of memory");
		return db_says(l->db, why);
	}
	sqlite3_busy_timeout(l->db, 1000);
	sqlite3_limit(l->db, SQLITE_LIMIT_LENGTH, 1 << 20);
	if (apply_settings(l->db, why) == -1)
		return -1;
	if (expect(l->db, "SELECT count(*) FROM sqlite_schema", "0", &fresh) == 0 &&
	    sqlite3_exec(l->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return db_says(l->db, why);
	for (size_t i = 0; i < LENGTH(checks); i++)
		if (expect(l->db, checks[i].ask, checks[i].want, why) == -1)
			return -1;
	return 0;
}

struct history_ledger *
history_ledger_open(const char *path, struct why *why)
{
	struct history_ledger *l = must_calloc(1, sizeof *l);

	why_clear(&l->broken);
	if (open_db(l, path, &l->broken) == -1) {
		sqlite3_close(l->db);
		l->db = NULL;
	}
	*why = l->broken;
	return l;
}

void
history_ledger_close(struct history_ledger **lp)
{
	struct history_ledger *l = *lp;
	struct why why;

	*lp = NULL;
	if (l == NULL)
		return;
	if (l->db != NULL && history_ledger_sync(l, &why) == -1)
		log_err("%s", why.text);
	MUST(sqlite3_close(l->db) == SQLITE_OK);
	free(l);
}

int
history_ledger_ok(const struct history_ledger *l)
{
	return l->db != NULL;
}
