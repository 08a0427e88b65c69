/* SPDX-License-Identifier: ISC */
/*
 * REQUIRETLS: the gate, exhaustively, against an independent statement of what
 * RFC 8689 s4.2.1 asks; where a name is proven; how a walk ends.
 */
#include "lib/plan/requiretls.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/admit.h"
#include "lib/plan/decide.h"

/* ---- the gate ---- */

/* Each of these true or false; the level, its flags and what excuses it beside. */
enum { ENCRYPTED = 1, FRESH = 2, RECENT = 4, STRONG = 8, CHAIN = 16, NAME = 32, MATCHED = 64,
	OFFERED = 128, NAMED = 256, STS_KNOWN = 512, BITS = 1024 };

static const struct tls_facts *
facts_of(unsigned bits)
{
	static struct tls_facts f;

	memset(&f, 0, sizeof f);
	f.encrypted = (bits & ENCRYPTED) != 0;
	f.resumed = (bits & FRESH) == 0;
	f.weak = (bits & STRONG) == 0;
	f.version = bits & RECENT ? TLS_V1_2 : TLS_V1_1;
	f.pkix_chain = (bits & CHAIN) != 0;
	f.pkix_name = (bits & NAME) != 0;
	f.pkix_error = bits & CHAIN ? 0 : 20;
	f.dane_matched = (bits & MATCHED) != 0;
	f.dane_usable = 1;
	f.dane_error = bits & MATCHED ? 0 : 65;
	return &f;
}

/* One way to set a target up. */
struct setting {
	enum plan_verdict	verdict;
	enum plan_level		level;
	enum plan_proof		proof;
	int			sts, tlsa, trust, usable, excused;
};

static int
setting_next(struct setting *s, unsigned n)
{
	static const enum plan_verdict verdicts[] = { PLAN_GO, PLAN_DEFER, PLAN_REJECT };

#define PICK(count) (n % (unsigned)(count)); n /= (unsigned)(count)
	unsigned verdict = PICK(LENGTH(verdicts));
	unsigned level = PICK(PLAN_LEVELS);
	unsigned proof = PICK(PLAN_BY_MONITOR + 1);

	s->verdict = verdicts[verdict];
	s->level = (enum plan_level)level;
	s->proof = (enum plan_proof)proof;
	s->sts = (int)PICK(2);
	s->tlsa = (int)PICK(2);
	s->trust = (int)PICK(2);
	s->usable = (int)PICK(2);
	s->excused = (int)PICK(2);
	return n == 0;
}

static int
allowed(const struct setting *s, unsigned bits)
{
	unsigned need = ENCRYPTED | FRESH | RECENT | STRONG | OFFERED | NAMED;

	if (s->verdict != PLAN_GO || !s->usable || s->level == PLAN_NO_LEVEL)
		return 0;
	need |= s->tlsa ? MATCHED : CHAIN | NAME;
	need |= s->sts || s->trust ? CHAIN | NAME : 0;
	return (bits & need) == need;
}

/* What is told: the offer is missed last, and never an empty reason. */
static int
told_well(const struct why *why, const struct setting *s, unsigned bits)
{
	if (why->text[0] == '\0')
		return 0;
	if (why->reason == WHY_REQUIRETLS_UNSUPPORTED)
		return (bits & OFFERED) == 0 && allowed(s, bits | OFFERED);
	if (why->reason == WHY_POLICY_UNAVAILABLE)
		return (bits & (NAMED | STS_KNOWN)) == 0;
	return why->reason == WHY_REQUIRETLS_NO_TLS && strcmp(why->dsn, "5.7.10") == 0;
}

