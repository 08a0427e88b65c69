/* SPDX-License-Identifier: ISC */
/* stream: see stream.h. One read event, one write event, one timer, one deferred kick. */
#include "lib/io/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/io/stream_int.h"

#define STREAM_MAGIC	0x57a3e001u
#define INPUT_MAX	65536u
#define FINISH_MS	5000
#define FINISH_DISCARD	65536u

/* Nobody else has them. */
static TAILQ_HEAD(, io_stream) finishing = TAILQ_HEAD_INITIALIZER(finishing);

static void	on_read(evutil_socket_t, short, void *);
static void	on_write(evutil_socket_t, short, void *);
static void	on_timer(evutil_socket_t, short, void *);
static void	on_kick(evutil_socket_t, short, void *);

static struct io_stream *
stream_of(void *arg)
{
	struct io_stream *s = arg;

	MUST(s != NULL && s->magic == STREAM_MAGIC);
	return s;
}

void
io_stream_set_reading(struct io_stream *s, int on)
{
	if (on == s->reading)
		return;
	s->reading = on;
	if (on)
		event_add(&s->ev_read, NULL);
	else
		event_del(&s->ev_read);
}

void
io_stream_set_writing(struct io_stream *s, int on)
{
	if (on == s->writing)
		return;
	s->writing = on;
	if (on)
		event_add(&s->ev_write, NULL);
	else
		event_del(&s->ev_write);
}

static void
update_reading(struct io_stream *s)
{
	int open = s->phase == CLEAR || s->phase == SECURE;

	if (s->phase == HANDSHAKE || s->phase == FINISHING)
		return;
	io_stream_set_reading(s, open && !s->paused && buf_len(&s->in) < s->in_max);
}

static void
release(struct io_stream *s)
{
	event_del(&s->ev_read);
	event_del(&s->ev_write);
	event_del(&s->ev_timer);
	event_del(&s->ev_kick);
	if (s->ssl != NULL) {
		if (s->phase == SECURE || s->phase == FINISHING)
			SSL_shutdown(s->ssl);
		SSL_free(s->ssl);
		ERR_clear_error();
	}
	if (s->fd != -1)
		close(s->fd);
	buf_fini(&s->in);
	buf_fini(&s->out);
	if (s->left_alone)
		TAILQ_REMOVE(&finishing, s, link);
	s->magic = 0;
	free(s);
}

static void
enter(struct io_stream *s)
{
	s->depth++;
}

/* Leaves a callback: returns 1 if the stream is gone. */
static int
leave(struct io_stream *s)
{
	if (--s->depth > 0 || !s->freed)
		return 0;
	release(s);
	return 1;
}

void
io_stream_end(struct io_stream *s, enum io_end how)
{
	if (s->phase == FINISHING) {
		s->freed = 1;
		return;
	}
	if (s->phase == ENDED || s->freed)
		return;
	s->last_words = how == IO_TIMEOUT && (s->phase == CLEAR || s->phase == SECURE);
	s->phase = ENDED;
	io_stream_set_reading(s, 0);
	io_stream_set_writing(s, 0);
	event_del(&s->ev_timer);
	errno = s->err;
	s->events->ended(s->arg, how);
}

void
io_stream_kick(struct io_stream *s, int report_input)
{
	s->report_input |= report_input;
	event_active(&s->ev_kick, EV_TIMEOUT, 0);
}

/* ---- reading ---- */

