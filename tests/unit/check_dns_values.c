/* SPDX-License-Identifier: ISC */
/* check_dns_values: names, addresses, refused ranges, TLSA records, hostile messages. */
#include <check.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/dns/answer.h"
#include "lib/dns/name.h"
#include "lib/dns/range.h"
#include "lib/dns/rr.h"
#include "lib/dns/tlsa.h"

#define L63	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253	L63 "." L63 "." L63 "." "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char	*in, *out;	/* out NULL: refused */
} names[] = {
	{ "example.com", "example.com" }, { "EXAMPLE.Com.", "example.com" }, { "a", "a" },
	{ "_25._tcp.mx-1.example", "_25._tcp.mx-1.example" }, { "xn--aca-6ma.com", "xn--aca-6ma.com" },
	{ L63 ".a", L63 ".a" }, { N253, N253 }, { N253 ".", N253 },
	{ "", NULL }, { ".", NULL }, { "..", NULL }, { "a..b", NULL }, { ".a", NULL }, { "a.b..", NULL },
	{ "a b", NULL }, { "a\tb", NULL }, { "*.a", NULL }, { "a/b", NULL }, { "a\\.b", NULL },
	{ "\xc3\xb1" "aca.com", NULL }, { "a@b", NULL }, { L63 "a.b", NULL }, { N253 "a", NULL },
	{ "[192.0.2.1]", NULL }, { "a:25", NULL },
};

START_TEST(test_name)
{
	char to[DNS_NAME_MAX];
	int ok = dns_name_normalize(names[_i].in, strlen(names[_i].in), to) == 0;

	ck_assert_msg(ok == (names[_i].out != NULL), "%s", names[_i].in);
	ck_assert_str_eq(to, ok ? names[_i].out : "");
}
END_TEST

START_TEST(test_name_parts)
{
	char to[DNS_NAME_MAX];

	ck_assert_int_eq(dns_name_normalize("a\0b", 3, to), -1);
	ck_assert_int_eq(dns_name_prefix("_mta-sts", "example.com", to), 0);
	ck_assert_str_eq(to, "_mta-sts.example.com");
	ck_assert_int_eq(dns_name_prefix("_mta-sts", N253, to), -1);
	ck_assert_int_eq(dns_name_prefix("_mta-sts", "", to), -1);
	ck_assert_int_eq(dns_name_from_wire("\3www\7EXAMPLE\0", 13, to), 0);
	ck_assert_str_eq(to, "www.example");
	ck_assert_int_eq(dns_name_from_wire("\0", 1, to), 0);
	ck_assert_str_eq(to, "");
	ck_assert_int_eq(dns_name_from_wire("", 0, to), -1);
	ck_assert_int_eq(dns_name_from_wire("\3www", 4, to), -1);
	ck_assert_int_eq(dns_name_from_wire("\3ww", 3, to), -1);
	ck_assert_int_eq(dns_name_from_wire("\3w.w\0", 5, to), -1);
	ck_assert_int_eq(dns_name_from_wire("\3www\0x", 6, to), -1);
	ck_assert_int_eq(dns_name_from_wire("\xc0\x0c", 2, to), -1);
}
END_TEST

static const struct {
	const char	*address;
	int		 mx, fetch;	/* 1: refused */
} ranges[] = {
	{ "8.8.8.8", 0, 0 }, { "2a00::1", 0, 0 }, { "192.88.98.1", 0, 0 }, { "172.32.0.1", 0, 0 },
	{ "172.15.255.255", 0, 0 }, { "100.128.0.1", 0, 0 }, { "11.0.0.1", 0, 0 },
	{ "223.255.255.255", 0, 0 }, { "::ffff:8.8.8.8", 0, 0 }, { "64:ff9b::8.8.8.8", 0, 0 },
	{ "127.0.0.1", 1, 1 }, { "127.255.255.255", 1, 1 }, { "0.0.0.0", 1, 1 }, { "0.1.2.3", 1, 1 },
	{ "169.254.169.254", 1, 1 }, { "224.0.0.1", 1, 1 }, { "239.1.1.1", 1, 1 },
	{ "255.255.255.255", 1, 1 }, { "240.0.0.1", 1, 1 },
	{ "10.0.0.1", 0, 1 }, { "172.16.0.1", 0, 1 }, { "172.31.255.255", 0, 1 },
	{ "192.168.0.1", 0, 1 }, { "100.64.0.1", 0, 1 }, { "100.127.255.255", 0, 1 },
	{ "192.0.2.1", 0, 1 }, { "198.51.100.1", 0, 1 }, { "203.0.113.1", 0, 1 },
	{ "198.18.0.1", 0, 1 }, { "198.19.255.255", 0, 1 }, { "192.0.0.8", 0, 1 },
	{ "::1", 1, 1 }, { "::", 1, 1 }, { "fe80::1", 1, 1 }, { "febf::1", 1, 1 }, { "fec0::1", 1, 1 },
	{ "ff02::1", 1, 1 }, { "fc00::1", 0, 1 }, { "fd12::1", 0, 1 }, { "2001:db8::1", 0, 1 },
	{ "3fff::1", 0, 1 }, { "100::1", 0, 1 },
	{ "::ffff:127.0.0.1", 1, 1 }, { "::ffff:10.0.0.1", 0, 1 }, { "::127.0.0.1", 1, 1 },
	{ "64:ff9b::127.0.0.1", 1, 1 }, { "64:ff9b::10.0.0.1", 0, 1 }, { "64:ff9b:1::127.0.0.1", 1, 1 },
	{ "2002:7f00:1::1", 1, 1 }, { "2002:a00:1::1", 0, 1 }, { "2002:808:808::1", 0, 0 },
	{ "2001:0:1:2:3:4:80ff:fffe", 1, 1 },	/* Teredo, 127.0.0.1 inverted */
	{ "::ffff:169.254.169.254", 1, 1 },
};

