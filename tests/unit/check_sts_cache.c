/* SPDX-License-Identifier: ISC */
/* check_sts_cache: policy.db: kept, read back with suspicion, and never silently empty. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/sts/cache.h"

#define NOW	1800000000
#define BODY	"version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 1000\n"

static char dir[64], path[80];
static struct sts_cache *cache;
static struct why why;

static void
setup(void)
{
	str_fmt(dir, sizeof dir, "/tmp/check_sts_cache.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	str_fmt(path, sizeof path, "%s/policy.db", dir);
	cache = sts_cache_open(path, &why);
	ck_assert_msg(sts_cache_ok(cache), "%s", why.text);
	ck_assert(!why_is_set(&why));
}

static void
teardown(void)
{
	char other[96];

	sts_cache_close(&cache);
	unlink(path);
	str_fmt(other, sizeof other, "%s-wal", path);
	unlink(other);
	str_fmt(other, sizeof other, "%s-journal", path);
	unlink(other);
	chmod(dir, 0700);
	rmdir(dir);
}

static void
put(const char *domain, int64_t now)
{
	ck_assert_int_eq(sts_cache_put(cache, domain, "id1", BODY, strlen(BODY), now, &why), 0);
}

static enum sts_cached
get(const char *domain, int64_t now)
{
	struct sts_entry e;
	enum sts_cached found = sts_cache_get(cache, domain, now, &e, &why);

	if (found == STS_CACHED_FOUND) {
		ck_assert_str_eq(e.domain, domain);
		ck_assert_str_eq(e.policy.patterns[0], "*.a.example");
		sts_entry_fini(&e);
	}
	return found;
}

START_TEST(test_keep)
{
	struct sts_entry e;

	ck_assert_int_eq(get("a.example", NOW), STS_CACHED_ABSENT);
	put("a.example", NOW);
	ck_assert_int_eq(get("a.example", NOW), STS_CACHED_FOUND);
	ck_assert_int_eq(get("a.example", NOW + 999), STS_CACHED_FOUND);
	ck_assert_int_eq(get("a.example", NOW + 1000), STS_CACHED_ABSENT);
	ck_assert_int_eq(get("b.example", NOW), STS_CACHED_ABSENT);
	sts_cache_close(&cache);
	cache = sts_cache_open(path, &why);
	ck_assert_int_eq(sts_cache_get(cache, "a.example", NOW, &e, &why), STS_CACHED_FOUND);
	ck_assert_str_eq(e.id, "id1");
	ck_assert(e.fetched == NOW && e.expires == NOW + 1000 && e.used == NOW);
	sts_cache_used(cache, &e, NOW + 7200);
	sts_entry_fini(&e);
	ck_assert_int_eq(sts_cache_get(cache, "a.example", NOW, &e, &why), STS_CACHED_FOUND);
	ck_assert_int_eq(e.used, NOW + 7200);
	sts_entry_fini(&e);
}
END_TEST

START_TEST(test_put_refuses)
{
	put("a.example", NOW);
	ck_assert_int_eq(sts_cache_put(cache, "a.example", "id2", "junk", 4, NOW, &why), -1);
	ck_assert_int_eq(get("a.example", NOW), STS_CACHED_FOUND);
}
END_TEST

START_TEST(test_failures)
{
	int64_t first = 0, last = 0;
	struct why w;

	ck_assert(!sts_cache_failed(cache, "a.example", "1", &first, &last, &w));
	why_set(&why, WHY_STS_WEBPKI, "bad certificate");
	sts_cache_fail(cache, "a.example", "1", NOW, &why);
	sts_cache_fail(cache, "a.example", "1", NOW + 10, &why);
	ck_assert(sts_cache_failed(cache, "a.example", "1", &first, &last, &w));
	ck_assert(first == NOW && last == NOW + 10 && w.reason == WHY_STS_WEBPKI);
	ck_assert_str_eq(w.text, "bad certificate");
	ck_assert(!sts_cache_failed(cache, "a.example", "2", &first, &last, &w));
	ck_assert(!sts_cache_failed(cache, "b.example", "1", &first, &last, &w));
	sts_cache_purge(cache, NOW + 86400);
	ck_assert(sts_cache_failed(cache, "a.example", "1", &first, &last, &w));
	sts_cache_purge(cache, NOW + 4 * 86400);
	ck_assert(!sts_cache_failed(cache, "a.example", "1", &first, &last, &w));
	sts_cache_fail(cache, "a.example", "", NOW, &why);
	sts_cache_forgive(cache, "a.example", "1");
	ck_assert(sts_cache_failed(cache, "a.example", "", &first, &last, &w));
	sts_cache_forgive(cache, "a.example", "");
	ck_assert(!sts_cache_failed(cache, "a.example", "", &first, &last, &w));
}
END_TEST

START_TEST(test_forget)
{
	struct why said;
	char id[STS_ID_MAX];
	int64_t first, last;

	ck_assert_int_eq(sts_cache_forget(cache, "a.example", &why), 0);
	ck_assert_int_eq(sts_cache_failure(cache, "a.example", id, &first, &last, &said), 0);
	put("a.example", NOW);
	put("b.example", NOW);
	why_set(&why, WHY_STS_FETCH, "first");
	sts_cache_fail(cache, "a.example", "1", NOW, &why);
	why_set(&why, WHY_STS_INVALID, "second");
	sts_cache_fail(cache, "a.example", "2", NOW + 5, &why);
	ck_assert_int_eq(sts_cache_failure(cache, "a.example", id, &first, &last, &said), 1);
	ck_assert_str_eq(id, "2");
	ck_assert(last == NOW + 5 && said.reason == WHY_STS_INVALID);
	ck_assert_int_eq(sts_cache_forget(cache, "a.example", &why), 3);
	ck_assert_int_eq((int)get("a.example", NOW), STS_CACHED_ABSENT);
	ck_assert_int_eq((int)get("b.example", NOW), STS_CACHED_FOUND);
	ck_assert_int_eq(sts_cache_failure(cache, "a.example", id, &first, &last, &said), 0);
}
END_TEST

START_TEST(test_due)
{
	static const char body[] = "version: STSv1\nmode: none\nmax_age: 2592000\n";
	char domains[4][DNS_NAME_MAX];
	int64_t now = NOW + 2 * 86400;

	ck_assert_int_eq(sts_cache_put(cache, "old.example", "1", body, strlen(body), NOW, &why), 0);
	ck_assert_int_eq(sts_cache_put(cache, "new.example", "1", body, strlen(body), now, &why), 0);
	put("expired.example", NOW);
	ck_assert_uint_eq(sts_cache_due(cache, now, now - 86400, NOW, domains, 4), 1);
	ck_assert_str_eq(domains[0], "old.example");
	ck_assert_uint_eq(sts_cache_due(cache, now, now - 86400, NOW + 1, domains, 4), 0);	/* unused */
	ck_assert_uint_eq(sts_cache_due(cache, now, now, NOW, domains, 1), 1);
	ck_assert_uint_eq(sts_cache_due(cache, now, now, NOW, domains, 4), 2);
	sts_cache_tried(cache, "old.example", now);
	ck_assert_uint_eq(sts_cache_due(cache, now, now - 86400, NOW, domains, 4), 0);
	sts_cache_purge(cache, now);
	ck_assert_int_eq(get("expired.example", NOW), STS_CACHED_ABSENT);
}
END_TEST

