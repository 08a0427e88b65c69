/* SPDX-License-Identifier: ISC */
/*
 * check_smtp_ledger: exceptions hold as long and as often as they say, counts
 * come back, and what has to be said is said once. Virtual clock; the memory
 * store where only the ledger is meant, SQLite where it has to survive.
 */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "relayd/smtp/generation.h"
#include "relayd/smtp/ledger.h"
#include "tests/unit/store_kit.h"

#define START	INT64_C(1800000000000)		/* 2027-01-15T08:00:00Z */
#define HOUR	INT64_C(3600000)
#define DAY	(24 * HOUR)

#define X(id, rest) "{ id = \"" id "\"; allow = \"plaintext\"; owner = \"ops\"; reason = \"r\"; " rest " }"
static const char plain[] = "hostname = \"relay.test\"; exceptions = ( "
    X("A", "domains = [ \"a.example\" ]; expires = \"2027-06-30\";") ", "
    X("TWO", "domains = [ \"b.example\", \".b.example\" ]; max_uses = 2; expires = \"2027-06-30\";") ", "
    X("SHORT", "domains = [ \"c.example\" ]; expires = \"2027-01-15T08:00:05Z\";") " );";

static struct ledger *ledger;
static struct generation *generation;
static char log_path[96];

/* ---- the house ---- */

static void
loaded(void *arg, const struct why *why)
{
	ck_assert(!why_is_set(why));
	kit.come++;
}

static struct generation *
generation_of(const char *text)
{
	struct generation *g = must_calloc(1, sizeof *g);
	struct conf_errors errors;

	if (conf_load_text(text, strlen(text), "test", &g->conf, &errors) == -1)
		ck_abort_msg("%s", errors.errors[0]);
	conf_errors_fini(&errors);
	g->refs = 1;
	return g;
}

static void
reload(const char *text)
{
	generation_unref(&generation);
	generation = generation_of(text);
	ledger_reload(ledger, generation);
}

static void
start(const char *text)
{
	ledger = ledger_new(kit_base, kit_store);
	reload(text);
	kit_reset();
	ledger_load(ledger, loaded, NULL);
	kit_wait();
}

static void
setup(void)
{
	struct log_param p = { .target = LOG_TO_FILE, .level = LOG_LVL_DEBUG, .format = LOG_JSON,
	    .file = log_path, .name = "test" };

	clock_virtual(1000, START);
	kit_dir_new();
	(void)str_fmt(log_path, sizeof log_path, "%s/log", kit_dir);
	ck_assert_int_eq(log_open(&p), 0);
	kit_store = store_memory_open(kit_base);
}

static void
teardown(void)
{
	if (kit_store != NULL)
		kit_store->ops->close(&kit_store);
	ledger_free(&ledger);
	generation_unref(&generation);
	kit_dir_remove();
	clock_real();
}

/* How often the log has an event with this change= for this exception. */
static int
said(const char *id, const char *change)
{
	char line[4096], want[128];
	FILE *f;
	int n = 0;

	log_flush();
	(void)str_fmt(want, sizeof want, "\"exception\":\"%s\",\"change\":\"%s\"", id, change);
	f = fopen(log_path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f) != NULL)
		n += strstr(line, want) != NULL;
	(void)fclose(f);
	return n;
}

static const struct conf_exception *
entry(const char *id)
{
	for (size_t i = 0; i < generation->conf->exceptions.n; i++)
		if (strcmp(generation->conf->exceptions.v[i].id, id) == 0)
			return &generation->conf->exceptions.v[i];
	ck_abort_msg("%s", id);
	return NULL;
}

static struct ledger_counts
counts(const char *id)
{
	struct ledger_counts c;
	enum ledger_advice a;

	(void)ledger_look(ledger, entry(id), &c, &a);
	return c;
}

static enum ledger_state
state(const char *id)
{
	struct ledger_counts c;
	enum ledger_advice a;

	return ledger_look(ledger, entry(id), &c, &a);
}

static enum ledger_advice
advice(const char *id)
{
	struct ledger_counts c;
	enum ledger_advice a;

	(void)ledger_look(ledger, entry(id), &c, &a);
	return a;
}

static void
use(const char *id, int needed)
{
	ck_assert_int_eq(ledger_reserve(ledger, id), LEDGER_TAKEN);
	ledger_used(ledger, id, "mx[192.0.2.1]:25", needed);
}

static void
pass(int64_t ms)
{
	clock_virtual(clock_mono_ms() + ms, clock_wall_ms() + ms);
}

/* ---- permission ---- */

