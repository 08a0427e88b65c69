/* SPDX-License-Identifier: ISC */
/*
 * The gate, exhaustively: every level, proof and flag of a requirement times
 * every fact that can be true or false. An independent statement of what has
 * to hold is checked on each, and that weaker facts never open what stronger
 * ones do not (HARDENING F21).
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/admit.h"
#include "lib/plan/monitor.h"

/* One bit a fact; more bits are stronger facts. */
enum { ENCRYPTED = 1, FRESH = 2, RECENT = 4, CHAIN = 8, NAMED = 16, MATCHED = 32, SHOWN = 64,
	FACTS = 128 };

static struct tls_facts
facts_of(unsigned bits)
{
	struct tls_facts f = { 0 };

	f.encrypted = (bits & ENCRYPTED) != 0;
	f.resumed = (bits & FRESH) == 0;
	f.version = bits & RECENT ? TLS_V1_2 : TLS_V1_1;
	f.pkix_chain = (bits & CHAIN) != 0;
	f.pkix_name = (bits & NAMED) != 0;
	f.pkix_error = bits & CHAIN ? 0 : 20;
	f.dane_matched = (bits & MATCHED) != 0;
	f.dane_usable = 1;
	f.dane_error = bits & MATCHED ? 0 : 65;
	str_copy(f.fingerprint, bits & SHOWN ? "00" : "", sizeof f.fingerprint);
	return f;
}

/* Everything but the facts, counted through. */
struct setting {
	enum plan_verdict	verdict;
	enum plan_level		level;
	enum plan_proof		proof;
	int			sts, tlsa, mx_secure, monitor, exception, min_version;
};

static int
setting_next(struct setting *s, unsigned n)
{
	static const int levels[] = { PLAN_NO_LEVEL, PLAN_PLAINTEXT, PLAN_ENCRYPT, PLAN_VERIFY,
	    PLAN_STS,
		PLAN_DANE, PLAN_DANE + 1, -1, 99 };
	static const int versions[] = { TLS_V1_2, 0, TLS_V1_0, TLS_V1_3 };
	static const int verdicts[] = { PLAN_GO, PLAN_DEFER, PLAN_REJECT, 77 };

#define PICK(count) (unsigned)(n % (count)); n /= (count)
	unsigned level = PICK(LENGTH(levels));
	unsigned proof = PICK(PLAN_BY_MONITOR + 2);
	unsigned version = PICK(LENGTH(versions));
	unsigned verdict = PICK(LENGTH(verdicts));

	s->level = (enum plan_level)levels[level];
	s->proof = (enum plan_proof)proof;
	s->min_version = versions[version];
	s->verdict = (enum plan_verdict)verdicts[verdict];
	s->sts = (int)PICK(2);
	s->tlsa = (int)PICK(2);
	s->mx_secure = (int)PICK(2);
	s->monitor = (int)PICK(2);
	s->exception = (int)PICK(2);
	return n == 0;
}

static void
setting_apply(const struct setting *s, struct plan *p, struct plan_requirement *r)
{
	memset(p, 0, sizeof *p);
	memset(r, 0, sizeof *r);
	p->verdict = s->verdict;
	p->monitor = s->monitor;
	p->mx_secure = s->mx_secure;
	r->level = s->level;
	r->proof = s->proof;
	r->sts = s->sts;
	r->tlsa = s->tlsa;
	r->want.min_version = s->min_version;
	str_copy(r->exception, s->exception ? "EX-7" : "", sizeof r->exception);
}

