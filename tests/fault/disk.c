/* SPDX-License-Identifier: ISC */
/* disk: images, logs of what was not synced yet, and two views of the names. */
#include "tests/fault/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "tests/fault/vfs_shim.h"

#define FILES_MAX	512
#define NAMES_MAX	512
#define SECTOR		512

struct write {
	uint64_t	 at;
	size_t		 n;
	uint8_t		*data;		/* NULL: truncate to `at` */
};

struct image {
	uint8_t	*data;
	size_t	 n;
};

struct disk_file {
	char		 name[256];	/* as last seen */
	struct image	 durable;
	struct write	*log;
	size_t		 nlog;
};

struct name {
	char			 path[256];
	struct disk_file	*file;
};

/* A change of a directory that is not synced: name -> file, or gone. A rename is one change. */
struct change {
	char			 path[256];
	char			 gone[256];
	struct disk_file	*file;		/* NULL: path is removed */
};

static struct disk_file *files[FILES_MAX];
static size_t nfiles;
static struct name live[NAMES_MAX], durable[NAMES_MAX];
static size_t nlive, ndurable;
static struct change *changes;
static size_t nchanges;

static enum fault_kind plan;
static unsigned long plan_at, count;
static int hit;
static uint64_t room = FAULT_NO_LIMIT;

/* ---- counting ---- */

void
fault_plan(enum fault_kind kind, unsigned long n)
{
	plan = kind;
	plan_at = n;
	count = 0;
	hit = 0;
}

unsigned long
fault_count(void)
{
	return count;
}

int
fault_hit(void)
{
	return hit;
}

void
fault_room(uint64_t bytes)
{
	room = bytes;
}

int
disk_resize(uint64_t from, uint64_t to)
{
	if (room == FAULT_NO_LIMIT)
		return 0;
	if (to <= from) {
		room += from - to;
		return 0;
	}
	if (to - from > room)
		return ENOSPC;
	room -= to - from;
	return 0;
}

int
disk_step(void)
{
	int now = 0;

	count++;
	switch (plan) {
	case FAULT_NONE:
		break;
	case FAULT_EIO:
	case FAULT_ENOSPC:
		now = count == plan_at;
		break;
	case FAULT_EIO_ON:
		now = count >= plan_at && count < plan_at + 4;
		break;
	case FAULT_CUT:
		now = count >= plan_at;
		break;
	}
	hit |= now;
	return !now ? 0 : plan == FAULT_ENOSPC ? ENOSPC : EIO;
}

/* ---- names ---- */

static struct name *
name_find(struct name *names, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i].path, path) == 0)
			return &names[i];
	return NULL;
}

static void
name_set(struct name *names, size_t *n, const char *path, struct disk_file *f)
{
	struct name *e = name_find(names, *n, path);

	if (f == NULL) {
		if (e != NULL)
			*e = names[--*n];
		return;
	}
	if (e == NULL) {
		MUST(*n < NAMES_MAX);
		e = &names[(*n)++];
		(void)str_copy(e->path, path, sizeof e->path);
	}
	e->file = f;
}

static void
change_add(const char *path, const char *gone, struct disk_file *f)
{
	struct change *c;

	changes = must_realloc(changes, nchanges + 1, sizeof *changes);
	c = &changes[nchanges++];
	(void)str_copy(c->path, path, sizeof c->path);
	(void)str_copy(c->gone, gone, sizeof c->gone);
	c->file = f;
}

static void
change_apply(const struct change *c)
{
	name_set(durable, &ndurable, c->path, c->file);
	if (*c->gone != '\0')
		name_set(durable, &ndurable, c->gone, NULL);
}

static int
is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

void
disk_sync_dir(const char *dir)
{
	size_t kept = 0;

	for (size_t i = 0; i < nchanges; i++)
		if (is_in(changes[i].path, dir))
			change_apply(&changes[i]);
		else
			changes[kept++] = changes[i];
	nchanges = kept;
}

void
disk_sync_dir_of_name(const char *path)
{
	char dir[256];

	(void)str_copy(dir, path, sizeof dir);
	*strrchr(dir, '/') = '\0';
	disk_sync_dir(dir);
}

void
disk_sync_dir_of(struct disk_file *f)
{
	disk_sync_dir_of_name(f->name);
}

struct disk_file *
disk_open(const char *path)
{
	struct name *e = name_find(live, nlive, path);
	struct disk_file *f;

	if (e != NULL)
		return e->file;
	MUST(nfiles < FILES_MAX);
	f = files[nfiles++] = must_calloc(1, sizeof *f);
	(void)str_copy(f->name, path, sizeof f->name);
	name_set(live, &nlive, path, f);
	change_add(path, "", f);
	return f;
}

void
disk_rename(const char *from, const char *to)
{
	struct name *e = name_find(live, nlive, from);
	struct disk_file *f;

	if (e == NULL)
		return;
	f = e->file;
	name_set(live, &nlive, from, NULL);
	name_set(live, &nlive, to, f);
	(void)str_copy(f->name, to, sizeof f->name);
	change_add(to, from, f);
}

