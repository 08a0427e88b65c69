/* SPDX-License-Identifier: ISC */
/* check_base_str: truncation, names, and what becomes of hostile bytes. */
#include "lib/base/str.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <check.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"

static const struct {
	const char	*in;
	size_t		 n;
	const char	*text, *json;
} shown[] = {
#define IN(s)	s, sizeof s - 1
	{ IN(""), "", "" },
	{ IN("plain text"), "plain text", "plain text" },
	{ IN("a\r\nb"), "a\\x0d\\x0ab", "a\\r\\nb" },
	{ IN("nul\0end"), "nul\\x00end", "nul\\u0000end" },
	{ IN("\t\b\f\x1b"), "\\x09\\x08\\x0c\\x1b", "\\t\\b\\f\\u001b" },
	{ IN("\x7f"), "\\x7f", "\\u007f" },
	{ IN("\\x0d"), "\\\\x0d", "\\\\x0d" },
	{ IN("\"q\""), "\"q\"", "\\\"q\\\"" },
	{ IN("caf\xc3\xa9"), "caf\xc3\xa9", "caf\xc3\xa9" },
	{ IN("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ IN("\xc2\x85"), "\\u{85}", "\\u0085" },			/* C1, encoded */
	{ IN("\x85"), "\\x85", "\xef\xbf\xbd" },			/* C1, raw */
	{ IN("\xe2\x80\xa8\xe2\x80\xa9"), "\\u{2028}\\u{2029}", "\\u2028\\u2029" },
	{ IN("\xe2\x80\xae"), "\\u{202e}", "\\u202e" },			/* bidi override */
	{ IN("a\xe2\x80\x8b\xe2\x81\xa0"), "a\\u{200b}\\u{2060}", "a\\u200b\\u2060" },	/* no width */
	{ IN("\xe2\x81\xa6\xe2\x81\xa9"), "\\u{2066}\\u{2069}", "\\u2066\\u2069" },
	{ IN("\xd8\x9c"), "\\u{61c}", "\\u061c" },
	{ IN("\xef\xbb\xbf"), "\\u{feff}", "\\ufeff" },
	{ IN("\xf3\xa0\x81\x81"), "\\u{e0041}", "\\udb40\\udc41" },	/* tag letter */
	{ IN("\xc0\xaf"), "\\xc0\\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },	/* overlong */
	{ IN("\xe0\x80\xaf"), "\\xe0\\x80\\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ IN("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ IN("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80",
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ IN("\xe2\x80"), "\\xe2\\x80", "\xef\xbf\xbd\xef\xbf\xbd" },	/* cut short */
	{ IN("\xc3x"), "\\xc3x", "\xef\xbf\xbdx" },
#undef IN
};

START_TEST(escapes)
{
	char fixed[64];
	struct buf b;

	buf_init(&b);
	str_escape(&b, shown[_i].in, shown[_i].n, SIZE_MAX);
	ck_assert_str_eq(buf_str(&b), shown[_i].text);
	str_escape_to(fixed, sizeof fixed, shown[_i].in, shown[_i].n);
	ck_assert_str_eq(fixed, shown[_i].text);
	buf_clear(&b);
	str_json_max(&b, shown[_i].in, shown[_i].n, SIZE_MAX);
	ck_assert_str_eq(buf_str(&b), shown[_i].json);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char	*in;
	size_t		 max;
	const char	*text, *json;
} cuts[] = {
	{ "abc", 0, "", "" },
	{ "abc", 2, "ab", "ab" },
	{ "abc", 3, "abc", "abc" },
	{ "a\x01", 4, "a", "a" },
	{ "a\x01", 5, "a\\x01", "a" },
	{ "a\x01", 7, "a\\x01", "a\\u0001" },
	{ "a\\b", 2, "a", "a" },
	{ "\xc3\xa9", 1, "", "" },
	{ "\xe2\x80\xae", 7, "", "\\u202e" },
	{ "\xff", 3, "", "\xef\xbf\xbd" },
};

START_TEST(cuts_whole_units)
{
	size_t n = strlen(cuts[_i].in);
	char fixed[16];
	struct buf b;

	buf_init(&b);
	str_escape(&b, cuts[_i].in, n, cuts[_i].max);
	ck_assert_str_eq(buf_str(&b), cuts[_i].text);
	str_escape_to(fixed, cuts[_i].max + 1, cuts[_i].in, n);
	ck_assert_str_eq(fixed, cuts[_i].text);
	buf_clear(&b);
	str_json_max(&b, cuts[_i].in, n, cuts[_i].max);
	ck_assert_str_eq(buf_str(&b), cuts[_i].json);
	buf_fini(&b);
}
END_TEST

START_TEST(copies_and_appends)
{
	char to[6] = "xxxxx";

	ck_assert_uint_eq(str_copy(to, "abcdefgh", sizeof to), 8);
	ck_assert_str_eq(to, "abcde");
	ck_assert_uint_eq(str_copy(to, "ab", sizeof to), 2);
	ck_assert_uint_eq(str_cat(to, "cd", sizeof to), 4);
	ck_assert_str_eq(to, "abcd");
	ck_assert_uint_eq(str_cat(to, "efgh", sizeof to), 8);
	ck_assert_str_eq(to, "abcde");
	ck_assert_uint_eq(str_cat(to, "z", 3), 4);	/* no NUL within cap: nothing is written */
	ck_assert_str_eq(to, "abcde");
	ck_assert_uint_eq(str_copy(to, "q", 0), 1);
	ck_assert_str_eq(to, "abcde");
	ck_assert_int_eq(str_fmt(to, sizeof to, "%d", 12345), 0);
	ck_assert_int_eq(str_fmt(to, sizeof to, "%d", 123456), -1);
	ck_assert_str_eq(to, "12345");
}
END_TEST

static const struct {
	const char	*pattern, *domain;
	int		 matches;
} domains[] = {
	{ "example.com", "example.com", 1 },
	{ "Example.COM", "eXample.com", 1 },
	{ "example.com", "a.example.com", 0 },
	{ "example.com", "example.com.", 0 },
	{ ".example.com", "a.example.com", 1 },
	{ ".example.com", "a.b.EXAMPLE.com", 1 },
	{ ".example.com", "example.com", 0 },
	{ ".example.com", ".example.com", 0 },
	{ ".example.com", "badexample.com", 0 },
	{ ".example.com", "example.com.evil.org", 0 },
	{ "*", "anything", 1 },
	{ "*", "", 1 },
	{ "*.example.com", "a.example.com", 0 },
	{ ".", "a.", 0 },
	{ "", "a", 0 },
};

START_TEST(matches_domains)
{
	ck_assert_int_eq(str_domain_matches(domains[_i].pattern, domains[_i].domain),
	    domains[_i].matches);
}
END_TEST

START_TEST(ignores_ascii_case_only)
{
	char s[] = "AbC-\xc3\x89";

	ck_assert(str_eq_nocase("STARTTLS", "starttls"));
	ck_assert(!str_eq_nocase("a", "ab"));
	ck_assert(!str_eq_nocase("ab", "a"));
	ck_assert(!str_eq_nocase("[", "{"));
	ck_assert(!str_eq_nocase("\xc3\x89", "\xc3\xa9"));
	ck_assert(str_starts_nocase("MAIL FROM:", "mail "));
	ck_assert(str_starts_nocase("x", ""));
	ck_assert(!str_starts_nocase("MA", "mail"));
	str_lower(s);
	ck_assert_str_eq(s, "abc-\xc3\x89");
}
END_TEST

START_TEST(measures_distance)
{
	char long_name[200];

	memset(long_name, 'a', sizeof long_name);
	long_name[199] = '\0';
	ck_assert_uint_eq(str_distance("", ""), 0);
	ck_assert_uint_eq(str_distance("", "abc"), 3);
	ck_assert_uint_eq(str_distance("abc", ""), 3);
	ck_assert_uint_eq(str_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(str_distance("listen", "lisetn"), 2);
	ck_assert_uint_eq(str_distance(long_name, "a"), UINT_MAX);
	long_name[127] = '\0';
	ck_assert_uint_eq(str_distance(long_name, "a"), 126);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_str");
	TCase *tc = tcase_create("str");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, escapes, 0, LENGTH(shown));
	tcase_add_loop_test(tc, cuts_whole_units, 0, LENGTH(cuts));
	tcase_add_test(tc, copies_and_appends);
	tcase_add_loop_test(tc, matches_domains, 0, LENGTH(domains));
	tcase_add_test(tc, ignores_ascii_case_only);
	tcase_add_test(tc, measures_distance);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