START_TEST(unknown_means_no)
{
	ck_assert_int_eq(ledger_reserve(NULL, "A"), LEDGER_OVER);
	generation = generation_of(plain);
	ck_assert(!ledger_holds(NULL, entry("A")));
	ledger = ledger_new(kit_base, kit_store);
	ck_assert(!ledger_holds(ledger, entry("A")));
	ledger_reload(ledger, generation);
	/* The counts are not known yet. */
	ck_assert(!ledger_holds(ledger, entry("A")));
	ck_assert_int_eq(ledger_reserve(ledger, "A"), LEDGER_OVER);
	ck_assert_int_eq(state("A"), LEDGER_UNKNOWN);
	kit_reset();
	ledger_load(ledger, loaded, NULL);
	kit_wait();
	ck_assert(ledger_holds(ledger, entry("A")));
	ck_assert_int_eq(ledger_reserve(ledger, "B"), LEDGER_OVER);
	ck_assert_int_eq(ledger_reserve(ledger, ""), LEDGER_OVER);
}
END_TEST

START_TEST(uses_are_counted)
{
	start(plain);
	use("A", 1);
	pass(1000);
	use("A", 0);
	pass(1000);
	use("A", 0);
	ck_assert_uint_eq(counts("A").uses, 3);
	ck_assert_uint_eq(counts("A").passed, 2);
	ck_assert_uint_eq(counts("A").streak, 2);
	ck_assert_int_eq(counts("A").seen, START);
	ck_assert_int_eq(counts("A").first, START);
	ck_assert_int_eq(counts("A").needed, START);
	ck_assert_int_eq(counts("A").last, START + 2000);
	ck_assert_int_eq(advice("A"), LEDGER_NOT_NEEDED);
	use("A", 1);
	ck_assert_uint_eq(counts("A").streak, 0);
	ck_assert_int_eq(advice("A"), LEDGER_FINE);
	ck_assert_uint_eq(counts("TWO").uses, 0);
}
END_TEST

START_TEST(never_more_than_max)
{
	start(plain);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_TAKEN);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_TAKEN);
	/* All are on their way, none has happened: it still holds, but not for a third. */
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_WAIT);
	ck_assert(ledger_holds(ledger, entry("TWO")));
	ledger_give_back(ledger, "TWO");
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_TAKEN);
	ledger_used(ledger, "TWO", "mx", 1);
	ck_assert_int_eq(said("TWO", "used-up"), 0);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_WAIT);
	ledger_used(ledger, "TWO", "mx", 1);
	ck_assert_int_eq(said("TWO", "used-up"), 1);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_OVER);
	ck_assert(!ledger_holds(ledger, entry("TWO")));
	ck_assert_int_eq(state("TWO"), LEDGER_USED_UP);
	ck_assert_uint_eq(counts("TWO").uses, 2);
}
END_TEST

START_TEST(over_at_that_second)
{
	start(plain);
	pass(4999);
	ck_assert_int_eq(ledger_reserve(ledger, "SHORT"), LEDGER_TAKEN);
	pass(1);
	ck_assert(!ledger_holds(ledger, entry("SHORT")));
	ck_assert_int_eq(ledger_reserve(ledger, "SHORT"), LEDGER_OVER);
	ck_assert_int_eq(state("SHORT"), LEDGER_ENDED);
	ck_assert(ledger_holds(ledger, entry("A")));
	/* What was on its way then has happened all the same. */
	ledger_used(ledger, "SHORT", "mx", 1);
	ck_assert_uint_eq(counts("SHORT").uses, 1);
}
END_TEST

/* ---- reload ---- */

static const char less[] = "hostname = \"relay.test\"; exceptions = ( "
    X("A", "domains = [ \"a.example\" ]; expires = \"2027-06-30\";") " );";
static const char more[] = "hostname = \"relay.test\"; exceptions = ( "
    X("TWO", "domains = [ \"b.example\" ]; max_uses = 3; expires = \"2027-06-30\";") " );";

START_TEST(reload_keeps_counts)
{
	start(plain);
	use("TWO", 1);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_TAKEN);
	reload(less);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_OVER);
	ledger_used(ledger, "TWO", "mx", 1);
	reload(plain);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_OVER);
	ck_assert_uint_eq(counts("TWO").uses, 2);
	reload(more);
	use("TWO", 1);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_OVER);
}
END_TEST

/* ---- the store ---- */

static void
note(const char *key, const char *value)
{
	kit_reset();
	kit_store->ops->note_put(kit_store, key, value, kit_done, NULL);
	kit_wait();
}

