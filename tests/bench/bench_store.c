/* SPDX-License-Identifier: ISC */
/*
 * bench_store: what a put and its settlement cost. Keeps a number of messages
 * in flight, as that many sessions would: each is put, then settled, then the
 * next one comes.
 *	bench_store [-d directory] [-f in flight] [-n messages] [-s body bytes]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/store/store.h"

struct slot {
	struct store_message	*m;
	char			 dest[32];
	int64_t			 put_at;
};

static struct event_base *base;
static struct store *store;
static unsigned long wanted = 100000, started, finished, failed;
static size_t size = 4096;
static int64_t waited;

static void	slot_put(struct slot *);

static void
on_settled(void *arg, const struct why *why, int gone)
{
	struct slot *sl = arg;

	finished++;
	failed += why_is_set(why) || !gone;
	if (started < wanted)
		slot_put(sl);
	else if (finished == wanted)
		event_base_loopbreak(base);
}

static void
on_put(void *arg, const struct why *why)
{
	struct slot *sl = arg;
	struct store_settle_rcpt fate = { .id = sl->m->rcpts[0].id, .fate = STORE_DONE };
	struct store_settlement se = { .message = sl->m->id, .rcpts = &fate, .nrcpts = 1 };

	waited += clock_mono_us() - sl->put_at;
	failed += why_is_set(why);
	store->ops->settle(store, &se, on_settled, sl);
}

static void
slot_put(struct slot *sl)
{
	struct store_message *m = sl->m;

	m->id = ((uint64_t)m->created << 20) + ++started;
	(void)str_fmt(sl->dest, sizeof sl->dest, "dest%lu.example", started % 1000);
	free(m->rcpts[0].dest);
	m->rcpts[0].dest = must_strdup(sl->dest);
	sl->put_at = clock_mono_us();
	store->ops->put(store, m, NULL, on_put, sl);
}

static void
slot_init(struct slot *sl, unsigned i)
{
	struct store_message *m = must_calloc(1, sizeof *m);
	char *data = must_calloc(1, size + 1);

	memset(data, 'x', size);
	m->sender = must_strdup("sender@corp.example");
	m->client = must_strdup("scanner.corp.example[10.8.1.2]");
	m->client_name = must_strdup("scanners");
	m->created = clock_wall_ms();
	m->body = store_body_new(&data, size);
	m->nrcpts = 1;
	m->rcpts = must_calloc(1, sizeof *m->rcpts);
	m->rcpts[0].address = must_strdup("somebody@dest.example");
	m->rcpts[0].due = m->created;
	sl->m = m;
}

static double
cpu_seconds(void)
{
	struct rusage r;

	(void)getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

int
main(int argc, char **argv)
{
	char template[] = "/tmp/bench_store.XXXXXX";
	struct store_param p = { .allow_filesystem = "any" };
	struct why why = { 0 };
	struct slot *slots;
	unsigned inflight = 20;
	double cpu, seconds;
	int64_t t0;
	int c;

	while ((c = getopt(argc, argv, "d:f:n:s:")) != -1)
		switch (c) {
		case 'd': p.directory = optarg; break;
		case 'f': inflight = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': wanted = strtoul(optarg, NULL, 10); break;
		case 's': size = strtoul(optarg, NULL, 10); break;
		default: return 64;
		}
	if (p.directory == NULL)
		p.directory = mkdtemp(template);
	p.base = base = event_base_new();
	if ((store = store_sqlite_open(&p, &why)) == NULL)
		fatal(EX_CANTCREAT, "%s", why.text);
	slots = must_calloc(inflight, sizeof *slots);
	cpu = cpu_seconds();
	t0 = clock_mono_us();
	for (unsigned i = 0; i < inflight && started < wanted; i++) {
		slot_init(&slots[i], i);
		slot_put(&slots[i]);
	}
	(void)event_base_dispatch(base);
	seconds = (double)(clock_mono_us() - t0) / 1e6;
	cpu = cpu_seconds() - cpu;
	printf("in_flight=%u bytes=%zu messages=%lu failed=%lu puts_per_s=%.0f cpu_us=%.1f put_ms=%.2f\n",
	    inflight, size, finished, failed, (double)finished / seconds,
	    cpu * 1e6 / (double)finished, (double)waited / 1e3 / (double)finished);
	store->ops->close(&store);
	for (unsigned i = 0; i < inflight; i++)
		store_message_free(&slots[i].m);
	free(slots);
	event_base_free(base);
	return failed != 0;
}
