/* SPDX-License-Identifier: ISC */
/*
 * check_smtp_lease: max_uses is the relay's: three workers' ledgers over
 * channels, whoever of them dies. Used too seldom after a crash, never too
 * often.
 */
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/ipc/sibling.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/ledger.h"
#include "relayd/smtp/siblings.h"
#include "tests/unit/store_kit.h"

#define WORKERS	3
#define LIMIT	4

#define X(id, rest) "{ id = \"" id "\"; allow = \"plaintext\"; owner = \"ops\"; reason = \"r\"; " \
	"expires = \"2099-06-30\"; " rest " }"
static const char text[] = "hostname = \"relay.test\"; exceptions = ( "
    X("FREE", "domains = [ \"a.example\" ];") ", "
    X("FOUR", "domains = [ \"b.example\" ]; max_uses = 4;") " );";

static const char limited[] = "hostname = \"relay.test\"; exceptions = ( "
    X("FREE", "domains = [ \"a.example\" ]; max_uses = 4;") " );";

static struct generation *generation;
static struct worker {
	struct store	*store;
	struct ledger	*ledger;
	struct siblings	*siblings;
} workers[WORKERS];

static void
loaded(void *arg, const struct why *why)
{
	ck_assert(!why_is_set(why));
	kit.come++;
}

/* Its store outlives it, as a database does. */
static void
begin(unsigned i)
{
	struct worker *w = &workers[i];

	if (w->store == NULL)
		w->store = store_memory_open(kit_base);
	w->siblings = siblings_new(kit_base, i, WORKERS);
	w->ledger = ledger_new(kit_base, w->store);
	ledger_share(w->ledger, w->siblings);
	ledger_reload(w->ledger, generation);
	kit_reset();
	ledger_load(w->ledger, loaded, NULL);
	kit_wait();
	siblings_start(w->siblings);
}

static void
turn(void)
{
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(kit_base, EVLOOP_NONBLOCK);
}

static void
die(unsigned i)
{
	turn();		/* what the store owes */
	ledger_free(&workers[i].ledger);
	siblings_free(&workers[i].siblings);
	turn();
}

static void
join(unsigned i)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	siblings_connect(workers[0].siblings, i, pair[0]);
	siblings_connect(workers[i].siblings, 0, pair[1]);
	turn();
}

static struct generation *
generation_of(const char *conf)
{
	struct generation *g = must_calloc(1, sizeof *g);
	struct conf_errors errors;

	g->refs = 1;
	ck_assert_int_eq(conf_load_text(conf, strlen(conf), "test", &g->conf, &errors), 0);
	conf_errors_fini(&errors);
	return g;
}

static void
setup(void)
{
	kit_dir_new();
	generation = generation_of(text);
	for (unsigned i = 0; i < WORKERS; i++)
		begin(i);
	for (unsigned i = 1; i < WORKERS; i++)
		join(i);
}

static void
teardown(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].store->ops->close(&workers[i].store);
		ledger_free(&workers[i].ledger);
		siblings_free(&workers[i].siblings);
	}
	generation_unref(&generation);
	kit_dir_remove();
}

/* Asks until it is not WAIT, as a lane does. */
static enum ledger_answer
reserve(unsigned i, const char *id)
{
	enum ledger_answer a = LEDGER_WAIT;

	for (int n = 0; n < 10 && a == LEDGER_WAIT; n++) {
		a = ledger_reserve(workers[i].ledger, id);
		turn();
	}
	return a;
}

static uint64_t
uses(unsigned i, const char *id, enum ledger_state *state)
{
	struct ledger_counts c;
	enum ledger_advice advice;
	const struct conf *conf = generation->conf;

	for (size_t k = 0; k < conf->exceptions.n; k++)
		if (strcmp(conf->exceptions.v[k].id, id) == 0)
			*state = ledger_look(workers[i].ledger, &conf->exceptions.v[k], &c, &advice);
	return c.uses;
}

START_TEST(shared)
{
	enum ledger_state state;
	int taken = 0;

	for (int n = 0; n < 12; n++)
		if (reserve((unsigned)n % WORKERS, "FOUR") == LEDGER_TAKEN) {
			taken++;
			ledger_used(workers[n % WORKERS].ledger, "FOUR", "mx", n % 2);
			turn();
		}
	ck_assert_int_eq(taken, LIMIT);
	ck_assert_uint_eq(uses(0, "FOUR", &state), LIMIT);
	ck_assert_int_eq((int)state, LEDGER_USED_UP);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq((int)reserve(i, "FOUR"), LEDGER_OVER);
	ck_assert_uint_eq(uses(1, "FOUR", &state), 0);
	ck_assert_int_eq((int)state, LEDGER_USED_UP);
}
END_TEST

