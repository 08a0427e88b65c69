/* SPDX-License-Identifier: ISC */
/* Keys of the queue: what was printed is read back, and the rest is ordinary mail. */
#include "lib/queue/key.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"

static const struct {
	const char	*domain, *client, *text;
	enum queue_need	 need;
	const char	*source;
} keys[] = {
	{ "partner.example", "", "partner.example", QUEUE_ORDINARY, "" },
	{ "partner.example", "", "partner.example/requiretls", QUEUE_REQUIRETLS, "" },
	{ "partner.example", "", "partner.example/requiretls-notice", QUEUE_REQUIRETLS_NOTICE, "" },
	{ "partner.example", "old-fax", "partner.example/tls-required-no:old-fax",
	    QUEUE_TLS_OPTIONAL, "" },
	{ "[IPv6:2001:db8::1]", "a.b", "[IPv6:2001:db8::1]/tls-required-no:a.b",
	    QUEUE_TLS_OPTIONAL, "" },
	{ "a.example", "", "a.example/from:news", QUEUE_ORDINARY, "news" },
	{ "a.example", "", "a.example/requiretls/from:news", QUEUE_REQUIRETLS, "news" },
	{ "a.example", "", "a.example/requiretls-notice/from:n.1", QUEUE_REQUIRETLS_NOTICE, "n.1" },
	{ "a.example", "fax", "a.example/tls-required-no:fax/from:news", QUEUE_TLS_OPTIONAL,
	    "news" },
};

START_TEST(there_and_back)
{
	char text[QUEUE_KEY_CAP];
	struct queue_key k;

	queue_key_print(text, keys[_i].domain, keys[_i].need, keys[_i].client,
	    keys[_i].source);
	ck_assert_str_eq(text, keys[_i].text);
	queue_key_parse(text, &k);
	ck_assert_str_eq(k.domain, keys[_i].domain);
	ck_assert_str_eq(k.client, keys[_i].client);
	ck_assert_str_eq(k.source, keys[_i].source);
	ck_assert_int_eq(k.need, keys[_i].need);
	ck_assert(queue_key_is(text, keys[_i].domain));
	ck_assert(queue_key_is(text, text));
	ck_assert(!queue_key_is(text, "partner"));
	ck_assert(!queue_key_is(text, "partner.exampl"));
	ck_assert(!queue_key_is(text, "partner.example.org"));
	ck_assert(!queue_key_is(text, ""));
}
END_TEST

static const char *const ordinary[] = {
	"a.example/", "a.example/requiretl", "a.example/requiretlss", "a.example/REQUIRETLS",
	"a.example/requiretls/", "a.example/x:y", "a.example/:y", "a.example//requiretls",
	"a.example/from", "a.example/from:", "a.example/from:x/", "a.example/from:x/requiretls",
	"a.example/from:x/from:y", "a.example/FROM:x", "a.example//from:x", "a.example/requiretls:x",
	"a.example/x/from:y", "a.example/tls-required-no:x/y", "a.example/tls-required-no:x//from:y",
};

START_TEST(anything_else_is_ordinary)
{
	struct queue_key k;

	queue_key_parse(ordinary[_i], &k);
	ck_assert_str_eq(k.domain, "a.example");
	ck_assert_int_eq(k.need, QUEUE_ORDINARY);
	ck_assert_str_eq(k.client, "");
	ck_assert_str_eq(k.source, "");
}
END_TEST

/* A permission without a name is nobody's. */
START_TEST(no_name)
{
	struct queue_key k;

	queue_key_parse("a.example/tls-required-no", &k);
	ck_assert_str_eq(k.client, "");
	queue_key_parse("a.example/tls-required-no:", &k);
	ck_assert_str_eq(k.client, "");
}
END_TEST

START_TEST(too_long)
{
	char text[1200], out[QUEUE_KEY_CAP];
	struct queue_key k;

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	queue_key_parse(text, &k);
	ck_assert_uint_eq(strlen(k.domain), sizeof k.domain - 1);
	ck_assert_int_eq(k.need, QUEUE_ORDINARY);
	queue_key_print(out, text, QUEUE_TLS_OPTIONAL, text, text);
	ck_assert_uint_eq(strlen(out), 255 + strlen("/tls-required-no:") + 63 + strlen("/from:") + 63);
	queue_key_parse(out, &k);
	ck_assert_int_eq(k.need, QUEUE_TLS_OPTIONAL);
	ck_assert_uint_eq(strlen(k.source), sizeof k.source - 1);
	memcpy(text + 300, "/tls-required-no:", 17);
	queue_key_parse(text, &k);
	ck_assert_uint_eq(strlen(k.domain), sizeof k.domain - 1);
	ck_assert_uint_eq(strlen(k.client), sizeof k.client - 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("queue_key");
	TCase *tc = tcase_create("key");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, there_and_back, 0, LENGTH(keys));
	tcase_add_loop_test(tc, anything_else_is_ordinary, 0, LENGTH(ordinary));
	tcase_add_test(tc, no_name);
	tcase_add_test(tc, too_long);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