START_TEST(test_range)
{
	struct dns_address a;
	struct why why;

	ck_assert_int_eq(dns_address_parse(ranges[_i].address, &a), 0);
	ck_assert_msg((dns_range_check(NULL, DNS_RANGE_MX, &a, NULL) == -1) == ranges[_i].mx, "%s",
	    ranges[_i].address);
	ck_assert_msg((dns_range_check(NULL, DNS_RANGE_FETCH, &a, &why) == -1) == ranges[_i].fetch,
	    "%s", ranges[_i].address);
	if (ranges[_i].fetch)
		ck_assert_str_eq(why_token(why.reason), "address-refused");
}
END_TEST

START_TEST(test_range_lists)
{
	static const char *const bad[] = { "", "a", "10.0.0.0/33", "::1/129", "1.2.3.4/", "1.2.3/8",
	    "1.2.3.4/-1", "1.2.3.4/8 " };
	struct dns_range *r = dns_range_new();
	struct dns_address a;
	struct why why;
	size_t i;

	for (i = 0; i < LENGTH(bad); i++)
		ck_assert_msg(dns_range_allow(r, bad[i], &why) == -1, "%s", bad[i]);
	ck_assert_int_eq(dns_range_allow(r, "127.0.0.0/8", NULL), 0);
	ck_assert_int_eq(dns_range_allow(r, "::1", NULL), 0);
	dns_address_parse("127.1.2.3", &a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_FETCH, &a, NULL), 0);
	dns_address_parse("::1", &a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_FETCH, &a, NULL), 0);
	dns_address_parse("::ffff:127.0.0.1", &a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_FETCH, &a, NULL), 0);
	dns_address_parse("::2", &a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_FETCH, &a, NULL), -1);
	dns_address_parse("8.8.4.4", &a);
	dns_range_own(r, &a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_MX, &a, &why), -1);
	dns_address_parse("::ffff:8.8.4.4", &a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_MX, &a, &why), -1);
	memset(&a, 0, sizeof a);
	ck_assert_int_eq(dns_range_check(r, DNS_RANGE_MX, &a, &why), -1);
	dns_range_free(&r);
	dns_range_free(&r);
}
END_TEST

static const struct {
	const char	*address;
	uint16_t	 port;
	int		 ours;
} met[] = {
	{ "192.0.2.1", 25, 1 }, { "192.0.2.1", 26, 0 }, { "192.0.2.2", 25, 0 },
	{ "::ffff:192.0.2.1", 25, 1 }, { "127.0.0.1", 25, 0 }, { "2001:db8::1", 25, 0 },
	/* 0.0.0.0:2525: every IPv4 address of this machine */
	{ "198.51.100.7", 2525, 1 }, { "127.1.2.3", 2525, 1 }, { "198.51.100.8", 2525, 0 },
	{ "0.0.0.0", 2525, 1 }, { "::ffff:127.0.0.1", 2525, 1 }, { "::1", 2525, 0 },
	/* [::]:465 */
	{ "2001:db8::7", 465, 1 }, { "::1", 465, 1 }, { "::", 465, 1 }, { "::2", 465, 0 },
	{ "127.0.0.1", 465, 0 }, { "198.51.100.7", 465, 0 }, { "::ffff:198.51.100.7", 465, 0 },
};

