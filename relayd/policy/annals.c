/* SPDX-License-Identifier: ISC */
/* annals: see annals.h. */
#include "relayd/policy/annals.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/history/recall.h"
#include "lib/plan/plan.h"

#define LIST_PAGE	100
#define PURGE_MS	((int64_t)86400 * 1000)

struct annals {
	struct history_ledger	*ledger;
	int64_t			 keep;		/* seconds */
	int64_t			 purged;	/* mono ms */
	struct event		 ev_sync;
};

static int64_t
now(void)
{
	return clock_wall_ms() / 1000;
}

/*
 * Rows stay twice as long as they count: a clock that was set forward by
 * mistake does not wipe the history in that day (HARDENING T1).
 */
static void
purge(struct annals *a)
{
	struct why why;

	if (a->keep == 0 || clock_mono_ms() - a->purged < PURGE_MS)
		return;
	a->purged = clock_mono_ms();
	if (history_ledger_purge(a->ledger, now() - 2 * a->keep, &why) == -1)
		log_err("%s", why.text);
}

static void
on_sync(evutil_socket_t fd, short what, void *arg)
{
	struct annals *a = arg;
	struct why why;

	if (history_ledger_sync(a->ledger, &why) == -1)
		log_err("%s; what was proven in the last second is not remembered", why.text);
	purge(a);
}

void
annals_note(struct annals *a, const struct ipc_proven *p)
{
	static const struct timeval second = { 1, 0 };
	struct why why;

	if (a->keep == 0)
		return;
	if (history_ledger_note(a->ledger, p->domain, p->host, &p->shown, now(), &why) == -1)
		log_err("%s; what %s proved is not remembered", why.text, p->host);
	if (!event_pending(&a->ev_sync, EV_TIMEOUT, NULL))
		event_add(&a->ev_sync, &second);
}

void
annals_recall(struct annals *a, struct plan_evidence *e)
{
	history_recall(a->ledger, now(), a->keep, e);
}

/* ---- relayctl ---- */

static void
list(struct annals *a, const struct ipc_history_ask *ask, struct ipc_history *to)
{
	int n;

	to->rows = must_calloc(LIST_PAGE, sizeof *to->rows);
	n = history_ledger_list(a->ledger, ask->domain, now() - a->keep, to->rows, LIST_PAGE,
	    &to->why);
	to->nrows = n > 0 ? (size_t)n : 0;
	to->more = n == LIST_PAGE;
}

static void
show(struct annals *a, const struct ipc_history_ask *ask, struct ipc_history *to)
{
	int n;

	to->rows = must_calloc(IPC_HISTORY_MAX, sizeof *to->rows);
	to->accepted = must_calloc(IPC_ACCEPTED_MAX, sizeof *to->accepted);
	n = history_ledger_rows(a->ledger, ask->domain, to->rows, IPC_HISTORY_MAX, &to->why);
	to->nrows = n > 0 ? (size_t)n : 0;
	if (n == -1)
		return;
	n = history_ledger_acceptances(a->ledger, ask->domain, to->accepted, IPC_ACCEPTED_MAX,
	    &to->why);
	to->naccepted = n > 0 ? (size_t)n : 0;
}

static void
forget(struct annals *a, const struct ipc_history_ask *ask, struct ipc_history *to)
{
	struct history_accepted entry = { .at = now(), .uid = ask->uid };
	struct history_row best;
	int n = history_ledger_rows(a->ledger, ask->domain, &best, 1, &to->why);

	if (n < 1)
		return;
	entry.had = best.level;
	str_copy(entry.domain, ask->domain, sizeof entry.domain);
	str_copy(entry.reason, ask->reason, sizeof entry.reason);
	n = history_ledger_accept(a->ledger, &entry, &to->why);
	to->forgotten = n > 0 ? (uint32_t)n : 0;
	if (n > 0)
		log_notice("TLS history of %s forgotten, it had %s: uid %u: %s", entry.domain,
		    plan_level_name(entry.had), entry.uid, entry.reason);
}

void
annals_answer(struct annals *a, const struct ipc_history_ask *ask, struct ipc_history *to)
{
	memset(to, 0, sizeof *to);
	why_clear(&to->why);
	switch (ask->verb) {
	case IPC_HISTORY_LIST:
		list(a, ask, to);
		break;
	case IPC_HISTORY_SHOW:
		show(a, ask, to);
		break;
	case IPC_HISTORY_ACCEPT:
		forget(a, ask, to);
		break;
	}
}

/* ---- life ---- */

struct annals *
annals_open(struct event_base *base, const char *path)
{
	struct annals *a = must_calloc(1, sizeof *a);
	struct why why;

	a->ledger = history_ledger_open(path, &why);
	if (!history_ledger_ok(a->ledger))
		log_err("%s: %s; destinations without DANE wait. To begin a new history, "
		    "remove the file and restart", path, why.text);
	a->purged = clock_mono_ms();
	event_assign(&a->ev_sync, base, -1, 0, on_sync, a);
	return a;
}

void
annals_close(struct annals **ap)
{
	struct annals *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	event_del(&a->ev_sync);
	history_ledger_close(&a->ledger);
	free(a);
}

void
annals_keep(struct annals *a, int64_t ms)
{
	a->keep = ms > 0 && ms < 1000 ? 1 : ms / 1000;
}
