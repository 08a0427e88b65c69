/* SPDX-License-Identifier: ISC */
/* ledger: see ledger.h. The tables; opening and checking the file is in ledger_open.c. */
#include "lib/history/ledger.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/history/ledger_int.h"

static int
db_says(struct history_ledger *l, struct why *why)
{
	return why_set(why, WHY_LOCAL_STORAGE, "history.db: %s", sqlite3_errmsg(l->db));
}

static sqlite3_stmt *
prepare(struct history_ledger *l, const char *sql, struct why *why)
{
	sqlite3_stmt *s = NULL;

	if (l->db == NULL)
		*why = l->broken;
	else if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK)
		db_says(l, why);
	return s;
}

/* 's' text, 'i' int64, in the order of the parameters. */
static void
bind_all(sqlite3_stmt *s, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	for (int i = 0; types[i] != '\0'; i++)
		if (types[i] == 's')
			sqlite3_bind_text(s, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
	va_end(ap);
}

/* Runs a statement that returns no row: how many rows it changed, or -1. */
static int
run(struct history_ledger *l, sqlite3_stmt *s, struct why *why)
{
	int e = sqlite3_step(s);

	sqlite3_finalize(s);
	return e == SQLITE_DONE ? sqlite3_changes(l->db) : db_says(l, why);
}

static int
exec(struct history_ledger *l, const char *sql, struct why *why)
{
	if (l->db == NULL) {
		*why = l->broken;
		return -1;
	}
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_says(l, why);
}

/* ---- proofs gather ---- */

static int
gather(struct history_ledger *l, struct why *why)
{
	if (l->gathering)
		return 0;
	if (exec(l, "BEGIN IMMEDIATE", why) == -1)
		return -1;
	l->gathering = 1;
	return 0;
}

int
history_ledger_sync(struct history_ledger *l, struct why *why)
{
	struct why ignored;

	if (!l->gathering)
		return 0;
	l->gathering = 0;
	if (exec(l, "COMMIT", why) == 0)
		return 0;
	exec(l, "ROLLBACK", &ignored);
	return -1;
}

static int
note_level(struct history_ledger *l, const char *domain, const char *host, enum plan_level level,
    int64_t now, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "INSERT INTO proven(domain, host, level, first, last, count) "
	    "VALUES(?1, ?2, ?3, ?4, ?4, 1) ON CONFLICT(domain, host, level) DO UPDATE SET "
	    "last = max(last, ?4), count = min(count + 1, 4294967295)", why);

	if (s == NULL)
		return -1;
	bind_all(s, "ssii", domain, host, (int64_t)level, now);
	return run(l, s, why) == -1 ? -1 : 0;
}

/* A domain that changes its hosts all the time shall not fill the disk. */
static int
make_room(struct history_ledger *l, const char *domain, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "DELETE FROM proven WHERE domain = ?1 AND (host, level) IN "
	    "(SELECT host, level FROM proven WHERE domain = ?1 ORDER BY last DESC, level DESC "
	    "LIMIT -1 OFFSET ?2)", why);

	if (s == NULL)
		return -1;
	bind_all(s, "si", domain, (int64_t)HISTORY_ROWS_MAX);
	return run(l, s, why) == -1 ? -1 : 0;
}

int
history_ledger_note(struct history_ledger *l, const char *domain, const char *host,
    const struct plan_shown *shown, int64_t now, struct why *why)
{
	if (gather(l, why) == -1)
		return -1;
	for (enum plan_level level = PLAN_ENCRYPT; level <= PLAN_DANE; level++)
		if (shown->proven[level] && note_level(l, domain, host, level, now, why) == -1)
			return -1;
	return make_room(l, domain, why);
}

/* ---- reading ---- */

static int
get_text(sqlite3_stmt *s, int column, char *to, size_t cap)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL && strlen(text) == (size_t)sqlite3_column_bytes(s, column) &&
	    str_copy(to, text, cap) < cap ? 0 : -1;
}

static int
get_level(sqlite3_stmt *s, int column, enum plan_level least, enum plan_level *to)
{
	int64_t v = sqlite3_column_int64(s, column);

	*to = v >= (int64_t)least && v <= PLAN_DANE ? (enum plan_level)v : PLAN_NO_LEVEL;
	return v >= (int64_t)least && v <= PLAN_DANE ? 0 : -1;
}

static int
get_time(sqlite3_stmt *s, int column, int64_t *to)
{
	*to = sqlite3_column_int64(s, column);
	return *to >= 0 && *to <= HISTORY_TIME_MAX ? 0 : -1;
}

/* Columns: domain, host, level, first, last, count. */
static int
row_get(sqlite3_stmt *s, struct history_row *r, struct why *why)
{
	int64_t count = sqlite3_column_int64(s, 5);

	if (get_text(s, 0, r->domain, sizeof r->domain) == -1 || r->domain[0] == '\0' ||
	    get_text(s, 1, r->host, sizeof r->host) == -1 ||
	    get_level(s, 2, PLAN_ENCRYPT, &r->level) == -1 || get_time(s, 3, &r->first) == -1 ||
	    get_time(s, 4, &r->last) == -1 || r->first > r->last || count < 1)
		return why_set(why, WHY_LOCAL_STORAGE, "history.db: a row of %.100s is damaged",
		    r->domain);
	r->count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
	return 0;
}

