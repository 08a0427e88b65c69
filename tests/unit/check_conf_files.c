/* SPDX-License-Identifier: ISC */
/* check_conf_files: @include, named files, key permissions, directories. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/conf/conf.h"

#define CERT	"-----BEGIN CERTIFICATE-----\n"
#define KEY	"-----BEGIN PRIVATE KEY-----\n"

static char dir[64];
static struct conf *c;
static struct conf_errors e;

static const char *
at(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *to = path[turn++ % 4];

	snprintf(to, sizeof path[0], "%s/%s", dir, name);
	return to;
}

static void
put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(at(name), "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(at(name), mode), 0);
}

/* A configuration that is fine in this directory, and more. */
static void
put_conf(const char *more)
{
	char text[2048];

	snprintf(text, sizeof text, "hostname = \"a.example\"; user = \"root\"; policy_user = \"root\";\n"
	    "queue = { directory = \"%s/q\"; }; state = { directory = \"%s/s\"; };\n"
	    "control = { socket = \"%s/c\"; }; dns = { trust_anchor = \"%s/root.key\"; };\n"
	    "delivery = { ca_file = \"%s/ca.pem\"; };\n"
	    "listen = ( { address = \"127.0.0.1:0\"; tls = \"starttls\"; certificate = \"%s/cert.pem\";\n"
	    " key = \"%s/key.pem\"; } );\n%s", dir, dir, dir, dir, dir, dir, dir, more);
	put("relayd.conf", text, 0644);
}

static int
load(void)
{
	return conf_load(at("relayd.conf"), CONF_SYSTEM, &c, &e);
}

static void
setup(void)
{
	str_copy(dir, "/tmp/check_conf.XXXXXX", sizeof dir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(mkdir(at("q"), 0700), 0);
	ck_assert_int_eq(mkdir(at("s"), 0700), 0);
	put("cert.pem", CERT, 0644);
	put("key.pem", KEY, 0600);
	put("ca.pem", CERT, 0644);
	put("root.key", ". IN DS 20326 8 2 E0\n", 0644);
	put_conf("");
}

static void
teardown(void)
{
	static const char *const names[] = { "cert.pem", "key.pem", "ca.pem", "root.key", "relayd.conf",
		"local.conf", "link.pem", "fifo", "tls-key" };

	conf_errors_fini(&e);
	conf_free(&c);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(at(names[i]));
	rmdir(at("q"));
	rmdir(at("s"));
	rmdir(dir);
}

static void
refused(const char *says)
{
	int found = 0;

	ck_assert_int_eq(load(), -1);
	for (size_t i = 0; i < e.nerrors; i++)
		found |= strstr(e.errors[i], says) != NULL;
	ck_assert_msg(found, "%s", e.errors[0]);
}

START_TEST(files_are_carried)
{
	const char *data;
	size_t len;
	struct buf b;
	struct conf *d;
	struct why why;

	ck_assert_msg(load() == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	ck_assert_int_eq(conf_file(c, c->listen.v[0].key, &data, &len), 0);
	ck_assert_str_eq(data, KEY);
	buf_init(&b);
	conf_pack(c, &b);
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), 0);
	ck_assert_int_eq(conf_file(d, d->listen.v[0].key, &data, &len), 0);
	ck_assert_uint_eq(len, strlen(KEY));
	ck_assert_int_eq(conf_file(d, d->dns.trust_anchor, &data, &len), 0);
	ck_assert_int_eq(conf_file(d, "/etc/passwd", &data, &len), -1);
	conf_free(&d);
	buf_clear(&b);
	conf_pack_public(c, &b);
	ck_assert_ptr_null(memmem(buf_data(&b), buf_len(&b), "PRIVATE", 7));
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), 0);
	ck_assert_int_eq(conf_file(d, d->listen.v[0].key, &data, &len), -1);
	ck_assert_int_eq(conf_file(d, d->sts.ca_file, &data, &len), 0);
	conf_free(&d);
	buf_fini(&b);
}
END_TEST

