/* SPDX-License-Identifier: ISC */
/* Evidence and questions on the wire: round trip, every truncation, every bit, every limit. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/ipc/ipc.h"

static struct plan_evidence full;
static struct buf wire;

static void
fill_host(struct plan_host *h, const char *name, uint16_t preference)
{
	static const uint8_t digest[32] = { 1, 2, 3 };

	str_copy(h->name, name, sizeof h->name);
	h->preference = preference;
	h->addresses_state = PLAN_ADDRESSES_FOUND;
	h->addresses_secure = 1;
	h->naddresses = 2;
	h->addresses[0] = (struct dns_address){ AF_INET, { 192, 0, 2, 1 } };
	h->addresses[1] = (struct dns_address){ AF_INET6, { 0x20, 1, 0xd, 0xb8, [15] = 9 } };
	h->tlsa_state = PLAN_TLSA_SECURE;
	str_copy(h->tlsa_base, name, sizeof h->tlsa_base);
	dns_tlsa_set_add(&h->tlsa, 3, 1, 1, digest, sizeof digest);
	dns_tlsa_set_add(&h->tlsa, 255, 255, 255, "", 0);
	h->tlsa_denied = 1;
	h->past = (struct plan_past){ PLAN_DANE, 1800000000, 7 };
	why_set(&h->why, WHY_TLSA_LOOKUP, "said \\ and \x01%s", "\xc3\xa9");
}

static void
set_up(void)
{
	memset(&full, 0, sizeof full);
	str_copy(full.domain, "example.com", sizeof full.domain);
	full.mx = PLAN_MX_FOUND;
	full.mx_secure = 1;
	str_copy(full.canonical, "canon.example.net", sizeof full.canonical);
	full.nhosts = 2;
	full.hosts = calloc(2, sizeof *full.hosts);
	fill_host(&full.hosts[0], "mx1.example.com", 10);
	fill_host(&full.hosts[1], "mx2.example.com", 65535);
	full.sts.state = PLAN_STS_ENFORCE;
	str_copy(full.sts.id, "20260101", sizeof full.sts.id);
	full.sts.npatterns = 1;
	full.sts.patterns = calloc(1, sizeof *full.sts.patterns);
	str_copy(full.sts.patterns[0], "*.example.com", sizeof full.sts.patterns[0]);
	full.sts.withdrawn = 1;
	full.sts.from_cache = 1;
	full.past_known = 1;
	full.past_sts = (struct plan_past){ PLAN_STS, 1600000000, 3 };
	full.past = (struct plan_past){ PLAN_STS, 1700000000, UINT32_MAX };
	full.sts.expires = INT64_MAX;
	why_clear(&full.sts.why);
	why_clear(&full.why);
	full.ttl = UINT32_MAX;
	buf_init(&wire);
	ipc_evidence_put(&wire, &full);
}

static void
tear_down(void)
{
	plan_evidence_fini(&full);
	buf_fini(&wire);
}

static int
get(const void *data, size_t n)
{
	struct plan_evidence e;
	uint8_t *copy = malloc(n ? n : 1);	/* exact, so that a sanitizer sees the first byte too far */
	int rc;

	if (n > 0)
		memcpy(copy, data, n);
	rc = ipc_evidence_get(copy, n, &e);
	free(copy);
	plan_evidence_fini(&e);			/* also fine behind a refusal */
	return rc;
}

