/* SPDX-License-Identifier: ISC */
/*
 * load: sends the mail of a comparison over plain SMTP, or holds idle
 * connections.  Notes for each message when it was sent and when its 250 came.
 *
 * usage: load -a ADDRESS:PORT -t TALLY -m MESSAGES [-c SESSIONS] [-r RATE]
 *             [-d DESTINATIONS] [-f FIRST_ID] [-b BYTES]
 *        load -a ADDRESS:PORT -t TALLY -i CONNECTIONS
 *
 * Without -r each session sends as fast as its answers come.  With it message
 * i is due at i / RATE and counted from then, even if no session is free: a
 * relay that stalls does not stop the clock.  -d: recipients are spread over
 * d0.bench.example, d1.bench.example, ...  The first message goes out when all
 * sessions have been greeted.  Ends when each message has its answer.
 * -i prints "idle N" once all are greeted, then holds them until SIGTERM.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/tally.h"

enum { OPENING_MOST = 50 };	/* idle connections on their way at a time */

struct session {
	struct client	*client;
	char		*content;
	uint64_t	 id;
	int		 sending, waiting;
};

static struct {
	struct event_base *base;
	struct event	*clock;
	struct session	*sessions;
	const char	*address;
	struct tally	 tally;
	char		*content;	/* of every message, but for its number */
	size_t		 number_at, len;
	uint64_t	 first, messages, begun, ended, start;
	unsigned	 nsessions, destinations, idle, opened, greeted;
	double		 rate;
	int		 started;
} load = { .nsessions = 20, .destinations = 1 };

static void	session_open(struct session *);

static void
content_make(size_t bytes)
{
	static const char head[] =
	    "From: Scanner <scanner@client.test>\r\n"
	    "To: Someone <someone@bench.example>\r\n"
	    "Subject: a page from the machine on the third floor\r\n"
	    "Date: Sun, 22 Nov 2026 00:07:43 +0000\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Message-ID: <%010d@client.test>\r\n"
	    "X-Id: %010d\r\n\r\n";
	size_t len, line;

	if ((load.content = malloc(bytes + 1024)) == NULL)
		err(1, "malloc");
	len = (size_t)snprintf(load.content, 1024, head, 0, 0);
	load.number_at = len - 4 - 10;
	while (len < bytes) {
		line = bytes - len < 78 ? bytes - len : 78;
		memset(load.content + len, 'm', line);
		len += line;
		if (line < 3)
			continue;
		memcpy(load.content + len - 2, "\r\n", 2);
	}
	memcpy(load.content + len - 2, "\r\n", 2);
	load.len = len;
}

static void
number_put(char *to, uint64_t n)
{
	int i;

	for (i = 9; i >= 0; i--, n /= 10)
		to[i] = (char)('0' + n % 10);
}

static void
session_send(struct session *s, uint64_t sent)
{
	char rcpt[64];

	s->id = load.first + load.begun++;
	s->sending = 1;
	s->waiting = 0;
	load.tally.head->total++;
	load.tally.rows[s->id].first = sent;
	number_put(s->content + load.number_at, s->id);
	/* Message-ID stands on the line before: "<NNNNNNNNNN@client.test>\r\nX-Id: " */
	number_put(s->content + load.number_at - sizeof "@client.test>\r\nX-Id: " + 1 - 10, s->id);
	snprintf(rcpt, sizeof rcpt, "someone@d%u.bench.example",
	    (unsigned)(s->id % load.destinations));
	client_send(s->client, "scanner@client.test", rcpt, s->content, load.len);
}

/* Gives what is due to sessions that wait, and sleeps until the next is due. */
static void
steady(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = load.sessions;
	uint64_t now = tally_now(), due;
	struct timeval pause;

	for (; s < load.sessions + load.nsessions && load.begun < load.messages; s++) {
		due = load.start + (uint64_t)((double)load.begun * 1e6 / load.rate);
		if (due > now)
			break;
		if (s->waiting)
			session_send(s, due);
	}
	if (load.begun == load.messages)
		return;
	due = load.start + (uint64_t)((double)load.begun * 1e6 / load.rate);
	pause.tv_sec = 0;
	pause.tv_usec = due > now ? (suseconds_t)(due - now) : 1000;
	if (pause.tv_usec > 500000)
		pause.tv_usec = 500000;
	event_add(load.clock, &pause);
}

static void
next(struct session *s)
{
	if (!load.started || load.begun == load.messages)
		return;
	if (load.rate == 0)
		session_send(s, tally_now());
	else
		s->waiting = 1;
}

