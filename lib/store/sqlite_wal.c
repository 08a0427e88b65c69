/* SPDX-License-Identifier: ISC */
/*
 * sqlite_wal: SQLite reads a WAL as far as its checksums go, and takes the
 * rest for what was never synced. One bad byte in the middle would so undo
 * every later commit, acknowledged as they are, without a word. But commits
 * are synced one after the other: where a whole one stands behind a bad frame,
 * that frame was on the disk, and is damaged. Then the chain of checksums is
 * written anew over what is there: a damaged frame becomes a damaged page,
 * which the store knows how to live with (D8). A copy is kept.
 *
 * A frame with an all-zero header is where cut_wal ended the file (D4): what
 * stands behind it never counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/store/io.h"
#include "lib/store/sqlite_int.h"

#define HEADER		32
#define FRAME_HEADER	24
#define MAGIC		0x377f0682u	/* the lowest bit: checksums of big-endian words */
#define VERSION		3007000u
#define ASIDE_MAX	9
#define FRAMES_MAX	(1 << 20)	/* 4 GiB: the store never lets it come near */

enum frame_kind { FRAME_GOOD, FRAME_BAD, FRAME_END };

struct sums {
	uint32_t	 a, b;
};

struct wal {
	int		 fd;
	int		 big;		/* byte order of the checksums */
	int		 header_ok;
	unsigned char	 header[HEADER];
	uint32_t	 salt[2];
	size_t		 n;
	unsigned char	*good, *commit;	/* of n frames */
	uint32_t	 pages;		/* the database's, as the last commit says */
	unsigned char	 frame[STORE_WAL_FRAME];
};

static uint32_t
big32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

/* n: a multiple of 8. */
static struct sums
add(struct sums s, int big, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint32_t x = big32(p + i), y = big32(p + i + 4);

		s.a += (big ? x : __builtin_bswap32(x)) + s.b;
		s.b += (big ? y : __builtin_bswap32(y)) + s.a;
	}
	return s;
}

static struct sums
stored(const unsigned char *p)
{
	return (struct sums){ big32(p), big32(p + 4) };
}

static int
same(struct sums x, struct sums y)
{
	return x.a == y.a && x.b == y.b;
}

/* What the checksum of this frame is, behind one with that sum. */
static struct sums
frame_sum(const struct wal *w, struct sums before)
{
	return add(add(before, w->big, w->frame, 8), w->big, w->frame + FRAME_HEADER,
	    STORE_PAGE_SIZE);
}

static int
read_at(int fd, void *to, size_t n, off_t at)
{
	ssize_t got;

	do
		got = pread(fd, to, n, at);
	while (got == -1 && errno == EINTR);
	return got == (ssize_t)n ? 0 : -1;
}

static int
read_frame(struct wal *w, size_t i)
{
	return read_at(w->fd, w->frame, sizeof w->frame, HEADER + (off_t)i * STORE_WAL_FRAME);
}

/* ---- what there is ---- */

/* Both salts are others where the file was begun anew since; damage changes one. */
static enum frame_kind
salt_kind(const struct wal *w)
{
	static const unsigned char zero[FRAME_HEADER];
	int x = big32(w->frame + 8) == w->salt[0], y = big32(w->frame + 12) == w->salt[1];

	if (memcmp(w->frame, zero, sizeof zero) == 0 || (!x && !y))
		return FRAME_END;
	return x && y ? FRAME_GOOD : FRAME_BAD;
}

static void
look_at_header(struct wal *w)
{
	struct sums zero = { 0, 0 };

	w->big = (int)(big32(w->header) & 1);
	w->header_ok = (big32(w->header) & ~1u) == MAGIC &&
	    big32(w->header + 8) == STORE_PAGE_SIZE &&
	    same(add(zero, w->big, w->header, 24), stored(w->header + 24));
	w->salt[0] = big32(w->header + 16);
	w->salt[1] = big32(w->header + 20);
	if (w->header_ok || read_frame(w, 0) == -1)
		return;
	/* As the frames have it; their sums tell the byte order. */
	w->big = 0;
	w->salt[0] = big32(w->frame + 8);
	w->salt[1] = big32(w->frame + 12);
}

/* Each frame is held against the sum that stands in the one before it. */
static void
look_at_frames(struct wal *w, size_t most)
{
	struct sums before = stored(w->header + 24);

	for (w->n = 0; w->n < most && read_frame(w, w->n) == 0; w->n++) {
		enum frame_kind kind = salt_kind(w);

		if (kind == FRAME_END)
			break;
		w->good[w->n] = kind == FRAME_GOOD &&
		    (same(frame_sum(w, before), stored(w->frame + 16)) ||
		    (w->n == 0 && !w->header_ok));
		w->commit[w->n] = big32(w->frame + 4) != 0;
		if (w->good[w->n] && w->commit[w->n])
			w->pages = big32(w->frame + 4);
		before = stored(w->frame + 16);
	}
}

/*
 * The number of frames that were synced for sure although SQLite would not
 * read that far: up to the last commit of which all frames are good, if that
 * began behind the commit that the first bad one belongs to. 0: all is well.
 */
static size_t
frames_to_keep(const struct wal *w)
{
	size_t bad = 0, first, keep = 0;
	int whole = 1;

	while (bad < w->n && w->good[bad] && w->header_ok)
		bad++;
	if (!w->header_ok)
		first = 0;
	else
		for (first = bad; first < w->n && !w->commit[first]; first++)
			;
	for (size_t i = first + w->header_ok; i < w->n; i++) {
		whole &= w->good[i];
		if (!w->commit[i])
			continue;
		if (whole)
			keep = i + 1;
		whole = 1;
	}
	return keep;
}

