/* SPDX-License-Identifier: ISC */
/*
 * What the history makes of an observation, one a line, to be read as a table.
 *
 * past		"mx1:dane mx2:verify", as it was proven before
 * hosts	"mx1:Ss mx2:N": TLSA S there, D a signed denial, N an unsigned
 *		answer, U unknown; then u: the addresses are not signed, n: it has none
 * sts		E enforce, T testing, W the policy says none, N no record, F failed, U unknown
 * result	what each host is held against, then the domain, then its sts
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/history/recall.h"
#include "lib/plan/plan.h"

#define NOW	1800000000
#define KEEP	1000

struct row {
	const char	*what, *past;
	int		 mx_secure;
	const char	*hosts, *sts, *result;
};

static const struct row rows[] = {
	{ "nothing known", "", 1, "mx1:S", "N", "none none none" },
	{ "as before", "mx1:dane", 1, "mx1:S", "N", "dane dane none" },
	{ "best of two", "mx1:verify mx1:dane", 1, "mx1:S", "N", "dane dane none" },
	{ "another host", "mx1:dane", 1, "mx2:S", "N", "none dane none" },
	{ "own and other", "mx1:dane mx2:verify", 1, "mx1:S mx2:N", "N", "dane verify dane none" },
	{ "another domain", "x.example/mx1:dane", 1, "mx1:S", "N", "none none none" },
	{ "too old", "-mx1:dane mx1:verify", 1, "mx1:S", "N", "verify verify none" },

	/* DANE: only a signed denial is an orderly end. */
	{ "signed denial", "mx1:dane mx1:verify", 1, "mx1:D", "N", "verify verify none" },
	{ "unsigned answer", "mx1:dane", 1, "mx1:N", "N", "dane dane none" },
	{ "DS of the domain gone", "mx1:dane", 0, "mx1:S", "N", "dane dane none" },
	{ "DS gone, denial of the host", "mx1:dane", 0, "mx1:D", "N", "dane dane none" },
	{ "DS of the host gone", "mx1:dane", 1, "mx1:Nu", "N", "dane dane none" },
	{ "denial, but unsigned addresses", "mx1:dane", 1, "mx1:Du", "N", "dane dane none" },
	{ "host without address", "mx1:dane", 1, "mx1:Dn", "N", "dane dane none" },
	{ "look-up fails", "mx1:dane", 1, "mx1:U", "N", "dane dane none" },
	{ "denial of one of two", "mx1:dane mx2:dane", 1, "mx1:D mx2:S", "N",
	    "none dane dane none" },
	{ "denial of both", "mx1:dane mx2:dane mx9:dane", 1, "mx1:D mx2:D", "N",
	    "none none none none" },
	{ "new host, denial", "mx1:dane", 1, "mx2:D", "N", "none none none" },
	{ "new host, unsigned", "mx1:dane", 1, "mx2:N", "N", "none dane none" },
	{ "new host, unsigned MX", "mx1:dane", 0, "mx2:D", "N", "none dane none" },
	{ "denial leaves sts", "mx1:dane mx1:sts", 1, "mx1:D", "E", "sts sts sts" },

	/* MTA-STS: only a policy that says so. */
	{ "enforce", "mx1:sts", 0, "mx1:N", "E", "sts sts sts" },
	{ "mode none", "mx1:sts mx1:verify", 0, "mx1:N", "W", "verify verify none" },
	{ "mode testing", "mx1:sts mx1:verify", 0, "mx1:N", "T", "verify verify none" },
	{ "record gone", "mx1:sts", 0, "mx1:N", "N", "sts sts sts" },
	{ "fetch fails", "mx1:sts", 0, "mx1:N", "F", "sts sts sts" },
	{ "unknown", "mx1:sts", 0, "mx1:N", "U", "sts sts sts" },
	{ "mode none, all hosts", "mx1:sts mx9:sts", 0, "mx1:N", "W", "none none none" },
	{ "mode none leaves dane", "mx1:sts mx1:dane", 1, "mx1:S", "W", "dane dane none" },
	{ "sts of another host", "mx1:sts mx1:dane", 1, "mx2:N", "N", "none dane sts" },
};

static char dir[64], path[80];
static struct history_ledger *ledger;
static struct why why;

static void
setup(void)
{
	str_fmt(dir, sizeof dir, "/tmp/check_recall.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	str_fmt(path, sizeof path, "%s/history.db", dir);
	ledger = history_ledger_open(path, &why);
}

static void
teardown(void)
{
	char other[96];

	history_ledger_close(&ledger);
	unlink(path);
	str_fmt(other, sizeof other, "%s-wal", path);
	unlink(other);
	rmdir(dir);
}

static void
past_of(const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		struct plan_shown shown = { .proven = { 0 } };
		char *level = strchr(w, ':'), *slash = strchr(w, '/');
		int old = w[0] == '-';

		*level = '\0';
		if (slash != NULL)
			*slash = '\0';
		shown.proven[plan_level_of(level + 1)] = 1;
		ck_assert_int_eq(history_ledger_note(ledger, slash != NULL ? w : "dest.example",
		    slash != NULL ? slash + 1 : w + old, &shown, old ? NOW - KEEP - 1 : NOW - KEEP,
		    &why), 0);
	}
	free(copy);
}

