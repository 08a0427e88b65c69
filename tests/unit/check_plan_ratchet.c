/* SPDX-License-Identifier: ISC */
/*
 * What is held against a host that showed more before, one a line.
 *
 * hosts	"mx1:S+dane mx2:N": TLSA S there and usable, J unusable, N none; then
 *		what is remembered of the host for this domain
 * domain	the best that is remembered of the domain, then its sts ("-": none,
 *		"?": the history cannot be read)
 * level	"?" in monitor mode; X: P or E is the exception, "!" overrides
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/decide.h"
#include "lib/plan/shown.h"

#define SECURE	1
#define DROP	"defer downgrade; skip downgrade"

struct row {
	const char	*what;
	int		 mx_secure;
	const char	*hosts, *sts, *domain, *level, *exception, *result;
};

static const struct row rows[] = {
	/* As it was, or better. */
	{ "nothing known", 0, "mx1:N", "N", "- -", "verify", "", "go; verify by default" },
	{ "verify again", 0, "mx1:N+verify", "N", "verify -", "verify", "",
	    "go; verify by default" },
	{ "dane again", SECURE, "mx1:S+dane", "N", "dane -", "verify", "", "go; dane by dane" },
	{ "sts again", 0, "mx1:N+sts", "E", "sts sts", "verify", "", "go; sts by sts" },
	{ "better now", SECURE, "mx1:S+verify", "N", "verify -", "verify", "", "go; dane by dane" },
	{ "dane instead of sts", SECURE, "mx1:S+sts", "N", "sts sts", "verify", "",
	    "go; dane by dane" },
	{ "dane and sts, sts gone", SECURE, "mx1:S+dane", "N", "dane sts", "verify", "",
	    "go; dane by dane" },

	/* DANE gone: held against the host. */
	{ "dane gone", SECURE, "mx1:N+dane", "N", "dane -", "verify", "", DROP },
	{ "MX no longer signed", 0, "mx1:S+dane", "N", "dane -", "verify", "", DROP },
	{ "records unusable", SECURE, "mx1:J+dane", "N", "dane -", "verify", "", DROP },
	{ "dane gone, sts there", SECURE, "mx1:N+dane", "E", "dane -", "verify", "", DROP },
	{ "of one host", SECURE, "mx1:N+dane mx2:S+dane", "N", "dane -", "verify", "",
	    "go; skip downgrade; dane by dane" },
	{ "never there for the other", SECURE, "mx1:S+dane mx2:N+verify", "N", "dane -", "verify",
	    "", "go; dane by dane; verify by default" },
	{ "whatever the rule", SECURE, "mx1:N+dane", "N", "dane -", "encrypt", "", DROP },
	{ "reason before the rule's", SECURE, "mx1:N+dane", "N", "dane -", "dane", "", DROP },

	/* MTA-STS gone: held against all hosts of the domain. */
	{ "record gone", 0, "mx1:N+sts", "N", "sts sts", "verify", "", DROP },
	{ "fetch fails for ever", 0, "mx1:N+sts", "F", "sts sts", "verify", "", DROP },
	{ "host from before sts", 0, "mx1:N+verify", "N", "sts sts", "verify", "", DROP },
	{ "new host", 0, "mx2:N", "N", "sts sts", "verify", "", DROP },
	{ "still unknown", 0, "mx1:N+sts", "U", "sts sts", "verify", "",
	    "defer policy-unavailable; skip policy-unavailable" },

	/* The MX was replaced. */
	{ "new hosts, nothing published", 0, "mx3:N mx4:N", "N", "dane -", "verify", "",
	    DROP "; skip downgrade" },
	{ "new host with sts", 0, "mx3:N", "E", "dane -", "verify", "", "go; sts by sts" },
	{ "new host with dane", SECURE, "mx3:S", "N", "sts sts", "verify", "", "go; dane by dane" },
	{ "new host beside dane", SECURE, "mx1:S+dane mx3:N", "N", "dane -", "verify", "",
	    "go; dane by dane; verify by default" },
	{ "new host, verify before", 0, "mx3:N", "N", "verify -", "encrypt", "",
	    "go; encrypt by default" },

	/* verify can be asked for again. */
	{ "verified before", 0, "mx1:N+verify", "N", "verify -", "encrypt", "",
	    "go; verify by history" },
	{ "encrypt before", 0, "mx1:N+encrypt", "N", "encrypt -", "encrypt", "",
	    "go; encrypt by default" },
	{ "unusable records", SECURE, "mx1:J+verify", "N", "verify -", "encrypt", "",
	    "go; verify by history" },

	/* Exceptions: one that overrides what is published overrides what was. */
	{ "dane, exception", SECURE, "mx1:N+dane", "N", "dane -", "verify", "P", DROP },
	{ "dane, overridden", SECURE, "mx1:N+dane", "N", "dane -", "verify", "P!",
	    "go; plaintext by exception" },
	{ "sts, overridden", 0, "mx1:N+sts", "N", "sts sts", "verify", "E!",
	    "go; encrypt by exception" },
	{ "verify, exception", 0, "mx1:N+verify", "N", "verify -", "verify", "E",
	    "go; encrypt by exception" },
	{ "verify, exception at the level", 0, "mx1:N+verify", "N", "verify -", "encrypt", "E",
	    "go; encrypt by default" },

	/* The history cannot be read: only what nothing is above. */
	{ "unknown, nothing published", 0, "mx1:N", "N", "?", "verify", "",
	    "defer policy-unavailable; skip policy-unavailable" },
	{ "unknown, sts", 0, "mx1:N", "E", "?", "verify", "",
	    "defer policy-unavailable; skip policy-unavailable" },
	{ "unknown, dane", SECURE, "mx1:S", "N", "?", "verify", "", "go; dane by dane" },
	{ "unknown, overridden", 0, "mx1:N", "N", "?", "verify", "P!",
	    "go; plaintext by exception" },

	/* Monitor: walked without a level, and it is said what enforcing would do. */
	{ "monitor", SECURE, "mx1:N+dane", "N", "dane -", "?verify", "", "go; none by default" },
};

