/* SPDX-License-Identifier: ISC */
/* Routes in the configuration: what they may say, and that their secrets stay where they belong. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/conf/conf.h"

#define HOST	"hostname = \"relay.corp.example\"; "
#define DEST(rest) HOST "destinations = ( { domains = [ \"a.example\" ]; " rest " } );"
#define VIA(rest) DEST("via = \"mx.hub.example\"; " rest)
#define HEX32	"0123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdef0123"

static const struct { const char *text, *says; } bad[] = {
	{ DEST("via = [ ];"), "via: is empty; leave it out" },
	{ DEST("via = \"\";"), "is not a next hop; write" },
	{ DEST("via = 25;"), "via: must be a host such as" },
	{ DEST("via = [ 25 ];"), "via[0]: must be a host such as" },
	{ DEST("via = [ \"\" ];"), "is not a next hop; write" },
	{ DEST("via = \"mx.hub.example:\";"), "the port is 1 to 65535" },
	{ DEST("via = \"mx.hub.example:0\";"), "the port is 1 to 65535" },
	{ DEST("via = \"mx.hub.example:65536\";"), "the port is 1 to 65535" },
	{ DEST("via = \"mx.hub.example:smtp\";"), "the port is 1 to 65535" },
	{ DEST("via = \"mx hub.example\";"), "is not a valid host name" },
	{ DEST("via = \".hub.example\";"), "is not a valid host name" },
	{ DEST("via = \"192.0.2.1\";"), "an address goes in brackets" },
	{ DEST("via = \"192.0.2.1:25\";"), "an address goes in brackets" },
	{ DEST("via = \"2001:db8::1\";"), "the port is 1 to 65535" },
	{ DEST("via = \"[mx.hub.example]\";"), "is not a next hop; write" },
	{ DEST("via = \"[192.0.2.1\";"), "is not a next hop; write" },
	{ DEST("via = \"[192.0.2.1]x\";"), "is not a next hop; write" },
	{ DEST("via = \"relay.corp.example\";"), "\"relay.corp.example\" is this relay itself" },
	{ DEST("via = [ \"a.x\", \"b.x\", \"c.x\", \"d.x\", \"e.x\", \"f.x\", \"g.x\", \"h.x\", \"i.x\" ];"),
	    "names more than 8 hosts" },
	/* keys that mean nothing without it */
	{ DEST("tls = \"implicit\";"), "destinations[0].tls: is about the hosts in via, which is missing" },
	{ DEST("ca = \"/a.pem\";"), "ca: is about the hosts in via" },
	{ DEST("pin = [ \"sha256:" HEX32 "\" ];"), "pin: is about the hosts in via" },
	{ DEST("tlsa = [ \"3 1 1 " HEX32 "\" ];"), "tlsa: is about the hosts in via" },
	{ DEST("certificate = \"/a\"; key = \"/b\";"), "certificate: is about the hosts in via" },
	{ DEST("username = \"a\"; password_file = \"/b\";"), "username: is about the hosts in via" },
	{ DEST("auth = \"plain\";"), "auth: is about the hosts in via" },
	/* keys that need or exclude each other */
	{ VIA("tls = \"none\";"), "must be starttls or implicit, not \"none\"" },
	{ VIA("certificate = \"/a\";"), "certificate: needs a key in the same entry" },
	{ VIA("key = \"/a\";"), "key: needs a certificate in the same entry" },
	{ VIA("username = \"a\";"), "username: needs a password_file in the same entry" },
	{ VIA("password_file = \"/a\";"), "password_file: needs a username in the same entry" },
	{ VIA("password = \"secret\";"), "password: unknown key" },
	{ VIA("auth = \"plain\";"), "auth: is not used without a username" },
	{ VIA("auth = \"cram-md5\"; username = \"a\"; password_file = \"/a\";"), "must be auto, plain or login" },
	{ VIA("ca = \"/a\"; pin = [ \"sha256:" HEX32 "\" ];"), "ca: cannot go with pin or tlsa" },
	{ VIA("ca = \"/a\"; tlsa = [ \"3 1 1 " HEX32 "\" ];"), "ca: cannot go with pin or tlsa" },
	{ VIA("ca = \"a.pem\";"), "is not an absolute path" },
	{ VIA("pin = [ \"" HEX32 "\" ];"), "is not a pin; write" },
	{ VIA("pin = [ \"sha256:12\" ];"), "is not a pin; write" },
	{ VIA("pin = [ \"sha1:" HEX32 "\" ];"), "is not a pin; write" },
	{ VIA("pin = [ \"sha256:" HEX32 "0\" ];"), "is not a pin; write" },
	{ VIA("tlsa = [ \"1 1 1 " HEX32 "\" ];"), "write usage 2 or 3" },
	{ VIA("tlsa = [ \"3 1 0 " HEX32 "\" ];"), "write usage 2 or 3" },
	{ VIA("tlsa = [ \"3 1 2 " HEX32 "\" ];"), "SHA-512 has 128 hexadecimal digits" },
	{ VIA("tlsa = [ \"3 1 1 " HEX32 "zz\" ];"), "SHA-256 has 64 hexadecimal digits" },
	{ VIA("tlsa = [ \"3\" ];"), "write usage 2 or 3" },
	{ VIA("tlsa = [ \"\" ];"), "write usage 2 or 3" },
};

