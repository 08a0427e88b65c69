/* SPDX-License-Identifier: ISC */
/* siblings_kit: three workers in one process, joined by channels; worker 0 is ctl_kit's house. */
#ifndef TESTS_UNIT_SIBLINGS_KIT_H
#define TESTS_UNIT_SIBLINGS_KIT_H

#include "lib/mail/queue_id.h"
#include "relayd/smtp/front.h"
#include "relayd/smtp/siblings.h"
#include "tests/unit/ctl_kit.h"

#define WORKERS	3

/* Worker 0 is the kit's house. */
static struct worker {
	struct store	*store;
	struct ask	*ask;
	struct outcome	*outcome;
	struct sched	*sched;
	struct siblings	*siblings;
	struct front	*front;
} workers[WORKERS];

/* ---- the workers ---- */

static inline void
begin(unsigned i)
{
	struct worker *w = &workers[i];

	w->siblings = siblings_new(kit_base, i, WORKERS);
	if (i == 0) {
		w->store = kit_store;
		w->sched = sched;
	} else {
		w->store = store_memory_open(kit_base);
		w->ask = ask_new(kit_base, HOUR);
		w->outcome = outcome_new(kit_base, w->store, &outcome_events, NULL);
		w->sched = sched_new(kit_base, w->store, w->ask, w->outcome, generation, NULL);
	}
	w->front = front_new(kit_base, w->siblings, w->store, w->sched, i == 0 ? ctl : NULL, NULL);
}

static inline void
end(unsigned i)
{
	struct worker *w = &workers[i];

	front_free(&w->front);
	if (i > 0 && w->store != NULL) {
		w->store->ops->close(&w->store);
		sched_free(&w->sched);
		outcome_free(&w->outcome);
		ask_free(&w->ask);
	}
	siblings_free(&w->siblings);
}

static inline void
join(unsigned i)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	siblings_connect(workers[i].siblings, 0, pair[1]);
	siblings_connect(workers[0].siblings, i, pair[0]);
}

static inline void
join_all(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		begin(i);
	for (unsigned i = 1; i < WORKERS; i++)
		join(i);
}

static inline void
setup(void)
{
	setup_memory();
	join_all();
}

/* The front's store need not be like the others'. */
static inline void
setup_mixed(void)
{
	setup_sqlite();
	join_all();
}

static inline void
finish(void)
{
	ctlserve_free(&ctl);
	for (unsigned i = 0; i < WORKERS; i++)
		end(i);
	teardown();
}

/* ---- their mail ---- */

static inline void
put_at(unsigned i, uint64_t id, const char *rcpts)
{
	struct store *own = kit_store;

	kit_store = workers[i].store;
	ck_assert_int_eq(kit_put(id, rcpts, "Subject: x\r\n\r\nbody\r\n"), WHY_NONE);
	kit_store = own;
}

static inline uint64_t
id_of(size_t line)
{
	uint64_t id;

	ck_assert_int_eq(mail_queue_id_parse(text_of(line, "id"), &id), 0);
	return id;
}

static inline int64_t
number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

#endif
