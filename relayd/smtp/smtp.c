/* SPDX-License-Identifier: ISC */
/* smtp: the only file that wires the stages together (DESIGN 4). */
#include "relayd/smtp/smtp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/listener.h"
#include "lib/proc/commons.h"
#include "lib/proc/crowd.h"
#include "lib/queue/id.h"
#include "lib/store/store.h"
#include "relayd/role.h"
#include "relayd/smtp/adopt.h"
#include "relayd/smtp/aftermath.h"
#include "relayd/smtp/ask.h"
#include "relayd/smtp/ctlserve.h"
#include "relayd/smtp/dest.h"
#include "relayd/smtp/epoch.h"
#include "relayd/smtp/flight.h"
#include "relayd/smtp/front.h"
#include "relayd/smtp/held.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/notice_cap.h"
#include "relayd/smtp/oldest.h"
#include "relayd/smtp/outcome.h"
#include "relayd/smtp/pause_share.h"
#include "relayd/smtp/sched.h"
#include "relayd/smtp/scrape.h"
#include "relayd/smtp/server.h"
#include "relayd/smtp/siblings.h"
#include "relayd/smtp/tally.h"

#define ASK_SLACK_MS	5000	/* beyond the worker's own deadline */
#define DRAIN_POLL_MS	20

struct door {
	struct smtp		*smtp;
	struct io_listener	*listener;
	unsigned		 index;
	int			 fd;		/* before start */
};

struct smtp {
	struct role		*role;
	struct event_base	*base;
	struct generation	*generation;
	unsigned		 generations;
	unsigned		 index, count;	/* which of how many smtp processes we are */
	struct proc_crowd	*crowd;		/* until admission has it; NULL: we are alone */
	struct proc_commons	*commons;	/* likewise, but it stays here */
	struct store		*store;
	struct epoch		*epoch;
	struct ask		*ask;
	struct outcome		*outcome;
	struct aftermath	*aftermath;	/* of a crash before */
	struct ledger		*ledger;
	struct adopt		*adopt;		/* of worker 0 only */
	struct tally		*tally;
	struct held		*held;
	struct oldest		*oldest;
	struct sched		*sched;
	struct admission	*admission;
	struct server_house	 house;
	struct siblings		*siblings;	/* NULL: there is one worker */
	struct front		*front;
	struct ctlserve		*ctl;
	struct door		*doors;
	size_t			 ndoors;
	struct scrape		*scrape;
	int			 control_fd, scrape_fd, peer_fd, started, stopping;
	struct event		*ev_drain;
	int64_t			 drain_until;
};

/* ---- mail in ---- */

static void
on_accept(void *arg, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct door *door = arg;

	server_open(&door->smtp->house, door->smtp->generation, door->index, fd, sa);
}

static void
on_queued(void *arg, struct store_message *m)
{
	struct smtp *s = arg;

	sched_add(s->sched, m);
}

/* ---- outcomes ---- */

static void
on_settled(void *arg, struct dest *d, struct job *j, size_t gone, int64_t next_due)
{
	dest_settled(d, j, gone, next_due);
}

static void
on_notice(void *arg, const char *dest, uint64_t recipients, int64_t due)
{
	struct smtp *s = arg;

	sched_on_disk(s->sched, dest, recipients, due);
}

static const struct outcome_events outcome_events = {
	.settled = on_settled, .notice = on_notice,
};

/* ---- from the parent ---- */

static void
on_config(void *arg, struct conf *conf)
{
	struct smtp *s = arg;
	struct generation *g;
	struct why why;

	g = generation_new(conf, s->generations + 1, &why);
	if (g == NULL) {
		if (s->generation == NULL)
			fatal(EX_CONFIG, "%s", why.text);
		log_err("configuration not taken over: %s", why.text);
		return;
	}
	s->generations++;
	if (s->ledger != NULL)
		ledger_reload(s->ledger, g);
	if (s->sched != NULL)
		sched_reload(s->sched, g);
	generation_unref(&s->generation);
	s->generation = g;
}

static void
on_listener(void *arg, unsigned index, int fd)
{
	struct smtp *s = arg;

	if (s->started || s->generation == NULL || index >= s->generation->conf->listen.n) {
		close(fd);
		return;
	}
	s->doors = must_realloc(s->doors, s->ndoors + 1, sizeof *s->doors);
	s->doors[s->ndoors++] = (struct door){ .smtp = s, .index = index, .fd = fd };
}

static void
on_control(void *arg, int fd)
{
	struct smtp *s = arg;

	s->control_fd = fd;
}

static void
on_scrape(void *arg, int fd)
{
	struct smtp *s = arg;

	s->scrape_fd = fd;
}

static void
on_worker(void *arg, unsigned index, unsigned count, int fd)
{
	struct smtp *s = arg;

	s->index = index;
	s->count = count;
	queue_id_worker(index);
	s->siblings = siblings_new(s->base, index, count);
	if (fd == -1)
		return;
	s->crowd = proc_crowd_map(fd, count, index);
	if (s->crowd == NULL)
		fatal(EX_OSERR, "what the workers share cannot be mapped: %s", strerror(errno));
}

