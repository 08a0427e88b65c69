/* SPDX-License-Identifier: ISC */
/* check_sts_values: TXT records, policy bodies and mx patterns: the vectors, and what we decided. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <idn2.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"
#include "lib/sts/match.h"
#include "lib/sts/policy.h"
#include "lib/sts/record.h"

/* NULL if the vectors are not there: the test says so and passes. */
static json_t *
load(const char *file)
{
	const char *dir = getenv("VECTORS");
	char path[512];
	json_t *root;

	str_fmt(path, sizeof path, "%s/%s", dir != NULL ? dir : "../shared/vectors", file);
	root = json_load_file(path, JSON_ALLOW_NUL, NULL);
	if (root == NULL)
		printf("skipped: %s\n", path);
	return root;
}

static const char *
string(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL ? s : "";
}

/* Rows that the house decided otherwise than their table, with its verdict. */
static const struct {
	const char	*id;
	int		 valid;
} decided[] = {
	{ "txt-record-011", 0 },	/* S03: the literal prefix */
	{ "txt-record-012", 0 },
	{ "txt-record-013", 0 },
	{ "txt-record-037", 1 },	/* empty fields and white space at the end do no harm, */
	{ "txt-record-038", 1 },	/* and refusing them would take protection away */
	{ "txt-record-039", 1 },
	{ "txt-record-040", 1 },
	{ "policy-parse-056", 1 },	/* the same for blank lines */
	{ "policy-parse-076", 1 },	/* S22: capped */
	{ "policy-parse-083", 1 },
};

static int
verdict(const json_t *row)
{
	size_t i;

	for (i = 0; i < LENGTH(decided); i++)
		if (strcmp(decided[i].id, string(row, "id")) == 0)
			return decided[i].valid;
	return json_is_true(json_object_get(row, "valid"));
}

START_TEST(test_txt_record)
{
	json_t *root = load("mta-sts/txt-record.json"), *row, *input;
	char id[STS_ID_MAX];
	struct why why;
	size_t i;

	json_array_foreach(json_object_get(root, "cases"), i, row) {
		int valid = verdict(row);

		input = json_object_get(row, "input");
		why_clear(&why);
		ck_assert_msg((sts_record_parse(json_string_value(input),
		    json_string_length(input), id, &why) == STS_RECORD_VALID) == valid, "%s: %s",
		    string(row, "id"), why.text);
		if (!valid)
			ck_assert_str_eq(id, "");
		else if (json_is_string(json_object_get(row, "id_value")))
			ck_assert_str_eq(id, string(row, "id_value"));
	}
	json_decref(root);
}
END_TEST

static const struct {
	const char	*record;
	enum sts_record	 verdict;
} prefixes[] = {
	{ "v=STSv1", STS_RECORD_OTHER }, { "v=STSv1 ; id=a", STS_RECORD_OTHER },
	{ " v=STSv1; id=a", STS_RECORD_OTHER }, { "V=STSv1; id=a", STS_RECORD_OTHER },
	{ "v=STSv1;", STS_RECORD_INVALID }, { "v=STSv1; id", STS_RECORD_INVALID },
	{ "v=STSv1;id=a", STS_RECORD_VALID }, { "v=STSv1;;;id=a;", STS_RECORD_VALID },
};

START_TEST(test_prefix)
{
	char id[STS_ID_MAX];

	ck_assert_int_eq(sts_record_parse(prefixes[_i].record, strlen(prefixes[_i].record), id,
	    NULL), prefixes[_i].verdict);
}
END_TEST

START_TEST(test_record_nul)
{
	static const char record[] = "v=STSv1; id=a\0b;", key[] = "v=STSv1; i\0d=a; id=b";
	char id[STS_ID_MAX];

	ck_assert_int_eq(sts_record_parse(record, sizeof record - 1, id, NULL), STS_RECORD_INVALID);
	ck_assert_int_eq(sts_record_parse(key, sizeof key - 1, id, NULL), STS_RECORD_INVALID);
}
END_TEST

