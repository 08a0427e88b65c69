/* SPDX-License-Identifier: ISC */
/* check_mail_address: mailboxes, local parts, quoting, domains and queue ids. */
#include <arpa/inet.h>

#include "lib/base/list.h"
#include "lib/base/why.h"
#include "lib/mail/address.h"
#include "lib/mail/domain.h"
#include "tests/unit/mail_vectors.h"

#define LOCAL_MAX	64	/* the strict reading; see address.h */

static int
is_strict_mailbox(struct text t)
{
	struct mail_address a;

	return mail_address_parse(t.p, t.n, &a) == 0 && a.local_len <= LOCAL_MAX;
}

static void
check_file(const char *file, const char *verdict, int (*valid)(struct text))
{
	json_t *root = vectors_load(file), *row;
	struct text in;
	size_t i;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		if (vectors_disputed(row))
			continue;
		in = vectors_text(row, "input");
		ck_assert_msg(valid(in) == json_is_true(json_object_get(row, verdict)), "%s: %s",
		    vectors_id(row), in.p);
	}
	json_decref(root);
}

static int
is_local(struct text t)
{
	return mail_address_local_ok(t.p, t.n);
}

START_TEST(vectors_mailbox)
{
	check_file("address/mailbox.json", "valid", is_strict_mailbox);
	check_file("address/isemail.json", "rfc5321_mailbox", is_strict_mailbox);
	check_file("address/local-part.json", "valid", is_local);
}
END_TEST

START_TEST(vectors_idn)
{
	json_t *root = vectors_load("address/idn-to-ascii.json"), *row;
	char out[MAIL_DOMAIN_CAP];
	struct text in, want;
	struct why why;
	size_t i;
	int rc;

	if (root == NULL)
		return;
	VECTORS_EACH(root, i, row) {
		in = vectors_text(row, "input");
		want = vectors_text(row, "output");
		rc = mail_domain_to_ascii(in.p, in.n, out, &why);
		ck_assert_msg((rc == 0) == (want.p != NULL), "%s: %s", vectors_id(row), out);
		ck_assert_str_eq(out, want.p != NULL ? want.p : "");
		if (rc == -1)
			ck_assert_int_eq(why.reason, WHY_BAD_ADDRESS);
	}
	json_decref(root);
}
END_TEST

static const struct {
	const char	*in, *out;	/* NULL: refused */
} domains[] = {
	{ "B\xc3\xbc" "cher.Example", "xn--bcher-kva.example" },
	{ "BU\xcc\x88" "CHER.example", "xn--bcher-kva.example" },	/* decomposed */
	{ "fa\xc3\x9f.de", "xn--fa-hia.de" },				/* non-transitional */
	{ "XN--BCHER-KVA.example.", "xn--bcher-kva.example" },
	{ "a_b.example", "a_b.example" },
	{ "[192.0.2.1]", "[192.0.2.1]" },
	{ "[ipv6:2001:DB8:0:0::1]", "[IPv6:2001:db8::1]" },
	{ "[192.0.2]", NULL },
	{ "[x", NULL },
	{ ".", NULL },
	{ "a..b", NULL },
	{ "-a.example", NULL },
	{ "a-.example", NULL },
	{ "a b.example", NULL },
	{ "a/b.example", NULL },
	{ "a\xef\xbc\x8f" "b.example", NULL },		/* full-width slash */
	{ "\xff.example", NULL },
	{ "a\xe2\x80\xae" "b.example", NULL },		/* bidi override */
};

START_TEST(own_domains)
{
	char out[MAIL_DOMAIN_CAP];
	int rc = mail_domain_to_ascii(domains[_i].in, strlen(domains[_i].in), out, NULL);

	ck_assert_msg((rc == 0) == (domains[_i].out != NULL), "%s -> %s", domains[_i].in, out);
	if (rc == 0)
		ck_assert_str_eq(out, domains[_i].out);
}
END_TEST

