/* SPDX-License-Identifier: ISC */
/*
 * cache_open: opens policy.db, makes sure that it is ours, whole, and as
 * durable as it was asked to be: each setting is read back (HARDENING D14).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/sts/cache_int.h"

#define VERSION	1

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE sts_policy(domain TEXT PRIMARY KEY NOT NULL, id TEXT NOT NULL,"
    " body BLOB NOT NULL, fetched INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " tried INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
    "CREATE TABLE sts_failure(domain TEXT NOT NULL, id TEXT NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT NOT NULL,"
    " words TEXT NOT NULL, PRIMARY KEY(domain, id)) STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 1;"
    "COMMIT";

/* set, ask, and what must come back. Exclusive first: then WAL needs no shared memory. */
static const struct setting {
	const char	*set, *ask, *want;
} settings[] = {
	{ "PRAGMA locking_mode = EXCLUSIVE",	"PRAGMA locking_mode",	"exclusive" },
	{ "PRAGMA journal_mode = WAL",		"PRAGMA journal_mode",	"wal" },
	{ "PRAGMA synchronous = FULL",		"PRAGMA synchronous",	"2" },
	{ "PRAGMA mmap_size = 0",		NULL,			NULL },
	{ "PRAGMA temp_store = MEMORY",		"PRAGMA temp_store",	"2" },
	{ "PRAGMA trusted_schema = OFF",	"PRAGMA trusted_schema", "0" },
	{ "PRAGMA cell_size_check = ON",	"PRAGMA cell_size_check", "1" },
	{ "PRAGMA journal_size_limit = 4194304", NULL,			NULL },
};

static int
db_says(sqlite3 *db, struct why *why)
{
	return why_set(why, WHY_LOCAL_STORAGE, "policy.db: %s", sqlite3_errmsg(db));
}

/* The first column of the first row, "" if there is none. */
static int
ask(sqlite3 *db, const char *sql, char *to, size_t cap, struct why *why)
{
	sqlite3_stmt *s;
	const char *text;
	int step;

	to[0] = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return db_says(db, why);
	step = sqlite3_step(s);
	if (step == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(s, 0);
		str_copy(to, text != NULL ? text : "", cap);
	}
	sqlite3_finalize(s);
	return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : db_says(db, why);
}

static int
apply_settings(sqlite3 *db, struct why *why)
{
	char got[64];
	size_t i;

	for (i = 0; i < LENGTH(settings); i++) {
		const struct setting *p = &settings[i];

		if (sqlite3_exec(db, p->set, NULL, NULL, NULL) != SQLITE_OK)
			return db_says(db, why);
		if (p->ask == NULL)
			continue;
		if (ask(db, p->ask, got, sizeof got, why) == -1)
			return -1;
		if (strcmp(got, p->want) != 0)
			return why_set(why, WHY_LOCAL_STORAGE,
			    "policy.db: \"%s\" answers %s, not %s", p->ask, got, p->want);
	}
	return 0;
}

static int
check_whole(sqlite3 *db, struct why *why)
{
	char got[200];

	if (ask(db, "PRAGMA quick_check(1)", got, sizeof got, why) == -1)
		return -1;
	if (strcmp(got, "ok") != 0)
		return why_set(why, WHY_LOCAL_STORAGE, "policy.db is damaged: %s", got);
	return 0;
}

static int
check_version(sqlite3 *db, struct why *why)
{
	char version[32], tables[32], want[32];

	if (ask(db, "PRAGMA user_version", version, sizeof version, why) == -1 ||
	    ask(db, "SELECT count(*) FROM sqlite_schema", tables, sizeof tables, why) == -1)
		return -1;
	if (strcmp(version, "0") == 0 && strcmp(tables, "0") == 0) {
		if (sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)
			return db_says(db, why);
		return 0;
	}
	str_fmt(want, sizeof want, "%d", VERSION);
	if (strcmp(version, want) != 0)
		return why_set(why, WHY_LOCAL_STORAGE, "policy.db has version %s, this program "
		    "knows %d", version, VERSION);
	/* Both tables answer, or it is another file of that version. */
	if (ask(db, "SELECT domain, id, body, fetched, expires, tried, used FROM sts_policy "
	    "LIMIT 1", tables, sizeof tables, why) == -1)
		return -1;
	return ask(db, "SELECT domain, id, first, last, reason, words FROM sts_failure LIMIT 1",
	    tables, sizeof tables, why);
}

static int
open_db(struct sts_cache *c, const char *path, struct why *why)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(path, &c->db, flags, NULL) != SQLITE_OK) {
		if (c->db == NULL)
			return why_set(why, WHY_LOCAL_STORAGE, "policy.db: out of memory");
		return db_says(c->db, why);
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, 1000);
	sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, 1 << 20);
	if (apply_settings(c->db, why) == -1 || check_whole(c->db, why) == -1)
		return -1;
	return check_version(c->db, why);
}

struct sts_cache *
sts_cache_open(const char *path, struct why *why)
{
	struct sts_cache *c = must_calloc(1, sizeof *c);

	why_clear(&c->broken);
	if (open_db(c, path, &c->broken) == -1) {
		sqlite3_close(c->db);
		c->db = NULL;
	}
	if (why != NULL)
		*why = c->broken;
	return c;
}

void
sts_cache_close(struct sts_cache **cp)
{
	if (*cp == NULL)
		return;
	MUST(sqlite3_close((*cp)->db) == SQLITE_OK);
	free(*cp);
	*cp = NULL;
}

int
sts_cache_ok(const struct sts_cache *c)
{
	return c->db != NULL;
}