/* Joins what the row holds as a resolver would have. */
static void
txt_of(const json_t *row, struct dns_txt *txt)
{
	json_t *answer, *part;
	size_t i, j;

	memset(txt, 0, sizeof *txt);
	txt->status = DNS_FOUND;
	txt->records = calloc(16, sizeof *txt->records);
	json_array_foreach(json_object_get(row, "answers"), i, answer) {
		char *joined = calloc(4096, 1);

		json_array_foreach(answer, j, part)
			str_cat(joined, json_string_value(part), 4096);
		txt->records[txt->nrecords].data = joined;
		txt->records[txt->nrecords++].len = strlen(joined);
	}
}

START_TEST(test_txt_lookup)
{
	json_t *root = load("mta-sts/txt-lookup.json"), *row;
	char id[STS_ID_MAX];
	struct dns_txt txt;
	struct why why;
	size_t i;

	json_array_foreach(json_object_get(root, "cases"), i, row) {
		if (strcmp(string(row, "expect"), "temporary-failure") == 0)
			continue;	/* the engine's matter, by status */
		txt_of(row, &txt);
		ck_assert_msg((sts_record_pick(&txt, id, &why) == STS_RECORD_VALID) ==
		    (strcmp(string(row, "expect"), "record") == 0), "%s", string(row, "id"));
		ck_assert_str_eq(id, string(row, "id_value"));
		dns_txt_fini(&txt);
	}
	json_decref(root);
}
END_TEST

/* The input of a policy row, from text or from hex; malloc'd. */
static char *
policy_input(const json_t *row, size_t *len)
{
	json_t *input = json_object_get(row, "input");
	const char *hex = string(row, "input_hex");
	char *to;
	size_t i;

	if (json_is_string(input)) {
		*len = json_string_length(input);
		to = malloc(*len + 1);
		memcpy(to, json_string_value(input), *len + 1);
		return to;
	}
	*len = strlen(hex) / 2;
	to = malloc(*len + 1);
	for (i = 0; i < *len; i++) {
		unsigned byte;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		to[i] = (char)byte;
	}
	return to;
}

static void
same_policy(const json_t *row, const struct sts_policy *p)
{
	json_t *mx = json_object_get(row, "mx"), *name;
	size_t i;

	if (!json_is_string(json_object_get(row, "mode")))
		return;
	ck_assert_str_eq(sts_mode_name(p->mode), string(row, "mode"));
	ck_assert_int_eq(p->max_age, json_integer_value(json_object_get(row, "max_age")));
	ck_assert_uint_eq(p->npatterns, json_array_size(mx));
	json_array_foreach(mx, i, name)
		ck_assert_str_eq(p->patterns[i], json_string_value(name));
}

START_TEST(test_policy)
{
	json_t *root = load("mta-sts/policy-parse.json"), *row;
	struct sts_policy p;
	struct why why;
	size_t i, len;

	json_array_foreach(json_object_get(root, "cases"), i, row) {
		char *body = policy_input(row, &len);
		int valid = verdict(row), got;

		why_clear(&why);
		got = sts_policy_parse(&p, body, len, &why) == 0;
		ck_assert_msg(got == valid, "%s: %s", string(row, "id"), why.text);
		if (valid)
			same_policy(row, &p);
		else {
			ck_assert_int_eq(why.reason, WHY_STS_INVALID);
			ck_assert_ptr_null(p.patterns);
		}
		sts_policy_fini(&p);
		free(body);
	}
	json_decref(root);
}
END_TEST

static const struct {
	const char	*age;
	int		 ok, capped;
	uint32_t	 max_age;
} ages[] = {
	{ "0", 1, 0, 0 }, { "31557600", 1, 0, 31557600 }, { "31557601", 1, 1, 31557600 },
	{ "4294967296", 1, 1, 31557600 }, { "9999999999", 1, 1, 31557600 },
	{ "0000000001", 1, 0, 1 }, { "00000000001", 0, 0, 0 }, { "+1", 0, 0, 0 }, { "1.0", 0, 0, 0 },
	{ "1 0", 0, 0, 0 }, { "0x10", 0, 0, 0 },
};