static enum plan_level
level_of(const char *name)
{
	return name[0] == '-' ? PLAN_NO_LEVEL : plan_level_of(name);
}

static void
host_of(struct plan_host *h, char *word)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	char *colon = strchr(word, ':');

	*colon = '\0';
	str_fmt(h->name, sizeof h->name, "%s.dest.example", word);
	h->addresses_state = PLAN_ADDRESSES_FOUND;
	h->naddresses = 1;
	h->tlsa_state = colon[1] == 'N' ? PLAN_TLSA_NONE : PLAN_TLSA_SECURE;
	if (colon[1] != 'N')
		dns_tlsa_set_add(&h->tlsa, colon[1] == 'S' ? 3 : 1, 1, 1, digest, 32);
	if (colon[2] == '+')
		h->past = (struct plan_past){ plan_level_of(colon + 3), 1700000000, 12 };
}

static void
evidence_of(const struct row *row, struct plan_evidence *e)
{
	static const char letters[] = "UNTEF";
	char *copy = strdup(row->hosts), *save = NULL;
	const char *sts = strchr(row->domain, ' ');

	memset(e, 0, sizeof *e);
	str_copy(e->domain, "dest.example", sizeof e->domain);
	e->mx = PLAN_MX_FOUND;
	e->mx_secure = row->mx_secure;
	e->hosts = calloc(PLAN_HOSTS_MAX, sizeof *e->hosts);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		host_of(&e->hosts[e->nhosts++], w);
	free(copy);
	e->sts.state = (enum plan_sts_state)(strchr(letters, row->sts[0]) - letters);
	e->sts.npatterns = 1;
	e->sts.patterns = calloc(1, sizeof *e->sts.patterns);
	str_copy(e->sts.patterns[0], "*.dest.example", DNS_NAME_MAX);
	e->past_known = row->domain[0] != '?';
	if (sts == NULL)
		return;
	copy = strndup(row->domain, (size_t)(sts - row->domain));
	e->past = (struct plan_past){ level_of(copy), 1700000000, 12 };
	e->past_sts = (struct plan_past){ level_of(sts + 1), 1700000000, 12 };
	free(copy);
}

static void
print(const struct plan *p, char *to, size_t cap)
{
	char part[128];

	str_fmt(to, cap, p->verdict == PLAN_GO ? "go" : "defer %s", why_token(p->why.reason));
	for (size_t i = 0; i < p->ntargets; i++) {
		const struct plan_target *t = &p->targets[i];

		if (t->usable)
			str_fmt(part, sizeof part, "; %s by %s",
			    plan_level_name(t->requirement.level),
			    plan_proof_name(t->requirement.proof));
		else
			str_fmt(part, sizeof part, "; skip %s", why_token(t->why.reason));
		str_cat(to, part, cap);
	}
}

