/* SPDX-License-Identifier: ISC */
/*
 * store_kit: a store driven step by step: each function asks, turns the loop
 * until the answer is there, and returns it. For tests of lib/store only.
 */
#ifndef TESTS_UNIT_STORE_KIT_H
#define TESTS_UNIT_STORE_KIT_H

#include <check.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/store/store.h"

#define KIT_STEPS_MAX	200000		/* turns of the loop before a test gives up */

struct kit_answer {
	int			  come;
	struct why		  why;
	int			  gone, more;
	int64_t			  next_due;
	struct store_message	 *messages[2000];
	size_t			  n;
	struct store_body	 *body;
	char			 *bytes;
	struct { char name[64]; uint64_t count; int64_t due; } dests[64];
};

static struct event_base	*kit_base;
static struct store		*kit_store;
static char			 kit_dir[64];
static struct kit_answer	 kit;

static inline void
kit_reset(void)
{
	for (size_t i = 0; i < LENGTH(kit.messages) && i < kit.n; i++)
		store_message_free(&kit.messages[i]);
	store_body_unref(&kit.body);
	free(kit.bytes);
	memset(&kit, 0, sizeof kit);
}

static inline void
kit_wait(void)
{
	for (int i = 0; i < KIT_STEPS_MAX && !kit.come; i++)
		(void)event_base_loop(kit_base, EVLOOP_ONCE);
	ck_assert(kit.come);
}

static inline void
kit_done(void *arg, const struct why *why)
{
	kit.why = *why;
	kit.come++;
}

static inline void
kit_settled(void *arg, const struct why *why, int gone)
{
	kit.gone = gone;
	kit_done(arg, why);
}

static inline void
kit_loaded(void *arg, const struct why *why, struct store_message **m, size_t n, int more,
    int64_t next_due)
{
	ck_assert(n <= LENGTH(kit.messages));
	if (n > 0)
		memcpy(kit.messages, m, n * sizeof(struct store_message *));
	kit.n = n;
	kit.more = more;
	kit.next_due = next_due;
	kit_done(arg, why);
}

static inline void
kit_bodied(void *arg, const struct why *why, struct store_body *b)
{
	kit.body = b;
	kit_done(arg, why);
}

static inline void
kit_chunked(void *arg, const struct why *why, const char *p, size_t n)
{
	kit.bytes = must_calloc(1, n + 1);
	if (n > 0)
		memcpy(kit.bytes, p, n);
	kit.n = 0;
	kit.more = (int)n;
	kit_done(arg, why);
}

static inline void
kit_dested(void *arg, const struct why *why, const struct store_dest *d, size_t n)
{
	ck_assert(n <= LENGTH(kit.dests));
	for (size_t i = 0; i < n; i++) {
		(void)str_copy(kit.dests[i].name, d[i].name, sizeof kit.dests[i].name);
		kit.dests[i].count = d[i].count;
		kit.dests[i].due = d[i].due;
	}
	kit.more = (int)n;
	kit_done(arg, why);
}

/* ---- messages ---- */

/* rcpts: "a@x.example b@y.example"; the part behind the @ is the destination. */
static inline struct store_message *
kit_message(uint64_t id, const char *rcpts, const char *body)
{
	struct store_message *m = must_calloc(1, sizeof *m);
	char *data = must_strdup(body), *copy = must_strdup(rcpts), *save, *word;

	m->id = id;
	m->sender = must_strdup("from@corp.example");
	m->client = must_strdup("printer[10.0.0.1]");
	m->envid = must_strdup("QQ314159");
	m->created = 1000000;
	m->eightbit = 1;
	m->body = store_body_new(&data, strlen(body));
	for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		struct store_rcpt *r;

		m->rcpts = must_realloc(m->rcpts, m->nrcpts + 1, sizeof *m->rcpts);
		r = &m->rcpts[m->nrcpts++];
		memset(r, 0, sizeof *r);
		r->address = must_strdup(word);
		r->dest = must_strdup(strchr(word, '@') + 1);
		r->due = 1000;
		r->notify = must_strdup("FAILURE");
	}
	free(copy);
	return m;
}

