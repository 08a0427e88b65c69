/* SPDX-License-Identifier: ISC */
/*
 * The states of a message (relayd/DESIGN 5, HARDENING "States of a message"),
 * at every crash point. A script leads messages through all of them; at each
 * operation on the disk the power goes, with four kinds of loss. Afterwards
 * each message must be in one of the states between the last step that was
 * acknowledged and the last that was begun, and none anywhere else.
 * FAULT_EVERY=1 in the environment tries each operation, the default every 5th.
 */
#include "tests/unit/store_kit.h"

#include <fcntl.h>

#include "lib/store/flight.h"
#include "tests/fault/vfs_shim.h"

#define LARGE		(STORE_INLINE_MAX + 3000)
#define NOTICE		1000		/* the notice for message i has this id more */
#define MESSAGES	8
#define SAME		NULL		/* as after the step before */

enum act {
	PUT, PUT_LARGE, PUT_ABORTED, RETRY_A, WAKE_A, HOLD_A, RELEASE_A, DONE_A, DONE_B, BOUNCE_B,
	DONE_BOTH, LOSE_BODY, FIND_CORRUPT, JOURNAL_BEGIN, JOURNAL_DOT, JOURNAL_ACCEPTED,
	JOURNAL_CLEAR
};

/* What is seen of a message after each step, and which state that is. Recipients a and b:
 * tries, due time and reason, or held. */
static const struct step {
	uint64_t	 id;
	enum act	 act;
	const char	*seen;
} script[] = {
	{ 1, PUT, "a 0 @1000, b 0 @1000" },			/* S0 -> S2 -> S3 */
	{ 2, PUT_LARGE, "a 0 @1000, b 0 @1000" },		/* S0 -> S1 -> S2 -> S3 */
	{ 3, PUT, "a 0 @1000, b 0 @1000" },
	{ 1, DONE_A, "b 0 @1000" },				/* S6 */
	{ 4, PUT, "a 0 @1000, b 0 @1000" },
	{ 2, RETRY_A, "a 1 @9000 timeout, b 0 @1000" },		/* S3 */
	{ 6, PUT_ABORTED, "gone" },				/* S1 -> S0 */
	{ 4, HOLD_A, "a held poison, b 0 @1000" },		/* S8 */
	{ 1, DONE_B, "gone" },					/* S9 */
	{ 5, PUT_LARGE, "a 0 @1000, b 0 @1000" },
	{ 3, DONE_A, "b 0 @1000" },
	{ 2, WAKE_A, "a 1 @5000 timeout, b 0 @1000" },
	{ 7, PUT, "a 0 @1000, b 0 @1000" },
	{ 7, JOURNAL_BEGIN, SAME },				/* S4 */
	{ 3, BOUNCE_B, "gone, notice" },			/* S7 */
	{ 7, JOURNAL_DOT, SAME },
	{ 5, LOSE_BODY, SAME },
	{ 8, PUT, "a 0 @1000, b 0 @1000" },
	{ 8, JOURNAL_BEGIN, SAME },
	{ 5, FIND_CORRUPT, "a held corrupt, b held corrupt" },	/* S8 */
	{ 2, DONE_A, "b 0 @1000" },
	{ 4, RELEASE_A, "a 1 @7000, b 0 @1000" },		/* S3 */
	{ 8, JOURNAL_DOT, SAME },
	{ 2, DONE_B, "gone" },					/* S9: row, then file */
	{ 8, JOURNAL_ACCEPTED, SAME },				/* S5 */
	{ 4, DONE_BOTH, "gone" },
	{ 8, DONE_BOTH, "gone" },				/* S9 */
	{ 8, JOURNAL_CLEAR, SAME },
};
#define STEPS	LENGTH(script)

static struct {
	int64_t		rcpts[2];
	unsigned	flight;
} world[MESSAGES + 1];
static size_t begun, sure;	/* steps of the script */

/* ---- steps ---- */

static char *
body_of(uint64_t id, int large)
{
	size_t n = large ? LARGE : 700;
	char *p = must_calloc(1, n + 1);

	memset(p, 'a' + (int)id, n);
	return p;
}