/* HARDENING O7: a password reaches the process that logs in, and no other, and no dump. */
START_TEST(passwords_are_secret)
{
	static char out[65536];
	const char *data;
	size_t len;
	struct buf b;
	struct conf *d;
	struct why why;
	char more[600];
	FILE *f;

	put("tls-key", "s3cret\n", 0640);
	snprintf(more, sizeof more, "destinations = ( { domains = [ \"a.example\" ]; via = \"mx.hub.example\";"
	    " username = \"me\"; password_file = \"%s/tls-key\"; ca = \"%s/ca.pem\";"
	    " certificate = \"%s/cert.pem\"; key = \"%s/key.pem\"; } );\n", dir, dir, dir, dir);
	put_conf(more);
	ck_assert_msg(load() == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	buf_init(&b);
	conf_pack(c, &b);
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), 0);
	ck_assert_int_eq(conf_file(d, d->destinations.v[0].password_file, &data, &len), 0);
	ck_assert_str_eq(data, "s3cret\n");
	conf_free(&d);
	buf_clear(&b);
	conf_pack_public(c, &b);
	ck_assert_ptr_null(memmem(buf_data(&b), buf_len(&b), "s3cret", 6));
	ck_assert_ptr_null(memmem(buf_data(&b), buf_len(&b), "PRIVATE", 7));
	buf_fini(&b);
	f = fmemopen(out, sizeof out, "w");
	conf_dump(c, f);
	fclose(f);
	ck_assert_ptr_null(strstr(out, "s3cret"));
	ck_assert_ptr_nonnull(strstr(out, "password_file"));
}
END_TEST

START_TEST(settings_only_opens_nothing)
{
	unlink(at("key.pem"));
	unlink(at("root.key"));
	ck_assert_int_eq(conf_load(at("relayd.conf"), CONF_SETTINGS, &c, &e), 0);
}
END_TEST

START_TEST(key_for_all)
{
	char says[256];

	put("key.pem", KEY, 0644);
	snprintf(says, sizeof says, "has mode 0644, so others may read or replace it; chmod 0640 %s/key.pem", dir);
	refused(says);
}
END_TEST

START_TEST(key_group_writable)
{
	put("key.pem", KEY, 0660);
	refused("has mode 0660");
}
END_TEST

START_TEST(key_group_readable_is_fine)
{
	put("key.pem", KEY, 0640);
	ck_assert_int_eq(load(), 0);
}
END_TEST

START_TEST(key_of_another_user)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(at("key.pem"), 65534, 0), 0);
	refused("belongs to uid 65534; chown root");
}
END_TEST

START_TEST(key_symlink)
{
	ck_assert_int_eq(rename(at("key.pem"), at("link.pem")), 0);
	ck_assert_int_eq(symlink(at("link.pem"), at("key.pem")), 0);
	refused("is a symbolic link; name the file that it points to");
}
END_TEST

START_TEST(key_fifo)
{
	unlink(at("key.pem"));
	ck_assert_int_eq(mkfifo(at("key.pem"), 0600), 0);
	refused("is not a regular file");
}
END_TEST

START_TEST(key_without_key)
{
	put("key.pem", CERT, 0600);
	refused("holds no private key (PEM)");
}
END_TEST

