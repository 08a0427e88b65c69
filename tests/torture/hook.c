/* SPDX-License-Identifier: ISC */
/*
 * hook: the file calls of the daemon, each of which may fail, stop short, be
 * interrupted or be written down, as the test has it (control.h). Put before
 * the C library with LD_PRELOAD.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/torture/control.h"

#define FDS_MAX	65536

static struct control *control;
static char *_Atomic names[FDS_MAX]; /* of files below, what is left of the path */

/* ISO C has no cast from an object's address to a function's. */
#define REAL(result, name, ...) \
	static result (*real_##name)(__VA_ARGS__); \
	static void find_##name(void) \
	{ \
		union { \
			void *object; \
			result (*function)(__VA_ARGS__); \
		} u; \
 \
		if (real_##name != NULL) \
			return; \
		u.object = dlsym(RTLD_NEXT, #name); \
		if (u.object == NULL) \
			abort(); \
		real_##name = u.function; \
	}

REAL(int, openat, int, const char *, int, ...)
REAL(int, close, int)
REAL(ssize_t, read, int, void *, size_t)
REAL(ssize_t, pread, int, void *, size_t, off_t)
REAL(ssize_t, recv, int, void *, size_t, int)
REAL(ssize_t, readv, int, const struct iovec *, int)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
REAL(ssize_t, send, int, const void *, size_t, int)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, ftruncate, int, off_t)
REAL(int, fallocate, int, int, off_t, off_t)
REAL(int, posix_fallocate, int, off_t, off_t)
REAL(int, unlink, const char *)
REAL(int, rename, const char *, const char *)

static void __attribute__((constructor))
begin(void)
{
	control = control_map();
	trace_map();
}

/* What follows the folder of the queue in this path; NULL: it is elsewhere. */
static const char *
inside(const char *path)
{
	size_t n = control == NULL ? 0 : strlen(control->below);

	if (n == 0 || strncmp(path, control->below, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path[n] == '/' ? path + n + 1 : ".";
}

static const char *
name_of(int fd)
{
	return fd >= 0 && fd < FDS_MAX ? names[fd] : NULL;
}

static int
fails(const char *name, enum control_call call)
{
	int e = name == NULL ? 0 : control_step(control, call);

	if (e != 0)
		errno = e;
	return e != 0;
}

/* ---- names ---- */

static int
open_any(int at, const char *path, int flags, mode_t mode)
{
	const char *name = inside(path);
	int fd;

	find_openat();
	if (fails(name, CALL_OPEN))
		return -1;
	fd = real_openat(at, path, flags, mode);
	if (fd >= 0 && fd < FDS_MAX) {
		free(atomic_exchange(&names[fd], NULL));
		names[fd] = name == NULL ? NULL : strdup(name);
	}
	if (fd >= 0 && name != NULL && (flags & O_CREAT) != 0)
		trace_line("create %s", name);
	return fd;
}

#define MODE(after) \
	mode_t mode = 0; \
	va_list ap; \
 \
	va_start(ap, after); \
	if ((after & O_CREAT) != 0 || (after & __O_TMPFILE) == __O_TMPFILE) \
		mode = va_arg(ap, mode_t); \
	va_end(ap)

int
open(const char *path, int flags, ...)
{
	MODE(flags);
	return open_any(AT_FDCWD, path, flags, mode);
}

int
openat(int at, const char *path, int flags, ...)
{
	MODE(flags);
	return open_any(at, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	MODE(flags);
	return open_any(AT_FDCWD, path, flags, mode);
}

int
openat64(int at, const char *path, int flags, ...)
{
	MODE(flags);
	return open_any(at, path, flags, mode);
}

int __open_2(const char *, int);
int __open64_2(const char *, int);

int
__open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int
close(int fd)
{
	int rc, bad = fails(name_of(fd), CALL_CLOSE), e = errno;

	find_close();
	if (fd >= 0 && fd < FDS_MAX)
		free(atomic_exchange(&names[fd], NULL));
	rc = real_close(fd);
	if (bad)
		errno = e;
	return bad ? -1 : rc;
}

int
unlink(const char *path)
{
	const char *name = inside(path);
	int rc;

	find_unlink();
	if (fails(name, CALL_UNLINK))
		return -1;
	rc = real_unlink(path);
	if (rc == 0 && name != NULL)
		trace_line("unlink %s", name);
	return rc;
}

int
rename(const char *from, const char *to)
{
	const char *name = inside(from), *other = inside(to);
	int rc;

	find_rename();
	if (fails(name, CALL_RENAME))
		return -1;
	rc = real_rename(from, to);
	if (rc == 0 && name != NULL && other != NULL)
		trace_line("rename %s %s", name, other);
	return rc;
}

/* ---- how much is moved ---- */

/* Files, pipes and stream sockets may stop short; what keeps its boundaries may not. */
static int
divisible(int fd)
{
	struct stat st;
	socklen_t n = sizeof(int);
	int type = 0, e = errno, is;

	is = fstat(fd, &st) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ||
		(S_ISSOCK(st.st_mode) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
		    type == SOCK_STREAM));
	errno = e;
	return is;
}

/* 0 and *n as the test has it, or -1 and EINTR. */
static int
shorten(int fd, size_t *n)
{
	static _Atomic int64_t calls;
	int64_t most, each;

	if (control == NULL)
		return 0;
	most = control->bytes;
	each = control->interrupt;
	if ((most == 0 && each == 0) || !divisible(fd))
		return 0;
	if (each > 0 && ++calls % each == 0) {
		errno = EINTR;
		return -1;
	}
	if (most > 0 && *n > (size_t)most)
		*n = (size_t)most;
	return 0;
}

/* A reply on its way to a client. */
static void
say(int fd, const void *data, size_t n)
{
	static const char good[] = "250 2.0.0 Ok: queued as ";
	const char *p = data;
	size_t len = 0;

	if (n <= sizeof good || memcmp(p, good, sizeof good - 1) != 0 || name_of(fd) != NULL)
		return;
	p += sizeof good - 1;
	n -= sizeof good - 1;
	while (len < n && len < 40 && p[len] > ' ')
		len++;
	trace_line("reply %.*s", (int)len, p);
}

ssize_t
read(int fd, void *to, size_t n)
{
	find_read();
	if (fails(name_of(fd), CALL_READ) || shorten(fd, &n) == -1)
		return -1;
	return real_read(fd, to, n);
}

static ssize_t
pread_any(int fd, void *to, size_t n, off_t at)
{
	find_pread();
	if (fails(name_of(fd), CALL_READ) || shorten(fd, &n) == -1)
		return -1;
	return real_pread(fd, to, n, at);
}

ssize_t
pread(int fd, void *to, size_t n, off_t at)
{
	return pread_any(fd, to, n, at);
}

ssize_t
pread64(int fd, void *to, size_t n, off64_t at)
{
	return pread_any(fd, to, n, at);
}

ssize_t
recv(int fd, void *to, size_t n, int flags)
{
	find_recv();
	if ((flags & MSG_PEEK) == 0 && shorten(fd, &n) == -1)
		return -1;
	return real_recv(fd, to, n, flags);
}

ssize_t
readv(int fd, const struct iovec *v, int count)
{
	size_t n = count > 0 ? v[0].iov_len : 0;

	find_readv();
	find_read();
	if (shorten(fd, &n) == -1)
		return -1;
	return count > 0 && n < v[0].iov_len ? real_read(fd, v[0].iov_base, n)
					     : real_readv(fd, v, count);
}

ssize_t
write(int fd, const void *data, size_t n)
{
	find_write();
	if (fails(name_of(fd), CALL_WRITE))
		return -1;
	/* One byte: libevent's note that a signal came, which the kernel would take. */
	if (n > 1 && shorten(fd, &n) == -1)
		return -1;
	say(fd, data, n);
	return real_write(fd, data, n);
}

static ssize_t
pwrite_any(int fd, const void *data, size_t n, off_t at)
{
	const char *name = name_of(fd);

	find_pwrite();
	if (fails(name, CALL_WRITE) || shorten(fd, &n) == -1)
		return -1;
	if (name != NULL)
		trace_write(name, data, n);
	return real_pwrite(fd, data, n, at);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t at)
{
	return pwrite_any(fd, data, n, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	return pwrite_any(fd, data, n, at);
}

ssize_t
send(int fd, const void *data, size_t n, int flags)
{
	find_send();
	if (shorten(fd, &n) == -1)
		return -1;
	say(fd, data, n);
	return real_send(fd, data, n, flags);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	size_t n = count > 0 ? v[0].iov_len : 0;

	find_writev();
	find_write();
	if (shorten(fd, &n) == -1)
		return -1;
	if (count > 0)
		say(fd, v[0].iov_base, n);
	return count > 0 && n < v[0].iov_len ? real_write(fd, v[0].iov_base, n)
					     : real_writev(fd, v, count);
}

/* ---- what lasts ---- */

static int
sync_with(int (*real)(int), int fd)
{
	const char *name = name_of(fd);
	int rc;

	if (fails(name, CALL_SYNC))
		return -1;
	if (control != NULL && control->lie != 0 &&
	    (control->lie == 1 || (name != NULL && strcmp(name, "spool") == 0)))
		return 0;
	rc = real(fd);
	if (rc == 0 && name != NULL)
		trace_line("sync %s", name);
	return rc;
}

int
fsync(int fd)
{
	find_fsync();
	return sync_with(real_fsync, fd);
}

int
fdatasync(int fd)
{
	find_fdatasync();
	return sync_with(real_fdatasync, fd);
}

static int
truncate_any(int fd, off_t size)
{
	find_ftruncate();
	return fails(name_of(fd), CALL_SIZE) ? -1 : real_ftruncate(fd, size);
}

int
ftruncate(int fd, off_t size)
{
	return truncate_any(fd, size);
}

int
ftruncate64(int fd, off64_t size)
{
	return truncate_any(fd, size);
}

int
fallocate(int fd, int how, off_t at, off_t n)
{
	find_fallocate();
	return fails(name_of(fd), CALL_SIZE) ? -1 : real_fallocate(fd, how, at, n);
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	find_posix_fallocate();
	return fails(name_of(fd), CALL_SIZE) ? errno : real_posix_fallocate(fd, at, n);
}

int
posix_fallocate64(int fd, off64_t at, off64_t n)
{
	return posix_fallocate(fd, at, n);
}