START_TEST(gate_exhaustively)
{
	unsigned long cells = 0, admitted = 0;
	struct setting s;

	for (unsigned n = 0; setting_next(&s, n); n++) {
		struct plan_target t = { .usable = s.usable, .requirement = { .level = s.level,
		    .proof = s.proof, .sts = s.sts, .tlsa = s.tlsa, .trust = s.trust } };
		struct plan p = { .verdict = s.verdict, .monitor = s.excused, .targets = &t,
		    .ntargets = 1 };

		t.requirement.want.min_version = TLS_V1_0;
		str_copy(t.requirement.exception, s.excused ? "EX-1" : "",
		    sizeof t.requirement.exception);
		for (unsigned bits = 0; bits < BITS; bits++) {
			struct why why;
			int got;

			t.named = (bits & NAMED) != 0;
			p.sts_state = bits & STS_KNOWN ? PLAN_STS_NONE : PLAN_STS_FAILED;
			got = plan_admits_requiretls(&p, &t, facts_of(bits), bits & OFFERED, &why);
			cells++;
			admitted += got == 0;
			if (got != (allowed(&s, bits) ? 0 : -1) ||
			    (got == 0 ? why_is_set(&why) : !told_well(&why, &s, bits)))
				ck_abort_msg("setting %u bits %x: %d %s", n, bits, got, why.text);
		}
	}
	fprintf(stderr, "requiretls gate: %lu cells, %lu admitted\n", cells, admitted);
	ck_assert(cells > 1000000 && admitted > 0);
}
END_TEST

/* ---- whose name is proven ---- */

static char patterns[1][DNS_NAME_MAX] = { "*.good.example" };

static const struct {
	const char		*host;
	enum plan_mx		 mx;
	int			 secure;
	enum plan_sts_state	 sts;
	int			 named;
	enum why_reason		 reason;	/* of plan_requiretls_name */
} names[] = {
	{ "mx.good.example", PLAN_MX_FOUND, 1, PLAN_STS_NONE, 1, WHY_NONE },
	{ "mx.else.example", PLAN_MX_FOUND, 1, PLAN_STS_FAILED, 1, WHY_NONE },
	{ "mx.good.example", PLAN_MX_FOUND, 0, PLAN_STS_ENFORCE, 1, WHY_NONE },
	{ "mx.good.example", PLAN_MX_FOUND, 0, PLAN_STS_TESTING, 1, WHY_NONE },
	{ "mx.else.example", PLAN_MX_FOUND, 0, PLAN_STS_TESTING, 0, WHY_REQUIRETLS_NO_TLS },
	{ "a.mx.good.example", PLAN_MX_FOUND, 0, PLAN_STS_TESTING, 0, WHY_REQUIRETLS_NO_TLS },
	{ "to.example", PLAN_MX_IMPLICIT, 0, PLAN_STS_TESTING, 0, WHY_REQUIRETLS_NO_TLS },
};

START_TEST(names_of_hosts)
{
	const struct plan_rule rule = { .level = PLAN_VERIFY, .min_version = TLS_V1_2 };
	struct plan_host h = { .addresses_state = PLAN_ADDRESSES_FOUND, .naddresses = 1,
	    .tlsa_state = PLAN_TLSA_NONE };
	struct plan_evidence e = { .mx = names[_i].mx, .mx_secure = names[_i].secure, .hosts = &h,
	    .nhosts = 1, .past_known = 1 };
	struct why why;
	struct plan p;

	str_copy(e.domain, "to.example", sizeof e.domain);
	str_copy(h.name, names[_i].host, sizeof h.name);
	e.sts = (struct plan_sts){ .state = names[_i].sts, .patterns = patterns, .npatterns = 1 };
	plan_decide(&e, &rule, 0, &p);
	ck_assert_uint_eq(p.ntargets, 1);
	ck_assert_int_eq(p.targets[0].named, names[_i].named);
	ck_assert_int_eq(plan_requiretls_name(&p, &p.targets[0], &why), names[_i].named ? 0 : -1);
	if (!names[_i].named)
		ck_assert_int_eq(why.reason, names[_i].reason);
	plan_fini(&p);
}
END_TEST