START_TEST(refused)
{
	struct conf_errors e;
	struct conf *c;
	int found = 0;

	ck_assert_int_eq(conf_load_text(bad[_i].text, strlen(bad[_i].text), "x.conf", &c, &e), -1);
	for (size_t i = 0; i < e.nerrors; i++)
		found |= strstr(e.errors[i], bad[_i].says) != NULL;
	ck_assert_msg(found, "\"%s\", not \"%s\"", e.errors[0], bad[_i].says);
	conf_errors_fini(&e);
}
END_TEST

static const struct { const char *text, *says; } warned[] = {
	{ DEST("via = \"mx.hub.example:465\";"), "port 465 mostly speaks TLS from the first byte" },
	{ VIA("require = \"sts\";"), "has no MTA-STS policy" },
};

START_TEST(warnings)
{
	struct conf_errors e;
	struct conf *c;

	ck_assert_int_eq(conf_load_text(warned[_i].text, strlen(warned[_i].text), "x.conf", &c, &e), 0);
	ck_assert_uint_eq(e.nwarnings, 1);
	ck_assert_msg(strstr(e.warnings[0], warned[_i].says) != NULL, "%s", e.warnings[0]);
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

static const struct { const char *via, *host; int port; } hops[] = {
	{ "\"mx.hub.example\"", "mx.hub.example", 0 },
	{ "\"MX.Hub.example:587\"", "mx.hub.example", 587 },
	{ "[ \"mx.hub.example:65535\" ]", "mx.hub.example", 65535 },
	{ "( \"mx.hub.example\" )", "mx.hub.example", 0 },
	{ "\"[192.0.2.1]\"", "[192.0.2.1]", 0 },
	{ "\"[192.0.2.1]:2525\"", "[192.0.2.1]", 2525 },
	{ "\"[2001:DB8::1]:25\"", "[IPv6:2001:db8::1]", 25 },
	{ "\"[IPv6:2001:db8:0::1]\"", "[IPv6:2001:db8::1]", 0 },
	{ "\"localhost:10025\"", "localhost", 10025 },
};

START_TEST(next_hops)
{
	struct conf_errors e;
	char text[300];
	struct conf *c;

	str_fmt(text, sizeof text, DEST("via = %s;"), hops[_i].via);
	if (conf_load_text(text, strlen(text), "x.conf", &c, &e) == -1)
		ck_abort_msg("%s", e.errors[0]);
	ck_assert_uint_eq(c->destinations.v[0].via.n, 1);
	ck_assert_str_eq(c->destinations.v[0].via.v[0].host, hops[_i].host);
	ck_assert_int_eq(c->destinations.v[0].via.v[0].port, hops[_i].port);
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

START_TEST(all_keys)
{
	static const char text[] = VIA("tls = \"implicit\"; pin = [ \"SHA256:" HEX32 "\" ];"
	    "tlsa = [ \"2 0 1 " HEX32 "\", \"3 1 2 " HEX32 HEX32 "\" ]; certificate = \"/c\"; key = \"/k\";"
	    "username = \"me\"; password_file = \"credential:hub\"; auth = \"login\";");
	const struct conf_destination *d;
	struct conf_errors e;
	struct conf *c;

	if (conf_load_text(text, sizeof text - 1, "x.conf", &c, &e) == -1)
		ck_abort_msg("%s", e.errors[0]);
	d = &c->destinations.v[0];
	ck_assert_int_eq(d->tls, CONF_ROUTE_IMPLICIT);
	ck_assert_int_eq(d->auth, CONF_AUTH_LOGIN);
	ck_assert_uint_eq(d->pin.n, 1);
	ck_assert(d->pin.v[0].usage == 3 && d->pin.v[0].selector == 1 && d->pin.v[0].mtype == 1);
	ck_assert(d->pin.v[0].len == 32 && d->pin.v[0].data[0] == 0x01 && d->pin.v[0].data[8] == 0xab);
	ck_assert_uint_eq(d->tlsa.n, 2);
	ck_assert(d->tlsa.v[0].usage == 2 && d->tlsa.v[0].selector == 0 && d->tlsa.v[0].len == 32);
	ck_assert(d->tlsa.v[1].mtype == 2 && d->tlsa.v[1].len == 64 && d->tlsa.v[1].data[63] == 0x23);
	ck_assert_str_eq(d->password_file, "credential:hub");
	conf_errors_fini(&e);
	conf_free(&c);
}
END_TEST

/* ---- the password file ---- */

static char dir[] = "/tmp/check_conf_route.XXXXXX";
static struct conf *conf;
static struct conf_errors errors;

static void
put(const char *name, const char *text, mode_t mode)
{
	char path[200];
	FILE *f;

	str_fmt(path, sizeof path, "%s/%s", dir, name);
	unlink(path);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void
load(const char *password, mode_t mode)
{
	char text[600], path[200];

	str_fmt(text, sizeof text, HOST "destinations = ( { domains = [ \"a.example\" ]; "
	    "via = \"mx.hub.example\"; username = \"me\"; password_file = \"%s/pw\"; } );\n", dir);
	put("relayd.conf", text, 0644);
	put("pw", password, mode);
	str_fmt(path, sizeof path, "%s/relayd.conf", dir);
	conf_load(path, CONF_SYSTEM, &conf, &errors);
}

static void
make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
remove_dir(void)
{
	static const char *const names[] = { "relayd.conf", "pw" };
	char path[200];

	for (size_t i = 0; i < LENGTH(names); i++) {
		str_fmt(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static const struct { const char *password; mode_t mode; const char *says; } passwords[] = {
	{ "s3cret\n", 0600, NULL },
	{ "s3cret\r\n\n", 0640, NULL },
	{ "with spaces: and \"quotes\"", 0600, NULL },
	{ "s3cret\n", 0644, "has mode 0644, so others may read or replace it" },
	{ "", 0600, "holds no password in its first line" },
	{ "\ns3cret\n", 0600, "holds no password in its first line" },
	{ "user\ns3cret\n", 0600, "holds more than one line" },
};

/* This machine need not have the other files: only what is said of this one counts. */
START_TEST(password_file)
{
	const char *said = NULL;

	load(passwords[_i].password, passwords[_i].mode);
	for (size_t i = 0; i < errors.nerrors; i++)
		if (strstr(errors.errors[i], "password_file") != NULL)
			said = errors.errors[i];
	if (passwords[_i].says == NULL)
		ck_assert_msg(said == NULL, "%s", said);
	else
		ck_assert_msg(said != NULL && strstr(said, passwords[_i].says) != NULL, "%s", said);
	for (size_t i = 0; i < errors.nerrors; i++)
		ck_assert_ptr_null(strstr(errors.errors[i], "s3cret"));
	conf_errors_fini(&errors);
	conf_free(&conf);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_route");
	TCase *t = tcase_create("route"), *f = tcase_create("files");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, refused, 0, (int)LENGTH(bad));
	tcase_add_loop_test(t, warnings, 0, (int)LENGTH(warned));
	tcase_add_loop_test(t, next_hops, 0, (int)LENGTH(hops));
	tcase_add_test(t, all_keys);
	suite_add_tcase(s, t);
	tcase_add_unchecked_fixture(f, make_dir, remove_dir);
	tcase_add_loop_test(f, password_file, 0, (int)LENGTH(passwords));
	suite_add_tcase(s, f);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
