/* SPDX-License-Identifier: ISC */
/* check_conf_pack: what the parent packs arrives; what nobody packed does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/conf/conf.h"

static const char text[] =
    "hostname = \"relay.example\";\n"
    "listen = ( { address = \"127.0.0.1:25\"; } );\n"
    "clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; } );\n"
    "destinations = ( { domains = [ \"a.example\" ]; require = \"dane\"; } );\n"
    "queue = { retry = [ \"1m\", \"2m\" ]; };\n";

static struct conf *
load(const char *from)
{
	struct conf_errors e;
	struct conf *c;
	int rc = conf_load_text(from, strlen(from), "dir/x.conf", &c, &e);

	ck_assert_msg(rc == 0, "%s", e.nerrors > 0 ? e.errors[0] : "");
	conf_errors_fini(&e);
	return c;
}

static char *
dump(const struct conf *c)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	conf_dump(c, f);
	fclose(f);
	return out;
}

START_TEST(round_trip)
{
	struct conf *c = load(text), *d = NULL;
	char *before = dump(c), *after;
	struct buf b;
	struct why why;

	buf_init(&b);
	conf_pack(c, &b);
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), 0);
	after = dump(d);
	ck_assert_str_eq(before, after);
	ck_assert_str_eq(d->destinations.v[0].origin, "x.conf:4");
	ck_assert_int_eq(d->destinations.v[0].require, CONF_DANE);
	ck_assert_ptr_nonnull(conf_destination_of(d, "a.example"));
	free(before);
	free(after);
	buf_fini(&b);
	conf_free(&c);
	conf_free(&d);
}
END_TEST

START_TEST(every_cut_is_refused)
{
	struct conf *c = load(text), *d;
	struct buf b;
	struct why why;

	buf_init(&b);
	conf_pack(c, &b);
	for (size_t n = 0; n < buf_len(&b); n += n < 200 ? 1 : 37) {
		why_clear(&why);
		ck_assert_int_eq(conf_unpack(buf_data(&b), n, &d, &why), -1);
		ck_assert_ptr_null(d);
		ck_assert_int_eq(why_is_set(&why), 1);
	}
	buf_addc(&b, 'x');
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), -1);
	buf_fini(&b);
	conf_free(&c);
}
END_TEST

/* A frame with rows of our own making. */
struct row { const char *path; int kind; const char *text; };

enum { GROUP, ARRAY, LIST, STRING, INT };

static void
frame(struct buf *b, const struct row *rows, uint32_t n)
{
	buf_add_u32(b, 0x72637631u);
	buf_add_u32(b, n);
	for (uint32_t i = 0; i < n; i++) {
		buf_add_str(b, rows[i].path);
		buf_add_u8(b, (uint8_t)rows[i].kind);
		buf_add_str(b, rows[i].text);
		buf_add_str(b, "x:1");
	}
	buf_add_u32(b, 0);
}

static const struct {
	struct row rows[4];
	uint32_t n;
	const char *says;
} hostile[] = {
	{ { { "delivery.port", INT, "25x" } }, 1, "is not a number" },
	{ { { "delivery.port", INT, "" } }, 1, "is not a number" },
	{ { { "delivery.port", INT, "99999999999999999999" } }, 1, "out of range" },
	{ { { "delivery.port", STRING, "25" } }, 1, "must be a port number" },
	{ { { "delivery.port", ARRAY, "" } }, 1, "must be a port number" },
	{ { { "drain", STRING, "1s" }, { "drain", STRING, "2s" } }, 2, "malformed" },
	{ { { "drain", 77, "1s" } }, 1, "malformed" },
	{ { { "drain[0]", STRING, "x" } }, 1, "" },
	{ { { "nonsense", STRING, "x" } }, 1, "unknown key" },
	{ { { "", STRING, "x" } }, 1, "unknown key" },
	{ { { "a[", STRING, "x" } }, 1, "unknown key" },
	{ { { "listen", LIST, "" }, { "listen[0]", STRING, "x" } }, 2, "must be a group" },
	{ { { "listen", LIST, "" }, { "listen[0]", GROUP, "" } }, 2, "'address' is missing" },
	{ { { "listen", LIST, "" }, { "listen[0]", GROUP, "" }, { "listen[0].address", LIST, "" } }, 3,
	    "must be an address" },
	{ { { "delivery.require", STRING, "plaintext" } }, 1, "must be encrypt" },
	{ { { "delivery.require", STRING, "" } }, 1, "must be encrypt" },
};

