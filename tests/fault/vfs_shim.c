/* SPDX-License-Identifier: ISC */
/* vfs_shim: the SQLite and store_io faces of the failing disk; the model is in disk.c. */
#include "tests/fault/vfs_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/base/bug.h"
#include "lib/store/io.h"
#include "tests/fault/disk.h"

/* ---- SQLite ---- */

struct shim_file {
	sqlite3_file		 base;
	struct disk_file	*disk;
	sqlite3_int64		 chunk;		/* sizes are multiples of it, as with "unix" */
	int			 names_too;	/* its first sync also syncs the directory */
	int			 error;		/* errno of the last read that failed */
	sqlite3_file		*real;
};

static sqlite3_vfs *real_vfs;

static struct shim_file *
shim(sqlite3_file *f)
{
	return (struct shim_file *)(void *)f;
}

static int
failed(int ioerr)
{
	switch (disk_step()) {
	case 0:
		return SQLITE_OK;
	case ENOSPC:
		return ioerr == SQLITE_IOERR_WRITE ? SQLITE_FULL : ioerr;
	default:
		return ioerr;
	}
}

static int
shim_close(sqlite3_file *f)
{
	sqlite3_file *real = shim(f)->real;
	int rc = real->pMethods != NULL ? real->pMethods->xClose(real) : SQLITE_OK;

	free(real);
	return rc;
}

static unsigned long reads_left;	/* 0: none fails */
static int read_hit;

void
fault_read(unsigned long n)
{
	reads_left = n;
	read_hit = 0;
}

int
fault_read_hit(void)
{
	return read_hit;
}

static int
shim_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	if (reads_left > 0 && --reads_left == 0) {
		read_hit = 1;
		shim(f)->error = EIO;
		return SQLITE_IOERR_CORRUPTFS;	/* the program gets SQLITE_CORRUPT */
	}
	return shim(f)->real->pMethods->xRead(shim(f)->real, to, n, at);
}

static int
resize(sqlite3_file *f, sqlite3_int64 to)
{
	sqlite3_int64 size = 0;

	(void)shim(f)->real->pMethods->xFileSize(shim(f)->real, &size);
	return disk_resize((uint64_t)size, (uint64_t)to) == 0 ? SQLITE_OK : SQLITE_FULL;
}

/* A write changes the size only upwards. */
static int
grow(sqlite3_file *f, sqlite3_int64 to)
{
	sqlite3_int64 size = 0;

	(void)shim(f)->real->pMethods->xFileSize(shim(f)->real, &size);
	return to > size ? resize(f, to) : SQLITE_OK;
}

static int
shim_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	int rc = failed(SQLITE_IOERR_WRITE);

	if (rc != SQLITE_OK || (rc = grow(f, at + n)) != SQLITE_OK)
		return rc;
	disk_write(shim(f)->disk, data, (size_t)n, (uint64_t)at);
	return shim(f)->real->pMethods->xWrite(shim(f)->real, data, n, at);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	sqlite3_int64 chunk = shim(f)->chunk;
	int rc = failed(SQLITE_IOERR_TRUNCATE);

	if (rc != SQLITE_OK)
		return rc;
	if (chunk > 0)
		size = (size + chunk - 1) / chunk * chunk;
	(void)resize(f, size);
	disk_truncate(shim(f)->disk, (uint64_t)size);
	return shim(f)->real->pMethods->xTruncate(shim(f)->real, size);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	int rc = failed(SQLITE_IOERR_FSYNC);

	disk_sync(shim(f)->disk, rc == SQLITE_OK);
	if (rc == SQLITE_OK && shim(f)->names_too)
		disk_sync_dir_of(shim(f)->disk);
	return rc;
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return shim(f)->real->pMethods->xFileSize(shim(f)->real, size);
}

static int
shim_lock(sqlite3_file *f, int level)
{
	return shim(f)->real->pMethods->xLock(shim(f)->real, level);
}

static int
shim_unlock(sqlite3_file *f, int level)
{
	return shim(f)->real->pMethods->xUnlock(shim(f)->real, level);
}

static int
shim_check_lock(sqlite3_file *f, int *out)
{
	return shim(f)->real->pMethods->xCheckReservedLock(shim(f)->real, out);
}