START_TEST(test_max_age)
{
	struct sts_policy p;
	char body[128];

	str_fmt(body, sizeof body, "version: STSv1\nmode: none\nmax_age: %s\n", ages[_i].age);
	ck_assert_int_eq(sts_policy_parse(&p, body, strlen(body), NULL) == 0, ages[_i].ok);
	ck_assert_int_eq(p.capped, ages[_i].capped);
	ck_assert_uint_eq(p.max_age, ages[_i].max_age);
	sts_policy_fini(&p);
}
END_TEST

START_TEST(test_line_number)
{
	static const char body[] = "version: STSv1\r\nmode: enforce\r\nmx: 192.0.2.1\r\nmax_age: 1\r\n";
	struct sts_policy p;
	struct why why;

	ck_assert_int_eq(sts_policy_parse(&p, body, sizeof body - 1, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "line 3"));
}
END_TEST

START_TEST(test_bounds)
{
	char *body = malloc(STS_BODY_MAX + 2);
	struct sts_policy p;
	size_t at;
	int i;

	at = (size_t)snprintf(body, STS_BODY_MAX, "version: STSv1\nmode: enforce\nmax_age: 9\n");
	for (i = 0; i < 1000; i++)
		at += (size_t)snprintf(body + at, STS_BODY_MAX - at, "mx: m%d.example\n", i);
	ck_assert_int_eq(sts_policy_parse(&p, body, at, NULL), 0);
	ck_assert(p.npatterns == STS_PATTERNS_MAX && p.cut);
	ck_assert(sts_match_any(p.patterns, p.npatterns, "m63.example"));
	ck_assert(!sts_match_any(p.patterns, p.npatterns, "m64.example"));
	sts_policy_fini(&p);
	memset(body + at, '\n', STS_BODY_MAX + 1 - at);
	ck_assert_int_eq(sts_policy_parse(&p, body, STS_BODY_MAX, NULL), 0);
	sts_policy_fini(&p);
	ck_assert_int_eq(sts_policy_parse(&p, body, STS_BODY_MAX + 1, NULL), -1);
	free(body);
}
END_TEST

/* Names come to sts_match as A-labels; the tool that takes them in converts. */
static int
match_row(const json_t *row)
{
	json_t *host = json_object_get(row, "host"), *pattern;
	char name[DNS_NAME_MAX], *ascii = NULL;
	size_t i;
	int hit = 0;

	if (json_string_length(host) != strlen(json_string_value(host)))
		return dns_name_normalize(json_string_value(host), json_string_length(host), name) == 0;
	json_array_foreach(json_object_get(row, "patterns"), i, pattern) {
		const char *h = json_string_value(host), *p = json_string_value(pattern);
		char *pa = NULL;

		if (idn2_to_ascii_8z(h, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK &&
		    idn2_to_ascii_8z(p, &pa, IDN2_NONTRANSITIONAL) == IDN2_OK)
			hit |= sts_match_pattern(pa, ascii);
		else
			hit |= sts_match_pattern(p, h);
		free(pa);
		free(ascii);
		ascii = NULL;
	}
	return hit;
}

START_TEST(test_match)
{
	json_t *root = load("mta-sts/mx-match.json"), *row;
	size_t i;

	json_array_foreach(json_object_get(root, "cases"), i, row)
		ck_assert_msg(match_row(row) == json_is_true(json_object_get(row, "match")), "%s",
		    string(row, "id"));
	json_decref(root);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sts_values");
	TCase *t = tcase_create("values");
	SRunner *sr;
	int failed;

	tcase_add_test(t, test_txt_record);
	tcase_add_loop_test(t, test_prefix, 0, LENGTH(prefixes));
	tcase_add_test(t, test_record_nul);
	tcase_add_test(t, test_txt_lookup);
	tcase_add_test(t, test_policy);
	tcase_add_loop_test(t, test_max_age, 0, LENGTH(ages));
	tcase_add_test(t, test_line_number);
	tcase_add_test(t, test_bounds);
	tcase_add_test(t, test_match);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
