/* SPDX-License-Identifier: ISC */
/* Requests of a monitoring system, and of those who only pretend to be one. */
#include "lib/meter/http.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/bug.h"

static const struct { const char *text; enum meter_http what; } requests[] = {
	{ "", METER_HTTP_MORE },
	{ "G", METER_HTTP_MORE },
	{ "GET /metrics HTTP/1.1\r\n", METER_HTTP_MORE },
	{ "GET /metrics HTTP/1.1\r\nHost: x\r\n", METER_HTTP_MORE },
	{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", METER_HTTP_METRICS },
	{ "GET /metrics HTTP/1.0\r\n\r\n", METER_HTTP_METRICS },
	{ "GET /metrics HTTP/1.1\n\n", METER_HTTP_METRICS },
	{ "GET /metrics?a=b&c HTTP/1.1\r\nHost: x\r\n\r\nmore", METER_HTTP_METRICS },
	{ "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", METER_HTTP_HEALTH },
	{ "GET / HTTP/1.1\r\n\r\n", METER_HTTP_NOT_FOUND },
	{ "GET /metrics/ HTTP/1.1\r\n\r\n", METER_HTTP_NOT_FOUND },
	{ "GET /metric HTTP/1.1\r\n\r\n", METER_HTTP_NOT_FOUND },
	{ "GET /%6detrics HTTP/1.1\r\n\r\n", METER_HTTP_NOT_FOUND },
	{ "GET http://x/metrics HTTP/1.1\r\n\r\n", METER_HTTP_NOT_FOUND },
	{ "GET /../metrics HTTP/1.1\r\n\r\n", METER_HTTP_NOT_FOUND },
	{ "HEAD /metrics HTTP/1.1\r\n\r\n", METER_HTTP_METHOD },
	{ "get /metrics HTTP/1.1\r\n\r\n", METER_HTTP_METHOD },
	{ "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", METER_HTTP_METHOD },
	{ "POST /metrics HTTP/1.1\r\n", METER_HTTP_MORE },
	{ "GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\ncontent-length: 0\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\nno field\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\n folded: x\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1\r\n: x\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/2.0\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics HTTP/1.1 \r\n\r\n", METER_HTTP_BAD },
	{ "GET  /metrics HTTP/1.1\r\n\r\n", METER_HTTP_BAD },
	{ "GET /metrics\r\n\r\n", METER_HTTP_BAD },
	{ " GET /metrics HTTP/1.1\r\n\r\n", METER_HTTP_BAD },
	{ "GET /met\trics HTTP/1.1\r\n\r\n", METER_HTTP_BAD },
	{ "\r\n", METER_HTTP_BAD },
	{ "EHLO client.test\r\n", METER_HTTP_BAD },
	{ "\x16\x03\x01\n", METER_HTTP_BAD },
};

START_TEST(request)
{
	/* A copy of its length, for the sanitizer. */
	size_t n = strlen(requests[_i].text);
	char *p = malloc(n);

	if (n > 0)
		memcpy(p, requests[_i].text, n);
	ck_assert_int_eq(meter_http_request(p, n), requests[_i].what);
	free(p);
}
END_TEST

/* A verdict, once there is one, is the same with every octet that comes behind. */
START_TEST(in_pieces)
{
	const char *text = requests[_i].text;
	enum meter_http what = METER_HTTP_MORE;

	for (size_t n = 0; n <= strlen(text) && what == METER_HTTP_MORE; n++)
		what = meter_http_request(text, n);
	ck_assert_int_eq(what, requests[_i].what);
}
END_TEST

START_TEST(too_big)
{
	static char big[3 * METER_HTTP_MAX];
	static const char begin[] = "GET /metrics HTTP/1.1\r\nA: ";

	memset(big, 'a', sizeof big);
	ck_assert_int_eq(meter_http_request(big, METER_HTTP_MAX - 1), METER_HTTP_MORE);
	ck_assert_int_eq(meter_http_request(big, METER_HTTP_MAX), METER_HTTP_TOO_BIG);
	memcpy(big, begin, sizeof begin - 1);
	ck_assert_int_eq(meter_http_request(big, METER_HTTP_MAX), METER_HTTP_TOO_BIG);
	memcpy(big + METER_HTTP_MAX, "\r\n\r\n", 4);
	ck_assert_int_eq(meter_http_request(big, sizeof big), METER_HTTP_TOO_BIG);
	memcpy(big + METER_HTTP_MAX - 4, "\r\n\r\n", 4);
	ck_assert_int_eq(meter_http_request(big, sizeof big), METER_HTTP_METRICS);
}
END_TEST

START_TEST(a_nul_is_not_the_end)
{
	static const char in_method[] = "GE\0T /metrics HTTP/1.1\r\n\r\n";
	static const char in_field[] = "GET /metrics HTTP/1.1\r\nA\0: b\r\n\r\n";

	ck_assert_int_eq(meter_http_request(in_method, sizeof in_method - 1), METER_HTTP_BAD);
	ck_assert_int_eq(meter_http_request(in_field, sizeof in_field - 1), METER_HTTP_BAD);
}
END_TEST

START_TEST(answer)
{
	struct buf b;

	buf_init(&b);
	meter_http_answer(&b, 405, "x\n", 2);
	ck_assert_str_eq(buf_str(&b), "HTTP/1.1 405 Method Not Allowed\r\n"
	    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 2\r\n"
	    "Cache-Control: no-store\r\nConnection: close\r\nAllow: GET\r\n\r\nx\n");
	buf_clear(&b);
	meter_http_answer(&b, 200, "", 0);
	ck_assert_ptr_nonnull(strstr(buf_str(&b), "HTTP/1.1 200 OK\r\n"));
	ck_assert_ptr_null(strstr(buf_str(&b), "Allow"));
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	const int n = (int)(sizeof requests / sizeof requests[0]);
	Suite *s = suite_create("meter_http");
	TCase *t = tcase_create("http");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, request, 0, n);
	tcase_add_loop_test(t, in_pieces, 0, n);
	tcase_add_test(t, too_big);
	tcase_add_test(t, a_nul_is_not_the_end);
	tcase_add_test(t, answer);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
