/* SPDX-License-Identifier: ISC */
/*
 * sweep: body files that no row names. What was still arriving when the
 * daemon died (in.*) goes at the next start; files that had their name already
 * are left for 36 hours, so that an error of ours leaves evidence and mail.
 */
#include "lib/store/spool.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/store/io.h"

#define ENTRIES_PER_STEP	500

struct store_sweep {
	DIR	*dir;
	char	*path;
};

struct store_sweep *
store_sweep_new(const char *path)
{
	struct store_sweep *w = must_calloc(1, sizeof *w);

	w->dir = opendir(path);
	w->path = must_strdup(path);
	return w;
}

void
store_sweep_free(struct store_sweep **wp)
{
	struct store_sweep *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	if (w->dir != NULL)
		(void)closedir(w->dir);
	free(w->path);
	free(w);
}

/* The message id of a file name, 0 if it is none of ours. */
static uint64_t
name_message(const char *name)
{
	if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16)
		return 0;
	return strtoull(name, NULL, 16);
}

static int
is_old(const char *path, int64_t wall_ms)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    wall_ms / 1000 - (int64_t)st.st_mtime > SPOOL_ORPHAN_SECONDS;
}

int
store_sweep_step(struct store_sweep *w, int (*known)(void *, uint64_t), void *arg, int64_t wall_ms,
    unsigned *removed)
{
	char path[4400];

	for (unsigned i = 0; i < ENTRIES_PER_STEP; i++) {
		struct dirent *e = w->dir == NULL ? NULL : readdir(w->dir);
		uint64_t message;

		if (e == NULL)
			return 0;
		(void)str_fmt(path, sizeof path, "%s/%s", w->path, e->d_name);
		message = name_message(e->d_name);
		if (message != 0 && is_old(path, wall_ms) && known(arg, message) == 0 &&
		    store_io()->unlink(path) == 0)
			(*removed)++;
	}
	return 1;
}

void
store_sweep_arrivals(const char *dirname)
{
	char path[4400];
	struct dirent *e;
	DIR *dir;

	if ((dir = opendir(dirname)) == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, "in.", 3) != 0)
			continue;
		(void)str_fmt(path, sizeof path, "%s/%s", dirname, e->d_name);
		(void)store_io()->unlink(path);
	}
	(void)closedir(dir);
}
