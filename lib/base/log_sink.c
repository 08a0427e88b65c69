/* SPDX-License-Identifier: ISC */
/* log_sink: the ends of the log: descriptor, file, syslog and journal socket. */
#include "lib/base/log_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/buf.h"

#define PENDING_MAX	(1024 * 1024)	/* HARDENING E8 */
#define PENDING_FLUSH	(64 * 1024)

enum kind {
	KIND_FILE,		/* write(2) returns soon */
	KIND_PIPE,		/* may be full: whole lines of at most PIPE_BUF, so none is torn */
	KIND_STREAM,		/* a stream socket, as stderr is under systemd */
	KIND_DATAGRAM
};

static struct {
	enum kind	 kind;
	int		 fd;
	int		 owned;		/* fd is ours to close */
	char		 path[108];	/* of the datagram socket */
	struct buf	 pending;	/* lines; datagrams each behind a u32 length */
	size_t		 flush_at;
	uint64_t	 dropped;
} sink = { .kind = KIND_PIPE, .fd = STDERR_FILENO, .flush_at = PENDING_FLUSH };

static int
connect_datagram(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, saved;

	if (strlen(path) >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sun, sizeof sun) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* A FIFO that nobody reads yet can only be opened for both directions (fifo(7)). */
static int
open_file(const char *path)
{
	static const int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, O_WRONLY | flags, 0640);

	return fd == -1 && errno == ENXIO ? open(path, O_RDWR | flags, 0640) : fd;
}

/*
 * O_NONBLOCK belongs to the open file description, which stderr shares with
 * whoever started us. A pipe can be opened a second time for ourselves; where
 * that is not permitted, write_pipe() asks poll(2) first.
 */
static int
open_stderr(int *owned)
{
	struct stat st;
	int fd = -1;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISFIFO(st.st_mode))
		fd = open("/proc/self/fd/2", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	*owned = fd != -1;
	return fd == -1 ? STDERR_FILENO : fd;
}

static enum kind
kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return KIND_PIPE;
	return S_ISREG(st.st_mode) ? KIND_FILE : S_ISSOCK(st.st_mode) ? KIND_STREAM : KIND_PIPE;
}

/* How many records wait. */
static uint64_t
records(void)
{
	struct buf_reader r = buf_reader_of(buf_data(&sink.pending), buf_len(&sink.pending));
	const void *p;
	uint64_t n = 0;
	size_t len;

	if (sink.kind == KIND_DATAGRAM)
		while (buf_get_blob(&r, &p, &len, SIZE_MAX) == 0)
			n++;
	else
		for (; r.left > 0; r.p++, r.left--)
			n += *r.p == '\n';
	return n;
}

int
log_sink_open(enum log_target target, const char *path)
{
	int fd = -1, owned = 1, datagram = target == LOG_TO_SYSLOG || target == LOG_TO_JOURNAL;

	if (datagram)
		fd = connect_datagram(path);
	else if (target == LOG_TO_FILE)
		fd = open_file(path);
	else
		fd = open_stderr(&owned);
	if (fd == -1)
		return -1;
	log_sink_flush();
	if (sink.owned)
		close(sink.fd);
	/* Framing differs: what the old kind did not take cannot go to the new. */
	if (datagram != (sink.kind == KIND_DATAGRAM)) {
		sink.dropped += records();
		buf_clear(&sink.pending);
	}
	sink.fd = fd;
	sink.owned = owned;
	sink.kind = datagram ? KIND_DATAGRAM : kind_of(fd);
	sink.path[0] = '\0';
	if (datagram)
		memcpy(sink.path, path, strlen(path) + 1);
	return 0;
}

void
log_sink_adopt(int fd)
{
	log_sink_flush();
	if (sink.owned)
		close(sink.fd);
	sink.fd = fd;
	sink.owned = 1;
	sink.kind = kind_of(fd);
	sink.path[0] = '\0';
}

/* How much one write may take: whole lines, at most PIPE_BUF (pipe(7): all or nothing). */
static size_t
whole_lines(const char *data, size_t len)
{
	const char *end;

	if (len <= PIPE_BUF)
		return len;
	end = memrchr(data, '\n', PIPE_BUF);
	return end == NULL ? PIPE_BUF : (size_t)(end - data) + 1;
}

static ssize_t
write_pipe(const char *data, size_t len)
{
	struct pollfd p = { .fd = sink.fd, .events = POLLOUT };

	if (!sink.owned && poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(sink.fd, data, whole_lines(data, len));
}

static void
flush_lines(void)
{
	size_t len;

	while ((len = buf_len(&sink.pending)) > 0) {
		const char *data = buf_data(&sink.pending);
		ssize_t n;

		if (sink.kind == KIND_FILE)
			n = write(sink.fd, data, len);
		else if (sink.kind == KIND_STREAM)
			n = send(sink.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write_pipe(data, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_drop(&sink.pending, (size_t)n);
	}
}

/* The daemon at the other end was restarted: its socket is another one now. */
static int
reconnect(void)
{
	int fd = connect_datagram(sink.path);

	if (fd == -1)
		return -1;
	close(sink.fd);
	sink.fd = fd;
	return 0;
}

static void
flush_datagrams(void)
{
	int tried = 0;

	while (buf_len(&sink.pending) > 0) {
		struct buf_reader r = buf_reader_of(buf_data(&sink.pending),
		    buf_len(&sink.pending));
		const void *record;
		size_t len;

		if (buf_get_blob(&r, &record, &len, SIZE_MAX) == -1)
			return;
		if (send(sink.fd, record, len, MSG_DONTWAIT | MSG_NOSIGNAL) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
				return;
			if (errno == EMSGSIZE)
				sink.dropped++;
			else if (tried++ == 0 && reconnect() == 0)
				continue;
			else
				return;
		}
		buf_drop(&sink.pending, 4 + len);
	}
}

void
log_sink_flush(void)
{
	if (sink.kind == KIND_DATAGRAM)
		flush_datagrams();
	else
		flush_lines();
	/* A sink that is stuck is asked again after as much again, or next turn. */
	sink.flush_at = buf_len(&sink.pending) + PENDING_FLUSH;
}

void
log_sink_put(const void *record, size_t n)
{
	if (buf_len(&sink.pending) + n > PENDING_MAX) {
		sink.dropped++;
		return;
	}
	if (sink.kind == KIND_DATAGRAM)
		buf_add_blob(&sink.pending, record, n);
	else
		buf_add(&sink.pending, record, n);
	if (buf_len(&sink.pending) >= sink.flush_at)
		log_sink_flush();
}

size_t
log_sink_pending(void)
{
	return buf_len(&sink.pending);
}

uint64_t
log_sink_dropped(void)
{
	return sink.dropped;
}
