/* SPDX-License-Identifier: ISC */
/* cache: see cache.h. The tables; opening and checking the file is in cache_open.c. */
#include "lib/sts/cache.h"

#include <stdarg.h>
#include <string.h>

#include <sqlite3.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"
#include "lib/sts/cache_int.h"

#define USED_STEP	3600		/* seconds; "used" is not written more often */
#define FAILURE_KEPT	(2 * 86400)
#define DUE_FLOOR	3600		/* no policy is refreshed more often */

static sqlite3_stmt *
prepare(struct sts_cache *c, const char *sql, struct why *why)
{
	sqlite3_stmt *s = NULL;

	if (c->db == NULL) {
		why_set(why, WHY_LOCAL_STORAGE, "MTA-STS cache: %s", c->broken.text);
		return NULL;
	}
	if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK) {
		why_set(why, WHY_LOCAL_STORAGE, "MTA-STS cache: %s", sqlite3_errmsg(c->db));
		return NULL;
	}
	return s;
}

/* 's' text, 'i' int64, in the order of the parameters. */
static void
bind_all(sqlite3_stmt *s, const char *types, ...)
{
	va_list ap;
	int i;

	va_start(ap, types);
	for (i = 0; types[i] != '\0'; i++)
		if (types[i] == 's')
			sqlite3_bind_text(s, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
	va_end(ap);
}

/* Runs a statement that returns no row. */
static int
run(struct sts_cache *c, sqlite3_stmt *s, struct why *why)
{
	int e = sqlite3_step(s);

	sqlite3_finalize(s);
	if (e == SQLITE_DONE)
		return 0;
	return why_set(why, WHY_LOCAL_STORAGE, "MTA-STS cache: %s", sqlite3_errmsg(c->db));
}

/* The same for notes whose loss is only worth a line in the log. */
static void
run_noted(struct sts_cache *c, sqlite3_stmt *s)
{
	struct why why;

	if (run(c, s, &why) == -1)
		log_warning("%s", why.text);
}

static int
id_ok(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n < STS_ID_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n;
}

static int
broken_row(const char *domain, const char *what, struct why *why)
{
	return why_set(why, WHY_LOCAL_STORAGE, "MTA-STS cache: row of %s: %s", domain, what);
}

/* Columns: id, body, fetched, expires, tried, used. HARDENING F19. */
int
sts_entry_read(sqlite3_stmt *s, struct sts_entry *e, struct why *why)
{
	const char *id = (const char *)sqlite3_column_text(s, 0);
	const void *body = sqlite3_column_blob(s, 1);
	int len = sqlite3_column_bytes(s, 1);

	memset(&e->policy, 0, sizeof e->policy);
	if (id == NULL || !id_ok(id))
		return broken_row(e->domain, "id", why);
	str_copy(e->id, id, sizeof e->id);
	e->fetched = sqlite3_column_int64(s, 2);
	e->expires = sqlite3_column_int64(s, 3);
	e->tried = sqlite3_column_int64(s, 4);
	e->used = sqlite3_column_int64(s, 5);
	if (body == NULL || len <= 0 || sts_policy_parse(&e->policy, body, (size_t)len, NULL) == -1)
		return broken_row(e->domain, "body", why);
	if (e->fetched < 0 || e->fetched > INT64_MAX / 2 || e->tried < 0 || e->used < 0 ||
	    e->expires != e->fetched + (int64_t)e->policy.max_age) {
		sts_policy_fini(&e->policy);
		return broken_row(e->domain, "dates", why);
	}
	return 0;
}

enum sts_cached
sts_cache_get(struct sts_cache *c, const char *domain, int64_t now, struct sts_entry *e,
    struct why *why)
{
	enum sts_cached found = STS_CACHED_BROKEN;
	sqlite3_stmt *s;
	int step;

	memset(e, 0, sizeof *e);
	str_copy(e->domain, domain, sizeof e->domain);
	s = prepare(c, "SELECT id, body, fetched, expires, tried, used FROM sts_policy "
	    "WHERE domain = ?1", why);
	if (s == NULL)
		return STS_CACHED_BROKEN;
	bind_all(s, "s", domain);
	step = sqlite3_step(s);
	if (step == SQLITE_DONE)
		found = STS_CACHED_ABSENT;
	else if (step != SQLITE_ROW)
		why_set(why, WHY_LOCAL_STORAGE, "MTA-STS cache: %s", sqlite3_errmsg(c->db));
	else if (sts_entry_read(s, e, why) == 0)
		found = e->expires > now ? STS_CACHED_FOUND : STS_CACHED_ABSENT;
	sqlite3_finalize(s);
	if (found != STS_CACHED_FOUND)
		sts_entry_fini(e);
	return found;
}

void
sts_entry_fini(struct sts_entry *e)
{
	sts_policy_fini(&e->policy);
}

int
sts_cache_put(struct sts_cache *c, const char *domain, const char *id, const char *body,
    size_t len, int64_t now, struct why *why)
{
	struct sts_policy p;
	sqlite3_stmt *s;

	if (sts_policy_parse(&p, body, len, why) == -1)
		return -1;
	s = prepare(c, "INSERT INTO sts_policy(domain, id, fetched, expires, tried, used, body) "
	    "VALUES(?1, ?2, ?3, ?4, ?3, ?3, ?5) ON CONFLICT(domain) DO UPDATE SET id = ?2, "
	    "fetched = ?3, expires = ?4, tried = ?3, used = max(used, 0), body = ?5", why);
	if (s == NULL) {
		sts_policy_fini(&p);
		return -1;
	}
	bind_all(s, "ssii", domain, id, now, now + (int64_t)p.max_age);
	sqlite3_bind_blob(s, 5, body, (int)len, SQLITE_STATIC);
	sts_policy_fini(&p);
	return run(c, s, why);
}

void
sts_cache_used(struct sts_cache *c, const struct sts_entry *e, int64_t now)
{
	sqlite3_stmt *s;

	if (now - e->used < USED_STEP && now >= e->used)
		return;
	s = prepare(c, "UPDATE sts_policy SET used = ?2 WHERE domain = ?1", NULL);
	if (s == NULL)
		return;
	bind_all(s, "si", e->domain, now);
	run_noted(c, s);
}

void
sts_cache_tried(struct sts_cache *c, const char *domain, int64_t now)
{
	sqlite3_stmt *s = prepare(c, "UPDATE sts_policy SET tried = ?2 WHERE domain = ?1", NULL);

	if (s == NULL)
		return;
	bind_all(s, "si", domain, now);
	run_noted(c, s);
}

void
sts_cache_fail(struct sts_cache *c, const char *domain, const char *id, int64_t now,
    const struct why *why)
{
	sqlite3_stmt *s = prepare(c,
	    "INSERT INTO sts_failure(domain, id, first, last, reason, words) "
	    "VALUES(?1, ?2, ?3, ?3, ?4, ?5) ON CONFLICT(domain, id) DO UPDATE SET "
	    "last = ?3, reason = ?4, words = ?5", NULL);

	if (s == NULL)
		return;
	bind_all(s, "ssiss", domain, id, now, why_token(why->reason), why->text);
	run_noted(c, s);
}

/* Columns: first, last, reason, words. */
static void
failure_read(sqlite3_stmt *s, int64_t *first, int64_t *last, struct why *why)
{
	const char *token = (const char *)sqlite3_column_text(s, 2);
	const char *words = (const char *)sqlite3_column_text(s, 3);
	enum why_reason reason = token == NULL ? WHY__COUNT : why_reason_of(token);

	*first = sqlite3_column_int64(s, 0);
	*last = sqlite3_column_int64(s, 1);
	if (reason == WHY__COUNT || reason == WHY_NONE)
		reason = WHY_STS_FETCH;
	why_set(why, reason, "%s", words != NULL ? words : "");
}

int
sts_cache_failed(struct sts_cache *c, const char *domain, const char *id, int64_t *first,
    int64_t *last, struct why *why)
{
	sqlite3_stmt *s = prepare(c, "SELECT first, last, reason, words FROM sts_failure "
	    "WHERE domain = ?1 AND id = ?2", NULL);
	int found;

	if (s == NULL)
		return 0;
	bind_all(s, "ss", domain, id);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found)
		failure_read(s, first, last, why);
	sqlite3_finalize(s);
	return found;
}