/* What has to be true, as the rules have it; -1: nothing will do. */
static int
needed_facts(const struct setting *s)
{
	int need = ENCRYPTED | FRESH;

	if (s->verdict != PLAN_GO)
		return -1;
	if (s->level == PLAN_PLAINTEXT)
		return (s->proof == PLAN_BY_EXCEPTION && s->exception) ||
		    (s->proof == PLAN_BY_MONITOR && s->monitor) ? 0 : -1;
	if (s->min_version == 0 || s->min_version == TLS_V1_3)
		return -1;			/* no facts here are that recent */
	if (s->min_version == TLS_V1_2)
		need |= RECENT;
	if (s->tlsa)
		need |= MATCHED;
	if (s->sts)
		need |= CHAIN | NAMED;
	if (s->level == PLAN_ENCRYPT)
		return need;
	if (s->level == PLAN_VERIFY)
		return s->tlsa ? need : need | CHAIN | NAMED;
	if (s->level == PLAN_STS)
		return need | CHAIN | NAMED;
	if (s->level == PLAN_DANE)
		return s->mx_secure ? need | MATCHED : -1;
	return -1;
}

START_TEST(admit_exhaustively)
{
	unsigned long cells = 0, admitted = 0;
	struct setting s;

	for (unsigned n = 0; setting_next(&s, n); n++) {
		struct plan_requirement r;
		int got[FACTS], need = needed_facts(&s);
		struct plan p;

		setting_apply(&s, &p, &r);
		for (unsigned bits = 0; bits < FACTS; bits++) {
			struct tls_facts f = facts_of(bits);
			struct why why = { 0 };
			int wanted = need != -1 &&
			    (bits & (unsigned)need) == (unsigned)need ? 0 : -1;

			got[bits] = plan_admits(&p, &r, &f, &why);
			cells++;
			admitted += got[bits] == 0;
			if (got[bits] != wanted || (got[bits] == 0) == why_is_set(&why) ||
			    (got[bits] == -1 && (why.text[0] == '\0' || why.dsn[0] != '4')))
				ck_abort_msg("setting %u level %d facts %x: %d, not %d (%s)", n,
				    s.level,
				    bits, got[bits], wanted, why.text);
		}
		/* Taking any fact away never opens the gate. */
		for (unsigned bits = 0; bits < FACTS; bits++)
			for (unsigned fact = 1; fact < FACTS; fact <<= 1)
				if ((bits & fact) != 0 && got[bits] == -1 && got[bits & ~fact] == 0)
					ck_abort_msg("setting %u: less than %x is admitted", n,
					    bits);
	}
	fprintf(stderr, "gate: %lu cells, %lu admitted\n", cells, admitted);
	ck_assert(cells > 900000 && admitted > 0);
}
END_TEST

/* Each level: the least that opens it, and each of these alone missing closes it. */
static const struct {
	const char		*name;
	struct setting		 setting;
	unsigned		 need;
	enum why_reason		 missing[7];	/* by bit: ENCRYPTED, FRESH, RECENT, ... */
} levels[] = {
#define GO(l, ...) { .verdict = PLAN_GO, .level = (l), .min_version = TLS_V1_2, __VA_ARGS__ }
#define TLS_WHYS WHY_LEVEL_NOT_MET, WHY_TLS_RESUMED, WHY_TLS_TOO_OLD
#define ALWAYS (ENCRYPTED | FRESH | RECENT | SHOWN)
	{ "encrypt", GO(PLAN_ENCRYPT), ENCRYPTED | FRESH | RECENT, { TLS_WHYS } },
	{ "verify", GO(PLAN_VERIFY), ALWAYS | CHAIN | NAMED,
	    { TLS_WHYS, WHY_CERT_NOT_TRUSTED, WHY_CERT_MISMATCH } },
	{ "verify by tlsa", GO(PLAN_VERIFY, .tlsa = 1, .proof = PLAN_BY_TLSA), ALWAYS | MATCHED,
	    { TLS_WHYS, 0, 0, WHY_TLSA_MISMATCH } },
	{ "sts", GO(PLAN_STS, .sts = 1), ALWAYS | CHAIN | NAMED,
	    { TLS_WHYS, WHY_CERT_NOT_TRUSTED, WHY_CERT_MISMATCH } },
	{ "sts and tlsa", GO(PLAN_STS, .sts = 1, .tlsa = 1), ALWAYS | CHAIN | NAMED | MATCHED,
	    { TLS_WHYS, WHY_CERT_NOT_TRUSTED, WHY_CERT_MISMATCH, WHY_TLSA_MISMATCH } },
	{ "dane", GO(PLAN_DANE, .tlsa = 1, .mx_secure = 1), ALWAYS | MATCHED,
	    { TLS_WHYS, 0, 0, WHY_TLSA_MISMATCH } },
	{ "dane and sts", GO(PLAN_DANE, .tlsa = 1, .sts = 1, .mx_secure = 1),
	    ALWAYS | CHAIN | NAMED | MATCHED,
	    { TLS_WHYS, WHY_CERT_NOT_TRUSTED, WHY_CERT_MISMATCH, WHY_TLSA_MISMATCH } },
};