static void
on_commons(void *arg, int fd)
{
	struct smtp *s = arg;

	if (s->commons != NULL || s->started) {
		close(fd);
		return;
	}
	s->commons = proc_commons_map(fd, s->count, s->index);
	if (s->commons == NULL)
		fatal(EX_OSERR, "what the workers share cannot be mapped: %s", strerror(errno));
}

static void
on_sibling(void *arg, unsigned worker, int fd)
{
	struct smtp *s = arg;

	siblings_connect(s->siblings, worker, fd);
}

static void
on_peer(void *arg, unsigned worker, int fd)
{
	struct smtp *s = arg;

	if (!s->started) {
		if (s->peer_fd != -1)
			close(s->peer_fd);
		s->peer_fd = fd;
	} else {
		ask_connect(s->ask, fd);
		log_info("connected to the policy worker");
	}
}

/* ---- start ---- */

static int
yields(void *arg)
{
	struct door *door = arg;

	return admission_yields(door->smtp->admission);
}

static void
open_doors(struct smtp *s)
{
	for (size_t i = 0; i < s->ndoors; i++) {
		s->doors[i].listener = io_listener_new(s->base, s->doors[i].fd, on_accept,
		    &s->doors[i]);
		if (s->count > 1)
			io_listener_share(s->doors[i].listener, yields);
	}
	if (s->control_fd == -1 && s->scrape_fd == -1)
		return;
	s->ctl = ctlserve_new(s->base, s->control_fd, s->store, s->sched);
	ctlserve_watch(s->ctl, s->admission);
	scrape_ready(s->scrape, s->ctl);
}

/* Mail is taken once the queue is known. */
static void
on_recovered(void *arg, const struct why *why)
{
	struct smtp *s = arg;

	if (why_is_set(why))
		fatal(EX_IOERR, "the queue cannot be read: %s", why->text);
	s->sched->held = s->held = held_new(s->base, s->sched);
	s->sched->oldest = s->oldest = oldest_new(s->base, s->store);
	open_doors(s);
	s->front = front_new(s->base, s->siblings, s->store, s->sched, s->ctl, s->admission);
	role_ready(s->role);
	if (s->adopt != NULL)
		adopt_run(s->adopt);
}

static void
on_aftermath(void *arg, const struct why *why)
{
	struct smtp *s = arg;

	if (why_is_set(why))
		fatal(EX_IOERR, "what was under way cannot be settled: %s", why->text);
	sched_recover(s->sched, on_recovered, s);
}

static void
recover(void *arg)
{
	struct smtp *s = arg;

	aftermath_recover(s->aftermath, on_aftermath, s);
}

static void
on_tally(void *arg, const struct why *why)
{
	struct smtp *s = arg;

	if (why_is_set(why))
		fatal(EX_IOERR, "the counts of monitor mode cannot be read: %s", why->text);
	if (s->adopt != NULL)
		adopt_notes(s->adopt, recover, s);
	else
		recover(s);
}

/* Before anything is delivered it is known how often each exception was used. */
static void
on_counts(void *arg, const struct why *why)
{
	struct smtp *s = arg;

	if (why_is_set(why))
		fatal(EX_IOERR, "the use of exceptions cannot be read: %s", why->text);
	tally_load(s->tally, on_tally, s);
}

static struct adopt *
make_adopt(struct smtp *s)
{
	const struct adopt_tools tools = {
		.base = s->base, .store = s->store, .sched = s->sched, .ledger = s->ledger,
		.tally = s->tally, .directory = role_directory(s->role),
		.allow_filesystem = s->generation->conf->queue.allow_filesystem,
		.workers = s->count,
	};

	return adopt_new(&tools);
}

/* Queue time runs before anything is stamped with it or compared with it. */
static void
on_epoch(void *arg, const struct why *why)
{
	struct smtp *s = arg;

	if (why_is_set(why))
		fatal(EX_IOERR, "the time of the queue cannot be read: %s", why->text);
	if (s->index == 0)
		s->adopt = make_adopt(s);
	ledger_load(s->ledger, on_counts, s);
}

static struct store *
open_store(struct smtp *s)
{
	const struct conf *conf = s->generation->conf;
	uint64_t guard = conf->queue.max_message * 3 / 2;
	const struct store_param p = {
		.directory = role_directory(s->role), .base = s->base,
		.min_free_bytes = guard > conf->queue.min_free ? guard : conf->queue.min_free,
		.min_free_inodes = 1000, .allow_filesystem = conf->queue.allow_filesystem,
	};
	struct store *store;
	struct why why;

	store = store_sqlite_open(&p, &why);
	if (store == NULL)
		fatal(EX_IOERR, "queue.directory %s: %s", conf->queue.directory, why.text);
	return store;
}