START_TEST(counts_come_back)
{
	kit_store->ops->close(&kit_store);
	kit_open();
	start(plain);
	use("A", 1);
	use("TWO", 1);
	use("TWO", 0);
	kit_store->ops->close(&kit_store);
	ledger_free(&ledger);
	pass(DAY);
	kit_open();
	start(plain);
	ck_assert_uint_eq(counts("A").uses, 1);
	ck_assert_uint_eq(counts("TWO").uses, 2);
	ck_assert_uint_eq(counts("TWO").passed, 1);
	ck_assert_int_eq(counts("TWO").seen, START);
	ck_assert_int_eq(counts("TWO").last, START);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_OVER);
	ck_assert_int_eq(said("TWO", "used-up"), 2);
}
END_TEST

static const char *const damage[] = {
	"", "1", "2 0 0 0 0 0 0 0", "1 0 0 0 0 0 0", "1 0 0 0 0 0 0 0 0", "1 -1 0 0 0 0 0 0",
	"1 x 0 0 0 0 0 0", "1 9223372036854775808 0 0 0 0 0 0", "garbage", "1 1.0 0 0 0 0 0 0",
};

START_TEST(damaged_count_is_no_permission)
{
	note("exception/TWO", damage[_i]);
	note("exception/A", damage[_i]);
	note("exception/", "1 1 1 1 1 1 1 1");
	start(plain);
	ck_assert_int_eq(state("TWO"), LEDGER_UNKNOWN);
	ck_assert_int_eq(ledger_reserve(ledger, "TWO"), LEDGER_OVER);
	/* No limit: no count is needed. */
	use("A", 1);
	kit_reset();
	note("other", "x");
}
END_TEST

/* ---- what is said ---- */

static const struct {
	int64_t	at;		/* from START; the exception ends 2027-07-01T00:00:00Z */
	int	ends, ended;
} stages[] = {
	{ 0, 0, 0 }, { 130 * DAY, 0, 0 }, { 137 * DAY, 1, 0 }, { 138 * DAY, 1, 0 },
	{ 150 * DAY, 1, 0 }, { 160 * DAY, 2, 0 }, { 165 * DAY, 2, 0 },
	{ 166 * DAY, 3, 0 }, { 166 * DAY + 15 * HOUR, 3, 0 }, { 166 * DAY + 16 * HOUR, 3, 1 },
	{ 200 * DAY, 3, 1 },
};

/* Only the ledger's own timer is in the base, and no time passes in it. */
static void
look_again(void)
{
	reload(less);
}

START_TEST(ends_are_announced)
{
	int ends = 0;

	start(less);
	for (size_t i = 0; i < LENGTH(stages); i++) {
		clock_virtual(1000 + stages[i].at, START + stages[i].at);
		ends = said("A", "ends");
		look_again();
		/* A reload says it all again; so count what is said at this moment. */
		ck_assert_msg((said("A", "ends") > ends) == (stages[i].ends > 0 && !stages[i].ended),
		    "stage %zu", i);
	}
	ck_assert_int_ge(said("A", "ended"), 1);
}
END_TEST

START_TEST(unused_is_advised)
{
	start(less);
	pass(29 * DAY);
	look_again();
	ck_assert_int_eq(said("A", "unused"), 0);
	ck_assert_int_eq(advice("A"), LEDGER_FINE);
	pass(DAY);
	look_again();
	ck_assert_int_eq(said("A", "unused"), 1);
	ck_assert_int_eq(advice("A"), LEDGER_UNUSED);
	use("A", 1);
	ck_assert_int_eq(advice("A"), LEDGER_FINE);
	look_again();
	ck_assert_int_eq(said("A", "unused"), 1);
	pass(30 * DAY);
	look_again();
	ck_assert_int_eq(said("A", "unused"), 2);
}
END_TEST

START_TEST(not_needed_is_reported_once_a_day)
{
	start(less);
	use("A", 1);
	ck_assert_int_eq(said("A", "not-needed"), 0);
	use("A", 0);
	use("A", 0);
	ck_assert_int_eq(said("A", "not-needed"), 1);
	pass(HOUR);
	use("A", 1);
	use("A", 0);
	ck_assert_int_eq(said("A", "not-needed"), 1);
	pass(DAY);
	use("A", 0);
	ck_assert_int_eq(said("A", "not-needed"), 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smtp_ledger");
	TCase *t = tcase_create("ledger");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, unknown_means_no);
	tcase_add_test(t, uses_are_counted);
	tcase_add_test(t, never_more_than_max);
	tcase_add_test(t, over_at_that_second);
	tcase_add_test(t, reload_keeps_counts);
	tcase_add_test(t, counts_come_back);
	tcase_add_loop_test(t, damaged_count_is_no_permission, 0, LENGTH(damage));
	tcase_add_test(t, ends_are_announced);
	tcase_add_test(t, unused_is_advised);
	tcase_add_test(t, not_needed_is_reported_once_a_day);
	suite_add_tcase(s, t);
	return kit_run(s);
}
