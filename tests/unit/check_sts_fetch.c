/* SPDX-License-Identifier: ISC */
/* check_sts_fetch: libcurl under our rules against a server that breaks them. */
#include <check.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/sts/fetch.h"
#include "lib/sts/policy.h"
#include "tests/peer/https_peer.h"
#include "tests/unit/loop_kit.h"

#define HOST	"mta-sts.example.com"
#define BODY	"version: STSv1\nmode: none\nmax_age: 86400\n"
#define OK	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define FULL	OK "Content-Length: 42\r\n\r\n" BODY "\n"

static struct https_peer *peer;
static struct dns_range *range;
static struct sts_fetcher *fetcher;
static struct dns_address loopback;
static char body[STS_BODY_MAX + 1];
static int got_body;
static struct why why;
static char big[70000];		/* a response beyond the cap, without a length */

static void
fetcher_start(unsigned at_once, int64_t timeout_ms)
{
	struct sts_fetch_param p = {
		.ca_pem = https_peer_ca(peer), .port = https_peer_port(peer), .range = range,
		.timeout_ms = timeout_ms, .connect_ms = timeout_ms, .at_once = at_once,
	};

	fetcher = sts_fetcher_new(base, &p, &why);
	ck_assert_ptr_nonnull(fetcher);
}

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	peer = https_peer_new(HOST);
	range = dns_range_new();
	ck_assert_int_eq(dns_range_allow(range, "127.0.0.0/8", NULL), 0);
	ck_assert_int_eq(dns_address_parse("127.0.0.1", &loopback), 0);
	fetcher_start(0, 1500);
	answers = 0;
}

static void
teardown(void)
{
	sts_fetcher_free(&fetcher);
	dns_range_free(&range);
	https_peer_free(&peer);
	event_base_free(base);
}

static void
on_fetched(void *arg, const char *b, size_t len, const struct why *w)
{
	answers++;
	got_body = b != NULL;
	why = *w;
	if (b != NULL) {
		ck_assert_uint_eq(strlen(b), len);
		str_copy(body, b, sizeof body);
	}
}

static const struct {
	const char		*id;		/* row of mta-sts/fetch that it stands for */
	enum https_cert		 cert;
	enum https_act		 act;
	const char		*response;
	int			 ok;
	const char		*tlsrpt, *words;
} rows[] = {
	{ "fetch-011", 0, 0, FULL, 1, "", "" },
	{ "fetch-002", HTTPS_CERT_OTHER, 0, FULL, 0, "sts-webpki-invalid", "ostname mismatch" },
	{ "fetch-015", HTTPS_CERT_OTHER, 0, FULL, 0, "sts-webpki-invalid", HOST },
	{ "fetch-003", HTTPS_CERT_SELF, 0, FULL, 0, "sts-webpki-invalid", "self" },
	{ "fetch-003", HTTPS_CERT_EXPIRED, 0, FULL, 0, "sts-webpki-invalid", "expired" },
	{ "fetch-025", HTTPS_CERT_WILDCARD, 0, FULL, 1, "", "" },
	{ "fetch-026", HTTPS_CERT_CN_ONLY, 0, FULL, 0, "sts-webpki-invalid", "ostname mismatch" },
	{ "fetch-004", 0, 0, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
	    0, "sts-policy-fetch-error", "404" },
	{ "fetch-006", 0, 0, "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 42\r\n\r\n" BODY "\n", 0, "sts-policy-fetch-error", "301" },
	{ "fetch-007", 0, 0, "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 0,
	    "sts-policy-fetch-error", "302" },
	{ "fetch-008", 0, 0, "HTTP/1.1 307 T\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 0,
	    "sts-policy-fetch-error", "307" },
	{ "fetch-009", 0, 0, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 0,
	    "sts-policy-fetch-error", "500" },
	{ "fetch-010", 0, 0, big, 0, "sts-policy-invalid", "64 KiB" },
	{ "fetch-012", 0, 0, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
	    0, "sts-policy-invalid", "text/html" },
	{ "none", 0, 0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, "sts-policy-invalid",
	    "not text/plain" },
	{ "fetch-013", 0, HTTPS_STALL, OK "Content-Length: 131193\r\n\r\n" BODY, 0,
	    "sts-policy-invalid", "64 KiB" },
	{ "fetch-014", 0, HTTPS_ENDLESS, OK "Transfer-Encoding: chunked\r\n\r\n", 0,
	    "sts-policy-invalid", "64 KiB" },
	{ "fetch-016", 0, HTTPS_MUTE, "", 0, "sts-policy-fetch-error", "" },
	{ "fetch-017", 0, HTTPS_STALL, OK "Content-Length: 42\r\n\r\nversion", 0,
	    "sts-policy-fetch-error", "" },
	{ "fetch-018", 0, 0, OK "Content-Encoding: gzip\r\nContent-Length: 42\r\n\r\n" BODY "\n", 0,
	    "sts-policy-invalid", "gzip" },
	{ "fetch-019", 0, 0, "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n", 0,
	    "sts-policy-fetch-error", "204" },
	{ "fetch-020", 0, 0, "HTTP/1.1 206 Partial\r\nContent-Type: text/plain\r\nContent-Length: 42\r\n"
	    "Content-Range: bytes 0-41/42\r\n\r\n" BODY "\n", 0, "sts-policy-fetch-error", "206" },
	{ "fetch-021", 0, HTTPS_CUT, OK "Content-Length: 400\r\n\r\n" BODY, 0,
	    "sts-policy-fetch-error", "" },
	{ "fetch-021", 0, HTTPS_CUT, OK "\r\n" BODY, 0, "sts-policy-fetch-error", "" },
	{ "none", 0, 0, OK "\r\n" BODY "\n", 1, "", "" },	/* ends by close_notify */
	{ "none", 0, 0, OK "Transfer-Encoding: chunked\r\n\r\n2a\r\n" BODY "\n\r\n0\r\n\r\n", 1, "", "" },
	{ "none", 0, HTTPS_CUT, OK "Transfer-Encoding: chunked\r\n\r\n2a\r\n" BODY "\n\r\n", 0,
	    "sts-policy-fetch-error", "" },
	{ "fetch-024", 0, HTTPS_TLS10, FULL, 0, "sts-policy-fetch-error", "" },
	{ "fetch-027", 0, HTTPS_PLAIN, FULL, 0, "sts-policy-fetch-error", "" },
	{ "fetch-028", 0, 0, OK "Set-Cookie: a=b\r\nCache-Control: no-store\r\n"
	    "Strict-Transport-Security: max-age=1\r\nContent-Length: 42\r\n\r\n" BODY "\n", 1, "", "" },
	{ "none", 0, 0, "HTTP/0.9 nonsense", 0, "sts-policy-fetch-error", "" },
};

