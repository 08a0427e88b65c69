/* SPDX-License-Identifier: ISC */
/*
 * pipe: the unavoidable I/O of a relay and nothing else, as the bar that a
 * comparison is read against.  Plain SMTP in; message and recipient appended
 * to one file, one fdatasync for all sessions that wait; 250; out over
 * verified TLS connections that stay open.  No policy, no retry, no log.
 *
 * usage: pipe -q FILE -A CA -o SINK_ADDRESS:PORT [-l 127.0.0.1:0] [-d DESTINATIONS]
 *             [-C CONNECTIONS]
 *
 * A recipient at d7.bench.example goes to the seventh address after that of -o,
 * which must prove the name d7.mx.bench.example.  -C: connections a destination.
 * Prints "listening on ADDRESS:PORT"; SIGTERM ends it.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "tests/bench/client.h"
#include "tests/bench/server.h"
#include "tests/bench/tally.h"
#include "tests/bench/wire.h"

enum { IOV_MOST = 512, QUEUED_PER_CONNECTION = 4 };

struct message {
	STAILQ_ENTRY(message) link;
	struct server	*from;
	size_t		 len;
	char		 rcpt[256];
	char		 data[];
};
STAILQ_HEAD(messages, message);

struct way {			/* one connection to a destination */
	SLIST_ENTRY(way) link;	/* while idle */
	struct dest	*dest;
	struct client	*client;
	struct message	*message;
};

struct dest {
	struct messages	 waiting;
	SLIST_HEAD(ways, way) idle;
	unsigned	 nwaiting, nways;
	char		 address[64], name[64];
};

static struct {
	struct event_base *base;
	SSL_CTX		*ctx;
	struct dest	*dests;
	unsigned	 ndests, ways_most;
	int		 fd, wake;
	pthread_mutex_t	 lock;
	pthread_cond_t	 work;
	struct messages	 todo, done;	/* under lock */
} pipe_ = { .ndests = 1, .ways_most = 20, .lock = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER };

/* ---- the file: a thread that writes and syncs whatever has gathered ---- */

static void
write_all(struct messages *batch)
{
	struct iovec iov[IOV_MOST];
	struct message *m = STAILQ_FIRST(batch);
	ssize_t want;
	int n;

	while (m != NULL) {
		for (n = 0, want = 0; m != NULL && n < IOV_MOST; m = STAILQ_NEXT(m, link), n++) {
			iov[n] = (struct iovec){ m->rcpt, sizeof m->rcpt + m->len };
			want += (ssize_t)iov[n].iov_len;
		}
		if (writev(pipe_.fd, iov, n) != want)
			err(1, "queue file");
	}
	if (fdatasync(pipe_.fd) == -1)
		err(1, "fdatasync");
}

static void *
committer(void *arg)
{
	struct messages batch;
	uint64_t one = 1;

	for (;;) {
		STAILQ_INIT(&batch);
		pthread_mutex_lock(&pipe_.lock);
		while (STAILQ_EMPTY(&pipe_.todo))
			pthread_cond_wait(&pipe_.work, &pipe_.lock);
		STAILQ_CONCAT(&batch, &pipe_.todo);
		pthread_mutex_unlock(&pipe_.lock);
		write_all(&batch);
		pthread_mutex_lock(&pipe_.lock);
		STAILQ_CONCAT(&pipe_.done, &batch);
		pthread_mutex_unlock(&pipe_.lock);
		if (write(pipe_.wake, &one, sizeof one) == -1)
			err(1, "eventfd");
	}
	return NULL;
}

/* ---- out ---- */

static void	dest_run(struct dest *);

static void
way_next(struct way *w)
{
	struct dest *d = w->dest;

	if ((w->message = STAILQ_FIRST(&d->waiting)) == NULL) {
		SLIST_INSERT_HEAD(&d->idle, w, link);
		return;
	}
	STAILQ_REMOVE_HEAD(&d->waiting, link);
	d->nwaiting--;
	client_send(w->client, "scanner@client.test", w->message->rcpt, w->message->data,
	    w->message->len);
}

static void
on_ready(void *arg)
{
	way_next(arg);
}

static void
on_done(void *arg, int code)
{
	struct way *w = arg;

	if (code / 100 != 2)
		errx(1, "pipe: the sink refused a message: %d", code);
	free(w->message);
	way_next(w);
}

static void
on_closed(void *arg, const char *why)
{
	struct way *w = arg;

	errx(1, "pipe: %s: %s", w->dest->name, why);
}

static void
way_open(struct dest *d)
{
	struct way *w = calloc(1, sizeof *w);

	if (w == NULL)
		err(1, "calloc");
	w->dest = d;
	w->client = client_new(&(struct client_param){ .base = pipe_.base, .address = d->address,
	    .ctx = pipe_.ctx, .name = d->name, .ready = on_ready, .done = on_done,
	    .closed = on_closed, .arg = w });
	if (w->client == NULL)
		err(1, "pipe: connect %s", d->address);
	d->nways++;
}

static void
dest_run(struct dest *d)
{
	struct way *w;

	while (d->nwaiting > 0 && (w = SLIST_FIRST(&d->idle)) != NULL) {
		SLIST_REMOVE_HEAD(&d->idle, link);
		way_next(w);
	}
	if (d->nways < pipe_.ways_most && d->nwaiting > d->nways * QUEUED_PER_CONNECTION)
		way_open(d);
}

