/* SPDX-License-Identifier: ISC */
/* crew: see crew.h. */
#include "relayd/parent/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"
#include "lib/base/log.h"
#include "lib/ipc/ipc.h"
#include "lib/meter/count.h"
#include "relayd/parent/child.h"

struct crew {
	struct child	*smtp[IPC_WORKERS_MAX];
	unsigned	 n;
	struct child	*policy;
	int		 counts, policy_counts;	/* -1: none */
};

/* ---- channels ---- */

static void
send_end(struct child *to, enum ipc_parent type, unsigned index, int fd)
{
	struct buf b;

	buf_init(&b);
	buf_add_u32(&b, index);
	child_send(to, type, buf_data(&b), buf_len(&b), fd);
	buf_fini(&b);
}

/* Each end is told the number of the worker at the other; policy has none, it is 0 there. */
static void
connect_two(struct child *a, struct child *b, enum ipc_parent type)
{
	int pair[2];

	if (a == b || !child_running(a) || !child_running(b))
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		log_err("socketpair: %s", strerror(errno));
		return;
	}
	send_end(a, type, child_index(b), pair[0]);
	send_end(b, type, child_index(a), pair[1]);
}

void
crew_introduce(struct crew *c, struct child *fresh)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (fresh == c->policy || fresh == c->smtp[i])
			connect_two(c->policy, c->smtp[i], IPC_PEER);
		if (i > 0 && (fresh == c->smtp[0] || fresh == c->smtp[i]))
			connect_two(c->smtp[0], c->smtp[i], IPC_SIBLING);
	}
}

void
crew_number(struct crew *c, struct child *w, int crowd, int commons)
{
	struct buf b;

	buf_init(&b);
	buf_add_u32(&b, child_index(w));
	buf_add_u32(&b, c->n);
	child_send(w, IPC_WORKER, buf_data(&b), buf_len(&b), crowd);
	buf_fini(&b);
	if (commons != -1)
		child_send(w, IPC_COMMONS, NULL, 0, commons);
}

/* ---- counters ---- */

static int
make_table(unsigned rows)
{
	int fd = meter_count_make(rows);

	if (fd == -1)
		log_err("no memory for counters to share: %s", strerror(errno));
	return fd;
}

void
crew_count(struct crew *c)
{
	c->counts = make_table(c->n + 1);
	c->policy_counts = make_table(1);
	if (c->counts != -1 &&
	    meter_count_open(fcntl(c->counts, F_DUPFD_CLOEXEC, 3), c->n + 1, c->n) == -1)
		log_err("the counters cannot be mapped: %s", strerror(errno));
}

/* Without the table everybody counts for himself. */
static void
lend(int table, struct child *to, enum ipc_parent type, const uint32_t *numbers, size_t n)
{
	struct buf b;

	if (table == -1)
		return;
	buf_init(&b);
	for (size_t i = 0; i < n; i++)
		buf_add_u32(&b, numbers[i]);
	child_send(to, type, buf_data(&b), buf_len(&b), fcntl(table, F_DUPFD_CLOEXEC, 3));
	buf_fini(&b);
}

void
crew_lend_counts(struct crew *c, struct child *to)
{
	const uint32_t worker[] = { child_index(to), c->n + 1 }, policy[] = { 0, 1 };

	if (to == c->policy) {
		lend(c->policy_counts, to, IPC_COUNTS, policy, 2);
		return;
	}
	lend(c->counts, to, IPC_COUNTS, worker, 2);
	if (to == c->smtp[0])
		lend(c->policy_counts, to, IPC_WATCH, &policy[1], 1);
}

/* ---- all of them ---- */

void
crew_each(struct crew *c, void (*fn)(struct child *, void *), void *arg)
{
	fn(c->policy, arg);
	for (unsigned i = 0; i < c->n; i++)
		fn(c->smtp[i], arg);
}

void
crew_start(struct crew *c)
{
	child_start(c->policy);
	for (unsigned i = 0; i < c->n; i++)
		child_start(c->smtp[i]);
}

int
crew_ready(const struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!child_is_ready(c->smtp[i]))
			return 0;
	return child_is_ready(c->policy);
}

int
crew_answers(const struct crew *c, int64_t ms)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!child_answers(c->smtp[i], ms))
			return 0;
	return child_answers(c->policy, ms);
}

unsigned
crew_working(const struct crew *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++)
		n += child_running(c->smtp[i]) ? 1 : 0;
	return n;
}

void
crew_reap(struct crew *c, pid_t pid, int status)
{
	for (unsigned i = 0; i < c->n; i++)
		if (child_reap(c->smtp[i], pid, status))
			return;
	child_reap(c->policy, pid, status);
}

unsigned crew_workers(const struct crew *c) { return c->n; }
struct child *crew_policy(const struct crew *c) { return c->policy; }

struct child *
crew_worker(const struct crew *c, unsigned index)
{
	MUST(index < c->n);
	return c->smtp[index];
}

/* ---- life ---- */

struct crew *
crew_new(struct event_base *base, unsigned workers, const struct child_events *events, void *arg)
{
	struct crew *c = must_calloc(1, sizeof *c);

	MUST(workers >= 1 && workers <= IPC_WORKERS_MAX);
	c->n = workers;
	c->counts = c->policy_counts = -1;
	c->policy = child_new(base, "policy", 0, events, arg);
	for (unsigned i = 0; i < workers; i++)
		c->smtp[i] = child_new(base, "smtp", i, events, arg);
	return c;
}

void
crew_free(struct crew **cp)
{
	struct crew *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n; i++)
		child_free(&c->smtp[i]);
	child_free(&c->policy);
	meter_count_close();
	if (c->counts != -1)
		close(c->counts);
	if (c->policy_counts != -1)
		close(c->policy_counts);
	free(c);
}