/* Growing ahead of the writes is the one request that the store relies on. */
static int
shim_control(sqlite3_file *f, int op, void *arg)
{
	sqlite3_int64 size = 0, want;
	int rc;

	if (op == SQLITE_FCNTL_CHUNK_SIZE) {
		shim(f)->chunk = *(int *)arg;
		return SQLITE_OK;
	}
	if (op == SQLITE_FCNTL_LAST_ERRNO) {
		*(int *)arg = shim(f)->error;
		return SQLITE_OK;
	}
	if (op != SQLITE_FCNTL_SIZE_HINT)
		return SQLITE_NOTFOUND;
	want = *(sqlite3_int64 *)arg;
	(void)shim_size(f, &size);
	if (want <= size)
		return SQLITE_OK;
	if ((rc = failed(SQLITE_IOERR_WRITE)) != SQLITE_OK || (rc = grow(f, want)) != SQLITE_OK)
		return rc;
	disk_truncate(shim(f)->disk, (uint64_t)want);
	return shim(f)->real->pMethods->xTruncate(shim(f)->real, want);
}

static int
shim_sector(sqlite3_file *f)
{
	return 512;
}

static int
shim_traits(sqlite3_file *f)
{
	return 0;	/* promises nothing */
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 1,		/* no shared memory, no mmap */
	.xClose = shim_close, .xRead = shim_read, .xWrite = shim_write,
	.xTruncate = shim_truncate, .xSync = shim_sync, .xFileSize = shim_size,
	.xLock = shim_lock, .xUnlock = shim_unlock, .xCheckReservedLock = shim_check_lock,
	.xFileControl = shim_control, .xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_traits,
};

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct shim_file *sf = shim(f);
	int rc, journal = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL | SQLITE_OPEN_SUPER_JOURNAL;

	memset(sf, 0, sizeof *sf);
	if (name != NULL && access(name, F_OK) != 0 && (rc = failed(SQLITE_CANTOPEN)) != SQLITE_OK)
		return rc;
	sf->real = must_calloc(1, (size_t)real_vfs->szOsFile);
	rc = real_vfs->xOpen(real_vfs, name, sf->real, flags, out);
	if (rc != SQLITE_OK) {
		free(sf->real);
		return rc;
	}
	sf->disk = disk_open(name == NULL ? "(temporary)" : name);
	sf->names_too = (flags & journal) != 0;
	sf->base.pMethods = &shim_methods;
	return SQLITE_OK;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	int rc;

	if (access(name, F_OK) != 0)
		return real_vfs->xDelete(real_vfs, name, 0);
	if ((rc = failed(SQLITE_IOERR_DELETE)) != SQLITE_OK)
		return rc;
	disk_unlink(name);
	if (sync_dir)
		disk_sync_dir_of_name(name);
	return real_vfs->xDelete(real_vfs, name, 0);
}

/* ---- store_io ---- */

#define FDS_MAX	1024
static struct disk_file *by_fd[FDS_MAX];

static int
io_failed(void)
{
	int e = disk_step();

	if (e != 0)
		errno = e;
	return e != 0;
}

static int
io_open(const char *path, int flags, mode_t mode)
{
	int fd;

	if ((flags & O_CREAT) != 0 && access(path, F_OK) != 0 && io_failed())
		return -1;
	if ((fd = store_io_posix.open(path, flags, mode)) == -1)
		return -1;
	MUST(fd < FDS_MAX);
	by_fd[fd] = disk_open(path);
	return fd;
}

static ssize_t
io_pwrite(int fd, const void *data, size_t n, off_t at)
{
	off_t size;

	if (io_failed())
		return -1;
	size = lseek(fd, 0, SEEK_END);
	if (at + (off_t)n > size &&
	    (errno = disk_resize((uint64_t)size, (uint64_t)at + n)) != 0)
		return -1;
	disk_write(by_fd[fd], data, n, (uint64_t)at);
	return pwrite(fd, data, n, at);
}

static int
io_fdatasync(int fd)
{
	int bad = io_failed();

	disk_sync(by_fd[fd], !bad);
	return bad ? -1 : 0;
}

static int
io_rename(const char *from, const char *to)
{
	if (io_failed())
		return -1;
	disk_rename(from, to);
	return rename(from, to);
}

static int
io_unlink(const char *path)
{
	if (io_failed())
		return -1;
	disk_unlink(path);
	return unlink(path);
}

static int
io_sync_dir(const char *path)
{
	if (io_failed())
		return -1;
	disk_sync_dir(path);
	return 0;
}

static const struct store_io shim_io = {
	.open = io_open, .pwrite = io_pwrite, .fdatasync = io_fdatasync,
	.close = close, .rename = io_rename, .unlink = io_unlink,
	.sync_dir = io_sync_dir,
};

void
fault_install(void)
{
	static sqlite3_vfs vfs;

	if (real_vfs != NULL)
		return;
	real_vfs = sqlite3_vfs_find("unix");
	MUST(real_vfs != NULL);
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.zName = "fault";
	vfs.szOsFile = (int)sizeof(struct shim_file);
	vfs.xOpen = shim_open;
	vfs.xDelete = shim_delete;
	MUST(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
	store_io_set(&shim_io);
}