START_TEST(admit_each_fact_counts)
{
	struct plan_requirement r;
	struct tls_facts f = facts_of(levels[_i].need);
	struct why why = { 0 };
	struct plan p;

	setting_apply(&levels[_i].setting, &p, &r);
	ck_assert_msg(plan_admits(&p, &r, &f, &why) == 0, "%s: %s", levels[_i].name, why.text);
	ck_assert(!why_is_set(&why));
	for (unsigned i = 0; 1u << i < SHOWN; i++) {
		if ((levels[_i].need & 1u << i) == 0)
			continue;
		f = facts_of(levels[_i].need & ~(1u << i));
		ck_assert_msg(plan_admits(&p, &r, &f, &why) == -1, "%s without %x", levels[_i].name,
		    1u << i);
		ck_assert_msg(why.reason == levels[_i].missing[i], "%s without %x: %s",
		    levels[_i].name,
		    1u << i, why_token(why.reason));
	}
}
END_TEST

/* No facts: no level but an excused plaintext. */
START_TEST(admit_nothing_for_nothing)
{
	struct plan p = { 0 };
	struct plan_requirement r = { 0 };
	struct tls_facts f = { 0 };
	struct why why = { 0 };

	ck_assert(plan_admits(&p, &r, &f, &why) == -1 && why_is_set(&why));
	p.verdict = PLAN_GO;
	for (int level = -2; level < 300; level++) {
		r.level = (enum plan_level)level;
		why_clear(&why);
		ck_assert(plan_admits(&p, &r, &f, &why) == -1 && why_is_set(&why));
	}
}
END_TEST

/* The monitor's requirement exists only in monitor mode, and counts only there. */
START_TEST(admit_monitor)
{
	struct plan p = { .verdict = PLAN_GO }, enforcing = { .verdict = PLAN_GO };
	struct plan_requirement refused = { .level = PLAN_DANE, .tlsa = 1 }, r;
	struct tls_facts none = { 0 };
	struct why why = { 0 };

	str_copy(refused.want.sni, "mx.example", sizeof refused.want.sni);
	dns_tlsa_set_add(&refused.want.tlsa, 3, 1, 1, "x", 1);
	ck_assert(plan_monitor_requirement(&p, &refused, &r) == -1);
	ck_assert(r.level == PLAN_NO_LEVEL);
	ck_assert(plan_admits(&p, &r, &none, &why) == -1);
	p.monitor = 1;
	ck_assert(plan_admits(&p, &refused, &none, &why) == -1);
	ck_assert(plan_monitor_requirement(&p, &refused, &r) == 0);
	ck_assert(r.want.tlsa.n == 0 && r.want.min_version == TLS_V1_0);
	ck_assert_str_eq(r.want.sni, "mx.example");
	ck_assert(plan_admits(&p, &r, &none, &why) == 0);
	ck_assert(plan_admits(&enforcing, &r, &none, &why) == -1);
	ck_assert(plan_requirement_key(&r) != plan_requirement_key(&refused));
	plan_requirement_fini(&r);
	plan_requirement_fini(&refused);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_admit");
	TCase *tc = tcase_create("admit");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, admit_exhaustively);
	tcase_add_loop_test(tc, admit_each_fact_counts, 0, LENGTH(levels));
	tcase_add_test(tc, admit_nothing_for_nothing);
	tcase_add_test(tc, admit_monitor);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
