/* SPDX-License-Identifier: ISC */
/* flight: see flight.h. */
#include "relayd/smtp/flight.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/store/flight.h"
#include "lib/store/store.h"
#include "relayd/smtp/job.h"

#define UNIT_ABORT	"RELAYD_ABORT_ON"	/* tests: a recipient that is our death */

static void
abort_for_tests(const struct job *j)
{
	const char *address = getenv(UNIT_ABORT);

	if (address != NULL && strcmp(j->msg->rcpts[0].address, address) == 0)
		abort();
}

static struct store_flight_set
those(const struct job *j, enum job_fate fate)
{
	struct store_flight_set set = { { 0 } };

	for (size_t i = 0; i < j->msg->nrcpts; i++)
		if (j->results[i].fate == fate && !j->results[i].put_off)
			store_flight_set_add(&set, i);
	return set;
}

void
flight_begin(const struct store *store, struct job *j, const char *relay)
{
	int64_t ids[STORE_FLIGHT_RCPTS];
	size_t n = j->msg->nrcpts < LENGTH(ids) ? j->msg->nrcpts : LENGTH(ids);

	if (store == NULL || store->flight == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		ids[i] = j->msg->rcpts[i].id;
	flight_end(store, j);
	j->flight = store_flight_begin(store->flight, j->msg->id, ids, n, relay);
	abort_for_tests(j);
}

void
flight_dot(const struct store *store, const struct job *j)
{
	struct store_flight_set open = those(j, JOB_OPEN);

	if (j->flight != 0)
		store_flight_dot(store->flight, j->flight, &open);
}

void
flight_accepted(const struct store *store, const struct job *j, int reports)
{
	struct store_flight_set taken = those(j, JOB_DELIVERED);
	const char *reply = "";

	if (j->flight == 0)
		return;
	for (size_t i = 0; i < j->msg->nrcpts && *reply == '\0'; i++)
		if (j->results[i].fate == JOB_DELIVERED)
			reply = j->results[i].reply;
	store_flight_accepted(store->flight, j->flight, &taken, reply, reports);
}

void
flight_end(const struct store *store, struct job *j)
{
	if (j->flight != 0)
		store_flight_clear(store->flight, j->flight);
	j->flight = 0;
}

/* ---- crashes ---- */

/* For the handler; set once, before the signals are. */
static struct store_flight *watched;

static void
on_fault(int sig)
{
	store_flight_crashing(watched);
	(void)raise(sig);	/* its action is the default again: a core, and the parent's word */
}

void
flight_watch_crashes(const struct store *store)
{
	static const int faults[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND | SA_NODEFER }, old;

	if (store->flight == NULL)
		return;
	watched = store->flight;
	for (size_t i = 0; i < LENGTH(faults); i++)
		/* A sanitizer has its own way to end. */
		if (sigaction(faults[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			(void)sigaction(faults[i], &sa, NULL);
}