void
disk_unlink(const char *path)
{
	name_set(live, &nlive, path, NULL);
	change_add(path, "", NULL);
}

/* ---- contents ---- */

static void
image_write(struct image *im, const void *data, size_t n, uint64_t at)
{
	if (at + n > im->n) {
		im->data = must_realloc(im->data, at + n, 1);
		memset(im->data + im->n, 0, at + n - im->n);
		im->n = at + n;
	}
	if (n > 0)
		memcpy(im->data + at, data, n);
}

static void
image_apply(struct image *im, const struct write *w)
{
	if (w->data != NULL)
		image_write(im, w->data, w->n, w->at);
	else if (w->at < im->n)
		im->n = w->at;
	else
		image_write(im, NULL, 0, w->at);
}

static void
log_clear(struct disk_file *f)
{
	for (size_t i = 0; i < f->nlog; i++)
		free(f->log[i].data);
	free(f->log);
	f->log = NULL;
	f->nlog = 0;
}

static struct write *
log_add(struct disk_file *f)
{
	f->log = must_realloc(f->log, f->nlog + 1, sizeof *f->log);
	memset(&f->log[f->nlog], 0, sizeof *f->log);
	return &f->log[f->nlog++];
}

void
disk_write(struct disk_file *f, const void *data, size_t n, uint64_t at)
{
	struct write *w = log_add(f);

	w->at = at;
	w->n = n;
	w->data = must_calloc(1, n + 1);
	memcpy(w->data, data, n);
}

void
disk_truncate(struct disk_file *f, uint64_t size)
{
	log_add(f)->at = size;
}

void
disk_sync(struct disk_file *f, int good)
{
	for (size_t i = 0; i < f->nlog && good; i++)
		image_apply(&f->durable, &f->log[i]);
	log_clear(f);
}

/* ---- the power goes ---- */

static uint64_t
chance(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static void
survive_sectors(struct image *im, const struct write *w, uint64_t *seed)
{
	if (w->data == NULL) {
		if (chance(seed) & 1)
			image_apply(im, w);
		return;
	}
	for (size_t i = 0; i < w->n; i += SECTOR)
		if (chance(seed) & 1)
			image_write(im, w->data + i, w->n - i < SECTOR ? w->n - i : SECTOR, w->at + i);
}

static void
file_survive(struct disk_file *f, enum fault_loss loss, uint64_t *seed)
{
	size_t keep = loss == FAULT_LOSE_NOTHING ? f->nlog :
	    loss == FAULT_LOSE_TAIL ? (size_t)(chance(seed) % (f->nlog + 1)) : 0;

	for (size_t i = 0; i < keep; i++)
		image_apply(&f->durable, &f->log[i]);
	if (loss == FAULT_LOSE_SECTORS)
		for (size_t i = 0; i < f->nlog; i++)
			survive_sectors(&f->durable, &f->log[i], seed);
	log_clear(f);
}

static void
names_survive(enum fault_loss loss, uint64_t *seed)
{
	size_t keep = loss == FAULT_LOSE_NOTHING ? nchanges :
	    loss == FAULT_LOSE_TAIL ? (size_t)(chance(seed) % (nchanges + 1)) : 0;

	for (size_t i = 0; i < nchanges; i++)
		if (i < keep || (loss == FAULT_LOSE_SECTORS && (chance(seed) & 1)))
			change_apply(&changes[i]);
	nchanges = 0;
}

static void
file_restore(const struct name *e)
{
	int fd = open(e->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	MUST(fd != -1);
	if (e->file->durable.n > 0)
		MUST(write(fd, e->file->durable.data, e->file->durable.n) ==
		    (ssize_t)e->file->durable.n);
	(void)close(fd);
}

void
fault_power_cut(enum fault_loss loss, uint64_t seed)
{
	for (size_t i = 0; i < nfiles; i++)
		file_survive(files[i], loss, &seed);
	names_survive(loss, &seed);
	for (size_t i = 0; i < nlive; i++)
		(void)unlink(live[i].path);
	for (size_t i = 0; i < ndurable; i++)
		file_restore(&durable[i]);
	memcpy(live, durable, sizeof live);
	nlive = ndurable;
	for (size_t i = 0; i < nlive; i++)
		(void)str_copy(live[i].file->name, live[i].path, sizeof live[i].file->name);
	fault_plan(FAULT_NONE, 0);
}

void
fault_forget(void)
{
	for (size_t i = 0; i < nfiles; i++) {
		log_clear(files[i]);
		free(files[i]->durable.data);
		free(files[i]);
	}
	free(changes);
	changes = NULL;
	nfiles = nlive = ndurable = nchanges = 0;
	room = FAULT_NO_LIMIT;
	fault_plan(FAULT_NONE, 0);
}