/* No policy that could prove it, and none that could be had. */
START_TEST(names_without_a_policy)
{
	static const struct {
		enum plan_sts_state	state;
		enum why_reason		reason;
	} rows[] = {
		{ PLAN_STS_NONE, WHY_REQUIRETLS_NO_TLS },
		{ PLAN_STS_TESTING, WHY_REQUIRETLS_NO_TLS },
		{ PLAN_STS_ENFORCE, WHY_REQUIRETLS_NO_TLS },
		{ PLAN_STS_FAILED, WHY_POLICY_UNAVAILABLE },
		{ PLAN_STS_UNKNOWN, WHY_POLICY_UNAVAILABLE },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct plan_target t = { .usable = 1 };
		struct plan p = { .verdict = PLAN_GO, .sts_state = rows[i].state };
		struct why why;

		ck_assert_int_eq(plan_requiretls_name(&p, &t, &why), -1);
		ck_assert_int_eq(why.reason, rows[i].reason);
	}
}
END_TEST

/* ---- the end of a walk ---- */

static const struct {
	enum why_reason	 hosts[3];	/* NONE ends */
	enum why_reason	 verdict;	/* NONE: it waits */
} walks[] = {
	{ { WHY_NONE }, WHY_NONE },
	{ { WHY_REQUIRETLS_UNSUPPORTED }, WHY_REQUIRETLS_UNSUPPORTED },
	{ { WHY_REQUIRETLS_NO_TLS }, WHY_REQUIRETLS_NO_TLS },
	{ { WHY_STARTTLS_NOT_SUPPORTED }, WHY_REQUIRETLS_NO_TLS },
	{ { WHY_CERT_MISMATCH, WHY_CERT_EXPIRED }, WHY_REQUIRETLS_NO_TLS },
	{ { WHY_REQUIRETLS_UNSUPPORTED, WHY_STARTTLS_REFUSED }, WHY_REQUIRETLS_UNSUPPORTED },
	{ { WHY_TLSA_MISMATCH, WHY_REQUIRETLS_UNSUPPORTED, WHY_STS_MX_MISMATCH },
	    WHY_REQUIRETLS_UNSUPPORTED },
	/* what may be over in an hour */
	{ { WHY_CONNECT_REFUSED }, WHY_NONE },
	{ { WHY_REQUIRETLS_UNSUPPORTED, WHY_CONNECT_TIMEOUT }, WHY_NONE },
	{ { WHY_CONNECTION_LOST, WHY_REQUIRETLS_NO_TLS }, WHY_NONE },
	{ { WHY_TLS_EOF }, WHY_NONE }, { { WHY_TLS_TIMEOUT }, WHY_NONE },
	{ { WHY_TLSA_LOOKUP }, WHY_NONE }, { { WHY_DNSSEC_INVALID }, WHY_NONE },
	{ { WHY_DNS_FAILURE }, WHY_NONE }, { { WHY_REMOTE_DEFERRED }, WHY_NONE },
	{ { WHY_POLICY_UNAVAILABLE }, WHY_NONE }, { { WHY_NO_ADDRESS }, WHY_NONE },
	{ { WHY_DOWNGRADE }, WHY_NONE }, { { WHY_AUTH_FAILED }, WHY_NONE },
	{ { WHY_PROTOCOL_ERROR }, WHY_NONE }, { { WHY_LOCAL_STORAGE }, WHY_NONE },
};

START_TEST(ends_of_walks)
{
	struct plan_requiretls_walk w;
	struct why why;
	int over;

	plan_requiretls_begin(&w);
	for (size_t i = 0; i < 3 && walks[_i].hosts[i] != WHY_NONE; i++) {
		why_set(&why, walks[_i].hosts[i], "because");
		plan_requiretls_refused(&w, "mx.example", &why);
	}
	over = plan_requiretls_over(&w, &why);
	ck_assert_int_eq(over, walks[_i].verdict != WHY_NONE);
	if (!over && walks[_i].hosts[0] != WHY_NONE)
		ck_assert(why_is_set(&why) && why.dsn[0] == '4');
	if (over) {
		ck_assert_int_eq(why.reason, walks[_i].verdict);
		ck_assert_ptr_nonnull(strstr(why.text, "because"));
		ck_assert_int_eq(why.dsn[0], '5');
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("plan_requiretls");
	TCase *tc = tcase_create("requiretls");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, gate_exhaustively);
	tcase_add_loop_test(tc, names_of_hosts, 0, LENGTH(names));
	tcase_add_test(tc, names_without_a_policy);
	tcase_add_loop_test(tc, ends_of_walks, 0, LENGTH(walks));
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