int
sts_cache_failure(struct sts_cache *c, const char *domain, char id[STS_ID_MAX], int64_t *first,
    int64_t *last, struct why *why)
{
	sqlite3_stmt *s = prepare(c, "SELECT first, last, reason, words, id FROM sts_failure "
	    "WHERE domain = ?1 ORDER BY last DESC LIMIT 1", NULL);
	const char *text;
	int found;

	if (s == NULL)
		return 0;
	bind_all(s, "s", domain);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		failure_read(s, first, last, why);
		text = (const char *)sqlite3_column_text(s, 4);
		str_copy(id, text != NULL ? text : "", STS_ID_MAX);
	}
	sqlite3_finalize(s);
	return found;
}

int
sts_cache_forget(struct sts_cache *c, const char *domain, struct why *why)
{
	static const char *const sql[] = {
		"DELETE FROM sts_policy WHERE domain = ?1",
		"DELETE FROM sts_failure WHERE domain = ?1",
	};
	int gone = 0;

	for (size_t i = 0; i < LENGTH(sql); i++) {
		sqlite3_stmt *s = prepare(c, sql[i], why);

		if (s == NULL)
			return -1;
		bind_all(s, "s", domain);
		if (run(c, s, why) == -1)
			return -1;
		gone += sqlite3_changes(c->db);
	}
	return gone;
}

