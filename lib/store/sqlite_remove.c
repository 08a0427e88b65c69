/* SPDX-License-Identifier: ISC */
/* sqlite_remove: the end of a store whose mail has gone elsewhere. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/store/sqlite_int.h"

/* Damaged rows count as well: where they are no list can show them. */
static const char rows_left[] =
    "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM recipient)";

static int
holds_nothing(const char *dir, struct why *why)
{
	char path[STORE_PATH_MAX];
	sqlite3 *conn = NULL;
	sqlite3_stmt *st = NULL;
	int64_t messages = -1, rcpts = -1;

	(void)str_fmt(path, sizeof path, "%s/queue.db", dir);
	if (sqlite3_open_v2(path, &conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL) ==
	    SQLITE_OK &&
	    sqlite3_exec(conn, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(conn, rows_left, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		messages = sqlite3_column_int64(st, 0);
		rcpts = sqlite3_column_int64(st, 1);
	} else
		(void)why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, sqlite3_errmsg(conn));
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(conn);
	if (messages > 0 || rcpts > 0)
		return why_set(why, WHY_CORRUPT, "%s: %" PRId64 " messages and %" PRId64
		    " recipients that cannot be read are left", path, messages, rcpts);
	return messages == 0 && rcpts == 0 ? 0 : -1;
}

/* With no row left, no file there is named by any. */
static void
remove_bodies(const char *dir)
{
	char path[STORE_PATH_MAX];
	struct dirent *e;
	DIR *d;

	(void)str_fmt(path, sizeof path, "%s/spool", dir);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	(void)rmdir(path);
}

static int
remove_files(const char *dir, struct why *why)
{
	/* The database last but for the lock: what is left of a removal that was cut short still
	 * says what it is. */
	static const char *const names[] = { "reserve", "flight", "queue.db-wal", "queue.db-shm", "queue.db",
		"lock" };
	char path[STORE_PATH_MAX];

	remove_bodies(dir);
	for (size_t i = 0; i < LENGTH(names); i++) {
		(void)str_fmt(path, sizeof path, "%s/%s", dir, names[i]);
		if (unlink(path) == -1 && errno != ENOENT)
			return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	}
	if (rmdir(dir) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", dir, strerror(errno));
	return 0;
}

int
store_sqlite_remove(const char *dir, struct why *why)
{
	char path[STORE_PATH_MAX];
	int fd, rc = -1;

	if (strlen(dir) > STORE_PATH_MAX - 128)
		return why_set(why, WHY_LOCAL_STORAGE, "directory name too long");
	(void)str_fmt(path, sizeof path, "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		(void)why_set(why, WHY_LOCAL_STORAGE, "%s is in use", dir);
	else if (holds_nothing(dir, why) == 0)
		rc = remove_files(dir, why);
	(void)close(fd);
	return rc;
}