START_TEST(domain_limits)
{
	char name[600], out[MAIL_DOMAIN_CAP];

	memset(name, 'a', sizeof name);
	for (size_t i = 63; i < sizeof name; i += 64)
		name[i] = '.';
	ck_assert_int_eq(mail_domain_to_ascii(name, 253, out, NULL), 0);
	ck_assert_int_eq(mail_domain_to_ascii(name, 254, out, NULL), -1);
	ck_assert_int_eq(mail_domain_to_ascii(name, sizeof name, out, NULL), -1);
	name[63] = 'a';
	ck_assert_int_eq(mail_domain_to_ascii(name, 100, out, NULL), -1);
	ck_assert_int_eq(mail_domain_to_ascii("a\0b", 3, out, NULL), -1);
}
END_TEST

START_TEST(parts)
{
	static const char quoted[] = "\"a@b\"@[IPv6:::1]";
	struct mail_address a;

	ck_assert_int_eq(mail_address_parse(quoted, strlen(quoted), &a), 0);
	ck_assert(a.quoted && a.literal && !a.utf8);
	ck_assert_uint_eq(a.local_len, 5);
	ck_assert_uint_eq(a.domain_len, 10);
	ck_assert_str_eq(mail_address_domain(quoted), "[IPv6:::1]");
	ck_assert_str_eq(mail_address_domain("Postmaster"), "");
	ck_assert_int_eq(mail_address_parse("a@\xc3\xa9.example", 12, &a), 0);
	ck_assert(a.utf8);
	/* C1 controls and broken UTF-8 are no characters. */
	ck_assert_int_eq(mail_address_parse("a\xc2\x85@b", 5, &a), -1);
	ck_assert_int_eq(mail_address_parse("a\xc3@b", 4, &a), -1);
	ck_assert_int_eq(mail_address_parse("a\xe2\x82@b", 5, &a), -1);
	ck_assert_int_eq(mail_address_parse("a\xed\xa0\x80@b", 6, &a), -1);
	ck_assert_int_eq(mail_address_parse("a\xc0\xae@b", 5, &a), -1);
	ck_assert_int_eq(mail_address_parse("", 0, &a), -1);
}
END_TEST

START_TEST(long_local_part)
{
	char text[400];
	struct mail_address a;

	memset(text, 'v', sizeof text);
	memcpy(text + 150, "@b.example", 10);
	ck_assert_int_eq(mail_address_parse(text, 160, &a), 0);
	memset(text, 'v', sizeof text);
	memcpy(text + 244, "@b.example", 10);
	ck_assert_int_eq(mail_address_parse(text, MAIL_ADDRESS_MAX, &a), 0);
	memset(text, 'v', sizeof text);
	memcpy(text + 245, "@b.example", 10);
	ck_assert_int_eq(mail_address_parse(text, MAIL_ADDRESS_MAX + 1, &a), -1);
}
END_TEST

START_TEST(literals)
{
	uint8_t ip[16];
	int family;

	ck_assert_int_eq(mail_address_literal("[192.0.2.1]", 11, &family, ip), 0);
	ck_assert_int_eq(family, AF_INET);
	ck_assert_int_eq(ip[3], 1);
	ck_assert_int_eq(mail_address_literal("[IPv6:::1]", 10, &family, ip), 0);
	ck_assert_int_eq(family, AF_INET6);
	ck_assert_int_eq(mail_address_literal("[]", 2, &family, ip), -1);
	ck_assert_int_eq(mail_address_literal("[1.2.3.4", 8, &family, ip), -1);
	ck_assert_int_eq(mail_address_literal("[1.2.3.4\0]", 10, &family, ip), -1);
	ck_assert_int_eq(mail_address_literal("[tag:x]", 7, &family, ip), -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mail_address");
	TCase *tc = tcase_create("address");

	tcase_add_test(tc, vectors_mailbox);
	tcase_add_test(tc, vectors_idn);
	tcase_add_loop_test(tc, own_domains, 0, LENGTH(domains));
	tcase_add_test(tc, domain_limits);
	tcase_add_test(tc, parts);
	tcase_add_test(tc, long_local_part);
	tcase_add_test(tc, literals);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
