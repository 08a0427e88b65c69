/* SPDX-License-Identifier: ISC */
/*
 * sqlite_place: are the files still those that are open? What is written into
 * a file without a name is synced, and gone with the process: a 250 for it
 * would be a lie.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/store/sqlite_int.h"

#define WAL_HEADER	32

static void
wal_path(const struct store_db *db, char to[STORE_PATH_MAX + 8])
{
	(void)str_fmt(to, STORE_PATH_MAX + 8, "%s-wal", db->path);
}

static int
identify(const char *path, struct store_file_id *id, struct why *why)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", path, strerror(errno));
	id->dev = (uint64_t)st.st_dev;
	id->ino = (uint64_t)st.st_ino;
	return 0;
}

int
store_place_note(struct store_db *db, int64_t least, struct why *why)
{
	char wal[STORE_PATH_MAX + 8];

	wal_path(db, wal);
	db->least = least;
	return identify(db->path, &db->id, why) == -1 || identify(wal, &db->wal_id, why) == -1 ?
	    -1 : 0;
}

/* 1: it has its name and at least this size; 0: not, errno says more. */
static int
in_place(const char *path, const struct store_file_id *id, int64_t least, struct why *why)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		/* What cannot be looked at is not known to be gone. */
		if (errno != ENOENT && errno != ENOTDIR)
			return 1;
		(void)why_set(why, WHY_LOCAL_STORAGE, "%s was removed while it is in use", path);
		return 0;
	}
	if ((uint64_t)st.st_dev != id->dev || (uint64_t)st.st_ino != id->ino) {
		(void)why_set(why, WHY_LOCAL_STORAGE, "%s was replaced while it is in use", path);
		return 0;
	}
	if (st.st_size >= least)
		return 1;
	(void)why_set(why, WHY_LOCAL_STORAGE, "%s was cut short while it is in use", path);
	return 0;
}

enum store_place
store_place_look(const struct store_db *db, struct why *why)
{
	char wal[STORE_PATH_MAX + 8];
	int64_t least = db->claimed > db->least ? db->claimed : db->least;

	wal_path(db, wal);
	if (!in_place(db->path, &db->id, least, why))
		return PLACE_LOST;
	if (!in_place(wal, &db->wal_id, 0, why))
		return PLACE_WAL_GONE;
	least = db->wal_good == 0 ? 0 : WAL_HEADER + db->wal_good * STORE_WAL_FRAME;
	return in_place(wal, &db->wal_id, least, why) ? PLACE_OK : PLACE_LOST;
}

int
store_place_here(const struct store_db *db, struct why *why)
{
	struct store_file_id id;

	return identify(db->path, &id, why);
}

/* ---- before it is opened ---- */

static int64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 ? -1 : (int64_t)st.st_size;
}

int
store_place_whole(const struct store_db *db, struct why *why)
{
	char wal[STORE_PATH_MAX + 8];

	wal_path(db, wal);
	/* SQLite takes the WAL of an empty file for a left-over, and removes it. */
	if (size_of(db->path) <= 0 && size_of(wal) > WAL_HEADER)
		return why_set(why, WHY_CORRUPT, "queue.db is empty or not there, but queue.db-wal is"
		    " not: restore queue.db, or move queue.db-wal away to begin a new queue");
	return 0;
}

static int
has_bodies(const char *spool)
{
	struct dirent *e;
	DIR *dir = opendir(spool);
	int found = 0;

	while (dir != NULL && !found && (e = readdir(dir)) != NULL)
		found = strlen(e->d_name) == 16 && strspn(e->d_name, "0123456789abcdef") == 16;
	if (dir != NULL)
		(void)closedir(dir);
	return found;
}

void
store_place_warn(const char *dir, const char *spool)
{
	char path[STORE_PATH_MAX], wal[STORE_PATH_MAX + 8];
	int64_t size;

	(void)str_fmt(path, sizeof path, "%s/queue.db", dir);
	(void)str_fmt(wal, sizeof wal, "%s-wal", path);
	size = size_of(path);
	if (size <= 0 && has_bodies(spool))
		log_err("queue: %s has bodies of messages, but there is no queue.db:"
		    " what it said of them is lost, and a new one begins", spool);
	else if (size > 0 && size_of(wal) == -1)
		log_warning("queue: %s is not there: unless another program has opened queue.db since,"
		    " mail that was accepted last is lost", wal);
}