void
sts_cache_forgive(struct sts_cache *c, const char *domain, const char *id)
{
	sqlite3_stmt *s = prepare(c, "DELETE FROM sts_failure WHERE domain = ?1 AND id = ?2", NULL);

	if (s == NULL)
		return;
	bind_all(s, "ss", domain, id);
	run_noted(c, s);
}

size_t
sts_cache_due(struct sts_cache *c, int64_t now, int64_t before, int64_t used_since,
    char (*domains)[DNS_NAME_MAX], size_t max)
{
	sqlite3_stmt *s = prepare(c, "SELECT domain FROM sts_policy WHERE expires > ?1 "
	    "AND used >= ?3 AND max(fetched, tried) <= "
	    "max(?2, ?1 - max((expires - fetched) / 2, ?5)) "
	    "ORDER BY max(fetched, tried) LIMIT ?4", NULL);
	const char *name;
	size_t n = 0;

	if (s == NULL)
		return 0;
	bind_all(s, "iiiii", now, before, used_since, (int64_t)max, (int64_t)DUE_FLOOR);
	while (n < max && sqlite3_step(s) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(s, 0);
		if (name != NULL && dns_name_normalize(name, strlen(name), domains[n]) == 0)
			n++;
	}
	sqlite3_finalize(s);
	return n;
}

void
sts_cache_purge(struct sts_cache *c, int64_t now)
{
	static const char *const sql[] = {
		"DELETE FROM sts_policy WHERE expires < ?1",
		"DELETE FROM sts_failure WHERE last < ?1",
	};
	sqlite3_stmt *s;
	int i;

	for (i = 0; i < 2; i++) {
		s = prepare(c, sql[i], NULL);
		if (s == NULL)
			return;
		bind_all(s, "i", now - (i == 0 ? 0 : (int64_t)FAILURE_KEPT));
		run_noted(c, s);
	}
}
