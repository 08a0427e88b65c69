/* SPDX-License-Identifier: ISC */
/* chan: frames over a unix socket; one descriptor travels with a frame's first byte. */
#include "lib/io/chan.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/list.h"

#define CHAN_MAGIC	0xc4a20001u
#define VERSION		1u
#define HAS_FD		0x8000u
#define HEADER		12u
#define FDS_MAX		64	/* descriptors that wait for their frames */

struct packet {
	TAILQ_ENTRY(packet)	 link;
	struct buf		 bytes;
	int			 fd;		/* goes with the next byte, then -1 */
};

struct io_chan {
	unsigned			 magic;
	int				 fd;
	size_t				 max_len;
	const struct io_chan_events	*events;
	void				*arg;
	struct event			 ev_read, ev_write;
	int				 writing, depth, freed, dead;
	struct buf			 in;
	int				 fds[FDS_MAX];
	size_t				 nfds;
	TAILQ_HEAD(, packet)		 out;
};

static struct io_chan *
chan_of(void *arg)
{
	struct io_chan *c = arg;

	MUST(c != NULL && c->magic == CHAN_MAGIC);
	return c;
}

static void
packet_free(struct io_chan *c, struct packet *p)
{
	TAILQ_REMOVE(&c->out, p, link);
	if (p->fd != -1)
		close(p->fd);
	buf_fini(&p->bytes);
	free(p);
}

static void
release(struct io_chan *c)
{
	struct packet *p, *next;

	event_del(&c->ev_read);
	event_del(&c->ev_write);
	TAILQ_FOREACH_SAFE(p, &c->out, link, next)
		packet_free(c, p);
	for (size_t i = 0; i < c->nfds; i++)
		close(c->fds[i]);
	close(c->fd);
	buf_fini(&c->in);
	c->magic = 0;
	free(c);
}

static void
die(struct io_chan *c, const char *why)
{
	if (c->dead || c->freed)
		return;
	c->dead = 1;
	event_del(&c->ev_read);
	event_del(&c->ev_write);
	c->events->closed(c->arg, why);
}

/* ---- in ---- */

static void
keep_fds(struct io_chan *c, struct msghdr *msg)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m != NULL; m = CMSG_NXTHDR(msg, m)) {
		size_t n;

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof fd, sizeof fd);
			if (c->nfds < FDS_MAX)
				c->fds[c->nfds++] = fd;
			else
				close(fd);
		}
	}
}

static int
take_fd(struct io_chan *c)
{
	int fd;

	if (c->nfds == 0)
		return -1;
	fd = c->fds[0];
	c->nfds--;
	memmove(c->fds, c->fds + 1, c->nfds * sizeof c->fds[0]);
	return fd;
}

/* 1: a frame was handed out, 0: not enough bytes, -1: the channel is over. */
static int
next_frame(struct io_chan *c)
{
	struct buf_reader r = buf_reader_of(buf_data(&c->in), buf_len(&c->in));
	struct io_frame f = { .fd = -1 };
	uint32_t len;
	uint16_t version;

	if (buf_len(&c->in) < HEADER)
		return 0;
	buf_get_u32(&r, &len);
	buf_get_u16(&r, &f.type);
	buf_get_u16(&r, &version);
	buf_get_u32(&r, &f.request);
	if (len > c->max_len || (version & ~HAS_FD) != VERSION) {
		die(c, len > c->max_len ? "frame too long" : "frame of another version");
		return -1;
	}
	if (r.left < len)
		return 0;
	if ((version & HAS_FD) != 0 && (f.fd = take_fd(c)) == -1) {
		die(c, "frame without its descriptor");
		return -1;
	}
	f.data = r.p;
	f.len = len;
	c->events->frame(c->arg, &f);
	if (c->freed || c->dead)
		return -1;
	buf_drop(&c->in, HEADER + len);
	return 1;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct io_chan *c = chan_of(arg);
	union { char space[CMSG_SPACE(8 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec iov = { buf_reserve(&c->in, 65536), 65536 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
	    .msg_controllen = sizeof control.space };
	ssize_t n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	c->depth++;
	if (n <= 0) {
		die(c, n == 0 ? "peer is gone" : strerror(errno));
	} else {
		keep_fds(c, &msg);
		buf_commit(&c->in, (size_t)n);
		while (next_frame(c) == 1)
			continue;
	}
	if (--c->depth == 0 && c->freed)
		release(c);
}

/* ---- out ---- */

static ssize_t
send_packet(struct io_chan *c, struct packet *p)
{
	union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
	struct iovec iov = { buf_data(&p->bytes), buf_len(&p->bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (p->fd != -1) {
		struct cmsghdr *m;

		memset(&control, 0, sizeof control);
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof control.space;
		m = CMSG_FIRSTHDR(&msg);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(m), &p->fd, sizeof p->fd);
	}
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0 && p->fd != -1) {
		close(p->fd);
		p->fd = -1;
	}
	return n;
}

/* 0: all sent or must wait; -1: broken. */
static int
flush(struct io_chan *c)
{
	struct packet *p;

	while ((p = TAILQ_FIRST(&c->out)) != NULL) {
		ssize_t n = send_packet(c, p);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1)
			return -1;
		buf_drop(&p->bytes, (size_t)n);
		if (buf_len(&p->bytes) == 0)
			packet_free(c, p);
	}
	return 0;
}

static void
update_writing(struct io_chan *c)
{
	int want = !TAILQ_EMPTY(&c->out);

	if (want == c->writing || c->dead)
		return;
	c->writing = want;
	if (want)
		event_add(&c->ev_write, NULL);
	else
		event_del(&c->ev_write);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct io_chan *c = chan_of(arg);

	c->depth++;
	if (flush(c) == -1)
		die(c, strerror(errno));
	else
		update_writing(c);
	if (--c->depth == 0 && c->freed)
		release(c);
}

void
io_chan_send(struct io_chan *c, uint16_t type, uint32_t request, const void *data, size_t len,
    int fd)
{
	struct packet *p;

	if (c->dead) {
		if (fd != -1)
			close(fd);
		return;
	}
	p = must_calloc(1, sizeof *p);
	p->fd = fd;
	buf_add_u32(&p->bytes, (uint32_t)len);
	buf_add_u16(&p->bytes, type);
	buf_add_u16(&p->bytes, (uint16_t)(VERSION | (fd != -1 ? HAS_FD : 0)));
	buf_add_u32(&p->bytes, request);
	buf_add(&p->bytes, data, len);
	TAILQ_INSERT_TAIL(&c->out, p, link);
	/* A broken peer shows as end of file on the read side. */
	if (!c->writing)
		flush(c);
	update_writing(c);
}

struct io_chan *
io_chan_new(struct event_base *base, int fd, size_t max_len, const struct io_chan_events *events,
    void *arg)
{
	struct io_chan *c = must_calloc(1, sizeof *c);

	c->magic = CHAN_MAGIC;
	c->fd = fd;
	c->max_len = max_len;
	c->events = events;
	c->arg = arg;
	TAILQ_INIT(&c->out);
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	event_assign(&c->ev_read, base, fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->ev_write, base, fd, EV_WRITE | EV_PERSIST, on_write, c);
	event_add(&c->ev_read, NULL);
	return c;
}

void
io_chan_free(struct io_chan **cp)
{
	struct io_chan *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	MUST(c->magic == CHAN_MAGIC);
	c->freed = 1;
	if (c->depth == 0)
		release(c);
}