START_TEST(ratchet_table)
{
	const struct row *row = &rows[_i];
	struct plan_exception x = { .id = "EX-7",
		.allow = row->exception[0] == 'P' ? PLAN_PLAINTEXT : PLAN_ENCRYPT,
		.overrides_published = strchr(row->exception, '!') != NULL };
	struct plan_rule rule = { .monitor = row->level[0] == '?',
		.level = plan_level_of(row->level + (row->level[0] == '?')),
		.exception = row->exception[0] != '\0' ? &x : NULL };
	struct plan_evidence e;
	struct plan p;
	char text[256];

	evidence_of(row, &e);
	plan_decide(&e, &rule, 0, &p);
	print(&p, text, sizeof text);
	ck_assert_msg(strcmp(text, row->result) == 0, "%s:\n  got    %s\n  wanted %s", row->what,
	    text, row->result);
	for (size_t i = 0; i < p.ntargets; i++)
		if (p.targets[i].why.reason == WHY_DOWNGRADE) {
			ck_assert(p.targets[i].had >= PLAN_STS);
			ck_assert(p.targets[i].why.dsn[0] == '4');
			ck_assert(strstr(p.targets[i].why.text, "12 times, last on 2023-11-14"));
		}
	plan_fini(&p);
	plan_evidence_fini(&e);
}
END_TEST

/* What connections prove. */
static const struct shown_row {
	const char		*what;
	int			 mx_secure;
	struct plan_requirement	 r;
	struct tls_facts	 f;
	const char		*result;
} shown_rows[] = {
	{ "clear", 1, { .level = PLAN_PLAINTEXT }, { 0 }, "" },
	{ "resumed", 1, { .level = PLAN_VERIFY },
	    { .encrypted = 1, .resumed = 1, .pkix_chain = 1, .pkix_name = 1 }, "" },
	{ "TLS", 1, { .level = PLAN_ENCRYPT }, { .encrypted = 1 }, "encrypt" },
	{ "chain only", 1, { .level = PLAN_ENCRYPT }, { .encrypted = 1, .pkix_chain = 1 },
	    "encrypt" },
	{ "more than was asked", 1, { .level = PLAN_ENCRYPT },
	    { .encrypted = 1, .pkix_chain = 1, .pkix_name = 1 }, "encrypt verify" },
	{ "sts", 0, { .level = PLAN_STS, .sts = 1 },
	    { .encrypted = 1, .pkix_chain = 1, .pkix_name = 1 }, "encrypt verify sts" },
	{ "dane", 1, { .level = PLAN_DANE, .tlsa = 1 },
	    { .encrypted = 1, .dane_matched = 1 }, "encrypt dane" },
	{ "dane, sts and PKIX", 1, { .level = PLAN_DANE, .tlsa = 1, .sts = 1 },
	    { .encrypted = 1, .dane_matched = 1, .pkix_chain = 1, .pkix_name = 1 },
	    "encrypt verify sts dane" },
	{ "MX not signed", 0, { .level = PLAN_DANE, .tlsa = 1 },
	    { .encrypted = 1, .dane_matched = 1 }, "encrypt" },
	{ "tlsa for verify", 0, { .level = PLAN_VERIFY, .tlsa = 1 },
	    { .encrypted = 1, .dane_matched = 1 }, "encrypt" },
};

START_TEST(shown_table)
{
	const struct shown_row *row = &shown_rows[_i];
	struct plan p = { .mx_secure = row->mx_secure };
	struct plan_shown s;
	char text[128] = "";

	plan_shown(&p, &row->r, &row->f, &s);
	for (size_t i = 0; i < PLAN_LEVELS; i++)
		if (s.proven[i]) {
			str_cat(text, text[0] != '\0' ? " " : "", sizeof text);
			str_cat(text, plan_level_name((enum plan_level)i), sizeof text);
			ck_assert(i <= (size_t)plan_shown_best(&s));
		}
	ck_assert_msg(strcmp(text, row->result) == 0, "%s: %s", row->what, text);
	ck_assert(row->result[0] != '\0' || plan_shown_best(&s) == PLAN_NO_LEVEL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_ratchet");
	TCase *tc = tcase_create("ratchet");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, ratchet_table, 0, LENGTH(rows));
	tcase_add_loop_test(tc, shown_table, 0, LENGTH(shown_rows));
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
