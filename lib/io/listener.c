/* SPDX-License-Identifier: ISC */
/* listener: the accept loop and how sockets are bound. */
#include "lib/io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define BACKLOG		1024
#define PER_TURN	64	/* accepts per event, so that sessions get their turn */
#define LEFT_OVER	2	/* by those who were to have them */

struct io_listener {
	int		 fd;
	int		(*yields)(void *arg);	/* NULL: nobody else accepts here */
	int		 yielded;
	struct event	 ev, ev_pause;
	io_accept_fn	*accept;
	void		*arg;
};

static void
pause_for(struct io_listener *l, const struct timeval *tv)
{
	event_del(&l->ev);
	event_add(&l->ev_pause, tv);
}

/* How many may be taken now; 0 = somebody else goes first. */
static unsigned
turn(struct io_listener *l)
{
	static const struct timeval ms = { 0, 1000 };

	if (l->yields == NULL)
		return PER_TURN;
	if (l->yielded) {
		l->yielded = 0;
		return LEFT_OVER;
	}
	if (!l->yields(l->arg))
		return 1;
	l->yielded = 1;
	pause_for(l, &ms);
	return 0;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval second = { 1, 0 };
	struct io_listener *l = arg;

	for (unsigned left = turn(l); left > 0; left--) {
		struct sockaddr_storage ss = { 0 };
		socklen_t len = sizeof ss;
		int conn = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn != -1) {
			l->accept(l->arg, conn, (struct sockaddr *)&ss, len);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warning("accept: %s; pausing for a second", strerror(errno));
			pause_for(l, &second);
		}
		return;
	}
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct io_listener *l = arg;

	event_add(&l->ev, NULL);
}

struct io_listener *
io_listener_new(struct event_base *base, int fd, io_accept_fn *fn, void *arg)
{
	struct io_listener *l = must_calloc(1, sizeof *l);

	l->fd = fd;
	l->accept = fn;
	l->arg = arg;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	event_assign(&l->ev, base, fd, EV_READ | EV_PERSIST, on_accept, l);
	event_assign(&l->ev_pause, base, -1, 0, on_resume, l);
	event_add(&l->ev, NULL);
	return l;
}

void
io_listener_share(struct io_listener *l, int (*yields)(void *))
{
	l->yields = yields;
}

void
io_listener_free(struct io_listener **lp)
{
	struct io_listener *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	event_del(&l->ev);
	event_del(&l->ev_pause);
	close(l->fd);
	free(l);
}

static int
listen_on(int fd, const struct sockaddr *sa, socklen_t len)
{
	int err;

	if (bind(fd, sa, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

int
io_listener_bind(const struct sockaddr *sa, socklen_t len)
{
	int on = 1, fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	return listen_on(fd, sa, len);
}

/*
 * A socket file that nobody listens behind is left over and goes. One that is not known to be
 * dead may be somebody's.
 */
static int
remove_dead(const struct sockaddr_un *un)
{
	struct stat st;
	int fd, dead;

	if (lstat(un->sun_path, &st) == -1)
		return 0;		/* bind says what is wrong, if anything is */
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	dead = connect(fd, (const struct sockaddr *)un, sizeof *un) == -1 && errno == ECONNREFUSED;
	close(fd);
	if (dead)
		return unlink(un->sun_path);
	errno = EADDRINUSE;
	return -1;
}

int
io_listener_bind_unix(const char *path, unsigned mode)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	mode_t old;
	int fd;

	if (str_copy(un.sun_path, path, sizeof un.sun_path) >= sizeof un.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (remove_dead(&un) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	old = umask(~mode & 0777);
	fd = listen_on(fd, (struct sockaddr *)&un, sizeof un);
	umask(old);
	return fd;
}

void
io_address_print(const struct sockaddr *sa, char *to, size_t cap, int with_port)
{
	char ip[INET6_ADDRSTRLEN] = "unknown";
	const void *addr = NULL;
	unsigned port = 0;

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		addr = &in->sin_addr;
		port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		addr = &in6->sin6_addr;
		port = ntohs(in6->sin6_port);
	}
	if (addr != NULL)
		inet_ntop(sa->sa_family, addr, ip, sizeof ip);
	if (!with_port)
		str_copy(to, ip, cap);
	else
		str_fmt(to, cap, sa->sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip, port);
}