static struct dest *
dest_of(const char *rcpt)
{
	const char *at = strchr(rcpt, '@');
	unsigned long n = at == NULL || at[1] != 'd' ? 0 : strtoul(at + 2, NULL, 10);

	return &pipe_.dests[n < pipe_.ndests ? n : 0];
}

static void
dests_make(const char *first)
{
	const char *colon = strrchr(first, ':');
	struct in_addr in = { 0 };
	char ip[INET_ADDRSTRLEN] = "";
	uint32_t host;
	unsigned i;

	if (colon != NULL && (size_t)(colon - first) < sizeof ip)
		memcpy(ip, first, (size_t)(colon - first));
	if (inet_pton(AF_INET, ip, &in) != 1)
		errx(64, "pipe: -o %s: want IPv4:PORT", first);
	if ((pipe_.dests = calloc(pipe_.ndests, sizeof *pipe_.dests)) == NULL)
		err(1, "calloc");
	for (i = 0; i < pipe_.ndests; i++) {
		struct dest *d = &pipe_.dests[i];

		host = ntohl(in.s_addr) + i;
		snprintf(d->address, sizeof d->address, "%u.%u.%u.%u%s", host >> 24,
		    host >> 16 & 255, host >> 8 & 255, host & 255, colon);
		snprintf(d->name, sizeof d->name, "d%u.mx.bench.example", i);
		STAILQ_INIT(&d->waiting);
		SLIST_INIT(&d->idle);
	}
}

/* ---- in ---- */

static void
on_message(struct server *s, const char *rcpt, const char *data, size_t len)
{
	struct message *m = malloc(sizeof *m + len);

	if (m == NULL)
		err(1, "malloc");
	m->from = s;
	m->len = len;
	memset(m->rcpt, 0, sizeof m->rcpt);
	memcpy(m->rcpt, rcpt, strlen(rcpt));
	memcpy(m->data, data, len);
	pthread_mutex_lock(&pipe_.lock);
	STAILQ_INSERT_TAIL(&pipe_.todo, m, link);
	pthread_cond_signal(&pipe_.work);
	pthread_mutex_unlock(&pipe_.lock);
}

static void
on_synced(evutil_socket_t fd, short what, void *arg)
{
	struct messages batch = STAILQ_HEAD_INITIALIZER(batch);
	struct message *m;
	struct dest *d;
	uint64_t n;

	if (read(fd, &n, sizeof n) == -1)
		return;
	pthread_mutex_lock(&pipe_.lock);
	STAILQ_CONCAT(&batch, &pipe_.done);
	pthread_mutex_unlock(&pipe_.lock);
	while ((m = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, link);
		server_reply(m->from, "250 2.0.0 Ok");
		d = dest_of(m->rcpt);
		STAILQ_INSERT_TAIL(&d->waiting, m, link);
		d->nwaiting++;
		dest_run(d);
	}
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	int fd;

	while ((fd = wire_accept(listener)) != -1)
		server_new(arg, fd);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(pipe_.base);
}

static void
watch(int fd, short what, event_callback_fn fn, void *arg)
{
	struct event *ev = event_new(pipe_.base, fd, what | EV_PERSIST, fn, arg);

	if (ev == NULL || event_add(ev, NULL) == -1)
		errx(1, "event_new");
}

int
main(int argc, char **argv)
{
	static struct tally_head count;
	static struct server_param param;
	const char *address = "127.0.0.1:0", *file = NULL, *ca = NULL, *out = NULL;
	char bound[64];
	pthread_t thread;
	int c;

	while ((c = getopt(argc, argv, "l:q:A:o:d:C:")) != -1)
		switch (c) {
		case 'l': address = optarg; break;
		case 'q': file = optarg; break;
		case 'A': ca = optarg; break;
		case 'o': out = optarg; break;
		case 'd': pipe_.ndests = (unsigned)atoi(optarg); break;
		case 'C': pipe_.ways_most = (unsigned)atoi(optarg); break;
		default: errx(64, "see the head of pipe.c");
		}
	if (file == NULL || ca == NULL || out == NULL || pipe_.ndests == 0)
		errx(64, "pipe: -q, -A and -o are needed");
	signal(SIGPIPE, SIG_IGN);
	STAILQ_INIT(&pipe_.todo);
	STAILQ_INIT(&pipe_.done);
	pipe_.base = event_base_new();
	pipe_.ctx = wire_client_ctx(ca);
	pipe_.fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	pipe_.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pipe_.base == NULL || pipe_.fd == -1 || pipe_.wake == -1)
		err(1, "%s", file);
	dests_make(out);
	param = (struct server_param){ .base = pipe_.base, .count = &count, .message = on_message };
	watch(wire_listen(address, bound, sizeof bound), EV_READ, on_accept, &param);
	watch(pipe_.wake, EV_READ, on_synced, NULL);
	watch(SIGTERM, EV_SIGNAL, on_signal, NULL);
	if (pthread_create(&thread, NULL, committer, NULL) != 0)
		errx(1, "pthread_create");
	printf("listening on %s\n", bound);
	fflush(stdout);
	event_base_dispatch(pipe_.base);
	return 0;
}