/* HARDENING F19: rows that someone or something changed. */
static const char *const vandalisms[] = {
	"UPDATE sts_policy SET id = ''",
	"UPDATE sts_policy SET id = 'a b'",
	"UPDATE sts_policy SET id = '012345678901234567890123456789012'",
	"UPDATE sts_policy SET body = x''",
	"UPDATE sts_policy SET body = x'00'",
	"UPDATE sts_policy SET body = CAST(replace(body, 'enforce', 'enforced') AS BLOB)",
	"UPDATE sts_policy SET body = zeroblob(70000)",
	"UPDATE sts_policy SET expires = expires + 1",
	"UPDATE sts_policy SET expires = 9223372036854775807",
	"UPDATE sts_policy SET fetched = -1",
	"UPDATE sts_policy SET fetched = 9223372036854775807, expires = 9223372036854775807",
	"UPDATE sts_policy SET tried = -5",
	"UPDATE sts_policy SET used = -5",
};

static void
vandalize(const char *sql)
{
	sqlite3 *db;

	sts_cache_close(&cache);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	cache = sts_cache_open(path, &why);
}

START_TEST(test_row)
{
	put("a.example", NOW);
	vandalize(vandalisms[_i]);
	ck_assert(sts_cache_ok(cache));
	ck_assert_msg(get("a.example", NOW) == STS_CACHED_BROKEN, "%s", vandalisms[_i]);
	ck_assert_str_eq(why_token(why.reason), "local-storage");
	/* Another domain is not concerned, and a new policy heals the row. */
	ck_assert_int_eq(get("b.example", NOW), STS_CACHED_ABSENT);
	put("a.example", NOW);
	ck_assert_int_eq(get("a.example", NOW), STS_CACHED_FOUND);
}
END_TEST

