/* SPDX-License-Identifier: ISC */
/* space: where a queue may live, and how much room is left there. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/store/sqlite_int.h"

/* D12: none of these keeps both promises, to sync and to lock. */
static const struct {
	unsigned long	 magic;
	const char	*name;
} refused[] = {
	{ 0x6969, "nfs" },
	{ 0xff534d42, "cifs" },
	{ 0x517b, "cifs" },
	{ 0xfe534d42, "cifs" },
	{ 0x65735546, "fuse" },
	{ 0x01021997, "9p" },
	{ 0x01021994, "tmpfs" },
	{ 0x858458f6, "ramfs" },
};

int
store_space_fs_allowed(const char *dir, const char *allowed, struct why *why)
{
	struct statfs fs;

	if (statfs(dir, &fs) == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "%s: %s", dir, strerror(errno));
	for (size_t i = 0; i < LENGTH(refused); i++) {
		if (((unsigned long)fs.f_type & 0xffffffffu) != refused[i].magic)
			continue;
		if (allowed != NULL && (strcmp(allowed, "any") == 0 ||
		    strcmp(allowed, refused[i].name) == 0))
			return 0;
		return why_set(why, WHY_LOCAL_STORAGE,
		    "%s is on a %s file system, which cannot keep a queue safe", dir,
		    refused[i].name);
	}
	return 0;
}

int
store_space_free(const char *dir, uint64_t *bytes, uint64_t *inodes)
{
	struct statvfs v;

	if (statvfs(dir, &v) == -1)
		return -1;
	*bytes = (uint64_t)v.f_bavail * v.f_frsize;
	/* File systems without an inode table (btrfs) say 0 of 0. */
	*inodes = v.f_files == 0 ? UINT64_MAX : v.f_favail;
	return 0;
}

/* E3: room that only the removal of mail may use. Best effort: -1 if there is no room. */
int
store_space_reserve_make(const char *dir, uint64_t keep_free)
{
	char path[STORE_PATH_MAX];
	uint64_t bytes, inodes;
	int fd, rc;

	(void)str_fmt(path, sizeof path, "%s/reserve", dir);
	if (access(path, F_OK) == 0)
		return 0;
	if (store_space_free(dir, &bytes, &inodes) == -1 ||
	    bytes < keep_free + STORE_RESERVE_BYTES)
		return -1;
	if ((fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return -1;
	rc = posix_fallocate(fd, 0, STORE_RESERVE_BYTES);
	(void)close(fd);
	if (rc == 0)
		return 0;
	(void)unlink(path);
	return -1;
}

void
store_space_reserve_give(const char *dir)
{
	char path[STORE_PATH_MAX];

	(void)str_fmt(path, sizeof path, "%s/reserve", dir);
	(void)unlink(path);
}