/* 1: bytes came; 0: none now; -1: the stream ended. */
static int
read_clear(struct io_stream *s)
{
	ssize_t n = recv(s->fd, buf_reserve(&s->in, READ_SIZE), READ_SIZE, 0);

	if (n > 0) {
		s->touched = 1;
		buf_commit(&s->in, (size_t)n);
		return 1;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	s->err = n == -1 ? errno : 0;
	io_stream_end(s, n == 0 ? IO_EOF : IO_ERROR);
	return -1;
}

static void
discard(struct io_stream *s)
{
	char junk[4096];
	ssize_t n = recv(s->fd, junk, sizeof junk, 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && (s->discarded += (size_t)n) < FINISH_DISCARD)
		return;
	s->freed = 1;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct io_stream *s = stream_of(arg);
	int got = 0;

	enter(s);
	switch (s->phase) {
	case CLEAR:
		got = read_clear(s);
		break;
	case SECURE:
		got = io_stream_tls_read(s);
		break;
	case HANDSHAKE:
		io_stream_tls_step(s);
		break;
	case FINISHING:
		discard(s);
		break;
	case CONNECTING:
	case CLEAR_DRAIN:
	case ENDED:
		break;
	}
	if (got > 0 && !s->freed)
		s->events->input(s->arg);
	if (!s->freed && s->phase != ENDED) {
		if (buf_len(&s->out) > 0 || s->want_drain)
			on_write(fd, EV_WRITE, s);
		/* What TLS has read already raises no read event. */
		if (!s->freed && s->brimful && !s->paused && buf_len(&s->in) < s->in_max)
			io_stream_kick(s, 1);
		if (!s->freed)
			update_reading(s);
	}
	leave(s);
}

/* ---- writing ---- */

static ssize_t
write_some(struct io_stream *s)
{
	if (s->phase != SECURE && !(s->phase == FINISHING && s->ssl != NULL)) {
		ssize_t sent = send(s->fd, buf_data(&s->out), buf_len(&s->out),
		    MSG_NOSIGNAL);

		if (sent == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
		s->touched = 1;
		return sent == -1 ? 0 : sent;
	}
	return io_stream_tls_write(s);
}

static void
after_drain(struct io_stream *s)
{
	if (s->phase == CLEAR_DRAIN) {
		s->phase = HANDSHAKE;
		io_stream_set_reading(s, 1);
		io_stream_tls_step(s);
	} else if (s->phase == FINISHING) {
		if (s->ssl != NULL)
			SSL_shutdown(s->ssl);
		shutdown(s->fd, SHUT_WR);
	} else if (s->want_drain) {
		s->want_drain = 0;
		s->events->drained(s->arg);
	}
}

static void
fail_write(struct io_stream *s)
{
	int err = errno, got = 0;

	/* The peer may have said why before it closed: prefer its words. */
	if (s->phase == CLEAR)
		got = read_clear(s);
	else if (s->phase == SECURE)
		got = io_stream_tls_read(s);
	if (got > 0)
		s->events->input(s->arg);
	if (!s->freed && s->phase != ENDED)
		s->err = err;
	if (!s->freed)
		io_stream_end(s, IO_ERROR);
}

static void
flush(struct io_stream *s)
{
	ssize_t n = 1;

	do {
		while (buf_len(&s->out) > 0 && n > 0) {
			n = write_some(s);
			if (n > 0)
				buf_drop(&s->out, (size_t)n);
		}
		if (n == -1) {
			fail_write(s);
			return;
		}
		if (buf_len(&s->out) == 0)
			after_drain(s);		/* may write more */
	} while (n > 0 && !s->freed && buf_len(&s->out) > 0 &&
	    (s->phase == CLEAR || s->phase == SECURE));
	if (!s->freed && (s->phase == CLEAR || s->phase == CLEAR_DRAIN || s->phase == SECURE ||
	    s->phase == FINISHING))
		io_stream_set_writing(s, buf_len(&s->out) > 0);
}

static void
finish_connect(struct io_stream *s)
{
	socklen_t len = sizeof s->err;

	io_stream_set_writing(s, 0);
	if (s->err == 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &s->err, &len) == -1)
		s->err = errno;
	if (s->err != 0) {
		io_stream_end(s, IO_ERROR);
		return;
	}
	s->phase = CLEAR;
	update_reading(s);
	s->events->connected(s->arg);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct io_stream *s = stream_of(arg);

	enter(s);
	switch (s->phase) {
	case CONNECTING:
		finish_connect(s);
		break;
	case HANDSHAKE:
		io_stream_tls_step(s);
		break;
	case CLEAR:
	case CLEAR_DRAIN:
	case SECURE:
	case FINISHING:
		flush(s);
		break;
	case ENDED:
		break;
	}
	/* A callback above may have written (connected, drained, secured). */
	if (!s->freed && (s->phase == CLEAR || s->phase == SECURE) && buf_len(&s->out) > 0 &&
	    !s->writing)
		flush(s);
	leave(s);
}

/* ---- timer and deferred work ---- */

static void
arm(struct io_stream *s, int64_t at)
{
	int64_t ms = at - clock_mono_ms();
	struct timeval tv;

	if (ms < 1)
		ms = 1;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_add(&s->ev_timer, &tv);
	s->armed = at;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct io_stream *s = stream_of(arg);

	s->armed = 0;
	if (s->deadline == 0)
		return;
	if (clock_mono_ms() < s->deadline) {
		arm(s, s->deadline);
		return;
	}
	enter(s);
	io_stream_end(s, IO_TIMEOUT);
	leave(s);
}

/* The timer is moved lazily: a later deadline waits for the earlier alarm. */
void
io_stream_deadline(struct io_stream *s, int64_t ms)
{
	s->deadline = ms > 0 ? clock_mono_ms() + ms : 0;
	if (s->deadline != 0 && s->phase != ENDED && (s->armed == 0 || s->armed > s->deadline))
		arm(s, s->deadline);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct io_stream *s = stream_of(arg);

	enter(s);
	if (s->report_input && !s->paused && (s->phase == CLEAR || s->phase == SECURE)) {
		s->report_input = 0;
		if (buf_len(&s->in) > 0)
			s->events->input(s->arg);
		if (!s->freed && s->phase == SECURE && !s->paused && SSL_has_pending(s->ssl))
			on_read(s->fd, EV_READ, s);
	}
	if (!s->freed && s->phase != CONNECTING && s->phase != ENDED && s->phase != HANDSHAKE &&
	    !s->writing)
		flush(s);
	if (!s->freed && s->phase != ENDED)
		update_reading(s);
	leave(s);
}

void
io_stream_push(struct io_stream *s)
{
	/* Inside a callback of this stream the write follows by itself. */
	if (s->depth == 0 && !s->writing && s->phase != CONNECTING && s->phase != ENDED)
		io_stream_kick(s, 0);
}

void
io_stream_write(struct io_stream *s, const void *p, size_t n)
{
	if (s->phase == ENDED && !s->last_words)
		return;
	buf_add(&s->out, p, n);
	io_stream_push(s);
}

void
io_stream_pause(struct io_stream *s)
{
	s->paused = 1;
	update_reading(s);
}

void
io_stream_resume(struct io_stream *s)
{
	s->paused = 0;
	if (s->phase == ENDED)
		return;
	if (buf_len(&s->in) > 0 || (s->phase == SECURE && SSL_has_pending(s->ssl)))
		io_stream_kick(s, 1);
	update_reading(s);
}

/* ---- life ---- */

static void
tune(int fd)
{
	int on = 1;

	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static struct io_stream *
create(struct event_base *base, int fd, enum phase phase, const struct io_stream_events *events,
    void *arg)
{
	struct io_stream *s = must_calloc(1, sizeof *s);

	s->magic = STREAM_MAGIC;
	s->phase = phase;
	s->fd = fd;
	s->base = base;
	s->events = events;
	s->arg = arg;
	s->in_max = INPUT_MAX;
	event_assign(&s->ev_read, base, fd, EV_READ | EV_PERSIST, on_read, s);
	event_assign(&s->ev_write, base, fd, EV_WRITE | EV_PERSIST, on_write, s);
	event_assign(&s->ev_timer, base, -1, 0, on_timer, s);
	event_assign(&s->ev_kick, base, -1, 0, on_kick, s);
	tune(fd);
	return s;
}

struct io_stream *
io_stream_new(struct event_base *base, int fd, const struct io_stream_events *events, void *arg)
{
	struct io_stream *s = create(base, fd, CLEAR, events, arg);

	update_reading(s);
	return s;
}

struct io_stream *
io_stream_connect(struct event_base *base, const struct sockaddr *to, socklen_t len,
    const struct sockaddr *local, socklen_t local_len, const struct io_stream_events *events,
    void *arg)
{
	struct io_stream *s;
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd == -1)
		return NULL;
	/* The port is chosen by connect: many connections may leave from one address. */
	if (local != NULL)
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
	if (local != NULL && bind(fd, local, local_len) == -1) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	s = create(base, fd, CONNECTING, events, arg);
	/* An immediate failure is reported by `ended`, like a later one; SO_ERROR forgets it. */
	if (connect(fd, to, len) == -1 && errno != EINPROGRESS)
		s->err = errno;
	io_stream_set_writing(s, 1);
	return s;
}

void
io_stream_free(struct io_stream **sp)
{
	struct io_stream *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	MUST(s->magic == STREAM_MAGIC);
	s->freed = 1;
	if (s->depth == 0)
		release(s);
}

void
io_stream_finish(struct io_stream **sp)
{
	struct io_stream *s = *sp;

	if (s == NULL || (s->phase == ENDED && !s->last_words) || s->phase == CONNECTING ||
	    s->phase == HANDSHAKE || s->phase == CLEAR_DRAIN) {
		io_stream_free(sp);
		return;
	}
	*sp = NULL;
	TAILQ_INSERT_TAIL(&finishing, s, link);
	s->left_alone = 1;
	s->phase = FINISHING;
	io_stream_deadline(s, FINISH_MS);
	io_stream_set_reading(s, 1);
	io_stream_kick(s, 0);
}

void
io_stream_close_finishing(void)
{
	struct io_stream *s, *next;

	TAILQ_FOREACH_SAFE(s, &finishing, link, next)
		release(s);
}

struct buf *io_stream_in(struct io_stream *s) { return &s->in; }
struct buf *io_stream_out(struct io_stream *s) { return &s->out; }
size_t io_stream_unsent(struct io_stream *s) { return buf_len(&s->out); }
void io_stream_want_drain(struct io_stream *s) { s->want_drain = 1; io_stream_push(s); }
SSL *io_stream_ssl(struct io_stream *s) { return s->ssl; }
int io_stream_errno(const struct io_stream *s) { return s->err; }
int io_stream_ssl_error(const struct io_stream *s) { return s->ssl_err; }
int io_stream_fd(const struct io_stream *s) { return s->fd; }

void
io_stream_input_max(struct io_stream *s, size_t max)
{
	s->in_max = max;
	if (s->phase != ENDED)
		update_reading(s);
}
