/* SPDX-License-Identifier: ISC */
/* check_conf_lookup: the most specific entry wins, and exceptions lapse. */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/conf/conf.h"

#define E(id, domains, expires)							\
	"{ id = \"" id "\"; domains = [ " domains " ]; allow = \"plaintext\"; owner = \"o\";"	\
	" reason = \"r\"; expires = \"" expires "\"; }"
#define END_OF_MARCH	((int64_t)1806537600 * 1000)	/* 2027-04-01T00:00:00Z */
#define YEARS_AGO	((int64_t)1600000000 * 1000)

static const char text[] =
    "hostname = \"relay.example\";\n"
    "clients = ( { name = \"ten\"; networks = [ \"10.0.0.0/8\", \"2001:db8::/32\" ]; },\n"
    " { name = \"scanners\"; networks = [ \"10.8.0.0/17\" ]; },\n"
    " { name = \"erp\"; networks = [ \"10.8.0.7/32\", \"2001:db8:1::/48\" ]; } );\n"
    "destinations = ( { domains = [ \".example\" ]; require = \"sts\"; },\n"
    " { domains = [ \"partner.example\", \".partner.example\" ]; require = \"dane\"; },\n"
    " { domains = [ \"*\" ]; } );\n"
    "exceptions = ( " E("ALL", "\"*\"", "2027-12-31") ",\n"
    E("WIDE", "\".example\"", "2027-03-31") ",\n"
    E("OLD", "\"old.example\"", "2020-01-01") ",\n"
    E("ONE", "\"fax.example\"", "2027-03-31") ",\n"
    E("TWO", "\"fax.example\"", "2027-12-31") " );\n";

static struct conf *c;