static int
get_evidence(const struct plan_evidence *e)
{
	struct buf b;
	int rc;

	buf_init(&b);
	ipc_evidence_put(&b, e);
	rc = get(buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return rc;
}

START_TEST(round_trip)
{
	struct plan_evidence e;
	struct buf again;

	ck_assert_int_eq(ipc_evidence_get(buf_data(&wire), buf_len(&wire), &e), 0);
	ck_assert_str_eq(e.hosts[1].name, "mx2.example.com");
	ck_assert_uint_eq(e.hosts[0].tlsa.n, 2);
	ck_assert_int_eq(e.hosts[0].addresses[1].ip[15], 9);
	ck_assert_str_eq(e.hosts[0].why.text, full.hosts[0].why.text);
	ck_assert_int_eq((int)e.hosts[0].why.reason, WHY_TLSA_LOOKUP);
	ck_assert_str_eq(e.sts.patterns[0], "*.example.com");
	ck_assert(e.hosts[1].tlsa_denied && e.sts.withdrawn && e.past_known);
	ck_assert(e.hosts[0].past.level == PLAN_DANE && e.hosts[0].past.last == 1800000000 &&
	    e.hosts[0].past.count == 7);
	ck_assert(e.past_sts.level == PLAN_STS && e.past_sts.last == 1600000000);
	ck_assert(e.past.level == PLAN_STS && e.past.count == UINT32_MAX);
	ck_assert(e.sts.expires == INT64_MAX && e.ttl == UINT32_MAX);
	buf_init(&again);
	ipc_evidence_put(&again, &e);
	ck_assert_uint_eq(buf_len(&again), buf_len(&wire));
	ck_assert_int_eq(memcmp(buf_data(&again), buf_data(&wire), buf_len(&wire)), 0);
	buf_fini(&again);
	plan_evidence_fini(&e);
}
END_TEST

START_TEST(every_truncation)
{
	for (size_t n = 0; n < buf_len(&wire); n++)
		if (get(buf_data(&wire), n) == 0)
			ck_abort_msg("%zu of %zu bytes were taken", n, buf_len(&wire));
	buf_addc(&wire, 0);
	ck_assert_int_eq(get(buf_data(&wire), buf_len(&wire)), -1);
}
END_TEST

/* A flipped bit is refused, or what comes out can be written and read again. */
START_TEST(every_bit)
{
	for (size_t bit = 0; bit < 8 * buf_len(&wire); bit++) {
		struct plan_evidence e;
		char *octet = buf_data(&wire) + bit / 8;

		*octet = (char)(*octet ^ (1 << bit % 8));
		if (ipc_evidence_get(buf_data(&wire), buf_len(&wire), &e) == 0) {
			if (get_evidence(&e) != 0)
				ck_abort_msg("bit %zu does not survive", bit);
			plan_evidence_fini(&e);
		}
		*octet = (char)(*octet ^ (1 << bit % 8));
	}
}
END_TEST

static const struct { const char *name; int ok; } names[] = {
	{ "mx.example.com", 1 }, { "_a.example.com", 1 },
	{ "MX.example.com", 0 }, { "mx.example.com.", 0 }, { "", 0 }, { "mx example", 0 },
	{ "mx\nexample", 0 }, { "[192.0.2.1]", 0 }, { "mx..example", 0 }, { "m\x80x", 0 },
};

START_TEST(host_names)
{
	str_copy(full.hosts[0].name, names[_i].name, sizeof full.hosts[0].name);
	ck_assert_int_eq(get_evidence(&full), names[_i].ok ? 0 : -1);
}
END_TEST

START_TEST(literals)
{
	str_copy(full.domain, "[192.0.2.1]", sizeof full.domain);
	str_copy(full.hosts[0].name, "[192.0.2.1]", sizeof full.hosts[0].name);
	ck_assert_int_eq(get_evidence(&full), 0);
	str_copy(full.hosts[0].name, "[192.0.2.2]", sizeof full.hosts[0].name);
	ck_assert_int_eq(get_evidence(&full), -1);
}
END_TEST

/* A next hop may be an address, whatever the domain; else it is a host name as ever. */
START_TEST(next_hops)
{
	full.mx = PLAN_MX_ROUTE;
	ck_assert_int_eq(get_evidence(&full), 0);
	str_copy(full.hosts[0].name, "[IPv6:2001:db8::1]", sizeof full.hosts[0].name);
	ck_assert_int_eq(get_evidence(&full), 0);
	str_copy(full.hosts[0].name, "[192.0.2.256]", sizeof full.hosts[0].name);
	ck_assert_int_eq(get_evidence(&full), -1);
	str_copy(full.hosts[0].name, "MX.example", sizeof full.hosts[0].name);
	ck_assert_int_eq(get_evidence(&full), -1);
}
END_TEST

START_TEST(unshowable_text)
{
	str_copy(full.why.text, "a\nb", sizeof full.why.text);
	full.why.reason = WHY_DNS_FAILURE;
	ck_assert_int_eq(get_evidence(&full), -1);
	str_copy(full.why.text, "a\x1b[2J", sizeof full.why.text);
	ck_assert_int_eq(get_evidence(&full), -1);
	str_copy(full.why.text, "a\\x1b[2J", sizeof full.why.text);
	ck_assert_int_eq(get_evidence(&full), 0);
}
END_TEST

/* The counts one by one above what they may be. */
START_TEST(too_many)
{
	struct plan_evidence e = { .mx = PLAN_MX_FOUND };

	str_copy(e.domain, "example.com", sizeof e.domain);
	e.hosts = calloc(PLAN_HOSTS_MAX + 1, sizeof *e.hosts);
	for (e.nhosts = 0; e.nhosts <= PLAN_HOSTS_MAX; e.nhosts++)
		str_copy(e.hosts[e.nhosts].name, "a.example", sizeof e.hosts[0].name);
	ck_assert_int_eq(get_evidence(&e), -1);
	e.nhosts--;
	ck_assert_int_eq(get_evidence(&e), 0);
	for (int i = 0; i < DNS_TLSA_MAX; i++)
		dns_tlsa_set_add(&e.hosts[0].tlsa, 3, 1, 1, "x", 1);
	ck_assert_int_eq(get_evidence(&e), 0);
	dns_tlsa_set_add(&e.hosts[0].tlsa, 3, 1, 1, "x", 1);
	ck_assert_int_eq(get_evidence(&e), -1);
	plan_evidence_fini(&e);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ipc_evidence");
	TCase *tc = tcase_create("evidence");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, every_truncation);
	tcase_add_test(tc, every_bit);
	tcase_add_loop_test(tc, host_names, 0, (int)LENGTH(names));
	tcase_add_test(tc, literals);
	tcase_add_test(tc, next_hops);
	tcase_add_test(tc, unshowable_text);
	tcase_add_test(tc, too_many);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