static void
on_start(void *arg)
{
	struct smtp *s = arg;
	struct intake_sink sink = { .queued = on_queued, .arg = s };

	if (s->count > 1 && s->commons == NULL)
		fatal(EX_OSERR, "there is nothing to share with the other workers");
	if (s->scrape_fd != -1)
		s->scrape = scrape_new(s->base, s->scrape_fd);
	s->store = open_store(s);
	queue_id_floor(s->store->newest);
	s->ask = ask_new(s->base, s->generation->conf->dns.timeout + ASK_SLACK_MS);
	if (s->peer_fd != -1)
		ask_connect(s->ask, s->peer_fd);
	s->outcome = outcome_new(s->base, s->store, &outcome_events, s);
	notice_cap_share(outcome_cap(s->outcome), s->commons);
	s->sched = sched_new(s->base, s->store, s->ask, s->outcome, s->generation, s->commons);
	pause_share_wait(s->sched, s->siblings);
	s->admission = admission_new();
	if (s->crowd != NULL)
		admission_share(s->admission, s->crowd);
	server_house_init(&s->house, s->base, s->store, s->admission, &sink);
	s->started = 1;
	s->ledger = ledger_new(s->base, s->store);
	ledger_share(s->ledger, s->siblings);
	ledger_reload(s->ledger, s->generation);
	s->sched->ledger = s->ledger;
	s->tally = tally_new(s->base, s->store);
	s->sched->tally = s->tally;
	outcome_tally(s->outcome, s->tally);
	s->aftermath = aftermath_new(s->store);
	aftermath_notices(s->aftermath, s->generation, outcome_cap(s->outcome));
	outcome_aftermath(s->outcome, s->aftermath);
	flight_watch_crashes(s->store);
	s->epoch = epoch_new(s->base, s->store);
	epoch_load(s->epoch, on_epoch, s);
}

/* ---- stop ---- */

static void
on_drain(evutil_socket_t fd, short what, void *arg)
{
	struct smtp *s = arg;
	struct timeval tv = { 0, DRAIN_POLL_MS * 1000 };
	int busy = !server_house_empty(&s->house) || sched_busy(s->sched) ||
	    outcome_pending(s->outcome) > 0;

	if (busy && clock_mono_ms() < s->drain_until) {
		event_add(s->ev_drain, &tv);
		return;
	}
	role_exit(s->role, EX_OK);
}

static void
on_stop(void *arg, int64_t grace_ms)
{
	struct smtp *s = arg;

	s->drain_until = clock_mono_ms() + grace_ms;
	if (!s->started) {
		role_exit(s->role, EX_OK);
		return;
	}
	if (s->stopping) {
		event_active(s->ev_drain, EV_TIMEOUT, 0);
		return;
	}
	s->stopping = 1;
	for (size_t i = 0; i < s->ndoors; i++)
		io_listener_free(&s->doors[i].listener);
	adopt_stop(s->adopt);
	sched_drain(s->sched);
	server_house_drain(&s->house);
	s->ev_drain = evtimer_new(s->base, on_drain, s);
	event_active(s->ev_drain, EV_TIMEOUT, 0);
}

static void
on_turn(void *arg)
{
	struct smtp *s = arg;

	epoch_watch();
	server_house_sweep(&s->house);
}

/* The store first: it still calls back into the stages that are freed behind it. */
static void
on_end(void *arg)
{
	struct smtp *s = arg;

	scrape_free(&s->scrape);
	front_free(&s->front);
	ctlserve_free(&s->ctl);
	if (s->started) {
		adopt_stop(s->adopt);
		server_house_fini(&s->house);
		tally_flush(s->tally);
		epoch_flush(s->epoch);
		s->store->ops->close(&s->store);
		adopt_free(&s->adopt);
		held_free(&s->held);
		oldest_free(&s->oldest);
		sched_free(&s->sched);
		ledger_free(&s->ledger);
		tally_free(&s->tally);
		epoch_free(&s->epoch);
		outcome_free(&s->outcome);
		aftermath_free(&s->aftermath);
		ask_free(&s->ask);
		admission_free(&s->admission);
	}
	siblings_free(&s->siblings);
	if (s->ev_drain != NULL)
		event_free(s->ev_drain);
	proc_commons_free(&s->commons);
	generation_unref(&s->generation);
	free(s->doors);
}

static const char *
user(const struct conf *conf)
{
	return conf->user;
}

static void
directory(const struct conf *conf, unsigned index, char *to, size_t cap)
{
	if (index > 0)
		(void)str_fmt(to, cap, "%s/shards/%u", conf->queue.directory, index);
	else
		(void)str_copy(to, conf->queue.directory, cap);
}

static const struct role_events events = {
	.worker = on_worker, .commons = on_commons, .config = on_config,
	.listener = on_listener, .control = on_control,
	.scrape = on_scrape,
	.peer = on_peer, .sibling = on_sibling,
	.start = on_start, .stop = on_stop, .turn = on_turn, .end = on_end, .user = user,
	.directory = directory,
};

int
smtp_main(void)
{
	struct smtp s = { .control_fd = -1, .scrape_fd = -1, .peer_fd = -1, .count = 1 };

	return role_main("smtp", &events, &s, &s.role, &s.base);
}