static int
do_put(uint64_t id, int large)
{
	char *body = body_of(id, large);
	struct store_message *m = kit_message(id, "a@x.example b@y.example", body);
	int rc = kit_put_message(m) == WHY_NONE ? 0 : -1;

	for (int i = 0; i < 2; i++)
		world[id].rcpts[i] = m->rcpts[i].id;
	store_message_free(&m);
	free(body);
	return rc;
}

static int
do_aborted(void)
{
	struct store_spool *sp = kit_store->ops->spool_new(kit_store);
	int rc;

	kit_reset();
	kit_store->ops->spool_append(sp, "abc", 3, kit_done, NULL);
	kit_wait();
	rc = kit.why.reason == WHY_NONE ? 0 : -1;
	kit_store->ops->spool_abort(&sp);
	return rc;
}

static int
do_settle(uint64_t id, const struct store_settle_rcpt *f, size_t n, int bounce)
{
	struct store_message *notice = bounce ? kit_message(NOTICE + id, "from@corp.example", "no") :
	    NULL;
	struct store_settlement se = { .message = id, .rcpts = f, .nrcpts = n, .notices = &notice,
	    .nnotices = notice != NULL };

	kit_reset();
	kit_store->ops->settle(kit_store, &se, kit_settled, NULL);
	kit_wait();
	return kit.why.reason == WHY_NONE ? 0 : -1;
}

static int
do_fate(uint64_t id, int which, enum store_fate fate, int64_t due, const char *reason)
{
	const struct store_settle_rcpt f = { .id = world[id].rcpts[which], .fate = fate, .due = due,
	    .tries = 1, .reason = reason };

	return do_settle(id, &f, 1, 0);
}

static int
do_bounce(uint64_t id)
{
	const struct store_settle_rcpt f = { .id = world[id].rcpts[1], .fate = STORE_DONE };

	return do_settle(id, &f, 1, 1);
}

static int
do_both(uint64_t id)
{
	const struct store_settle_rcpt f[2] = { { .id = world[id].rcpts[0], .fate = STORE_DONE },
	    { .id = world[id].rcpts[1], .fate = STORE_DONE } };

	return do_settle(id, f, 2, 0);
}

static void
on_woken(void *arg, const struct why *why, uint64_t n)
{
	kit_done(arg, why);
}

static int
do_wake(void)
{
	static const char *const reasons[] = { "timeout" };

	kit_reset();
	kit_store->ops->wake(kit_store, "x.example", reasons, 1, 5000, on_woken, NULL);
	kit_wait();
	return kit.why.reason == WHY_NONE ? 0 : -1;
}

/* Somebody's hand, or a bad sector: not one of our operations. */
static int
lose_body(uint64_t id)
{
	char path[160];

	(void)str_fmt(path, sizeof path, "%s/spool/%016" PRIx64, kit_dir, id);
	(void)unlink(path);
	return 0;
}

static int
journal(uint64_t id, enum act act)
{
	struct store_flight *f = kit_store->flight;
	struct store_flight_set both = { { 3 } };

	if (act == JOURNAL_BEGIN)
		world[id].flight = store_flight_begin(f, id, world[id].rcpts, 2, "mx.example");
	else if (act == JOURNAL_DOT)
		store_flight_dot(f, world[id].flight, &both);
	else if (act == JOURNAL_ACCEPTED)
		store_flight_accepted(f, world[id].flight, &both, "250 ok", 1);
	else
		store_flight_clear(f, world[id].flight);
	return 0;
}

