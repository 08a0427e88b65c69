/* SPDX-License-Identifier: ISC */
/*
 * check_plan_exception: an exception holds for the hosts that it is for, the
 * first that is for a host is the one, and weak-tls lowers the protocol alone
 * (RULES P12). Each row is a list of exceptions and what two hosts get by it.
 */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/admit.h"
#include "lib/plan/decide.h"

/* scope: "D" the domain, "1" "2" hosts, "D1" both; ends with id NULL. */
struct x {
	const char	*id, *scope, *allow;	/* P, E, W, ! */
};

enum publishes { NOTHING, STS, DANE };

static const struct row {
	enum plan_level	level;
	enum publishes	publishes;
	struct x	x[4];
	const char	*mx1, *mx2;	/* "level id", "level -", "skip" */
} rows[] = {
	{ PLAN_VERIFY, NOTHING, { { NULL, NULL, NULL } }, "verify -", "verify -" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D", "P" } }, "plaintext A", "plaintext A" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D1", "P" } }, "plaintext A", "verify -" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D2", "E" } }, "verify -", "encrypt A" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D12", "E" } }, "encrypt A", "encrypt A" },
	{ PLAN_VERIFY, NOTHING, { { "A", "1", "P" } }, "plaintext A", "verify -" },
	{ PLAN_ENCRYPT, NOTHING, { { "A", "1", "P" } }, "plaintext A", "encrypt -" },
	/* The first that is for the host, not the weakest. */
	{ PLAN_VERIFY, NOTHING, { { "A", "D1", "E" }, { "B", "D", "P" } }, "encrypt A", "plaintext B" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D1", "E" }, { "B", "D2", "P" } }, "encrypt A", "plaintext B" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D2", "E" }, { "B", "2", "P" } }, "verify -", "encrypt A" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D1", "E" }, { "B", "12", "P" } }, "encrypt A", "plaintext B" },
	/* A host alone: any domain's MX record may point to it. */
	{ PLAN_STS, STS, { { "A", "1", "P" } }, "sts -", "sts -" },
	{ PLAN_STS, NOTHING, { { "A", "1", "P" } }, "skip", "skip" },
	{ PLAN_DANE, NOTHING, { { "A", "12", "E" } }, "skip", "skip" },
	{ PLAN_DANE, NOTHING, { { "A", "D1", "P" } }, "plaintext A", "skip" },
	{ PLAN_NO_LEVEL, NOTHING, { { "A", "1", "P" } }, "skip", "skip" },
	{ PLAN_DANE, NOTHING, { { "A", "1", "P" }, { "B", "D", "E" } }, "encrypt B", "encrypt B" },
	/* What is published is not lowered but where the exception says so. */
	{ PLAN_VERIFY, STS, { { "A", "D1", "P" } }, "sts -", "sts -" },
	{ PLAN_VERIFY, DANE, { { "A", "D1", "P" } }, "dane -", "dane -" },
	{ PLAN_VERIFY, DANE, { { "A", "D1", "P!" } }, "plaintext A", "dane -" },
	{ PLAN_VERIFY, STS, { { "A", "D2", "E!" } }, "sts -", "encrypt A" },
	/* weak-tls: the level stays, whoever asks for it. */
	{ PLAN_VERIFY, NOTHING, { { "A", "D1", "W" } }, "verify A", "verify -" },
	{ PLAN_VERIFY, NOTHING, { { "A", "2", "W" } }, "verify -", "verify A" },
	{ PLAN_VERIFY, STS, { { "A", "D1", "W" } }, "sts A", "sts -" },
	{ PLAN_VERIFY, DANE, { { "A", "D1", "W!" } }, "dane A", "dane -" },
	{ PLAN_DANE, DANE, { { "A", "1", "W" } }, "dane A", "dane -" },
	{ PLAN_VERIFY, NOTHING, { { "A", "D1", "WP" } }, "verify A", "verify -" },
};

static const char *const names[] = { "mx1.example", "mx2.example" };
static const char *const upper[] = { "MX1.example", "mx2.EXAMPLE" };

static void
host_make(struct plan_host *h, const char *name, enum publishes publishes)
{
	static const uint8_t digest[32] = { 1 };

	str_copy(h->name, name, sizeof h->name);
	h->addresses_state = PLAN_ADDRESSES_FOUND;
	h->addresses_secure = 1;
	h->naddresses = 1;
	h->tlsa_state = publishes == DANE ? PLAN_TLSA_SECURE : PLAN_TLSA_NONE;
	if (publishes != DANE)
		return;
	h->tlsa.n = 1;
	h->tlsa.rr = calloc(1, sizeof *h->tlsa.rr);
	h->tlsa.rr[0] = (struct dns_tlsa){ .usage = 3, .selector = 1, .mtype = 1, .len = 32 };
	h->tlsa.rr[0].data = malloc(sizeof digest);
	memcpy(h->tlsa.rr[0].data, digest, sizeof digest);
}

