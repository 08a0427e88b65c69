/* SPDX-License-Identifier: ISC */
/* Names under which there is no mail server, and their neighbours that are like any other. */
#include "lib/dns/special.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"

static const struct {
	const char	*domain, *says;		/* NULL: like any other */
} names[] = {
	{ "a.invalid", "invalid" }, { "invalid", "invalid" }, { "A.INVALID", "invalid" },
	{ "a.b.invalid.", "invalid" }, { "a.test", NULL }, { "a.localhost", "localhost" },
	{ "localhost", "localhost" }, { "LocalHost.", "localhost" }, { "printer.local", ".local" },
	{ "abc.onion", "onion" }, { "a.alt", ".alt" },
	{ "localdomain", NULL }, { "example", NULL }, { "com", NULL },
	{ "com.", NULL }, { "", NULL }, { ".", NULL },
	{ "invalidx", NULL },
	{ "a.example", NULL }, { "example.com", NULL }, { "invalid.example", NULL },
	{ "a.xinvalid", NULL }, { "a.invalidx", NULL }, { "test.example.org.", NULL },
	{ "local.example", NULL }, { "a.localdomain", NULL }, { "onion.com", NULL },
	{ "a.home.arpa", NULL }, { "a.internal", NULL }, { "2.0.192.in-addr.arpa", NULL },
	{ "xn--invalid.xn--p1ai", NULL }, { "[192.0.2.1]", NULL }, { "[IPv6:::1]", NULL },
	{ "[127.0.0.1]", NULL }, { "a.salt", NULL }, { "a.al", NULL }, { "a.loca", NULL },
};

START_TEST(says)
{
	const char *got = dns_special(names[_i].domain);

	if (names[_i].says == NULL)
		ck_assert_msg(got == NULL, "%s %s", names[_i].domain, got);
	else
		ck_assert_msg(got != NULL && strstr(got, names[_i].says) != NULL, "%s",
		    names[_i].domain);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dns_special");
	TCase *tc = tcase_create("special");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, says, 0, LENGTH(names));
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