static int
step_do(const struct step *s)
{
	switch (s->act) {
	case PUT:
		return do_put(s->id, 0);
	case PUT_LARGE:
		return do_put(s->id, 1);
	case PUT_ABORTED:
		return do_aborted();
	case RETRY_A:
		return do_fate(s->id, 0, STORE_RETRY, 9000, "timeout");
	case WAKE_A:
		return do_wake();
	case HOLD_A:
		return do_fate(s->id, 0, STORE_HOLD, 9000, "poison");
	case RELEASE_A:
		return do_fate(s->id, 0, STORE_RETRY, 7000, NULL);
	case DONE_A:
		return do_fate(s->id, 0, STORE_DONE, 0, NULL);
	case DONE_B:
		return do_fate(s->id, 1, STORE_DONE, 0, NULL);
	case BOUNCE_B:
		return do_bounce(s->id);
	case DONE_BOTH:
		return do_both(s->id);
	case LOSE_BODY:
		return lose_body(s->id);
	case FIND_CORRUPT:
		return kit_body(s->id) == WHY_CORRUPT ? 0 : -1;
	case JOURNAL_BEGIN:
	case JOURNAL_DOT:
	case JOURNAL_ACCEPTED:
	case JOURNAL_CLEAR:
		return journal(s->id, s->act);
	}
	return -1;
}

/* Until the power goes. */
static void
live(void)
{
	struct why why;

	memset(world, 0, sizeof world);
	begun = sure = 0;
	if ((kit_store = kit_try_open(&why)) == NULL)
		return;
	while (begun < STEPS && sure == begun) {
		begun++;
		if (step_do(&script[begun - 1]) == 0)
			sure = begun;
	}
	kit_store->ops->close(&kit_store);
}

/* ---- afterwards ---- */

static void
add_rcpt(char *to, size_t cap, const struct store_rcpt *r)
{
	char one[80];

	if (r->state == STORE_HELD)
		(void)str_fmt(one, sizeof one, "%c held", r->address[0]);
	else
		(void)str_fmt(one, sizeof one, "%c %u @%lld", r->address[0], r->tries,
		    (long long)r->due);
	if (*to != '\0')
		(void)str_cat(to, ", ", cap);
	(void)str_cat(to, one, cap);
	if (r->reason != NULL) {
		(void)str_cat(to, " ", cap);
		(void)str_cat(to, r->reason, cap);
	}
}

static void
look(uint64_t id, char *to, size_t cap)
{
	*to = '\0';
	if (kit_fetch(id) == 0)
		(void)str_copy(to, "gone", cap);
	else
		for (size_t i = 0; i < kit.messages[0]->nrcpts; i++)
			add_rcpt(to, cap, &kit.messages[0]->rcpts[i]);
	ck_assert_int_eq(kit.why.reason, WHY_NONE);
	if (kit_fetch(NOTICE + id) == 1)
		(void)str_cat(to, ", notice", cap);
}

static int
may_have_lost_its_body(uint64_t id)
{
	for (size_t i = 0; i < begun; i++)
		if (script[i].id == id && script[i].act == LOSE_BODY)
			return 1;
	return 0;
}

/* A body that is missing is never silent: the message is held, not gone. */
static void
check_body(uint64_t id)
{
	char seen[200];

	if (kit_body(id) == WHY_NONE)
		return;
	ck_assert_msg(may_have_lost_its_body(id), "the body of message %d is lost", (int)id);
	look(id, seen, sizeof seen);
	ck_assert_str_eq(seen, "a held corrupt, b held corrupt");
}

static void
check_message(uint64_t id)
{
	const char *now = "gone";
	char seen[200];
	int legal = 0;

	look(id, seen, sizeof seen);
	for (size_t i = 0; i <= begun; i++) {
		if (i > 0 && script[i - 1].id == id && script[i - 1].seen != SAME)
			now = script[i - 1].seen;
		legal |= i >= sure && strcmp(seen, now) == 0;
	}
	ck_assert_msg(legal, "message %d: \"%s\" after %zu steps of %zu begun", (int)id, seen, sure,
	    begun);
	if (strncmp(seen, "gone", 4) != 0)
		check_body(id);
}

