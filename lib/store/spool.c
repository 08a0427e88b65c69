/* SPDX-License-Identifier: ISC */
/* spool: a body file from its first byte to its name. */
#include "lib/store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/store/io.h"

#define PATH_CAP	4200

/* ---- SHA-256 ---- */

struct store_hash {
	EVP_MD_CTX	*ctx;
	EVP_MD		*md;
};

struct store_hash *
store_hash_new(void)
{
	struct store_hash *h = must_calloc(1, sizeof *h);

	/* Fetched once: the lookup by name costs more than hashing 4 KiB. */
	h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	if (h->md == NULL || h->ctx == NULL || EVP_DigestInit_ex2(h->ctx, h->md, NULL) != 1)
		fatal(EX_OSERR, "OpenSSL offers no SHA-256");
	return h;
}

void
store_hash_free(struct store_hash **hp)
{
	struct store_hash *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->md);
	free(h);
}

void
store_hash_add(struct store_hash *h, const void *data, size_t n)
{
	MUST(EVP_DigestUpdate(h->ctx, data, n) == 1);
}

void
store_hash_end(struct store_hash *h, uint8_t digest[32])
{
	unsigned n = 0;

	MUST(EVP_DigestFinal_ex(h->ctx, digest, &n) == 1 && n == 32);
	if (EVP_DigestInit_ex2(h->ctx, NULL, NULL) != 1)	/* it allocates */
		fatal(EX_OSERR, "out of memory (SHA-256)");
}

/* ---- a body that arrives ---- */

struct store_spool {
	struct sqlite_store	*owner;
	const char		*dir;		/* the store's */
	uint64_t		 number;
	uint64_t		 message;	/* nonzero: renamed */
	int			 fd;		/* -1 before the first byte and after finish */
	int			 failed;
	int			 linked;	/* a name exists */
	_Bool			 aborted;	/* loop side */
	uint64_t		 size, pushed;
	struct store_hash	*hash;
	uint8_t			 digest[32];
	struct why		 why;
};

struct store_spool *
store_spool_new(struct sqlite_store *owner, const char *dir, uint64_t n)
{
	struct store_spool *sp = must_calloc(1, sizeof *sp);

	sp->owner = owner;
	sp->dir = dir;
	sp->number = n;
	sp->fd = -1;
	return sp;
}

void
store_spool_free(struct store_spool **spp)
{
	struct store_spool *sp = *spp;

	*spp = NULL;
	if (sp == NULL)
		return;
	if (sp->fd != -1)
		(void)store_io()->close(sp->fd);
	store_hash_free(&sp->hash);
	free(sp);
}

struct sqlite_store *
store_spool_owner(const struct store_spool *sp)
{
	return sp->owner;
}

void
store_spool_mark_aborted(struct store_spool *sp)
{
	sp->aborted = 1;
}

int
store_spool_aborted(const struct store_spool *sp)
{
	return sp->aborted;
}

void
store_spool_path(char *to, size_t cap, const char *dir, uint64_t message)
{
	(void)str_fmt(to, cap, "%s/%016" PRIx64, dir, message);
}

static void
temporary_path(const struct store_spool *sp, char *to, size_t cap)
{
	(void)str_fmt(to, cap, "%s/in.%" PRIu64, sp->dir, sp->number);
}

static int
spool_fail(struct store_spool *sp, struct why *why, const char *doing)
{
	int space = errno == ENOSPC || errno == EDQUOT;

	sp->failed = 1;
	(void)why_set(&sp->why, space ? WHY_LOCAL_SPACE : WHY_LOCAL_STORAGE,
	    "body file: %s: %s", doing, strerror(errno));
	*why = sp->why;
	return -1;
}

static int
spool_open(struct store_spool *sp, struct why *why)
{
	char path[PATH_CAP];

	if (sp->failed) {
		*why = sp->why;
		return -1;
	}
	if (sp->fd != -1)
		return 0;
	temporary_path(sp, path, sizeof path);
	sp->fd = store_io()->open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (sp->fd == -1)
		return spool_fail(sp, why, "create");
	sp->linked = 1;
	sp->hash = store_hash_new();
	return 0;
}

int
store_spool_append(struct store_spool *sp, const void *data, size_t n, struct why *why)
{
	if (spool_open(sp, why) == -1)
		return -1;
	if (store_io_write_all(sp->fd, data, n, (off_t)sp->size) == -1)
		return spool_fail(sp, why, "write");
	store_hash_add(sp->hash, data, n);
	sp->size += n;
	/* Start the writing now, so that the fdatasync before the row is short. */
	if (sp->size - sp->pushed >= SPOOL_SLICE) {
		(void)sync_file_range(sp->fd, (off_t)sp->pushed,
		    (off_t)(sp->size - sp->pushed), SYNC_FILE_RANGE_WRITE);
		sp->pushed = sp->size;
	}
	return 0;
}

int
store_spool_finish(struct store_spool *sp, uint64_t message, uint8_t digest[32], uint64_t *size,
    struct why *why)
{
	const struct store_io *io = store_io();
	char from[PATH_CAP], to[PATH_CAP];
	int fd;

