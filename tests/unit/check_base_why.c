/* SPDX-License-Identifier: ISC */
/* check_base_why: the table is sound and a reason never breaks a line. */
#include "lib/base/why.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"

/* RFC 8460 s4.3 names these and no others. */
static const char *const result_types[] = { "", "starttls-not-supported",
	"certificate-host-mismatch", "certificate-expired", "certificate-not-trusted",
	"validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required",
	"sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid" };

START_TEST(table_is_sound)
{
	enum why_reason r = (enum why_reason)_i;
	unsigned known = 0, a, b, c;
	char end;

	for (size_t i = 0; i < LENGTH(result_types); i++)
		known += strcmp(why_tlsrpt(r), result_types[i]) == 0;
	ck_assert_uint_eq(known, 1);
	ck_assert_int_eq(sscanf(why_dsn(r), "%1u.%3u.%3u%c", &a, &b, &c, &end), 3);
	ck_assert(a == 5 || a == 4 || (a == 2 && r == WHY_NONE));
	ck_assert_uint_gt(strlen(why_words(r)), 5);
	ck_assert_uint_eq(strspn(why_token(r), "abcdefghijklmnopqrstuvwxyz0123456789-"),
	    strlen(why_token(r)));
	/* Also proves that no token stands twice. */
	ck_assert_int_eq((int)why_reason_of(why_token(r)), _i);
}
END_TEST

START_TEST(sets_and_clears)
{
	struct why why;

	memset(&why, 0, sizeof why);
	ck_assert(!why_is_set(&why));
	ck_assert_int_eq(why_set(&why, WHY_NO_SUCH_DOMAIN, "%s has no %d", "a.example", 1), -1);
	ck_assert(why_is_set(&why));
	ck_assert_str_eq(why.dsn, "5.1.2");
	ck_assert_str_eq(why.text, "a.example has no 1");
	ck_assert_int_eq(why_set(&why, WHY_TLS_EOF, "x"), -1);
	ck_assert_int_eq(why_set(NULL, WHY_TLS_EOF, "x"), -1);
	why_clear(&why);
	ck_assert(!why_is_set(&why));
	ck_assert_str_eq(why.dsn, "2.0.0");
	ck_assert_str_eq(why.text, "");
	ck_assert_int_eq((int)why_reason_of("no-such-token"), (int)WHY__COUNT);
}
END_TEST

START_TEST(text_is_one_bounded_line)
{
	char longest[3000];
	struct why why;

	why_set(&why, WHY_REMOTE_REJECTED, "550 %s", "a\r\nb\xff\xe2\x80\xae");
	ck_assert_str_eq(why.text, "550 a\\x0d\\x0ab\\xff\\u{202e}");
	memset(longest, '\n', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	why_set(&why, WHY_REMOTE_REJECTED, "%s", longest);
	ck_assert_uint_eq(strlen(why.text), 252);	/* 63 whole "\x0a" */
	ck_assert_ptr_null(strchr(why.text, '\n'));
	/* A reason may be built from itself. */
	why_set(&why, WHY_TIMEOUT, "slow");
	why_set(&why, WHY_REMOTE_DEFERRED, "gave up: %s", why.text);
	ck_assert_str_eq(why.text, "gave up: slow");
}
END_TEST

static const struct {
	const char	*dsn, *kept;
} codes[] = {
	{ "5.1.1", "5.1.1" }, { "4.7.500", "4.7.500" }, { "5.999.999", "5.999.999" },
	{ "3.1.1", "4.0.0" }, { "5.1", "4.0.0" }, { "5.1.", "4.0.0" }, { "5..1", "4.0.0" },
	{ "5.1.1 ", "4.0.0" }, { "5.1000.1", "4.0.0" }, { "5.1.1000", "4.0.0" }, { "", "4.0.0" },
	{ "5", "4.0.0" }, { NULL, "4.0.0" }, { "55.1.1", "4.0.0" }, { "5.1.1\n", "4.0.0" },
};

START_TEST(keeps_well_formed_codes_only)
{
	struct why why;

	ck_assert_int_eq(why_set_dsn(&why, WHY_REMOTE_DEFERRED, codes[_i].dsn, "t"), -1);
	ck_assert_str_eq(why.dsn, codes[_i].kept);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_why");
	TCase *tc = tcase_create("why");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, table_is_sound, 0, WHY__COUNT);
	tcase_add_test(tc, sets_and_clears);
	tcase_add_test(tc, text_is_one_bounded_line);
	tcase_add_loop_test(tc, keeps_well_formed_codes_only, 0, LENGTH(codes));
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