static void
start(void)
{
	unsigned i;

	load.started = 1;
	load.start = tally_now();
	for (i = 0; i < load.nsessions; i++)
		next(&load.sessions[i]);
	if (load.rate != 0)
		steady(-1, 0, NULL);
}

static void
idle_more(void)
{
	while (load.opened < load.nsessions && load.opened - load.greeted < OPENING_MOST)
		session_open(&load.sessions[load.opened++]);
}

static void
on_ready(void *arg)
{
	struct session *s = arg;

	load.tally.head->open++;
	load.greeted++;
	if (load.idle > 0) {
		idle_more();
		if (load.greeted == load.nsessions) {
			printf("idle %u\n", load.nsessions);
			fflush(stdout);
		}
	} else if (load.started)
		next(s);
	else if (load.greeted == load.nsessions)
		start();
}

static void
ended(struct session *s, int code)
{
	s->sending = 0;
	if (code / 100 == 2) {
		load.tally.rows[s->id].second = tally_now();
		load.tally.head->distinct++;
	} else
		load.tally.head->stray++;
	if (++load.ended == load.messages)
		event_base_loopbreak(load.base);
}

static void
on_done(void *arg, int code)
{
	struct session *s = arg;

	ended(s, code);
	next(s);
}

static void
on_closed(void *arg, const char *why)
{
	struct session *s = arg;

	s->client = NULL;
	s->waiting = 0;
	load.tally.head->lost_connections++;
	if (load.tally.head->lost_connections < 5)
		warnx("load: connection lost: %s", why);
	if (s->sending)
		ended(s, 0);
	if (load.idle > 0 || load.tally.head->lost_connections > 1000) {
		if (load.greeted < load.nsessions)
			errx(1, "load: only %u of %u connections", load.greeted, load.nsessions);
		return;
	}
	session_open(s);
}

static void
session_open(struct session *s)
{
	struct client_param param = { .base = load.base, .address = load.address,
	    .ready = on_ready, .done = on_done, .closed = on_closed, .arg = s };

	load.tally.head->connections++;
	if ((s->client = client_new(&param)) == NULL)
		err(1, "load: connect %s", load.address);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(load.base);
}

static void
sessions_make(void)
{
	unsigned i;

	if ((load.sessions = calloc(load.nsessions, sizeof *load.sessions)) == NULL)
		err(1, "calloc");
	if (load.idle > 0) {
		idle_more();
		return;
	}
	for (i = 0; i < load.nsessions; i++) {
		if ((load.sessions[i].content = malloc(load.len)) == NULL)
			err(1, "malloc");
		memcpy(load.sessions[i].content, load.content, load.len);
		session_open(&load.sessions[i]);
	}
}

int
main(int argc, char **argv)
{
	const char *file = NULL;
	size_t bytes = 4096;
	unsigned i;
	int c;

	while ((c = getopt(argc, argv, "a:t:m:c:r:d:f:b:i:")) != -1)
		switch (c) {
		case 'a': load.address = optarg; break;
		case 't': file = optarg; break;
		case 'm': load.messages = strtoull(optarg, NULL, 10); break;
		case 'c': load.nsessions = (unsigned)atoi(optarg); break;
		case 'r': load.rate = atof(optarg); break;
		case 'd': load.destinations = (unsigned)atoi(optarg); break;
		case 'f': load.first = strtoull(optarg, NULL, 10); break;
		case 'b': bytes = (size_t)atol(optarg); break;
		case 'i': load.idle = load.nsessions = (unsigned)atoi(optarg); break;
		default: errx(64, "see the head of load.c");
		}
	if (load.address == NULL || file == NULL || load.nsessions == 0 || load.destinations == 0 ||
	    (load.messages == 0) == (load.idle == 0))
		errx(64, "load: -a, -t and one of -m and -i are needed");
	signal(SIGPIPE, SIG_IGN);
	if ((load.base = event_base_new()) == NULL ||
	    (load.clock = evtimer_new(load.base, steady, NULL)) == NULL)
		errx(1, "event_base_new");
	event_add(evsignal_new(load.base, SIGTERM, on_signal, NULL), NULL);
	tally_open(&load.tally, file, load.first + load.messages);
	content_make(bytes);
	sessions_make();
	event_base_dispatch(load.base);
	for (i = 0; i < load.nsessions; i++)
		client_quit(&load.sessions[i].client);
	return 0;
}