/* One lease: what is due comes once, and not while it is in memory. */
static void
check_leases(void)
{
	int64_t ids[100];
	size_t n = 0;

	(void)kit_load("x.example", INT64_MAX, 100, NULL, 0);
	for (size_t i = 0; i < kit.n; i++)
		for (size_t j = 0; j < kit.messages[i]->nrcpts; j++)
			ids[n++] = kit.messages[i]->rcpts[j].id;
	for (size_t i = 1; i < n; i++)
		ck_assert_int_ne(ids[i], ids[i - 1]);
	for (size_t i = 0; i < n; i++)		/* few: put in order by hand */
		for (size_t j = i + 1; j < n; j++)
			if (ids[j] < ids[i]) {
				int64_t t = ids[i];

				ids[i] = ids[j];
				ids[j] = t;
			}
	ck_assert_uint_eq(kit_load("x.example", INT64_MAX, 100, ids, n), 0);
}

/* How far the journal was led for this message; -1: not at all, or cleared. */
static int
journal_state(uint64_t id)
{
	int state = -1;

	for (size_t i = 0; i < begun; i++)
		if (script[i].id == id && script[i].act >= JOURNAL_BEGIN)
			state = script[i].act == JOURNAL_CLEAR ? -1 :
			    (int)script[i].act - (int)JOURNAL_BEGIN;
	return state;
}

/* It may know less than was told (the kernel had not written it), never more or other. */
static void
check_journal(int whole)
{
	const struct store_flight_entry *e;
	size_t n = store_flight_found(kit_store->flight, &e);
	int known[MESSAGES + 1];

	memset(known, -1, sizeof known);
	for (size_t i = 0; i < n; i++) {
		ck_assert(e[i].message <= MESSAGES && known[e[i].message] == -1);
		known[e[i].message] = (int)e[i].state;
		ck_assert_int_le(known[e[i].message], journal_state(e[i].message));
		ck_assert_uint_eq(e[i].nrcpts, 2);
		ck_assert_int_eq(e[i].rcpts[0], world[e[i].message].rcpts[0]);
	}
	for (uint64_t id = 1; id <= MESSAGES && whole; id++)
		ck_assert_int_eq(known[id], journal_state(id));
}

/* The journal lives in the page cache: any of its sectors may be as it was at the start. */
static void
cut_journal(enum fault_loss loss, uint64_t seed)
{
	static const char nothing[512];
	char path[160];
	int fd;

	(void)str_fmt(path, sizeof path, "%s/flight", kit_dir);
	if (loss == FAULT_LOSE_NOTHING || (fd = open(path, O_WRONLY)) == -1)
		return;
	for (off_t at = 0; at < 16 * STORE_FLIGHT_SLOT; at += 512) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if (loss == FAULT_LOSE_ALL || (seed >> 40 & 1) != 0)
			ck_assert_int_eq(pwrite(fd, nothing, 512, at), 512);
	}
	(void)close(fd);
}

static void
one_run(unsigned long n, enum fault_loss loss)
{
	kit_dir_new();
	fault_forget();
	fault_plan(FAULT_CUT, n);
	live();
	fault_power_cut(loss, n * 977 + loss);
	cut_journal(loss, n * 31 + loss);
	for (int again = 0; again < 2; again++) {	/* what was recovered stays */
		kit_open();
		check_journal(loss == FAULT_LOSE_NOTHING);
		for (uint64_t id = 1; id <= MESSAGES; id++)
			check_message(id);
		check_leases();
		kit_store->ops->close(&kit_store);
	}
	kit_dir_remove();
}

START_TEST(each_state_at_each_crash_point)
{
	const char *every = getenv("FAULT_EVERY");
	unsigned long n, stride = every != NULL && atol(every) > 0 ? (unsigned long)atol(every) : 5;

	kit_dir_new();
	fault_forget();
	fault_plan(FAULT_NONE, 0);
	live();
	ck_assert_msg(sure == STEPS, "the script ends at step %zu", sure);
	n = fault_count();
	kit_dir_remove();
	ck_assert_uint_gt(n, 150);
	for (unsigned long k = 1 + (unsigned long)_i; k <= n + 1; k += stride)
		one_run(k, (enum fault_loss)_i);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store states");
	TCase *c = tcase_create("disk");

	fault_install();
	tcase_set_timeout(c, 1200);
	tcase_add_loop_test(c, each_state_at_each_crash_point, 0, FAULT_LOSS__COUNT);
	suite_add_tcase(s, c);
	return kit_run(s);
}
