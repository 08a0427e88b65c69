/* SPDX-License-Identifier: ISC */
/* The table of decisions: what it has to say, and what it may never say. */
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/plan/table.h"

/* The row of this MX, TLSA and MTA-STS, by the words that it has among others. */
static int
find(const char *mx, const char *tlsa, const char *sts, struct plan_table_decision *d)
{
	for (size_t i = 0; plan_table_decision(i, d) == 0; i++)
		if (strcmp(d->mx, mx) == 0 && strcmp(d->tlsa, tlsa) == 0 &&
		    (strcmp(d->sts, "any") == 0 || strstr(d->sts, sts) != NULL))
			return 0;
	return -1;
}

static const struct {
	const char		*mx, *tlsa, *sts;
	enum plan_table_rule	 rule;
	const char		*cell;
} cells[] = {
	{ "secure", "none", "none", PLAN_TABLE_VERIFY, "verify" },
	{ "secure", "none", "none", PLAN_TABLE_ENCRYPT, "encrypt" },
	{ "secure", "none", "none", PLAN_TABLE_STS, "wait: sts-required" },
	{ "secure", "none", "none", PLAN_TABLE_DANE, "wait: dane-required" },
	{ "secure", "none", "none", PLAN_TABLE_EXCEPTION, "plaintext" },
	{ "secure", "usable", "none", PLAN_TABLE_ENCRYPT, "dane" },
	{ "secure", "usable", "none", PLAN_TABLE_EXCEPTION, "dane" },
	{ "secure", "usable", "none", PLAN_TABLE_OVERRIDE, "plaintext" },
	{ "secure", "usable", "enforce", PLAN_TABLE_VERIFY, "dane + sts" },
	{ "secure", "none usable", "none", PLAN_TABLE_EXCEPTION, "encrypt" },
	{ "secure", "not known", "none", PLAN_TABLE_ENCRYPT, "wait: tlsa-lookup" },
	{ "insecure", "usable", "none", PLAN_TABLE_VERIFY, "verify (by TLSA)" },
	{ "insecure", "usable", "none", PLAN_TABLE_DANE, "wait: dane-required" },
	{ "insecure", "usable", "enforce", PLAN_TABLE_VERIFY, "sts + TLSA" },
	{ "insecure", "none", "testing", PLAN_TABLE_VERIFY, "verify" },
	{ "insecure", "none", "not to be had", PLAN_TABLE_VERIFY, "verify" },
	{ "insecure", "none", "not known", PLAN_TABLE_VERIFY, "wait: policy-unavailable" },
	{ "insecure", "none", "host not listed", PLAN_TABLE_VERIFY, "wait: sts-mx-mismatch" },
	{ "insecure", "none", "host not listed", PLAN_TABLE_EXCEPTION, "wait: sts-mx-mismatch" },
};

START_TEST(cell)
{
	struct plan_table_decision d;

	ck_assert_int_eq(find(cells[_i].mx, cells[_i].tlsa, cells[_i].sts, &d), 0);
	ck_assert_str_eq(d.cells[cells[_i].rule], cells[_i].cell);
}
END_TEST

/* Plaintext only by an exception; encrypt only where somebody asked for no more. */
START_TEST(never)
{
	struct plan_table_decision d;
	size_t n = 0;

	for (; plan_table_decision(n, &d) == 0; n++) {
		for (size_t rule = 0; rule < PLAN_TABLE__RULES; rule++) {
			const char *c = d.cells[rule];

			ck_assert_str_ne(c, "");
			ck_assert_str_ne(d.sts, "");
			if (rule != PLAN_TABLE_EXCEPTION && rule != PLAN_TABLE_OVERRIDE)
				ck_assert_str_ne(c, "plaintext");
			if (rule == PLAN_TABLE_VERIFY || rule == PLAN_TABLE_STS ||
			    rule == PLAN_TABLE_DANE)
				ck_assert_str_ne(c, "encrypt");
			if (rule == PLAN_TABLE_DANE)
				ck_assert(strncmp(c, "dane", 4) == 0 || strncmp(c, "wait", 4) == 0);
		}
		ck_assert_str_eq(d.cells[PLAN_TABLE_OVERRIDE], "plaintext");
	}
	ck_assert_uint_gt(n, 12);
	ck_assert_int_eq(plan_table_decision(n + 100, &d), -1);
}
END_TEST

static const struct {
	const char		*shown;
	enum plan_table_level	 level;
	const char		*cell;
} gates[] = {
	{ "no TLS", PLAN_TABLE_AT_PLAINTEXT, "send" },
	{ "no TLS", PLAN_TABLE_AT_ENCRYPT, "wait: level-not-met" },
	{ "no TLS", PLAN_TABLE_AT_DANE_STS, "wait: level-not-met" },
	{ "TLS 1.1", PLAN_TABLE_AT_ENCRYPT, "wait: tls-too-old" },
	{ "TLS 1.1", PLAN_TABLE_AT_DANE, "wait: tls-too-old" },
	{ "certificate valid, TLSA matches", PLAN_TABLE_AT_DANE_STS, "send" },
	{ "certificate valid, TLSA does not match", PLAN_TABLE_AT_VERIFY, "send" },
	{ "certificate valid, TLSA does not match", PLAN_TABLE_AT_DANE, "wait: tlsa-mismatch" },
	{ "TLSA matches, issuer not trusted", PLAN_TABLE_AT_DANE, "send" },
	{ "TLSA matches, issuer not trusted", PLAN_TABLE_AT_DANE_STS,
	    "wait: certificate-not-trusted" },
	{ "issuer not trusted", PLAN_TABLE_AT_ENCRYPT, "send" },
	{ "issuer not trusted", PLAN_TABLE_AT_VERIFY, "wait: certificate-not-trusted" },
	{ "certificate expired", PLAN_TABLE_AT_STS, "wait: certificate-expired" },
	{ "certificate of another name", PLAN_TABLE_AT_STS, "wait: certificate-host-mismatch" },
};

START_TEST(gate)
{
	struct plan_table_admission a;

	for (size_t i = 0; plan_table_admission(i, &a) == 0; i++)
		if (strcmp(a.shown, gates[_i].shown) == 0) {
			ck_assert_str_eq(a.cells[gates[_i].level], gates[_i].cell);
			return;
		}
	ck_abort_msg("%s is not there", gates[_i].shown);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_table");
	TCase *t = tcase_create("table");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, cell, 0, LENGTH(cells));
	tcase_add_test(t, never);
	tcase_add_loop_test(t, gate, 0, LENGTH(gates));
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