START_TEST(test_row)
{
	struct https_script s = { rows[_i].cert, rows[_i].act, rows[_i].response };

	memset(big, 'a', sizeof big - 1);
	memcpy(big, OK "\r\n", strlen(OK "\r\n"));
	https_peer_script(peer, &s);
	ck_assert_ptr_nonnull(sts_fetch_start(fetcher, HOST, &loopback, 1, on_fetched, NULL));
	ck_assert_uint_eq(answers, 0);
	run(1, 5000);
	ck_assert_uint_eq(answers, 1);
	ck_assert_msg(got_body == rows[_i].ok, "%s: %s", rows[_i].id, why.text);
	ck_assert_msg(strcmp(why_tlsrpt(why.reason), rows[_i].tlsrpt) == 0, "%s: %s: %s",
	    rows[_i].id, why_tlsrpt(why.reason), why.text);
	ck_assert_msg(strstr(why.text, rows[_i].words) != NULL, "%s: %s", rows[_i].id, why.text);
	if (rows[_i].ok)
		ck_assert_str_eq(body, BODY "\n");
}
END_TEST

/* S18: the request carries what it must and nothing more, whatever the environment says. */
START_TEST(test_request)
{
	struct https_script s = { 0, 0, FULL };
	const char *r;

	setenv("https_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	https_peer_script(peer, &s);
	sts_fetch_start(fetcher, HOST, &loopback, 1, on_fetched, NULL);
	run(1, 5000);
	ck_assert_msg(got_body, "%s", why.text);
	r = https_peer_request(peer);
	ck_assert_int_eq(strncmp(r, "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " HOST, 50), 0);
	ck_assert_ptr_null(strcasestr(r, "cookie"));
	ck_assert_ptr_null(strcasestr(r, "authorization"));
	ck_assert_ptr_null(strcasestr(r, "accept-encoding"));
}
END_TEST

static const char *const refused[] = {
	"127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "192.168.1.1", "100.64.0.1",
	"::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "fc00::1", "0.0.0.0",
	"224.0.0.1", "192.0.2.1", "255.255.255.255",
};

/* fetch-022: judged at the socket, so what was resolved does not matter. */
START_TEST(test_refused)
{
	struct dns_address a;

	sts_fetcher_free(&fetcher);
	dns_range_free(&range);
	fetcher_start(0, 1500);
	ck_assert_int_eq(dns_address_parse(refused[_i], &a), 0);
	sts_fetch_start(fetcher, HOST, &a, 1, on_fetched, NULL);
	run(1, 5000);
	ck_assert(answers == 1 && !got_body);
	ck_assert_str_eq(why_tlsrpt(why.reason), "sts-policy-fetch-error");
	ck_assert_msg(strstr(why.text, "refused") != NULL, "%s", why.text);
	ck_assert_uint_eq(https_peer_connections(peer), 0);
}
END_TEST

/* The next address is tried. */
START_TEST(test_second_address)
{
	struct https_script s = { 0, 0, FULL };
	struct dns_address a[2];

	ck_assert_int_eq(dns_address_parse("10.0.0.1", &a[0]), 0);
	a[1] = loopback;
	https_peer_script(peer, &s);
	sts_fetch_start(fetcher, HOST, a, 2, on_fetched, NULL);
	run(1, 5000);
	ck_assert_msg(got_body, "%s", why.text);
}
END_TEST

START_TEST(test_at_once)
{
	struct https_script s = { 0, HTTPS_MUTE, "" };
	struct sts_fetch *f[10];
	int i;

	sts_fetcher_free(&fetcher);
	fetcher_start(3, 700);
	https_peer_script(peer, &s);
	for (i = 0; i < 10; i++)
		f[i] = sts_fetch_start(fetcher, HOST, &loopback, 1, on_fetched, NULL);
	run(1, 300);
	ck_assert_uint_eq(https_peer_connections(peer), 3);
	/* Running and waiting ones can be cancelled; a place is taken at once. */
	for (i = 0; i < 2; i++) {
		sts_fetch_cancel(&f[i]);
		sts_fetch_cancel(&f[9 - i]);
		ck_assert_ptr_null(f[i]);
	}
	run(6, 4000);
	ck_assert_uint_eq(answers, 6);
	ck_assert_uint_eq(https_peer_connections(peer), 8);
	ck_assert_uint_le(https_peer_most(peer), 5);	/* the peer notices an end a little late */
}
END_TEST

static void
on_never(void *arg, const char *b, size_t len, const struct why *w)
{
	ck_abort_msg("called after the end");
}

START_TEST(test_free_open)
{
	struct https_script s = { 0, HTTPS_STALL, OK };
	int i;

	https_peer_script(peer, &s);
	for (i = 0; i < 40; i++)
		sts_fetch_start(fetcher, HOST, &loopback, 1, on_never, NULL);
	run(1, 200);
	sts_fetcher_free(&fetcher);
	run(1, 100);
}
END_TEST

START_TEST(test_no_ca)
{
	struct sts_fetch_param p = { .ca_pem = _i == 0 ? NULL : _i == 1 ? "" :
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };

	ck_assert_ptr_null(sts_fetcher_new(base, &p, &why));
	ck_assert(why_is_set(&why));
}
END_TEST

START_TEST(test_content_type)
{
	const char *dir = getenv("VECTORS");
	char path[512];
	json_t *root, *row, *cases;
	size_t i;

	ck_assert(!sts_fetch_type_ok(NULL) && !sts_fetch_type_ok(" text/plain"));
	str_fmt(path, sizeof path, "%s/mta-sts/content-type.json",
	    dir != NULL ? dir : "../shared/vectors");
	root = json_load_file(path, JSON_ALLOW_NUL, NULL);
	if (root == NULL) {
		printf("skipped: %s\n", path);
		return;
	}
	cases = json_object_get(root, "cases");
	json_array_foreach(cases, i, row)
		ck_assert_msg(sts_fetch_type_ok(json_string_value(json_object_get(row, "input"))) ==
		    json_is_true(json_object_get(row, "accept")), "%s",
		    json_string_value(json_object_get(row, "id")));
	json_decref(root);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sts_fetch");
	TCase *t = tcase_create("fetch"), *v = tcase_create("values");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_row, 0, LENGTH(rows));
	tcase_add_test(t, test_request);
	tcase_add_loop_test(t, test_refused, 0, LENGTH(refused));
	tcase_add_test(t, test_second_address);
	tcase_add_test(t, test_at_once);
	tcase_add_test(t, test_free_open);
	tcase_add_loop_test(t, test_no_ca, 0, 3);
	tcase_add_test(v, test_content_type);
	suite_add_tcase(s, t);
	suite_add_tcase(s, v);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