/* While a lease is out nobody else gets it; given back, somebody does. */
START_TEST(given_back)
{
	enum ledger_state state;

	for (int n = 0; n < LIMIT; n++)
		ck_assert_int_eq((int)reserve(1, "FOUR"), LEDGER_TAKEN);
	ck_assert_int_eq((int)reserve(0, "FOUR"), LEDGER_WAIT);
	ck_assert_int_eq((int)reserve(2, "FOUR"), LEDGER_WAIT);
	(void)uses(0, "FOUR", &state);
	ck_assert_int_eq((int)state, LEDGER_ACTIVE);
	ledger_give_back(workers[1].ledger, "FOUR");
	ck_assert_int_eq((int)ledger_reserve(workers[1].ledger, "FOUR"), LEDGER_TAKEN);
	ledger_give_back(workers[1].ledger, "FOUR");
	for (int64_t until = clock_mono_ms() + 20000; ; turn()) {
		if (ledger_reserve(workers[0].ledger, "FOUR") == LEDGER_TAKEN)
			break;
		ck_assert_int_lt(clock_mono_ms(), until);
		usleep(1000);
	}
	ledger_give_back(workers[0].ledger, "FOUR");
}
END_TEST

/* What it had counts as used: by the front, by the next front, and it is gone for itself. */
START_TEST(worker_dies)
{
	enum ledger_state state;

	for (int n = 0; n < 3; n++)
		ck_assert_int_eq((int)reserve(1, "FOUR"), LEDGER_TAKEN);
	die(1);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 3);
	die(0);
	begin(0);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 3);
	begin(1);
	join(1);
	ck_assert_int_eq((int)reserve(1, "FOUR"), LEDGER_TAKEN);
	ck_assert_int_ne((int)reserve(1, "FOUR"), LEDGER_TAKEN);
	ck_assert_int_ne((int)reserve(0, "FOUR"), LEDGER_TAKEN);
}
END_TEST

/* No front, no use, but for what was granted; it counts when the front is back. */
START_TEST(front_dies)
{
	enum ledger_state state;

	ck_assert_int_eq((int)reserve(1, "FOUR"), LEDGER_TAKEN);
	die(0);
	ck_assert_int_eq((int)reserve(1, "FOUR"), LEDGER_WAIT);
	ck_assert_int_eq((int)reserve(1, "FREE"), LEDGER_TAKEN);
	ledger_used(workers[1].ledger, "FOUR", "mx", 1);
	begin(0);
	join(1);
	join(2);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 1);
	for (int n = 0; n < 3; n++)
		ck_assert_int_eq((int)reserve(2, "FOUR"), LEDGER_TAKEN);
	ck_assert_int_ne((int)reserve(1, "FOUR"), LEDGER_TAKEN);
	ledger_give_back(workers[1].ledger, "FREE");
}
END_TEST

START_TEST(unlimited_is_local)
{
	enum ledger_state state;

	die(0);
	for (int n = 0; n < 10; n++) {
		ck_assert_int_eq((int)ledger_reserve(workers[2].ledger, "FREE"), LEDGER_TAKEN);
		ledger_used(workers[2].ledger, "FREE", "mx", 1);
	}
	ck_assert_uint_eq(uses(2, "FREE", &state), 10);
	ck_assert_uint_eq(uses(1, "FREE", &state), 0);
	begin(0);
}
END_TEST

/* One that had no limit was counted by each; when it gets one, all of that counts. */
START_TEST(becomes_limited)
{
	struct generation *old = generation;
	enum ledger_state state;

	for (int n = 0; n < 3; n++) {
		ck_assert_int_eq((int)reserve(2, "FREE"), LEDGER_TAKEN);
		ledger_used(workers[2].ledger, "FREE", "mx", 1);
	}
	generation = generation_of(limited);
	for (unsigned i = 0; i < WORKERS; i++)
		ledger_reload(workers[i].ledger, generation);
	generation_unref(&old);
	turn();
	ck_assert_uint_eq(uses(0, "FREE", &state), 3);
	ck_assert_uint_eq(uses(2, "FREE", &state), 0);
	ck_assert_int_eq((int)reserve(2, "FREE"), LEDGER_TAKEN);
	ck_assert_int_ne((int)reserve(0, "FREE"), LEDGER_TAKEN);
	/* Once: not again with the next configuration, or the next channel. */
	ledger_reload(workers[2].ledger, generation);
	join(2);
	ck_assert_uint_eq(uses(0, "FREE", &state), 4);
}
END_TEST