static void
evidence_make(struct plan_evidence *ev, enum publishes publishes)
{
	memset(ev, 0, sizeof *ev);
	str_copy(ev->domain, "dest.example", sizeof ev->domain);
	ev->mx = PLAN_MX_FOUND;
	ev->mx_secure = publishes == DANE;
	ev->ttl = 60;
	ev->past_known = 1;
	ev->nhosts = 2;
	ev->hosts = calloc(2, sizeof *ev->hosts);
	for (size_t i = 0; i < 2; i++)
		host_make(&ev->hosts[i], names[i], publishes);
	ev->sts.state = publishes == STS ? PLAN_STS_ENFORCE : PLAN_STS_NONE;
	if (publishes != STS)
		return;
	ev->sts.npatterns = 1;
	ev->sts.patterns = calloc(1, sizeof *ev->sts.patterns);
	str_copy(ev->sts.patterns[0], "*.example", sizeof ev->sts.patterns[0]);
}

static void
exceptions_make(const struct row *row, struct plan_rule *rule, struct plan_exception x[4],
    const char *hosts[4][2])
{
	const struct plan_exception **last = &rule->exception;

	for (size_t i = 0; i < 4 && row->x[i].id != NULL; i++) {
		const struct x *from = &row->x[i];

		memset(&x[i], 0, sizeof x[i]);
		str_copy(x[i].id, from->id, sizeof x[i].id);
		x[i].any_domain = strchr(from->scope, 'D') == NULL;
		x[i].hosts = hosts[i];
		for (size_t k = 0; k < 2; k++)
			if (strchr(from->scope, k == 0 ? '1' : '2') != NULL)
				hosts[i][x[i].nhosts++] = upper[k];
		x[i].allow_weak_tls = strchr(from->allow, 'W') != NULL;
		x[i].overrides_published = strchr(from->allow, '!') != NULL;
		x[i].allow = strchr(from->allow, 'P') != NULL ? PLAN_PLAINTEXT :
		    strchr(from->allow, 'E') != NULL ? PLAN_ENCRYPT : PLAN_NO_LEVEL;
		*last = &x[i];
		last = &x[i].next;
	}
}

static void
print(const struct plan_target *t, char *to, size_t cap)
{
	const struct plan_requirement *r = &t->requirement;

	if (!t->usable)
		str_copy(to, "skip", cap);
	else
		str_fmt(to, cap, "%s %s", plan_level_name(r->level),
		    r->exception[0] != '\0' ? r->exception : "-");
}

/* With weak-tls: TLS 1.0 is enough, and nothing else is different from what it was. */
static void
check_weak(const struct plan *p, const struct plan_target *t, const struct plan_target *bare)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		struct tls_facts f = { .encrypted = bits & 1, .pkix_chain = bits >> 1 & 1,
		    .pkix_name = bits >> 2 & 1, .dane_matched = bits >> 3 & 1,
		    .resumed = bits >> 4 & 1, .dane_usable = 1 };
		struct why why;
		int strong;

		f.version = TLS_V1_2;
		strong = plan_admits(p, &bare->requirement, &f, &why);
		ck_assert_int_eq(plan_admits(p, &t->requirement, &f, &why), strong);
		f.version = TLS_V1_0;
		ck_assert_int_eq(plan_admits(p, &t->requirement, &f, &why), strong);
		ck_assert_int_eq(plan_admits(p, &bare->requirement, &f, &why), -1);
	}
}

START_TEST(per_host)
{
	const struct row *row = &rows[_i];
	struct plan_exception x[4];
	const char *hosts[4][2];
	struct plan_rule rule = { .level = row->level, .port = 25, .min_version = TLS_V1_2 };
	struct plan_evidence ev;
	struct plan p, bare;
	char got[2][96];

	evidence_make(&ev, row->publishes);
	plan_decide(&ev, &rule, 0, &bare);
	exceptions_make(row, &rule, x, hosts);
	plan_decide(&ev, &rule, 0, &p);
	plan_evidence_fini(&ev);
	ck_assert_uint_eq(p.ntargets, 2);
	for (size_t i = 0; i < 2; i++)
		print(&p.targets[i], got[i], sizeof got[i]);
	ck_assert_msg(strcmp(got[0], row->mx1) == 0, "row %d mx1: %s", _i, got[0]);
	ck_assert_msg(strcmp(got[1], row->mx2) == 0, "row %d mx2: %s", _i, got[1]);
	for (size_t i = 0; i < 2; i++)
		if (row->x[0].id != NULL && strchr(row->x[0].allow, 'W') != NULL &&
		    p.targets[i].requirement.exception[0] != '\0')
			check_weak(&p, &p.targets[i], &bare.targets[i]);
	plan_fini(&p);
	plan_fini(&bare);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_exception");
	TCase *t = tcase_create("exception");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, per_host, 0, (int)LENGTH(rows));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
