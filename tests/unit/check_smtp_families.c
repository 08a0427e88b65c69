/* SPDX-License-Identifier: ISC */
/* The order of addresses, and when IPv6 counts as broken. */
#include "relayd/smtp/families.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <check.h>

#include "lib/base/list.h"

/* addresses "4646" by family; what comes out, by their place */
static const struct {
	const char		*addresses;
	enum families_prefer	 prefer;
	int			 odd, ipv6_last;
	const char		*order;
} orders[] = {
	{ "", FAMILIES_IPV6, 0, 0, "" }, { "4", FAMILIES_IPV6, 0, 0, "0" },
	{ "6", FAMILIES_IPV4, 0, 1, "0" }, { "46", FAMILIES_IPV6, 0, 0, "10" },
	{ "46", FAMILIES_IPV4, 0, 0, "01" }, { "46", FAMILIES_ANY, 0, 0, "10" },
	{ "46", FAMILIES_ANY, 1, 0, "01" }, { "64", FAMILIES_IPV4, 1, 0, "10" },
	/* in turns, so that both are among the first five */
	{ "444446", FAMILIES_IPV6, 0, 0, "501234" }, { "444446", FAMILIES_IPV4, 0, 0, "051234" },
	{ "666644", FAMILIES_IPV6, 0, 0, "041523" }, { "666644", FAMILIES_IPV4, 0, 0, "405123" },
	{ "6666664444", FAMILIES_IPV6, 1, 0, "0617283945" },
	/* broken: last, but there */
	{ "666644", FAMILIES_IPV6, 0, 1, "450123" }, { "64", FAMILIES_ANY, 0, 1, "10" },
	{ "666", FAMILIES_IPV6, 0, 1, "012" }, { "444", FAMILIES_IPV6, 1, 1, "012" },
};

START_TEST(order)
{
	struct dns_address a[10] = { { .family = 0 } };
	size_t n = strlen(orders[_i].addresses), got[10];
	char text[11] = "";

	for (size_t i = 0; i < n; i++)
		a[i].family = orders[_i].addresses[i] == '4' ? AF_INET : AF_INET6;
	families_order(a, n, orders[_i].prefer, orders[_i].odd, orders[_i].ipv6_last, got);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('0' + got[i]);
	ck_assert_str_eq(text, orders[_i].order);
}
END_TEST

/*
 * Events, each with the minute at which it happens before it: + reached, a-z
 * no answer of that host, 0 no route, . nothing learnt. What is logged: W B A,
 * and whether IPv6 comes last at the end.
 */
static const struct {
	const char	*events, *logged;
	int		 last;
} stories[] = {
	{ "a b c", "B", 1 }, { "a a a a a a", "", 0 }, { "a b a b a b", "", 0 },
	{ "a b + c d", "", 0 }, { "a b + c d e", "B", 1 }, { "a b . c", "B", 1 },
	{ "0", "A", 1 }, { "0 0 a b c", "A", 1 }, { "0 +", "AW", 0 }, { "a b c +", "BW", 0 },
	{ "a b c + d e f", "BWB", 1 }, { "+ + +", "", 0 }, { ". . . .", "", 0 },
	{ "a b c d e f", "B", 1 },
	/* ten minutes later it is tried like before; one failure is enough then, and said already */
	{ "a b c @10 .", "B", 0 }, { "a b c @11 a", "B", 1 }, { "a b c @9 d @18 .", "B", 1 },
	{ "a b c @11 +", "BW", 0 },
};

START_TEST(story)
{
	static const char letters[] = "-WBA";
	struct families f = { .bad = 0 };
	char *copy = strdup(stories[_i].events), *save = NULL, logged[20] = "";
	int64_t now = 1000;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		enum families_change change;

		if (*w == '@') {
			now = 1000 + strtol(w + 1, NULL, 10) * 60000;
			continue;
		}
		change = families_note(&f, *w == '+' ? FAMILIES_REACHED : *w == '0' ?
		    FAMILIES_NO_ROUTE : *w == '.' ? FAMILIES_NOT_TRIED : FAMILIES_NO_ANSWER,
		    (uint64_t)*w, now);
		if (change != FAMILIES_AS_BEFORE)
			logged[n++] = letters[change];
	}
	free(copy);
	ck_assert_str_eq(logged, stories[_i].logged);
	f.probe = INT64_MAX;
	ck_assert_int_eq(families_ipv6_last(&f, now), stories[_i].last);
}
END_TEST

START_TEST(a_probe_a_minute)
{
	struct families f = { .bad = 0 };
	unsigned probes = 0;

	families_note(&f, FAMILIES_NO_ROUTE, 1, 0);
	for (int64_t now = 0; now < FAMILIES_LAST_MS; now += 100)
		probes += !families_ipv6_last(&f, now);
	ck_assert_uint_eq(probes, FAMILIES_LAST_MS / FAMILIES_PROBE_MS - 1);
	ck_assert_int_eq(families_ipv6_last(&f, FAMILIES_LAST_MS), 0);
	ck_assert_int_eq(families_ipv6_last(&f, FAMILIES_LAST_MS + 1), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_families");
	TCase *tc = tcase_create("families");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, order, 0, LENGTH(orders));
	tcase_add_loop_test(tc, story, 0, LENGTH(stories));
	tcase_add_test(tc, a_probe_a_minute);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