static const char *const other_files[] = {
	"PRAGMA user_version = 2",
	"PRAGMA user_version = 0",
	"DROP TABLE sts_policy",
	"ALTER TABLE sts_failure RENAME COLUMN words TO x",
};

static void
expect_broken(void)
{
	int64_t t;

	ck_assert(!sts_cache_ok(cache));
	ck_assert(why_is_set(&why));
	ck_assert_int_eq(get("a.example", NOW), STS_CACHED_BROKEN);
	ck_assert_int_eq(get("b.example", NOW), STS_CACHED_BROKEN);
	ck_assert_int_eq(sts_cache_put(cache, "a.example", "1", BODY, strlen(BODY), NOW, NULL), -1);
	sts_cache_tried(cache, "a.example", NOW);
	sts_cache_fail(cache, "a.example", "", NOW, &why);
	ck_assert(!sts_cache_failed(cache, "a.example", "", &t, &t, NULL));
	ck_assert_uint_eq(sts_cache_due(cache, NOW, NOW, 0, NULL, 0), 0);
	sts_cache_purge(cache, NOW);
}

START_TEST(test_other_file)
{
	put("a.example", NOW);
	vandalize(other_files[_i]);
	expect_broken();
}
END_TEST

START_TEST(test_damaged)
{
	char junk[512];
	FILE *f;
	int i;

	put("a.example", NOW);
	sts_cache_close(&cache);
	memset(junk, 0xa5, sizeof junk);
	f = fopen(path, "r+");
	for (i = 1; i < 12; i++) {
		fseek(f, i * 2048L, SEEK_SET);
		fwrite(junk, 1, sizeof junk, f);
	}
	fclose(f);
	cache = sts_cache_open(path, &why);
	expect_broken();
}
END_TEST

START_TEST(test_no_folder)
{
	sts_cache_close(&cache);
	cache = sts_cache_open("/nonexistent/policy.db", &why);
	expect_broken();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sts_cache");
	TCase *t = tcase_create("cache");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_keep);
	tcase_add_test(t, test_put_refuses);
	tcase_add_test(t, test_failures);
	tcase_add_test(t, test_forget);
	tcase_add_test(t, test_due);
	tcase_add_loop_test(t, test_row, 0, LENGTH(vandalisms));
	tcase_add_loop_test(t, test_other_file, 0, LENGTH(other_files));
	tcase_add_test(t, test_damaged);
	tcase_add_test(t, test_no_folder);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