START_TEST(key_with_passphrase)
{
	put("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 0600);
	refused("holds a key with a passphrase");
}
END_TEST

START_TEST(certificate_missing)
{
	unlink(at("cert.pem"));
	refused("listen[0].certificate: ");
}
END_TEST

START_TEST(certificate_without_one)
{
	put("ca.pem", "nothing", 0644);
	refused("delivery.ca_file: ");
}
END_TEST

START_TEST(anchor_missing)
{
	unlink(at("root.key"));
	refused("DNSSEC needs it (Debian: dns-root-data");
}
END_TEST

START_TEST(anchor_empty)
{
	put("root.key", "", 0644);
	refused("holds no DS or DNSKEY record");
}
END_TEST

START_TEST(spool_missing)
{
	rmdir(at("q"));
	refused("mkdir -p -m 0700");
}
END_TEST

START_TEST(spool_for_everybody)
{
	ck_assert_int_eq(chmod(at("q"), 0777), 0);
	refused("may be written by everybody; chmod 0700");
}
END_TEST

START_TEST(user_missing)
{
	put("relayd.conf", "user = \"no-such-user-here\";", 0644);
	if (geteuid() == 0)
		refused("there is no user \"no-such-user-here\"; useradd --system");
}
END_TEST

START_TEST(credential_is_found)
{
	const char *data;
	size_t len;

	put("tls-key", KEY, 0400);
	put_conf("");
	put("relayd.conf", "listen = ( { address = \"127.0.0.1:0\"; tls = \"implicit\";"
	    " certificate = \"credential:none\"; key = \"credential:tls-key\"; } );", 0644);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	refused("/none: No such file");
	conf_errors_fini(&e);
	ck_assert_int_eq(conf_load(at("relayd.conf"), CONF_SETTINGS, &c, &e), 0);
	ck_assert_int_eq(conf_file(c, "credential:tls-key", &data, &len), -1);
	conf_free(&c);
	conf_errors_fini(&e);
	unsetenv("CREDENTIALS_DIRECTORY");
	refused("is LoadCredential= set?");
}
END_TEST

START_TEST(include_keeps_origin)
{
	put("local.conf", "# more\ndestinations = ( { domains = [ \"a.example\" ]; } );\n", 0644);
	put_conf("@include \"local.conf\"\ndrain = \"1s\";\n");
	ck_assert_msg(load() == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	ck_assert_str_eq(c->destinations.v[0].origin, "local.conf:2");
	ck_assert_int_eq(c->drain, 1000);
}
END_TEST

START_TEST(include_is_scanned_too)
{
	put("local.conf", "\nlimits = { errors = 99999999999; };\n", 0644);
	put_conf("  @include \"local.conf\"\n");
	refused("local.conf:2: the number 99999999999 has more than 9 digits");
}
END_TEST

START_TEST(include_missing)
{
	put_conf("@include \"local.conf\"\n");
	refused("@include \"local.conf\": ");
}
END_TEST

START_TEST(include_of_itself)
{
	put_conf("@include \"relayd.conf\"\n");
	refused("too many nested @include");
}
END_TEST

START_TEST(file_missing_or_odd)
{
	ck_assert_int_eq(conf_load(at("none.conf"), CONF_SYSTEM, &c, &e), -1);
	ck_assert_uint_eq(e.nerrors, 1);
	ck_assert_ptr_nonnull(strstr(e.errors[0], "No such file"));
	conf_errors_fini(&e);
	ck_assert_int_eq(conf_load(dir, CONF_SYSTEM, &c, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.errors[0], "is not a regular file"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_files");
	TCase *t = tcase_create("files");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, files_are_carried);
	tcase_add_test(t, passwords_are_secret);
	tcase_add_test(t, settings_only_opens_nothing);
	tcase_add_test(t, key_for_all);
	tcase_add_test(t, key_group_writable);
	tcase_add_test(t, key_group_readable_is_fine);
	tcase_add_test(t, key_of_another_user);
	tcase_add_test(t, key_symlink);
	tcase_add_test(t, key_fifo);
	tcase_add_test(t, key_without_key);
	tcase_add_test(t, key_with_passphrase);
	tcase_add_test(t, certificate_missing);
	tcase_add_test(t, certificate_without_one);
	tcase_add_test(t, anchor_missing);
	tcase_add_test(t, anchor_empty);
	tcase_add_test(t, spool_missing);
	tcase_add_test(t, spool_for_everybody);
	tcase_add_test(t, user_missing);
	tcase_add_test(t, credential_is_found);
	tcase_add_test(t, include_keeps_origin);
	tcase_add_test(t, include_is_scanned_too);
	tcase_add_test(t, include_missing);
	tcase_add_test(t, include_of_itself);
	tcase_add_test(t, file_missing_or_odd);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