/* All rows of the statement, which ends here; at most max are there. */
static int
rows_get(struct history_ledger *l, sqlite3_stmt *s, struct history_row *rows, size_t max,
    struct why *why)
{
	size_t n = 0;
	int e;

	while ((e = sqlite3_step(s)) == SQLITE_ROW && n < max) {
		if (row_get(s, &rows[n++], why) == -1) {
			sqlite3_finalize(s);
			return -1;
		}
	}
	sqlite3_finalize(s);
	return e == SQLITE_DONE || e == SQLITE_ROW ? (int)n : db_says(l, why);
}

int
history_ledger_rows(struct history_ledger *l, const char *domain, struct history_row *rows,
    size_t max, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "SELECT domain, host, level, first, last, count FROM proven "
	    "WHERE domain = ?1 ORDER BY level DESC, last DESC, host LIMIT ?2", why);

	if (s == NULL)
		return -1;
	bind_all(s, "si", domain, (int64_t)max);
	return rows_get(l, s, rows, max, why);
}

int
history_ledger_list(struct history_ledger *l, const char *after, int64_t since,
    struct history_row *rows, size_t max, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "SELECT domain, '', level, min(first), max(last), sum(count) "
	    "FROM proven AS p WHERE domain > ?1 AND last >= ?2 AND level = (SELECT max(level) "
	    "FROM proven WHERE domain = p.domain AND last >= ?2) GROUP BY domain ORDER BY domain "
	    "LIMIT ?3", why);

	if (s == NULL)
		return -1;
	bind_all(s, "sii", after, since, (int64_t)max);
	return rows_get(l, s, rows, max, why);
}

/* ---- forgetting ---- */

int
history_ledger_forget(struct history_ledger *l, const char *domain, const char *host,
    enum plan_level level, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "DELETE FROM proven WHERE domain = ?1 AND level = ?3 "
	    "AND (host = ?2 OR ?2 = '')", why);
	int n;

	if (s == NULL)
		return -1;
	bind_all(s, "ssi", domain, host, (int64_t)level);
	n = run(l, s, why);
	return n > 0 && history_ledger_sync(l, why) == -1 ? -1 : n;
}

static int
accept_rows(struct history_ledger *l, const struct history_accepted *a, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "INSERT INTO accepted(domain, at, uid, had, reason) "
	    "VALUES(?1, ?2, ?3, ?4, ?5)", why);

	if (s == NULL)
		return -1;
	bind_all(s, "siiis", a->domain, a->at, (int64_t)a->uid, (int64_t)a->had, a->reason);
	if (run(l, s, why) == -1 ||
	    (s = prepare(l, "DELETE FROM proven WHERE domain = ?1", why)) == NULL)
		return -1;
	bind_all(s, "s", a->domain);
	return run(l, s, why);
}

int
history_ledger_accept(struct history_ledger *l, const struct history_accepted *a, struct why *why)
{
	struct why ignored;
	int n;

	if (history_ledger_sync(l, why) == -1 || gather(l, why) == -1)
		return -1;
	n = accept_rows(l, a, why);
	if (n == -1) {
		l->gathering = 0;
		exec(l, "ROLLBACK", &ignored);
		return -1;
	}
	return history_ledger_sync(l, why) == -1 ? -1 : n;
}

/* Columns: domain, at, uid, had, reason. */
static int
accepted_get(sqlite3_stmt *s, struct history_accepted *a)
{
	int64_t uid = sqlite3_column_int64(s, 2);

	a->uid = (uint32_t)uid;
	return get_text(s, 0, a->domain, sizeof a->domain) == -1 ||
	    get_time(s, 1, &a->at) == -1 || uid < 0 || uid > UINT32_MAX ||
	    get_level(s, 3, PLAN_NO_LEVEL, &a->had) == -1 ||
	    get_text(s, 4, a->reason, sizeof a->reason) == -1 ? -1 : 0;
}

int
history_ledger_acceptances(struct history_ledger *l, const char *domain,
    struct history_accepted *to, size_t max, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "SELECT domain, at, uid, had, reason FROM accepted "
	    "WHERE domain = ?1 ORDER BY id DESC LIMIT ?2", why);
	size_t n = 0;
	int e;

	if (s == NULL)
		return -1;
	bind_all(s, "si", domain, (int64_t)max);
	while ((e = sqlite3_step(s)) == SQLITE_ROW && n < max)
		if (accepted_get(s, &to[n]) == 0)	/* a damaged one only tells less */
			n++;
	sqlite3_finalize(s);
	return e == SQLITE_DONE || e == SQLITE_ROW ? (int)n : db_says(l, why);
}

int
history_ledger_purge(struct history_ledger *l, int64_t before, struct why *why)
{
	sqlite3_stmt *s = prepare(l, "DELETE FROM proven WHERE last < ?1", why);

	if (s == NULL)
		return -1;
	bind_all(s, "i", before);
	return run(l, s, why);
}