/* ---- the other end is the test ---- */

static int mad;

static void
say_uses(uint16_t type, uint32_t request, const char *id, uint8_t word, uint64_t uses)
{
	struct buf b;

	buf_init(&b);
	buf_add_u32(&b, (uint32_t)strlen(id) + 13);
	buf_add_u16(&b, type);
	buf_add_u16(&b, 1);
	buf_add_u32(&b, request);
	buf_add_str(&b, id);
	buf_add_u8(&b, word);
	buf_add_u64(&b, uses);
	ck_assert_int_eq(send(mad, buf_data(&b), buf_len(&b), MSG_NOSIGNAL), (int)buf_len(&b));
	buf_fini(&b);
	turn();
}

static void
go_mad(unsigned at, unsigned as)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	siblings_connect(workers[at].siblings, as, pair[0]);
	mad = pair[1];
	turn();
}

static void
say(uint16_t type, uint32_t request, const char *id, uint8_t word)
{
	say_uses(type, request, id, word, 0);
}

/* Uses do not come back that were never lent. */
START_TEST(mad_worker)
{
	enum ledger_state state;

	go_mad(0, 1);
	for (int n = 0; n < 3; n++)
		ck_assert_int_eq((int)reserve(2, "FOUR"), LEDGER_TAKEN);
	for (int n = 0; n < 10; n++)
		say(IPC_LEASE_BACK, 0, "FOUR", 0);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 3);
	say(IPC_LEASE_ASK, 7, "NONE", 0);
	say(IPC_LEASE_ASK, 7, "FOUR", 0);
	say(IPC_LEASE_ASK, 7, "FOUR", 0);
	ck_assert_uint_eq(uses(0, "FOUR", &state), LIMIT);
	say(IPC_LEASE_BACK, 0, "FOUR", 0);
	say(IPC_LEASE_BACK, 0, "FOUR", 0);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 3);
	say(IPC_LEASE_USED, 0, "FOUR", 0);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 3);
	ck_assert(siblings_is_up(workers[0].siblings, 1));
	say_uses(IPC_LEASE_HAD, 0, "FOUR", 0, 1000);
	ck_assert_uint_eq(uses(0, "FOUR", &state), 1003);
	say_uses(IPC_LEASE_HAD, 0, "FOUR", 0, INT64_MAX);
	ck_assert(!siblings_is_up(workers[0].siblings, 1));
	ck_assert_uint_eq(uses(0, "FOUR", &state), 1003);
	close(mad);
}
END_TEST

static const struct { uint16_t type; const char *id; uint8_t word; int at_front; } odd[] = {
	{ IPC_LEASE, "FOUR", 0, 1 }, { IPC_LEASE_ASK, "", 0, 1 }, { IPC_LEASE_ASK, "FOUR", 3, 1 },
	{ IPC_LEASE_USED, "FOUR", 2, 1 }, { IPC_LEASE_ASK, "FOUR", 0, 0 },
	{ IPC_LEASE_USED, "FOUR", 0, 0 }, { IPC_LEASE_BACK, "FOUR", 0, 0 },
	{ IPC_LEASE, "FOUR", 0, 0 }, { IPC_LEASE, "NONE", 0, 0 }, { IPC_LEASE_NOTED, "FOUR", 0, 0 },
	{ IPC_LEASE_NOTED, "FOUR", 0, 1 }, { IPC_LEASE_HAD, "FOUR", 0, 0 },
};

/* A lease that was not asked for is none. */
START_TEST(odd_leases)
{
	unsigned at = odd[_i].at_front ? 0 : 1, as = odd[_i].at_front ? 1 : 0;

	go_mad(at, as);
	say(odd[_i].type, 99, odd[_i].id, odd[_i].word);
	ck_assert(!siblings_is_up(workers[at].siblings, as));
	if (!odd[_i].at_front)
		ck_assert_int_eq((int)reserve(1, "FOUR"), LEDGER_WAIT);
	close(mad);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_lease");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, shared);
	tcase_add_test(t, given_back);
	tcase_add_test(t, worker_dies);
	tcase_add_test(t, front_dies);
	tcase_add_test(t, unlimited_is_local);
	tcase_add_test(t, becomes_limited);
	tcase_add_test(t, mad_worker);
	tcase_add_loop_test(t, odd_leases, 0, LENGTH(odd));
	suite_add_tcase(suite, t);
	return kit_run(suite);
}