static void
load(void)
{
	struct conf_errors e;
	int rc = conf_load_text(text, sizeof text - 1, "x.conf", &c, &e);

	ck_assert_msg(rc == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	conf_errors_fini(&e);
}

static void
unload(void)
{
	conf_free(&c);
}

static const struct {
	const char *address, *name;	/* NULL: nobody */
} clients[] = {
	{ "10.1.2.3", "ten" }, { "10.8.1.1", "scanners" }, { "10.8.127.255", "scanners" },
	{ "10.8.128.0", "ten" }, { "10.8.0.7", "erp" }, { "10.8.0.6", "scanners" },
	{ "::ffff:10.8.0.7", "erp" }, { "::ffff:10.9.0.7", "ten" }, { "11.0.0.1", NULL },
	{ "127.0.0.1", NULL }, { "::1", NULL }, { "::10.8.0.7", NULL }, { "2001:db8::1", "ten" },
	{ "2001:db8:1:2::3", "erp" }, { "2001:db9::1", NULL }, { "::ffff:9.255.255.255", NULL },
};

START_TEST(client_is_the_closest)
{
	const struct conf_client *e;
	uint8_t bytes[16];
	int family = strchr(clients[_i].address, ':') != NULL ? AF_INET6 : AF_INET;

	ck_assert_int_eq(inet_pton(family, clients[_i].address, bytes), 1);
	e = conf_client_of(c, family, bytes);
	if (clients[_i].name == NULL)
		ck_assert_ptr_null(e);
	else
		ck_assert_str_eq(e != NULL ? e->name : "nobody", clients[_i].name);
}
END_TEST

static const struct {
	const char *domain, *first;	/* first domain of the entry */
} destinations[] = {
	{ "partner.example", "partner.example" }, { "Partner.EXAMPLE", "partner.example" },
	{ "a.partner.example", "partner.example" }, { "a.b.partner.example", "partner.example" },
	{ "xpartner.example", ".example" }, { "other.example", ".example" },
	{ "example", "*" }, { "a.test", "*" }, { "partner.example.test", "*" }, { "", "*" },
	{ ".partner.example", "*" }, { "..partner.example", "partner.example" },
};

START_TEST(destination_is_the_closest)
{
	const struct conf_destination *e = conf_destination_of(c, destinations[_i].domain);

	ck_assert_ptr_nonnull(e);
	if (destinations[_i].domain[0] != '.')
		ck_assert_str_eq(e->domains.v[0], destinations[_i].first);
}
END_TEST

static const struct conf_exception *
first_exception(const struct conf *conf, const char *domain, int64_t now)
{
	const struct conf_exception *first;

	return conf_exceptions_of(conf, domain, now, &first, 1) == 1 ? first : NULL;
}

START_TEST(destination_none)
{
	static const char other[] = "destinations = ( { domains = [ \"a.example\" ]; } );";
	char longest[600];
	struct conf_errors e;
	struct conf *one;

	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ck_assert_int_eq(conf_load_text(other, sizeof other - 1, "x.conf", &one, &e), 0);
	ck_assert_ptr_null(conf_destination_of(one, "b.example"));
	ck_assert_ptr_null(conf_destination_of(one, "b.a.example"));
	ck_assert_ptr_null(conf_destination_of(one, longest));
	ck_assert_ptr_null(first_exception(one, "a.example", 0));
	ck_assert_ptr_nonnull(conf_destination_of(one, "a.example"));
	conf_errors_fini(&e);
	conf_free(&one);
}
END_TEST

static const struct {
	const char *domain;
	int64_t now;
	const char *id;
} exceptions[] = {
	{ "fax.example", END_OF_MARCH - 1, "ONE" }, { "fax.example", END_OF_MARCH, "TWO" },
	{ "FAX.example", END_OF_MARCH - 1, "ONE" }, { "old.example", END_OF_MARCH - 1, "WIDE" },
	{ "old.example", YEARS_AGO, "WIDE" }, { "old.example", 0, "OLD" },
	{ "old.example", END_OF_MARCH, "ALL" }, { "a.test", END_OF_MARCH, "ALL" },
	{ "example", 0, "ALL" }, { "a.test", (int64_t)1830297600 * 1000, NULL },
};

START_TEST(exception_lapses_by_itself)
{
	const struct conf_exception *e = first_exception(c, exceptions[_i].domain, exceptions[_i].now);

	ck_assert_str_eq(e != NULL ? e->id : "none",
	    exceptions[_i].id != NULL ? exceptions[_i].id : "none");
}
END_TEST

#define H(id, scope)								\
	"{ id = \"" id "\"; " scope " allow = \"plaintext\"; owner = \"o\"; reason = \"r\";"	\
	" expires = \"2027-03-31T12:00:00Z\"; }"

static const char hosts_text[] = "exceptions = ( "
    H("ANY", "domains = [ \"*\" ];") ", "
    H("HOST", "hosts = [ \"MX1.example\" ];") ", "
    H("WIDE", "domains = [ \".example\" ];") ", "
    H("ONE", "domains = [ \"a.example\" ];") ", "
    H("ONE-HOST", "domains = [ \"a.example\" ]; hosts = [ \"mx2.example\" ]; max_uses = 7;") ", "
    H("OTHER", "domains = [ \"b.example\" ];") " );";

static const struct {
	const char *domain;
	size_t max;
	const char *ids;
} ordered[] = {
	{ "a.example", 9, "ONE-HOST ONE WIDE ANY HOST " }, { "A.EXAMPLE", 9, "ONE-HOST ONE WIDE ANY HOST " },
	{ "c.example", 9, "WIDE ANY HOST " }, { "c.test", 9, "ANY HOST " },
	{ "b.example", 9, "OTHER WIDE ANY HOST " }, { "a.example", 5, "ONE-HOST ONE WIDE ANY HOST " },
	{ "a.example", 4, "ONE-HOST ONE WIDE ANY " }, { "a.example", 2, "ONE-HOST ONE " },
	{ "a.example", 1, "ONE-HOST " }, { "a.example", 0, "" },
};

START_TEST(exceptions_in_order)
{
	const int64_t noon = END_OF_MARCH - (int64_t)12 * 3600 * 1000;
	const struct conf_exception *v[9];
	struct conf_errors e;
	struct conf *one;
	char ids[200] = "";
	int used = 0;
	size_t n;

	ck_assert_int_eq(conf_load_text(hosts_text, sizeof hosts_text - 1, "x.conf", &one, &e), 0);
	n = conf_exceptions_of(one, ordered[_i].domain, noon - 1, v, ordered[_i].max);
	for (size_t i = 0; i < n; i++)
		used += snprintf(ids + used, sizeof ids - (size_t)used, "%s ", v[i]->id);
	ck_assert_str_eq(ids, ordered[_i].ids);
	/* A moment is a moment, and not the end of its day. */
	ck_assert_uint_eq(conf_exceptions_of(one, ordered[_i].domain, noon, v, 9), 0);
	ck_assert_str_eq(one->exceptions.v[1].hosts.v[0], "mx1.example");
	ck_assert_int_eq(one->exceptions.v[4].max_uses, 7);
	ck_assert_int_eq(one->exceptions.v[3].max_uses, 0);
	conf_errors_fini(&e);
	conf_free(&one);
}
END_TEST

/* A client that may say "TLS-Required: No" is an exception that no domain finds. */
START_TEST(exceptions_of_clients)
{
	static const char listed[] = "clients = ( { name = \"old\"; networks = [ \"10.0.0.0/8\" ];"
	    " tls_required_no = true; }, { name = \"new\"; networks = [ \"11.0.0.0/8\" ];"
	    " tls_required_no = false; }, { name = \"plain\"; networks = [ \"12.0.0.0/8\" ]; } );"
	    "exceptions = ( " H("ONE", "domains = [ \"*\" ];") " );";
	const struct conf_exception *x, *v[9];
	struct conf_errors e;
	struct conf *one;

	ck_assert_int_eq(conf_load_text(listed, sizeof listed - 1, "x.conf", &one, &e), 0);
	ck_assert_uint_eq(one->exceptions.n, 2);
	x = conf_client_exception(one, "old");
	ck_assert_ptr_nonnull(x);
	ck_assert_str_eq(x->id, "tls-required-no:old");
	ck_assert_int_eq(x->allow, CONF_ALLOW_PLAINTEXT);
	ck_assert_int_eq(x->overrides, CONF_OVERRIDES_PUBLISHED);
	ck_assert_uint_eq(conf_exceptions_of(one, "a.example", 0, v, 9), 1);
	ck_assert_str_eq(v[0]->id, "ONE");
	ck_assert_ptr_null(conf_client_exception(one, "new"));
	ck_assert_ptr_null(conf_client_exception(one, "plain"));
	ck_assert_ptr_null(conf_client_exception(one, "ol"));
	ck_assert_ptr_null(conf_client_exception(one, ""));
	conf_errors_fini(&e);
	conf_free(&one);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_lookup");
	TCase *t = tcase_create("lookup");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, load, unload);
	tcase_add_loop_test(t, client_is_the_closest, 0, (int)LENGTH(clients));
	tcase_add_loop_test(t, destination_is_the_closest, 0, (int)LENGTH(destinations));
	tcase_add_test(t, destination_none);
	tcase_add_loop_test(t, exception_lapses_by_itself, 0, (int)LENGTH(exceptions));
	tcase_add_loop_test(t, exceptions_in_order, 0, (int)LENGTH(ordered));
	tcase_add_test(t, exceptions_of_clients);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