START_TEST(hostile_rows)
{
	struct conf *d = NULL;
	struct why why;
	struct buf b;
	int rc;

	buf_init(&b);
	why_clear(&why);
	frame(&b, hostile[_i].rows, hostile[_i].n);
	rc = conf_unpack(buf_data(&b), buf_len(&b), &d, &why);
	ck_assert_int_eq(rc, -1);
	ck_assert_msg(strstr(why.text, hostile[_i].says) != NULL, "%s", why.text);
	ck_assert_ptr_null(d);
	buf_fini(&b);
}
END_TEST

START_TEST(absurd_counts)
{
	struct conf *d;
	struct why why;
	struct buf b;

	buf_init(&b);
	buf_add_u32(&b, 0x72637631u);
	buf_add_u32(&b, UINT32_MAX);
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), -1);
	buf_clear(&b);
	buf_add_u32(&b, 0x72637631u);
	buf_add_u32(&b, 0);
	buf_add_u32(&b, UINT32_MAX);
	ck_assert_int_eq(conf_unpack(buf_data(&b), buf_len(&b), &d, &why), -1);
	ck_assert_int_eq(conf_unpack(NULL, 0, &d, NULL), -1);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *more, *keys;
} diffs[] = {
	{ "", "" },
	{ "drain = \"5s\";", "" },
	{ "user = \"x\";", "user" },
	{ "metrics = { listen = \"127.0.0.1:1\"; };", "metrics.listen" },
	{ "queue = { directory = \"/q\"; max_age = \"1d\"; }; control = { socket = \"/s\"; };",
	    "queue.directory, control.socket" },
	{ "listen = ( { address = \"127.0.0.1:26\"; } );", "listen.address" },
	{ "listen = ( { address = \"127.0.0.1:25\"; }, { address = \"127.0.0.1:27\"; } );", "listen.address" },
	{ "listen = ( { address = \"127.0.0.1:25\"; tls = \"starttls\"; certificate = \"/c\"; key = \"/k\"; } );", "" },
	{ "dns = { forward = [ \"10.0.0.1\" ]; };", "dns.forward" },
	{ "clients = ( ); delivery = { mode = \"monitor\"; };", "" },
};

START_TEST(diff_names_restart_keys)
{
	char with[512];
	struct conf *old = load("hostname = \"a.example\";"), *new;
	struct buf b;
	size_t n;

	snprintf(with, sizeof with, "hostname = \"a.example\"; %s", diffs[_i].more);
	new = load(with);
	buf_init(&b);
	n = conf_diff_restart(old, new, &b);
	ck_assert_str_eq(buf_str(&b), diffs[_i].keys);
	ck_assert_int_eq(n > 0, diffs[_i].keys[0] != '\0');
	buf_fini(&b);
	conf_free(&old);
	conf_free(&new);
}
END_TEST

START_TEST(dump_names_origins)
{
	struct conf *c = load(text);
	char *out = dump(c);

	ck_assert_ptr_nonnull(strstr(out, "hostname = \"relay.example\"  "));
	ck_assert_ptr_nonnull(strstr(out, "# x.conf:1\n"));
	ck_assert_ptr_nonnull(strstr(out, "queue.retry = [ \"1m\", \"2m\" ]"));
	ck_assert_ptr_nonnull(strstr(out, "destinations[0].require = \"dane\""));
	ck_assert_ptr_nonnull(strstr(out, "exceptions = ( )"));
	ck_assert_ptr_nonnull(strstr(out, "delivery.source = [ ]"));
	ck_assert_ptr_nonnull(strstr(out, "# default\n"));
	free(out);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_pack");
	TCase *t = tcase_create("pack");
	SRunner *r;
	int failed;

	tcase_add_test(t, round_trip);
	tcase_add_test(t, every_cut_is_refused);
	tcase_add_loop_test(t, hostile_rows, 0, (int)LENGTH(hostile));
	tcase_add_test(t, absurd_counts);
	tcase_add_loop_test(t, diff_names_restart_keys, 0, (int)LENGTH(diffs));
	tcase_add_test(t, dump_names_origins);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