	if (sp->message == 0) {
		if (spool_open(sp, why) == -1)
			return -1;
		store_hash_end(sp->hash, sp->digest);
		if (io->fdatasync(sp->fd) == -1)
			return spool_fail(sp, why, "fdatasync");
		fd = sp->fd;
		sp->fd = -1;
		if (io->close(fd) == -1)
			return spool_fail(sp, why, "close");
		temporary_path(sp, from, sizeof from);
		store_spool_path(to, sizeof to, sp->dir, message);
		if (io->rename(from, to) == -1)
			return spool_fail(sp, why, "rename");
		sp->message = message;
		if (io->sync_dir(sp->dir) == -1)
			return spool_fail(sp, why, "fsync of the directory");
	} else if (sp->failed) {
		*why = sp->why;
		return -1;
	}
	memcpy(digest, sp->digest, sizeof sp->digest);
	*size = sp->size;
	return 0;
}

void
store_spool_unlink(struct store_spool *sp)
{
	char path[PATH_CAP];

	if (!sp->linked)
		return;
	if (sp->message != 0)
		store_spool_path(path, sizeof path, sp->dir, sp->message);
	else
		temporary_path(sp, path, sizeof path);
	(void)store_io()->unlink(path);
	sp->linked = 0;
}

/* ---- a body file that is there ---- */

static int
body_open(const char *dir, uint64_t message, struct why *why)
{
	char path[PATH_CAP];
	struct stat st;
	int fd;

	store_spool_path(path, sizeof path, dir, message);
	fd = store_io()->open(path, O_RDONLY | O_NONBLOCK, 0);
	if (fd == -1)
		return why_set(why, errno == ENOENT || errno == ELOOP ? WHY_CORRUPT :
		    WHY_LOCAL_STORAGE, "body file %016" PRIx64 ": %s", message, strerror(errno));
	/* A pipe that somebody put there would keep the one thread for ever. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)store_io()->close(fd);
	return why_set(why, WHY_CORRUPT, "body file %016" PRIx64 " is not a file", message);
}

/* As much as there is up to n; -1 and errno. */
static int64_t
read_fully(int fd, char *p, size_t n, uint64_t offset)
{
	size_t have = 0;

	while (have < n) {
		ssize_t r = pread(fd, p + have, n - have, (off_t)(offset + have));

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return -1;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return (int64_t)have;
}

int64_t
store_spool_read(const char *dir, uint64_t message, uint64_t offset, void *to, size_t n,
    uint64_t size, struct why *why)
{
	int64_t got;
	int fd;

	if (offset >= size)
		return 0;
	if (n > size - offset)
		n = (size_t)(size - offset);
	if ((fd = body_open(dir, message, why)) == -1)
		return -1;
	got = read_fully(fd, to, n, offset);
	if (got == -1)
		(void)why_set(why, WHY_LOCAL_STORAGE, "body file %016" PRIx64 ": read: %s", message,
		    strerror(errno));
	else if ((size_t)got < n)
		got = why_set(why, WHY_CORRUPT, "body file %016" PRIx64 " is too short", message);
	(void)store_io()->close(fd);
	return got;
}

struct store_verify {
	uint64_t		 message, size, at;
	int			 fd;
	struct store_hash	*hash;
	uint8_t			 digest[32];
	char			*slice;
};

struct store_verify *
store_verify_new(const char *dir, uint64_t message, uint64_t size, const uint8_t digest[32],
    struct why *why)
{
	struct store_verify *v;
	int fd;

	if ((fd = body_open(dir, message, why)) == -1)
		return NULL;
	v = must_calloc(1, sizeof *v);
	v->message = message;
	v->size = size;
	v->fd = fd;
	v->hash = store_hash_new();
	v->slice = must_calloc(1, SPOOL_SLICE);
	memcpy(v->digest, digest, sizeof v->digest);
	return v;
}

void
store_verify_free(struct store_verify **vp)
{
	struct store_verify *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	(void)store_io()->close(v->fd);
	store_hash_free(&v->hash);
	free(v->slice);
	free(v);
}

int
store_verify_step(struct store_verify *v, struct why *why)
{
	uint8_t digest[32];
	int64_t n;

	/* One byte more than there should be shows a file that grew. */
	n = read_fully(v->fd, v->slice, SPOOL_SLICE, v->at);
	if (n == -1)
		return why_set(why, WHY_LOCAL_STORAGE, "body file %016" PRIx64 ": read: %s",
		    v->message, strerror(errno));
	v->at += (uint64_t)n;
	if (v->at > v->size || (n < SPOOL_SLICE && v->at < v->size))
		return why_set(why, WHY_CORRUPT, "body file %016" PRIx64 " has the wrong length",
		    v->message);
	store_hash_add(v->hash, v->slice, (size_t)n);
	if (n == SPOOL_SLICE)
		return 1;
	store_hash_end(v->hash, digest);
	if (memcmp(digest, v->digest, sizeof digest) != 0)
		return why_set(why, WHY_CORRUPT, "body file %016" PRIx64 " does not match its SHA-256",
		    v->message);
	return 0;
}
