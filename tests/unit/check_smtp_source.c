/* SPDX-License-Identifier: ISC */
/* Whose local address it is: the destination's, the sender's, delivery.source; and what is refused. */
#include "relayd/smtp/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <check.h>

#include "lib/base/list.h"

static const char text[] =
    "hostname = \"relay.example\";\n"
    "delivery = { source = [ \"192.0.2.1\" ]; };\n"
    "sources = ( { name = \"news\"; senders = [ \"news.example\", \".news.example\" ];\n"
    "   addresses = [ \"192.0.2.2\", \"2001:db8::2\" ]; hostname = \"news.relay.example\"; },\n"
    " { name = \"six\"; senders = [ \".example\" ]; addresses = [ \"2001:db8::3\" ]; } );\n"
    "destinations = ( { domains = [ \"plain.example\" ]; },\n"
    " { domains = [ \".hub.example\" ]; source = [ \"192.0.2.4\" ]; },\n"
    " { domains = [ \"twin.example\" ]; source = [ \"192.0.2.4\" ]; } );\n";

static struct conf *c;
static struct sources s;

static void
load(void)
{
	struct conf_errors e;
	int rc = conf_load_text(text, sizeof text - 1, "x.conf", &c, &e);

	ck_assert_msg(rc == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	conf_errors_fini(&e);
	sources_make(&s, c);
}

static void
unload(void)
{
	sources_fini(&s);
	conf_free(&c);
}

static const struct {
	const char	*sender, *name;		/* NULL: none */
} senders[] = {
	{ "news.example", "news" }, { "NEWS.example", "news" }, { "a.news.example", "news" },
	{ "xnews.example", "six" }, { "example", NULL }, { "a.test", NULL }, { "", NULL },
	{ "news.example.org", NULL },
};

START_TEST(by_sender)
{
	const struct conf_source *got = conf_source_of(c, senders[_i].sender);

	if (senders[_i].name == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_str_eq(got != NULL ? got->name : "none", senders[_i].name);
}
END_TEST

/* A queue key; then the address for IPv4 and IPv6: "any", "none" or its last number. */
static const struct {
	const char	*key, *v4, *v6, *hostname;
} keys[] = {
	{ "a.example", "1", "any", "relay.example" },
	{ "plain.example", "1", "any", "relay.example" },
	{ "a.example/from:news", "2", "2", "news.relay.example" },
	{ "a.example/requiretls/from:news", "2", "2", "news.relay.example" },
	{ "a.example/from:six", "none", "3", "relay.example" },
	{ "a.example/from:gone", "1", "any", "relay.example" },
	{ "a.example/from:", "1", "any", "relay.example" },
	{ "a.hub.example", "4", "none", "relay.example" },
	{ "a.hub.example/from:news", "4", "none", "relay.example" },
	{ "hub.example/from:news", "2", "2", "news.relay.example" },
};

static void
expect(const struct source *source, int family, const char *want)
{
	struct dns_address a;
	struct why why;
	int got = source_address(source, family, &a, &why);

	if (got == 0)
		ck_assert_str_eq(want, "any");
	else if (got == -1)
		ck_assert_str_eq(want, "none");
	else
		ck_assert_int_eq(a.ip[family == AF_INET ? 3 : 15], want[0] - '0');
	if (got == -1)
		ck_assert_str_eq(why_token(why.reason), "source-address");
}

START_TEST(by_key)
{
	const struct source *source;
	struct queue_key key;

	queue_key_parse(keys[_i].key, &key);
	source = sources_for(&s, c, &key);
	ck_assert_ptr_nonnull(source);
	expect(source, AF_INET, keys[_i].v4);
	expect(source, AF_INET6, keys[_i].v6);
	ck_assert_str_eq(source->hostname, keys[_i].hostname);
	ck_assert_uint_ne(source->digest, 0);
	ck_assert_uint_eq(sources_of(&s, source->digest)->digest, source->digest);
}
END_TEST

static uint64_t
digest_of(const char *key)
{
	struct queue_key k;

	queue_key_parse(key, &k);
	return sources_for(&s, c, &k)->digest;
}

/* Equal addresses and an equal name are one source, whoever has them; nothing else is. */
START_TEST(digests)
{
	static const char *const differ[] = { "a.example", "a.example/from:news",
		"a.example/from:six", "a.hub.example" };

	for (size_t i = 0; i < LENGTH(differ); i++)
		for (size_t k = 0; k < i; k++)
			ck_assert(digest_of(differ[i]) != digest_of(differ[k]));
	ck_assert(digest_of("a.hub.example") == digest_of("twin.example"));
	ck_assert(digest_of("a.example/from:news") == digest_of("b.example/from:news"));
}
END_TEST

START_TEST(nothing_known)
{
	struct sources none = { .n = 0 };
	struct queue_key key = { .domain = "a.hub.example" };
	struct dns_address a;

	ck_assert_ptr_null(sources_for(&none, c, &key));
	ck_assert_ptr_null(sources_of(&none, 5));
	ck_assert_int_eq(source_address(NULL, AF_INET, &a, NULL), 0);
	ck_assert_ptr_eq(sources_of(&s, 12345), &s.v[0]);
}
END_TEST

#define HOST	"hostname = \"relay.example\"; "
#define SOURCE(rest) HOST "sources = ( { name = \"a\"; " rest " } );"
#define ADDRESS	"addresses = [ \"192.0.2.1\" ]; "
#define SENDER	"senders = [ \"a.example\" ]; "

static const struct {
	const char	*text, *says;
} bad[] = {
	{ SOURCE(ADDRESS), "'senders' is missing" },
	{ SOURCE(SENDER), "'addresses' is missing" },
	{ SOURCE(ADDRESS "senders = [ ];"), "senders: is empty; name at least one domain" },
	{ SOURCE(SENDER "addresses = [ ];"), "addresses: is empty; name at least one address" },
	{ SOURCE(SENDER "addresses = [ \"192.0.2.1\", \"192.0.2.2\" ];"), "second IPv4 address" },
	{ SOURCE(SENDER "addresses = [ \"::1\", \"::2\" ];"), "second IPv6 address" },
	{ SOURCE(SENDER "addresses = [ \"mx.example\" ];"), "is not an IP address" },
	{ SOURCE(SENDER ADDRESS "hostname = \"no host\";"), "hostname: " },
	{ SOURCE(SENDER ADDRESS "}, { name = \"a\"; senders = [ \"b.example\" ]; " ADDRESS),
	    "\"a\" is there already" },
	{ SOURCE(SENDER ADDRESS "}, { name = \"b\"; " SENDER ADDRESS), "\"a.example\" is there already" },
	{ HOST "sources = ( { name = \"a/b\"; " SENDER ADDRESS " } );", "name: " },
	{ HOST "destinations = ( { domains = [ \"a.example\" ]; source = [ \"192.0.2.1\", "
	    "\"192.0.2.2\" ]; } );", "destinations[0].source[1]: " },
	{ HOST "delivery = { source = [ \"192.0.2.1\", \"::ffff:192.0.2.2\" ]; };",
	    "second IPv4 address" },
	{ HOST "delivery = { prefer = \"ipv5\"; };", "must be ipv6, ipv4 or any" },
};

START_TEST(refused)
{
	struct conf_errors e;
	struct conf *one = NULL;
	int found = 0;

	ck_assert_int_eq(conf_load_text(bad[_i].text, strlen(bad[_i].text), "x.conf", &one, &e), -1);
	for (size_t i = 0; i < e.nerrors; i++)
		found |= strstr(e.errors[i], bad[_i].says) != NULL;
	ck_assert_msg(found, "%s, not %s", e.errors[0], bad[_i].says);
	conf_errors_fini(&e);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("smtp_source");
	TCase *tc = tcase_create("source");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, load, unload);
	tcase_add_loop_test(tc, by_sender, 0, LENGTH(senders));
	tcase_add_loop_test(tc, by_key, 0, LENGTH(keys));
	tcase_add_test(tc, digests);
	tcase_add_test(tc, nothing_known);
	tcase_add_loop_test(tc, refused, 0, LENGTH(bad));
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
