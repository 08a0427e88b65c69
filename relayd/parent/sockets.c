/* SPDX-License-Identifier: ISC */
/* sockets: see sockets.h. */
#include "relayd/parent/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/io/listener.h"
#include "lib/ipc/ipc.h"
#include "lib/proc/listenfds.h"
#include "relayd/parent/child.h"

#define ADOPTED_MAX	64

struct sockets {
	int	*smtp;		/* by index in listen[] */
	size_t	 n;
	int	 control;
	int	 scrape;	/* metrics.listen */
	char	*control_path;
};

static int
same_address(int fd, const struct conf_endpoint *e)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof ss;

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 && len == e->len &&
	    memcmp(&ss, &e->addr, len) == 0;
}

/* Sockets that the service manager opened for us; each goes to the entry of its address. */
struct adopted {
	struct proc_listenfd	 fds[ADOPTED_MAX];
	int			 n;
};

static int
adopt(struct adopted *a, const struct conf_endpoint *e)
{
	for (int i = 0; i < a->n; i++)
		if (a->fds[i].fd != -1 && same_address(a->fds[i].fd, e)) {
			int fd = a->fds[i].fd;

			a->fds[i].fd = -1;
			return fd;
		}
	return -1;
}

/* name: where it stands in the configuration; what: what it is for. */
static int
open_listener(const struct conf_endpoint *e, const char *name, const char *what,
    struct adopted *adopted)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof ss;
	char text[80];
	int fd = adopt(adopted, e);

	if (fd == -1)
		fd = io_listener_bind((const struct sockaddr *)&e->addr, e->len);
	if (fd == -1)
		fatal(EX_OSERR, "%s: cannot listen on %s: %s%s", name, e->text,
		    strerror(errno), errno == EACCES ? "; ports below 1024 need root or "
		    "CAP_NET_BIND_SERVICE" : errno == EADDRINUSE ? "; another program has it" : "");
	getsockname(fd, (struct sockaddr *)&ss, &len);
	io_address_print((struct sockaddr *)&ss, text, sizeof text, 1);
	log_info("%s %s", what, text);
	return fd;
}

struct sockets *
sockets_open(const struct conf *conf)
{
	struct sockets *s = must_calloc(1, sizeof *s);
	struct adopted adopted;

	adopted.n = proc_listenfds_take(adopted.fds, ADOPTED_MAX);
	s->n = conf->listen.n;
	s->smtp = must_calloc(s->n, sizeof *s->smtp);
	for (size_t i = 0; i < s->n; i++)
		s->smtp[i] = open_listener(&conf->listen.v[i].address, conf->listen.v[i].origin,
		    "listening on", &adopted);
	s->scrape = conf->metrics.listen.len == 0 ? -1 : open_listener(&conf->metrics.listen,
	    "metrics.listen", "metrics at", &adopted);
	s->control = -1;
	if (conf->control.socket[0] == '\0')
		return s;
	s->control = io_listener_bind_unix(conf->control.socket, 0660);
	if (s->control == -1)
		fatal(EX_CANTCREAT, "control.socket %s: %s", conf->control.socket,
		    errno == EADDRINUSE ? "in use by another relayd" : strerror(errno));
	s->control_path = must_strdup(conf->control.socket);
	return s;
}

static int
lend(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void
sockets_hand_over(const struct sockets *s, struct child *c)
{
	for (size_t i = 0; i < s->n; i++) {
		struct buf b;

		buf_init(&b);
		buf_add_u32(&b, (uint32_t)i);
		child_send(c, IPC_LISTENER, buf_data(&b), buf_len(&b), lend(s->smtp[i]));
		buf_fini(&b);
	}
	if (s->control != -1 && child_index(c) == 0)
		child_send(c, IPC_CONTROL, NULL, 0, lend(s->control));
	if (s->scrape != -1 && child_index(c) == 0)
		child_send(c, IPC_SCRAPE, NULL, 0, lend(s->scrape));
}

void
sockets_free(struct sockets **sp)
{
	struct sockets *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		close(s->smtp[i]);
	free(s->smtp);
	if (s->scrape != -1)
		close(s->scrape);
	if (s->control != -1) {
		close(s->control);
		unlink(s->control_path);
		free(s->control_path);
	}
	free(s);
}