/* ---- the chain anew ---- */

static int
write_at(const struct wal *w, const void *p, size_t n, off_t at)
{
	return store_io_write_all(w->fd, p, n, at);
}

/* One wrong byte in number or size of the page is found by trying; else the page itself is bad. */
static void
guess_header(struct wal *w, struct sums before)
{
	struct sums wanted = stored(w->frame + 16);

	for (int i = 0; i < 8; i++) {
		unsigned char was = w->frame[i];

		for (int c = 0; c < 256; c++) {
			w->frame[i] = (unsigned char)c;
			if (same(frame_sum(w, before), wanted))
				return;
		}
		w->frame[i] = was;
	}
}

static int
rewrite(struct wal *w, size_t keep)
{
	struct sums zero = { 0, 0 }, sum, before = stored(w->header + 24);
	unsigned char page_of_last[8 + STORE_PAGE_SIZE];

	if (!w->header_ok) {
		memset(w->header, 0, sizeof w->header);
		put32(w->header, MAGIC);
		put32(w->header + 4, VERSION);
		put32(w->header + 8, STORE_PAGE_SIZE);
		put32(w->header + 16, w->salt[0]);
		put32(w->header + 20, w->salt[1]);
		sum = add(zero, w->big, w->header, 24);
		put32(w->header + 24, sum.a);
		put32(w->header + 28, sum.b);
		if (write_at(w, w->header, HEADER, 0) == -1)
			return -1;
	}
	sum = stored(w->header + 24);
	for (size_t i = 0; i < keep; i++) {
		struct sums was;

		if (read_frame(w, i) == -1)
			return -1;
		was = stored(w->frame + 16);
		if (!w->good[i])
			guess_header(w, before);
		/* Nobody knows of which page it is: once more the one before it. */
		if (!w->good[i] && (big32(w->frame) == 0 || big32(w->frame) > w->pages)) {
			if (i == 0)
				return -1;
			memcpy(w->frame, page_of_last, 4);
			memset(w->frame + 4, 0, 4);
			memcpy(w->frame + FRAME_HEADER, page_of_last + 8, STORE_PAGE_SIZE);
		}
		put32(w->frame + 8, w->salt[0]);
		put32(w->frame + 12, w->salt[1]);
		sum = frame_sum(w, sum);
		put32(w->frame + 16, sum.a);
		put32(w->frame + 20, sum.b);
		if (write_at(w, w->frame, sizeof w->frame, HEADER + (off_t)i * STORE_WAL_FRAME) == -1)
			return -1;
		memcpy(page_of_last, w->frame, 8);
		memcpy(page_of_last + 8, w->frame + FRAME_HEADER, STORE_PAGE_SIZE);
		before = was;
	}
	return store_io()->fdatasync(w->fd);
}

static int
copy_aside(const struct wal *w, const char *path, char *aside, size_t cap)
{
	char block[65536];
	off_t at = 0;
	ssize_t n;
	int fd = -1, rc;

	for (int i = 1; i <= ASIDE_MAX && fd == -1; i++) {
		(void)str_fmt(aside, cap, "%s.damaged.%d", path, i);
		if (i == ASIDE_MAX)
			(void)store_io()->unlink(aside);
		fd = store_io()->open(aside, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd == -1 && errno != EEXIST)
			return -1;
	}
	if (fd == -1)
		return -1;
	while ((n = pread(w->fd, block, sizeof block, at)) > 0 &&
	    store_io_write_all(fd, block, (size_t)n, at) == 0)
		at += n;
	rc = n == 0 && store_io()->fdatasync(fd) == 0 ? 0 : -1;
	return store_io()->close(fd) == -1 ? -1 : rc;
}

static int
check(struct wal *w, const char *path, char *said, size_t cap, struct why *why)
{
	char aside[STORE_PATH_MAX + 24];
	struct stat st;
	size_t most, keep;

	if (fstat(w->fd, &st) == -1 || st.st_size <= HEADER + STORE_WAL_FRAME ||
	    read_at(w->fd, w->header, HEADER, 0) == -1)
		return 0;
	most = (size_t)(st.st_size - HEADER) / STORE_WAL_FRAME;
	if (big32(w->header) == 0 || most > FRAMES_MAX)
		return 0;	/* cut_wal */
	w->good = must_calloc(most, 1);
	w->commit = must_calloc(most, 1);
	look_at_header(w);
	look_at_frames(w, most);
	if ((keep = frames_to_keep(w)) == 0)
		return 0;
	if (copy_aside(w, path, aside, sizeof aside) == -1 || rewrite(w, keep) == -1)
		return why_set(why, errno == ENOSPC || errno == EDQUOT ? WHY_LOCAL_SPACE :
		    WHY_LOCAL_STORAGE, "%s is damaged, and cannot be mended: %s", path,
		    strerror(errno));
	(void)str_fmt(said, cap, "queue: %s was damaged before commits that had been acknowledged:"
	    " %zu frames are read all the same; a copy is %s", path, keep, aside);
	return 0;
}

int
store_wal_mend(const struct store_db *db, char *said, size_t cap, struct why *why)
{
	struct wal w = { 0 };
	char path[STORE_PATH_MAX + 8];
	int rc;

	*said = '\0';
	(void)str_fmt(path, sizeof path, "%s-wal", db->path);
	/* What cannot be opened, SQLite will say. */
	if ((w.fd = store_io()->open(path, O_RDWR | O_NONBLOCK, 0)) == -1)
		return 0;
	rc = check(&w, path, said, cap, why);
	free(w.good);
	free(w.commit);
	(void)store_io()->close(w.fd);
	return rc;
}
