/* SPDX-License-Identifier: ISC */
/* check_conf_limits: rates, what a destination has of its own, groups of mail servers. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/conf/conf.h"

#define HOST	"hostname = \"relay.example\";\n"

static struct conf *
load(const char *text, struct conf_errors *e)
{
	struct conf *c = NULL;

	(void)conf_load_text(text, strlen(text), "x.conf", &c, e);
	return c;
}

static const struct {
	const char	*text;
	uint32_t	 n;
	int64_t		 per;
} rates[] = {
	{ "100/s", 100, 1000 }, { "600/m", 600, 60000 }, { "3600/h", 3600, 3600000 },
	{ "1/d", 1, 86400000 }, { "0", 0, 0 }, { "", 0, 0 }, { "1000000/s", 1000000, 1000 },
};

START_TEST(rate_is_read)
{
	struct conf_errors e;
	char text[128];
	struct conf *c;

	snprintf(text, sizeof text, HOST "delivery = { rate = \"%s\"; };", rates[_i].text);
	c = load(text, &e);
	ck_assert_msg(c != NULL, "%s", e.nerrors > 0 ? e.errors[0] : "");
	ck_assert_uint_eq(c->delivery.rate.n, rates[_i].n);
	ck_assert_int_eq(c->delivery.rate.per, rates[_i].per);
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

static const struct { const char *text, *says; } wrong[] = {
	{ "delivery = { rate = \"100\"; };", "\"100\" is not a rate; write a number by s, m, h or d" },
	{ "delivery = { rate = \"x/s\"; };", "is not a rate" },
	{ "delivery = { rate = \"5/y\"; };", "is not a rate" },
	{ "delivery = { rate = \"-5/s\"; };", "is not a rate" },
	{ "delivery = { rate = \"5/\"; };", "is not a rate" },
	{ "delivery = { rate = \"/s\"; };", "is not a rate" },
	{ "delivery = { rate = \"5/s \"; };", "is not a rate" },
	{ "delivery = { rate = \"1000001/s\"; };", "is not a rate below a million" },
	{ "delivery = { rate = \"99999999999999999999/s\"; };", "is not a rate" },
	{ "delivery = { rate = 5; };", "must be a rate in quotes" },
	{ "destinations = ( { domains = [ \"a.example\" ]; retry = [ ]; } );",
	    "destinations[0].retry: is empty" },
	{ "destinations = ( { domains = [ \"a.example\" ]; connections = 0; } );", "out of range" },
	{ "destinations = ( { domains = [ \"a.example\" ]; max_age = \"1y\"; } );", "not a duration" },
	{ "hosts = ( { hosts = [ \"a.example\" ]; } );", "'name' is missing" },
	{ "hosts = ( { name = \"a\"; } );", "'hosts' is missing" },
	{ "hosts = ( { name = \"a\"; hosts = [ ]; } );", "hosts[0].hosts: is empty" },
	{ "hosts = ( { name = \"a\"; hosts = [ \"a.example\" ]; },\n"
	    " { name = \"a\"; hosts = [ \"b.example\" ]; } );", "is there already" },
	{ "hosts = ( { name = \"a\"; hosts = [ \"a.example\" ]; },\n"
	    " { name = \"b\"; hosts = [ \"a.example\" ]; } );", "is there already" },
};

START_TEST(wrong_is_said)
{
	struct conf_errors e;
	char text[512];
	struct conf *c;
	int said = 0;

	snprintf(text, sizeof text, HOST "%s", wrong[_i].text);
	c = load(text, &e);
	for (size_t i = 0; i < e.nerrors; i++)
		said |= strstr(e.errors[i], wrong[_i].says) != NULL;
	ck_assert_ptr_null(c);
	ck_assert_msg(said, "%s", e.nerrors > 0 ? e.errors[0] : "no error");
	conf_errors_fini(&e);
}
END_TEST

/* What an entry leaves out is what all have, whatever stands first in the file. */
START_TEST(destinations_take_what_all_have)
{
	static const char text[] = HOST
	    "destinations = ( { domains = [ \"a.example\" ]; },\n"
	    " { domains = [ \"b.example\" ]; retry = [ \"1s\" ]; rate = \"0\"; connections = 2; } );\n"
	    "queue = { retry = [ \"2m\", \"3m\" ]; max_age = \"2d\"; };\n"
	    "delivery = { connections_per_destination = 7; rate_per_destination = \"5/s\"; };\n";
	const struct conf_destination *d;
	struct conf_errors e;
	struct conf *c = load(text, &e);

	ck_assert_msg(c != NULL, "%s", e.nerrors > 0 ? e.errors[0] : "");
	d = conf_destination_of(c, "a.example");
	ck_assert_uint_eq(d->retry.n, 2);
	ck_assert_int_eq(d->retry.v[1], 180000);
	ck_assert_int_eq(d->max_age, 2 * 86400000);
	ck_assert_int_eq(d->max_age_tls, c->queue.max_age_tls);
	ck_assert_int_eq(d->connections, 7);
	ck_assert_int_eq(d->messages_per_connection, 1000);
	ck_assert_uint_eq(d->rate.n, 5);
	d = conf_destination_of(c, "b.example");
	ck_assert_uint_eq(d->retry.n, 1);
	ck_assert_int_eq(d->retry.v[0], 1000);
	ck_assert_int_eq(d->connections, 2);
	ck_assert_uint_eq(d->rate.n, 0);
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

static const struct { const char *host, *name; } hosts[] = {
	{ "mx1.mail.provider.example", "provider" }, { "MX1.Mail.Provider.Example", "provider" },
	{ "mail.provider.example", NULL }, { "xmail.provider.example", NULL },
	{ "slow.mail.provider.example", "slow" }, { "a.slow.mail.provider.example", "provider" },
	{ "other.example", NULL }, { "", NULL },
};

START_TEST(hosts_closest)
{
	static const char text[] = HOST
	    "hosts = ( { name = \"provider\"; hosts = [ \".mail.provider.example\" ]; rate = \"9/m\"; },\n"
	    " { name = \"slow\"; hosts = [ \"slow.mail.provider.example\" ]; connections = 1; } );\n";
	const struct conf_hosts_limit *h;
	struct conf_errors e;
	struct conf *c = load(text, &e);

	ck_assert_msg(c != NULL, "%s", e.nerrors > 0 ? e.errors[0] : "");
	ck_assert_int_eq(c->hosts.v[0].connections, 20);
	ck_assert_uint_eq(c->hosts.v[0].rate.n, 9);
	h = conf_hosts_of(c, hosts[_i].host);
	ck_assert_int_eq(h != NULL, hosts[_i].name != NULL);
	if (h != NULL)
		ck_assert_str_eq(h->name, hosts[_i].name);
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf limits");
	TCase *c = tcase_create("limits");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(c, rate_is_read, 0, LENGTH(rates));
	tcase_add_loop_test(c, wrong_is_said, 0, LENGTH(wrong));
	tcase_add_test(c, destinations_take_what_all_have);
	tcase_add_loop_test(c, hosts_closest, 0, LENGTH(hosts));
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