static void
host_of(struct plan_host *h, char *word)
{
	char *colon = strchr(word, ':');

	*colon = '\0';
	str_copy(h->name, word, sizeof h->name);
	h->addresses_state = colon[2] == 'n' ? PLAN_ADDRESSES_NONE : PLAN_ADDRESSES_FOUND;
	h->addresses_secure = colon[2] != 'u';
	h->tlsa_state = colon[1] == 'S' ? PLAN_TLSA_SECURE : colon[1] == 'U' ? PLAN_TLSA_UNKNOWN :
	    PLAN_TLSA_NONE;
	h->tlsa_denied = colon[1] == 'D';
}

static void
evidence_of(const struct row *row, struct plan_evidence *e)
{
	static const char letters[] = "UNTEF";
	char *copy = strdup(row->hosts), *save = NULL;

	memset(e, 0, sizeof *e);
	str_copy(e->domain, "dest.example", sizeof e->domain);
	e->mx = PLAN_MX_FOUND;
	e->mx_secure = row->mx_secure;
	e->hosts = calloc(PLAN_HOSTS_MAX, sizeof *e->hosts);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		host_of(&e->hosts[e->nhosts++], w);
	e->sts.withdrawn = row->sts[0] == 'W';
	e->sts.state = e->sts.withdrawn ? PLAN_STS_NONE :
	    (enum plan_sts_state)(strchr(letters, row->sts[0]) - letters);
	free(copy);
}

static void
print(const struct plan_evidence *e, char *to, size_t cap)
{
	to[0] = '\0';
	for (size_t i = 0; i < e->nhosts; i++) {
		str_cat(to, plan_level_name(e->hosts[i].past.level), cap);
		str_cat(to, " ", cap);
	}
	str_cat(to, plan_level_name(e->past.level), cap);
	str_cat(to, " ", cap);
	str_cat(to, plan_level_name(e->past_sts.level), cap);
}

START_TEST(recall_table)
{
	const struct row *row = &rows[_i];
	struct plan_evidence e;
	char text[256];

	past_of(row->past);
	for (int again = 0; again < 2; again++) {
		evidence_of(row, &e);
		history_recall(ledger, NOW, KEEP, &e);
		ck_assert(e.past_known);
		print(&e, text, sizeof text);
		ck_assert_msg(strcmp(text, row->result) == 0, "%s:\n  got    %s\n  wanted %s",
		    row->what, text, row->result);
		plan_evidence_fini(&e);
	}
}
END_TEST

static const struct row dane = { "", "mx1:dane", 1, "mx1:N", "N", "" };

/* Off, a route and a literal have none; that is known. */
START_TEST(without_history)
{
	struct plan_evidence e;

	past_of(dane.past);
	evidence_of(&dane, &e);
	history_recall(ledger, NOW, 0, &e);
	ck_assert(e.past_known && e.past.level == PLAN_NO_LEVEL);
	e.mx = PLAN_MX_ROUTE;
	history_recall(ledger, NOW, KEEP, &e);
	ck_assert(e.past_known && e.past.level == PLAN_NO_LEVEL);
	plan_evidence_fini(&e);
}
END_TEST

/* Not being able to read it is not the same as nothing to read. */
START_TEST(broken_history)
{
	struct plan_evidence e;

	history_ledger_close(&ledger);
	ledger = history_ledger_open("/nonexistent/history.db", &why);
	evidence_of(&dane, &e);
	history_recall(ledger, NOW, KEEP, &e);
	ck_assert(!e.past_known);
	history_recall(ledger, NOW, 0, &e);
	ck_assert(e.past_known);
	plan_evidence_fini(&e);
}
END_TEST

START_TEST(adds_up)
{
	struct plan_evidence e;
	struct plan_shown shown = { .proven = { [PLAN_DANE] = 1 } };

	for (int i = 0; i < 3; i++)
		history_ledger_note(ledger, "dest.example", i < 2 ? "mx1" : "mx2", &shown, NOW - i,
		    &why);
	evidence_of(&dane, &e);
	history_recall(ledger, NOW, KEEP, &e);
	ck_assert(e.hosts[0].past.count == 2 && e.hosts[0].past.last == NOW);
	ck_assert(e.past.count == 3 && e.past.last == NOW);
	plan_evidence_fini(&e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("history_recall");
	TCase *tc = tcase_create("recall");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, recall_table, 0, LENGTH(rows));
	tcase_add_test(tc, without_history);
	tcase_add_test(tc, broken_history);
	tcase_add_test(tc, adds_up);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