START_TEST(test_range_ours)
{
	static const struct { const char *at; uint16_t port; } listeners[] = {
		{ "192.0.2.1", 25 }, { "0.0.0.0", 2525 }, { "::", 465 },
	};
	struct dns_range *r = dns_range_new();
	struct dns_address a;

	ck_assert_int_eq(dns_range_allow(r, "0.0.0.0/0", NULL), 0);
	ck_assert_int_eq(dns_range_allow(r, "::/0", NULL), 0);
	for (size_t i = 0; i < LENGTH(listeners); i++) {
		dns_address_parse(listeners[i].at, &a);
		dns_range_listens(r, &a, listeners[i].port);
	}
	dns_address_parse("198.51.100.7", &a);
	dns_range_own(r, &a);
	dns_address_parse("2001:db8::7", &a);
	dns_range_own(r, &a);
	dns_address_parse(met[_i].address, &a);
	ck_assert_msg(dns_range_is_ours(r, &a, met[_i].port) == met[_i].ours, "%s:%u",
	    met[_i].address, met[_i].port);
	ck_assert_int_eq(dns_range_is_ours(NULL, &a, met[_i].port), 0);
	dns_range_free(&r);
}
END_TEST

START_TEST(test_address)
{
	struct sockaddr_storage ss;
	struct dns_address a;
	char text[INET6_ADDRSTRLEN];

	ck_assert_int_eq(dns_address_parse("192.0.2.1", &a), 0);
	dns_address_print(&a, text, sizeof text);
	ck_assert_str_eq(text, "192.0.2.1");
	ck_assert_uint_eq(dns_address_sockaddr(&a, 25, &ss), sizeof(struct sockaddr_in));
	ck_assert_uint_eq(ntohs(((struct sockaddr_in *)&ss)->sin_port), 25);
	ck_assert_int_eq(dns_address_parse("2001:DB8::1", &a), 0);
	dns_address_print(&a, text, sizeof text);
	ck_assert_str_eq(text, "2001:db8::1");
	ck_assert_uint_eq(dns_address_sockaddr(&a, 25, &ss), sizeof(struct sockaddr_in6));
	ck_assert_int_eq(dns_address_parse("1.2.3", &a), -1);
	ck_assert_int_eq(dns_address_parse("", &a), -1);
	ck_assert_int_eq(dns_address_parse("01.2.3.4", &a), -1);
	ck_assert_int_eq(dns_address_parse("[::1]", &a), -1);
}
END_TEST

START_TEST(test_tlsa_vectors)
{
	const char *dir = getenv("VECTORS"), *hex, *expect;
	char path[512];
	json_t *root, *row;
	uint8_t data[70000];
	size_t i, j, n;

	str_fmt(path, sizeof path, "%s/dane-openssl/tlsa-rdata.json",
	    dir != NULL ? dir : "../shared/vectors");
	root = json_load_file(path, 0, NULL);
	if (root == NULL)
		printf("skipped: %s\n", path);
	json_array_foreach(json_object_get(root, "cases"), i, row) {
		struct dns_tlsa_set set = { NULL, 0 };

		hex = json_string_value(json_object_get(row, "hex"));
		expect = json_string_value(json_object_get(row, "expect"));
		if (hex == NULL || (n = strlen(hex) / 2) < 3)
			continue;
		for (j = 0; j < n; j++) {
			unsigned byte;

			ck_assert_int_eq(sscanf(hex + 2 * j, "%2x", &byte), 1);
			data[j] = (uint8_t)byte;
		}
		dns_tlsa_set_add(&set, data[0], data[1], data[2], data + 3, n - 3);
		ck_assert_msg(dns_tlsa_usable(&set.rr[0]) == (strncmp(expect, "usable", 6) == 0 ||
		    strncmp(expect, "bounded work: 1 000", 19) == 0 ||
		    strncmp(expect, "one of each", 11) == 0), "%s: %s",
		    json_string_value(json_object_get(row, "id")), expect);
		dns_tlsa_set_fini(&set);
	}
	json_decref(root);
}
END_TEST

