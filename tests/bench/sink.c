/* SPDX-License-Identifier: ISC */
/*
 * sink: where the mail of a comparison ends.  A fast SMTP server that takes
 * messages under STARTTLS only and notes for each X-Id when it came first and
 * how often.  Counts go to a tally file; SIGTERM or SIGINT ends it.
 *
 * usage: sink -l 127.0.0.1:0 [-n ADDRESSES] -c CERT -k KEY -t TALLY -s SLOTS
 *
 * -n: listens on that many addresses, counting up from that of -l, all on the
 * same port.  Prints "listening on ADDRESS:PORT", the first of them.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "tests/bench/server.h"
#include "tests/bench/tally.h"
#include "tests/bench/wire.h"

/* Relays put their trace lines before it, nothing else is as long. */
enum { HEADER_MOST = 8192 };

static struct tally tally;

static void
on_message(struct server *s, const char *rcpt, const char *data, size_t len)
{
	static const char field[] = "\nX-Id: ";
	const char *at;
	uint64_t id = UINT64_MAX;
	struct tally_row *row;

	at = memmem(data, len < HEADER_MOST ? len : HEADER_MOST, field, sizeof field - 1);
	if (at != NULL)
		id = strtoull(at + sizeof field - 1, NULL, 10);
	if (id < tally.head->slots) {
		row = &tally.rows[id];
		if (row->second++ == 0) {
			row->first = tally_now();
			tally.head->distinct++;
		}
	} else
		tally.head->stray++;
	tally.head->total++;
	server_reply(s, "250 2.0.0 Ok");
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	int fd;

	while ((fd = wire_accept(listener)) != -1)
		server_new(arg, fd);
}

/* a.b.c.d:port, n further on; skips .0 and .255. */
static void
address_after(const char *first, unsigned n, char *to, size_t cap)
{
	struct in_addr in;
	char ip[64];
	const char *colon = strrchr(first, ':');
	uint32_t host;

	if (colon == NULL || (size_t)(colon - first) >= sizeof ip)
		errx(1, "%s: want IPv4:PORT", first);
	memcpy(ip, first, (size_t)(colon - first));
	ip[colon - first] = '\0';
	if (inet_pton(AF_INET, ip, &in) != 1)
		errx(1, "%s: want IPv4:PORT", first);
	host = ntohl(in.s_addr) + n;
	snprintf(to, cap, "%u.%u.%u.%u%s", host >> 24, host >> 16 & 255, host >> 8 & 255,
	    host & 255, colon);
}

/* The first address decides the port; the others must then have it too. */
static void
listen_all(struct event_base *base, const char *first, unsigned n, struct server_param *param)
{
	char address[64], bound[64] = "";
	struct event *ev;
	unsigned i;
	int fd;

	for (i = 0; i < n; i++) {
		address_after(i == 0 ? first : bound, i, address, sizeof address);
		if (i == 0)
			fd = wire_listen(address, bound, sizeof bound);
		else
			fd = wire_listen(address, address, sizeof address);
		ev = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, param);
		if (ev == NULL || event_add(ev, NULL) == -1)
			errx(1, "event_new");
	}
	printf("listening on %s\n", bound);
	fflush(stdout);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

int
main(int argc, char **argv)
{
	static struct server_param param;
	const char *address = "127.0.0.1:0", *cert = NULL, *key = NULL, *file = NULL;
	struct event_base *base = event_base_new();
	uint64_t slots = 0;
	unsigned n = 1;
	int c;

	while ((c = getopt(argc, argv, "l:n:c:k:t:s:")) != -1)
		switch (c) {
		case 'l': address = optarg; break;
		case 'n': n = (unsigned)atoi(optarg); break;
		case 'c': cert = optarg; break;
		case 'k': key = optarg; break;
		case 't': file = optarg; break;
		case 's': slots = strtoull(optarg, NULL, 10); break;
		default: errx(64, "usage: sink -l ADDRESS [-n N] -c CERT -k KEY -t TALLY -s SLOTS");
		}
	if (base == NULL || cert == NULL || key == NULL || file == NULL)
		errx(64, "sink: -c, -k and -t are needed");
	signal(SIGPIPE, SIG_IGN);
	tally_open(&tally, file, slots);
	param = (struct server_param){ .base = base, .ctx = wire_server_ctx(cert, key),
	    .count = tally.head, .message = on_message };
	listen_all(base, address, n, &param);
	event_add(evsignal_new(base, SIGTERM, on_signal, base), NULL);
	event_add(evsignal_new(base, SIGINT, on_signal, base), NULL);
	event_base_dispatch(base);
	return 0;
}