static inline enum why_reason
kit_put_message(struct store_message *m)
{
	kit_reset();
	kit_store->ops->put(kit_store, m, NULL, kit_done, NULL);
	ck_assert(!kit.come);
	kit_wait();
	return kit.why.reason;
}

static inline enum why_reason
kit_put(uint64_t id, const char *rcpts, const char *body)
{
	struct store_message *m = kit_message(id, rcpts, body);
	enum why_reason r = kit_put_message(m);

	store_message_free(&m);
	return r;
}

static inline enum why_reason
kit_settle(uint64_t id, int64_t rcpt, enum store_fate fate, int64_t due)
{
	struct store_settle_rcpt f = { .id = rcpt, .fate = fate, .due = due, .tries = 1, .last = "said so" };
	struct store_settlement se = { .message = id, .rcpts = &f, .nrcpts = 1 };

	kit_reset();
	kit_store->ops->settle(kit_store, &se, kit_settled, NULL);
	kit_wait();
	return kit.why.reason;
}

static inline size_t
kit_load(const char *dest, int64_t due, size_t max, const int64_t *skip, size_t nskip)
{
	kit_reset();
	kit_store->ops->load(kit_store, dest, due, max, skip, nskip, kit_loaded, NULL);
	kit_wait();
	return kit.n;
}

static inline size_t
kit_fetch(uint64_t id)
{
	kit_reset();
	kit_store->ops->fetch(kit_store, id, kit_loaded, NULL);
	kit_wait();
	return kit.n;
}

static inline size_t
kit_list(uint64_t after, size_t max)
{
	kit_reset();
	kit_store->ops->list(kit_store, after, max, kit_loaded, NULL);
	kit_wait();
	return kit.n;
}

static inline enum why_reason
kit_body(uint64_t id)
{
	kit_reset();
	kit_store->ops->body(kit_store, id, kit_bodied, NULL);
	kit_wait();
	return kit.why.reason;
}

static inline int
kit_dests(void)
{
	kit_reset();
	kit_store->ops->dests(kit_store, kit_dested, NULL);
	kit_wait();
	return kit.more;
}

/* The id of one recipient of a message, by its place in the envelope. */
static inline int64_t
kit_rcpt_id(uint64_t message, size_t nth)
{
	ck_assert_uint_eq(kit_fetch(message), 1);
	ck_assert_uint_lt(nth, kit.messages[0]->nrcpts);
	return kit.messages[0]->rcpts[nth].id;
}

/* ---- directories ---- */

static inline int
kit_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void
kit_dir_new(void)
{
	(void)str_copy(kit_dir, "/tmp/check_store.XXXXXX", sizeof kit_dir);
	ck_assert_ptr_nonnull(mkdtemp(kit_dir));
	kit_base = event_base_new();
}

static inline void
kit_dir_remove(void)
{
	kit_reset();
	if (kit_store != NULL)
		kit_store->ops->close(&kit_store);
	event_base_free(kit_base);
	(void)nftw(kit_dir, kit_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct store *
kit_try_open(struct why *why)
{
	struct store_param p = { .directory = kit_dir, .base = kit_base, .allow_filesystem = "any" };

	memset(why, 0, sizeof *why);
	return store_sqlite_open(&p, why);
}

static inline void
kit_open(void)
{
	struct why why;

	kit_store = kit_try_open(&why);
	ck_assert_msg(kit_store != NULL, "%s", why.text);
}

/* As lib/queue/flow makes them. */
#define KIT_FLOW(client, sender)	((uint64_t)(client) << 32 | (uint64_t)(sender) << 24)

/* Of the SQLite store and the double: 0, 1. */
#define KIT_STORES	2
static inline void
kit_open_nth(int i)
{
	if (i == 0)
		kit_open();
	else
		kit_store = store_memory_open(kit_base);
}

static inline void
kit_reopen(void)
{
	kit_store->ops->close(&kit_store);
	kit_open();
}

static inline int
kit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#endif