/* D20: full data is what its selector says, all of it, and nothing behind it. */
START_TEST(test_tlsa_full)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	unsigned char *cert = NULL, *spki = NULL, more[4096];
	int ncert, nspki;
	size_t i;

	X509_set_version(x, 2);
	X509_set_pubkey(x, key);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 10);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	ncert = i2d_X509(x, &cert);
	nspki = i2d_PUBKEY(key, &spki);
	const struct {
		uint8_t		 selector;
		unsigned char	*data;
		int		 len, ok;
	} rows[] = {
		{ 0, cert, ncert, 1 }, { 1, spki, nspki, 1 }, { 0, spki, nspki, 0 },
		{ 1, cert, ncert, 0 }, { 0, cert, ncert - 1, 0 }, { 1, spki, nspki - 1, 0 },
		{ 0, cert, 0, 0 }, { 1, more, nspki + 1, 0 },
	};
	memcpy(more, spki, (size_t)nspki);
	more[nspki] = 0;
	for (i = 0; i < LENGTH(rows); i++) {
		struct dns_tlsa_set set = { NULL, 0 }, copy;

		dns_tlsa_set_add(&set, 3, rows[i].selector, 0, rows[i].data, (size_t)rows[i].len);
		ck_assert_int_eq(dns_tlsa_usable(&set.rr[0]), rows[i].ok);
		set.rr[0].usage = 2;
		ck_assert_int_eq(dns_tlsa_usable(&set.rr[0]), rows[i].ok);
		set.rr[0].usage = 1;
		ck_assert_int_eq(dns_tlsa_usable(&set.rr[0]), 0);
		dns_tlsa_set_copy(&copy, &set);
		ck_assert(copy.n == 1 && copy.rr[0].len == rows[i].len);
		dns_tlsa_set_fini(&copy);
		dns_tlsa_set_fini(&set);
	}
	OPENSSL_free(cert);
	OPENSSL_free(spki);
	X509_free(x);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_tlsa_print)
{
	struct dns_tlsa_set set = { NULL, 0 };
	char text[32], small[11];

	dns_tlsa_set_add(&set, 3, 1, 1, "\x0a\x1b\xff", 3);
	dns_tlsa_print(&set.rr[0], text, sizeof text);
	ck_assert_str_eq(text, "3 1 1 0a1bff");
	dns_tlsa_print(&set.rr[0], small, sizeof small);
	ck_assert_str_eq(small, "3 1 1 0a1b");
	dns_tlsa_print(&set.rr[0], small, 1);
	ck_assert_str_eq(small, "");
	dns_tlsa_set_fini(&set);
}
END_TEST

/* Every cut of a message is a failure or the same kind of answer, never a crash. */
/* Only a signed denial proves that there is no DANE. */
static const struct {
	enum dns_status	status;
	int		secure;
	enum dns_status	result;
	int		denied;
} denials[] = {
	{ DNS_NODATA, 1, DNS_NODATA, 1 }, { DNS_NXDOMAIN, 1, DNS_NODATA, 1 },
	{ DNS_NODATA, 0, DNS_NODATA, 0 }, { DNS_NXDOMAIN, 0, DNS_NODATA, 0 },
	{ DNS_FOUND, 0, DNS_NODATA, 0 }, { DNS_FOUND, 1, DNS_FOUND, 0 },
	{ DNS_FAILED, 0, DNS_FAILED, 0 }, { DNS_BOGUS, 0, DNS_BOGUS, 0 },
};

START_TEST(test_tlsa_denied)
{
	struct dns_answer a = { .status = denials[_i].status, .secure = denials[_i].secure };
	struct dns_tlsa_result t;

	dns_tlsa_parse(&t, "mx.example", &a);
	ck_assert_int_eq(t.status, denials[_i].result);
	ck_assert_int_eq(t.denied, denials[_i].denied);
	dns_tlsa_result_fini(&t);
}
END_TEST

START_TEST(test_cut_message)
{
	static const uint8_t wire[] =
	    "\0\1\x81\x80\0\1\0\1\0\0\0\0\3www\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\1";
	struct dns_answer a;
	size_t n;

	for (n = 0; n < sizeof wire; n++) {
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, wire, n);
		dns_answer_parse(&a, "www.a", 1, copy, n, 1);
		ck_assert_int_eq(a.status == DNS_FOUND, n == sizeof wire - 1);
		ck_assert_int_eq(why_is_set(&a.why), a.status == DNS_FAILED);
		dns_answer_fini(&a);
		free(copy);
	}
	dns_answer_parse(&a, "www.a", 1, wire, sizeof wire - 1, 1);
	ck_assert(a.nrr == 1 && a.rr[0].len == 4 && a.secure && a.ttl == 5);
	dns_answer_fini(&a);
	dns_answer_parse(&a, "www.b", 1, wire, sizeof wire - 1, 1);
	ck_assert(a.status == DNS_NODATA && a.ttl == 0);	/* not what was asked for */
	dns_answer_fini(&a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dns_values");
	TCase *t = tcase_create("values");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, test_name, 0, LENGTH(names));
	tcase_add_test(t, test_name_parts);
	tcase_add_loop_test(t, test_range, 0, LENGTH(ranges));
	tcase_add_test(t, test_range_lists);
	tcase_add_loop_test(t, test_range_ours, 0, LENGTH(met));
	tcase_add_test(t, test_address);
	tcase_add_test(t, test_tlsa_vectors);
	tcase_add_test(t, test_tlsa_full);
	tcase_add_test(t, test_tlsa_print);
	tcase_add_loop_test(t, test_tlsa_denied, 0, LENGTH(denials));
	tcase_add_test(t, test_cut_message);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
