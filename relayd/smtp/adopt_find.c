/* SPDX-License-Identifier: ISC */
/* adopt_find: see adopt_find.h. */
#include "relayd/smtp/adopt_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/base/str.h"

#define NUMBER_MAX	1000000
#define TIMES_MAX	1000	/* left-overs of one worker at once */

/* "left-3.1", as made here. */
static int
is_left(const char *name)
{
	static const char prefix[] = "left-";

	return strncmp(name, prefix, sizeof prefix - 1) == 0 && strlen(name) < ADOPT_NAME_CAP &&
	    name[strspn(name + sizeof prefix - 1, "0123456789.") + sizeof prefix - 1] == '\0';
}

static int
is_free(int shards, const char *name)
{
	struct stat st;

	return fstatat(shards, name, &st, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT;
}

/* 1: it has a new name. 0: not now, or not at all. */
static int
rename_left(int shards, const char *number, char *name)
{
	for (unsigned i = 1; i < TIMES_MAX; i++) {
		(void)str_fmt(name, ADOPT_NAME_CAP, "left-%s.%u", number, i);
		if (!is_free(shards, name))
			continue;
		if (renameat(shards, number, shards, name) == 0 && fsync(shards) == 0)
			return 1;
		break;
	}
	log_err("shards/%s cannot be adopted: %s", number, strerror(errno));
	return 0;
}

/* 1: renamed; 0: nothing to do; -1: in use. */
static int
take_over(int shards, const char *number, char *name)
{
	char lock[ADOPT_NAME_CAP + 8];
	int fd, rc = -1;

	(void)str_fmt(lock, sizeof lock, "%s/lock", number);
	fd = openat(shards, lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		/* Never used: the parent made it and no worker came to life in it. */
		(void)unlinkat(shards, number, AT_REMOVEDIR);
		return 0;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		rc = rename_left(shards, number, name);
	(void)close(fd);
	return rc;
}

size_t
adopt_find(const char *directory, unsigned workers, void (*found)(void *, const char *), void *arg)
{
	char path[4096], name[ADOPT_NAME_CAP];
	struct dirent *e;
	uint64_t number;
	size_t busy = 0;
	DIR *d;

	if (str_fmt(path, sizeof path, "%s/shards", directory) == -1 ||
	    (d = opendir(path)) == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		int rc;

		if (is_left(e->d_name)) {
			found(arg, e->d_name);
			continue;
		}
		if (num_u64(e->d_name, NUMBER_MAX, &number) == -1 || number < workers)
			continue;
		if ((rc = take_over(dirfd(d), e->d_name, name)) == 1)
			found(arg, name);
		busy += rc == -1 ? 1 : 0;
	}
	(void)closedir(d);
	return busy;
}
