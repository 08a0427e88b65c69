/* SPDX-License-Identifier: ISC */
/*
 * fill: puts messages into a spool that no daemon has open, through lib/store
 * as the daemon itself does. One recipient each, spread evenly over
 * destinations PREFIX0.bench.example, PREFIX1.bench.example, ...
 *
 * usage: fill -d DIRECTORY -n MESSAGES [-m DESTINATIONS] [-p PREFIX]
 *             [-w SECONDS] [-f FIRST_ID] [-b BYTES]
 *
 * -w: due so many seconds from now (0). -f: X-Id of the first message, for the
 * sink's tally. Prints how many went in and how long it took.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/store/store.h"

enum { IN_FLIGHT = 2000, HEAD_MOST = 256 };

#define ID_EPOCH_MS	INT64_C(1577836800000)	/* as lib/queue/id.h: 2020 */

struct slot {
	struct store_message	*m;
};

static struct {
	struct event_base	*base;
	struct store		*store;
	const char		*prefix;
	unsigned long		 messages, destinations, first, started, finished;
	size_t			 bytes;
	int64_t			 created, due;
} fill = { .prefix = "q", .destinations = 1, .bytes = 512 };

static void	slot_put(struct slot *);

static struct store_body *
body_make(unsigned long number)
{
	size_t len = fill.bytes > HEAD_MOST ? fill.bytes : HEAD_MOST, used;
	char *data = must_calloc(1, len + 1);

	used = (size_t)snprintf(data, len,
	    "From: Scanner <scanner@client.test>\r\n"
	    "To: Someone <someone@bench.example>\r\n"
	    "Message-ID: <%010lu@fill.test>\r\n"
	    "X-Id: %010lu\r\n\r\n", number, number);
	memset(data + used, 'q', len - used);
	for (size_t at = used + 76; at + 2 < len; at += 78)
		memcpy(data + at, "\r\n", 2);
	memcpy(data + len - 2, "\r\n", 2);
	return store_body_new(&data, len);
}

static void
on_put(void *arg, const struct why *why)
{
	struct slot *sl = arg;

	if (why_is_set(why))
		errx(1, "fill: %s", why->text);
	store_message_free(&sl->m);
	if (++fill.finished == fill.messages)
		event_base_loopbreak(fill.base);
	else if (fill.started < fill.messages)
		slot_put(sl);
}

static void
slot_put(struct slot *sl)
{
	struct store_message *m = must_calloc(1, sizeof *m);
	unsigned long n = fill.started++;
	char text[128];

	m->id = ((uint64_t)(fill.created - ID_EPOCH_MS) << 20) + n + 1;
	m->sender = must_strdup("scanner@client.test");
	m->client = must_strdup("scanner.client.test[127.0.0.1]");
	m->client_name = must_strdup("loopback");
	m->created = fill.created;
	m->body = body_make(fill.first + n);
	m->nrcpts = 1;
	m->rcpts = must_calloc(1, sizeof *m->rcpts);
	(void)str_fmt(text, sizeof text, "someone@%s%lu.bench.example", fill.prefix,
	    n % fill.destinations);
	m->rcpts[0].address = must_strdup(text);
	m->rcpts[0].dest = must_strdup(strchr(text, '@') + 1);
	m->rcpts[0].due = fill.due;
	sl->m = m;
	fill.store->ops->put(fill.store, m, NULL, on_put, sl);
}

static void
arguments(int argc, char **argv, struct store_param *p, double *wait)
{
	int c;

	while ((c = getopt(argc, argv, "d:n:m:p:w:f:b:")) != -1)
		switch (c) {
		case 'd': p->directory = optarg; break;
		case 'n': fill.messages = strtoul(optarg, NULL, 10); break;
		case 'm': fill.destinations = strtoul(optarg, NULL, 10); break;
		case 'p': fill.prefix = optarg; break;
		case 'w': *wait = strtod(optarg, NULL); break;
		case 'f': fill.first = strtoul(optarg, NULL, 10); break;
		case 'b': fill.bytes = strtoul(optarg, NULL, 10); break;
		default: errx(64, "see the head of fill.c");
		}
	/* Ids of one millisecond must not reach into the next. */
	if (p->directory == NULL || fill.messages == 0 || fill.messages >= 1ul << 20 ||
	    fill.destinations == 0)
		errx(64, "fill: -d and -n (below 1048576) are needed");
}

int
main(int argc, char **argv)
{
	struct store_param p = { .allow_filesystem = "any" };
	static struct slot slots[IN_FLIGHT];
	struct why why = { 0 };
	double wait = 0;
	int64_t t0;

	arguments(argc, argv, &p, &wait);
	fill.created = clock_wall_ms();
	fill.due = fill.created + (int64_t)(wait * 1000);
	if ((p.base = fill.base = event_base_new()) == NULL)
		errx(1, "event_base_new");
	if ((fill.store = store_sqlite_open(&p, &why)) == NULL)
		errx(1, "fill: %s", why.text);
	t0 = clock_mono_us();
	for (size_t i = 0; i < IN_FLIGHT && fill.started < fill.messages; i++)
		slot_put(&slots[i]);
	(void)event_base_dispatch(fill.base);
	fill.store->ops->close(&fill.store);
	printf("filled %lu in %.1f s\n", fill.finished, (double)(clock_mono_us() - t0) / 1e6);
	event_base_free(fill.base);
	return 0;
}
