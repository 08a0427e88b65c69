/* SPDX-License-Identifier: ISC */
/*
 * Decisions, one a line: what DNS and MTA-STS showed, what the admin says,
 * and what comes out, with the rule behind it. To be read as a table.
 *
 * hosts	"mx1:S mx2:Ua": TLSA N none, S secure and usable, J secure but
 *		all unusable, M mixed, U unknown, X out of range; addresses: found,
 *		or a unknown, n none, r refused, z none in the list, x out of range
 * sts		N none, T testing, E enforce, F failed, U unknown, X out of range,
 *		then the patterns
 * level	"=" by a destination's rule, "?" in monitor mode, then min_tls
 * exception	P plaintext, E encrypt, V (not a level that it may give), W weak-tls;
 *		"!" overrides what is published
 * result	"go; dane by dane +tlsa +sts; skip tlsa-lookup"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/decide.h"

#define SECURE	1
#define ANY	"*.dest.example"

struct row {
	const char	*rules;
	int		 mx, mx_secure;
	const char	*hosts, *sts, *level, *exception;
	const char	*result;
};

#define F PLAN_MX_FOUND
#define I PLAN_MX_IMPLICIT

static const struct row rows[] = {
	/* Nothing published: the default level (P11, DESIGN 2). */
	{ "P11", F, 0, "mx1:N", "N", "verify", "", "go; verify by default" },
	{ "P11", F, SECURE, "mx1:N", "N", "verify", "", "go; verify by default" },
	{ "P11", F, 0, "mx1:N", "N", "encrypt", "", "go; encrypt by default" },
	{ "P02", F, 0, "mx1:N", "N", "=encrypt", "", "go; encrypt by rule" },
	{ "P02", F, 0, "mx1:N", "N", "=verify", "", "go; verify by rule" },
	{ "D28", F, 0, "mx1:N", "N", "verify 1.3", "", "go; verify by default min=1.3" },
	{ "D28", F, 0, "mx1:N", "N", "verify 1.1", "", "go; verify by default" },

	/* Levels raised by a rule that the destination does not provide. */
	{ "P02", F, SECURE, "mx1:N", "N", "=dane", "", "defer dane-required; skip dane-required" },
	{ "D05", F, 0, "mx1:S", "N", "=dane", "", "defer dane-required; skip dane-required" },
	{ "D12", F, SECURE, "mx1:J", "N", "=dane", "", "defer tlsa-invalid; skip tlsa-invalid" },
	{ "P02", F, SECURE, "mx1:N mx2:S", "N", "=dane", "",
	    "go; skip dane-required; dane by dane +tlsa" },
	{ "P02", F, SECURE, "mx1:N", "E " ANY, "=dane", "",
	    "defer dane-required; skip dane-required" },
	{ "P02", F, 0, "mx1:N", "N", "=sts", "", "defer sts-required; skip sts-required" },
	{ "S38", F, 0, "mx1:N", "T " ANY, "=sts", "", "defer sts-required; skip sts-required" },
	{ "S09", F, 0, "mx1:N", "F", "=sts", "", "defer sts-required; skip sts-required" },
	{ "P02", F, 0, "mx1:N", "E " ANY, "=sts", "", "go; sts by sts +sts" },
	{ "P02", F, SECURE, "mx1:S", "N", "=sts", "", "go; dane by dane +tlsa" },
	{ "P02", F, SECURE, "mx1:S mx2:N", "N", "=sts", "",
	    "go; dane by dane +tlsa; skip sts-required" },
	{ "9.1", F, 0, "mx1:S", "N", "=sts", "", "defer sts-required; skip sts-required" },
	{ "D12", F, SECURE, "mx1:J", "N", "=sts", "", "defer sts-required; skip sts-required" },
	{ "P02", F, SECURE, "mx1:S", "E " ANY, "=dane", "", "go; dane by dane +tlsa +sts" },
	{ "-1", F, SECURE, "mx1:N", "N", "=plaintext", "",
	    "defer dane-required; skip dane-required" },
	{ "-1", F, SECURE, "mx1:N", "N", "=none", "", "defer dane-required; skip dane-required" },

	/* DANE, per host (P01). */
	{ "D11", F, SECURE, "mx1:S", "N", "verify", "", "go; dane by dane +tlsa" },
	{ "D11", F, SECURE, "mx1:S", "N", "encrypt", "", "go; dane by dane +tlsa" },
	{ "D13", F, SECURE, "mx1:M", "N", "verify", "", "go; dane by dane +tlsa" },
	{ "P01", F, SECURE, "mx1:S mx2:N", "N", "verify", "",
	    "go; dane by dane +tlsa; verify by default" },
	{ "D22", F, SECURE, "mx1:N mx2:S", "N", "verify", "",
	    "go; verify by default; dane by dane +tlsa" },
	{ "D04", F, SECURE, "mx1:U", "N", "verify", "", "defer tlsa-lookup; skip tlsa-lookup" },
	{ "D04", F, SECURE, "mx1:U mx2:S", "N", "verify", "",
	    "go; skip tlsa-lookup; dane by dane +tlsa" },
	{ "D23", F, SECURE, "mx1:Nn mx2:N", "N", "verify", "",
	    "go; skip no-address; verify by default" },
	{ "D04", F, SECURE, "mx1:U mx2:N", "N", "verify", "",
	    "go; skip tlsa-lookup; verify by default" },
	{ "P01", F, SECURE, "mx1:U", "E " ANY, "verify", "",
	    "defer tlsa-lookup; skip tlsa-lookup" },
	{ "D04", F, 0, "mx1:U", "N", "encrypt", "", "defer tlsa-lookup; skip tlsa-lookup" },
	{ "-1", F, SECURE, "mx1:X", "N", "verify", "", "defer tlsa-lookup; skip tlsa-lookup" },
	{ "D12", F, SECURE, "mx1:J", "N", "verify", "", "go; verify by default" },
	{ "D12", F, SECURE, "mx1:J", "N", "encrypt", "", "go; encrypt by tlsa" },
	{ "9.2", F, SECURE, "mx1:J", "E " ANY, "verify", "", "go; sts by sts +sts" },
	{ "9.2", F, 0, "mx1:J", "N", "verify", "", "go; verify by default" },

	/* Insecure MX, secure TLSA (HARDENING 9.1). */
	{ "9.1", F, 0, "mx1:S", "N", "verify", "", "go; verify by tlsa +tlsa" },
	{ "9.1", F, 0, "mx1:S", "N", "encrypt", "", "go; verify by tlsa +tlsa" },
	{ "9.1", F, 0, "mx1:S", "E " ANY, "verify", "", "go; sts by sts +tlsa +sts" },
	{ "P01", F, 0, "mx1:S", "E mx9.dest.example", "verify", "",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },

	/* MTA-STS. */
	{ "S31", F, 0, "mx1:N", "E mx1.dest.example", "verify", "", "go; sts by sts +sts" },
	{ "S31", F, 0, "mx1:N", "E " ANY, "verify", "", "go; sts by sts +sts" },
	{ "S31", F, 0, "mx1:N", "E *.example", "verify", "",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "S31", F, 0, "mx1:N", "E dest.example", "verify", "",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "S31", F, 0, "mx1:N", "E MX1.Dest.Example", "verify", "", "go; sts by sts +sts" },
	{ "S31", F, 0, "mx1:N", "E", "verify", "", "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "S36", F, 0, "mx1:N mx2:N", "E mx2.dest.example", "verify", "",
	    "go; skip sts-mx-mismatch; sts by sts +sts" },
	{ "S37", F, 0, "mx1:N", "E mx2.dest.example", "encrypt", "",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "S38", F, 0, "mx1:N", "T mx1.dest.example", "verify", "", "go; verify by default" },
	{ "S38", F, 0, "mx1:N", "T mx9.dest.example", "verify", "", "go; verify by default" },
	{ "S38", F, SECURE, "mx1:S", "T mx9.dest.example", "verify", "", "go; dane by dane +tlsa" },
	{ "S39", F, 0, "mx1:N", "N", "encrypt", "", "go; encrypt by default" },
	{ "S09", F, 0, "mx1:N", "F", "verify", "", "go; verify by default" },
	{ "9.4", F, 0, "mx1:N", "F", "encrypt", "", "go; encrypt by default" },
	{ "S30", F, 0, "mx1:N", "U", "verify", "",
	    "defer policy-unavailable; skip policy-unavailable" },
	{ "S30", F, SECURE, "mx1:S", "U", "verify", "",
	    "defer policy-unavailable; skip policy-unavailable" },
	{ "-1", F, 0, "mx1:N", "X", "verify", "",
	    "defer policy-unavailable; skip policy-unavailable" },
	{ "S40", F, SECURE, "mx1:S", "E " ANY, "verify", "", "go; dane by dane +tlsa +sts" },
	{ "S40", F, SECURE, "mx1:S", "E mx9.dest.example", "verify", "",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "P01", F, SECURE, "mx1:S mx2:N", "E " ANY, "verify", "",
	    "go; dane by dane +tlsa +sts; sts by sts +sts" },

	/* Implicit MX. */
	{ "S41", I, 0, "dest.example:N", "E dest.example", "verify", "", "go; sts by sts +sts" },
	{ "S41", I, 0, "dest.example:N", "E " ANY, "verify", "",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "D21", I, SECURE, "dest.example:S", "N", "verify", "", "go; dane by dane +tlsa" },
	{ "D21", I, 0, "dest.example:S", "N", "verify", "", "go; verify by tlsa +tlsa" },
	{ "P11", I, 0, "dest.example:N", "N", "verify", "", "go; verify by default" },
	{ "P11", I, 0, "dest.example:Nn", "N", "verify", "", "defer no-address; skip no-address" },

	/* Addresses. */
	{ "P1", F, 0, "mx1:Na", "N", "verify", "", "defer dns-failure; skip dns-failure" },
	{ "P8", F, 0, "mx1:Nr", "N", "verify", "", "defer address-refused; skip address-refused" },
	{ "P1", F, 0, "mx1:Nn", "N", "verify", "", "defer no-address; skip no-address" },
	{ "-1", F, 0, "mx1:Nz", "N", "verify", "", "defer no-address; skip no-address" },
	{ "-1", F, 0, "mx1:Nx", "N", "verify", "", "defer dns-failure; skip dns-failure" },
	{ "P03", F, 0, "mx1:Na mx2:U", "N", "verify", "",
	    "defer tlsa-lookup; skip dns-failure; skip tlsa-lookup" },
	{ "P03", F, 0, "mx1:Na mx2:Nr", "N", "verify", "",
	    "defer dns-failure; skip dns-failure; skip address-refused" },
	{ "-1", F, 0, "", "N", "verify", "", "defer no-address" },

	/* The MX look-up itself. */
	{ "D03", PLAN_MX_UNKNOWN, 0, "mx1:N", "N", "verify", "", "defer dns-failure" },
	{ "D03", PLAN_MX_UNKNOWN, SECURE, "mx1:S", "N", "encrypt", "P!", "defer dns-failure" },
	{ "-1", 99, 0, "mx1:N", "N", "verify", "", "defer dns-failure" },
	{ "R7505", PLAN_MX_NULL, 0, "", "N", "verify", "", "reject null-mx" },
	{ "R7505", PLAN_MX_NULL, 0, "mx1:N", "E " ANY, "verify", "P!", "reject null-mx" },
	{ "R5321", PLAN_MX_NO_DOMAIN, 0, "", "N", "verify", "", "reject no-such-domain" },

	/* Exceptions: below the default or rule, not below what is published. */
	{ "E8", F, 0, "mx1:N", "N", "verify", "P", "go; plaintext by exception x=EX-7 min=1.0" },
	{ "E8", F, 0, "mx1:N", "N", "verify", "E", "go; encrypt by exception x=EX-7" },
	{ "E8", F, 0, "mx1:N", "N", "encrypt", "E", "go; encrypt by default" },
	{ "E8", F, 0, "mx1:N", "N", "=dane", "E", "go; encrypt by exception x=EX-7" },
	{ "E8", F, 0, "mx1:N", "N", "=sts", "P", "go; plaintext by exception x=EX-7 min=1.0" },
	{ "E8", F, 0, "mx1:N", "N", "verify", "V", "go; verify by default" },
	{ "E8", F, 0, "mx1:N", "N", "=dane", "V!", "defer dane-required; skip dane-required" },
	{ "E8", F, SECURE, "mx1:S", "N", "verify", "P", "go; dane by dane +tlsa" },
	{ "E8", F, 0, "mx1:S", "N", "verify", "P", "go; verify by tlsa +tlsa" },
	{ "E8", F, SECURE, "mx1:J", "N", "verify", "P", "go; encrypt by tlsa" },
	{ "E8", F, 0, "mx1:N", "E " ANY, "verify", "P", "go; sts by sts +sts" },
	{ "E8", F, 0, "mx1:N", "E mx9.dest.example", "verify", "P",
	    "defer sts-mx-mismatch; skip sts-mx-mismatch" },
	{ "E8", F, 0, "mx1:N", "T " ANY, "verify", "P",
	    "go; plaintext by exception x=EX-7 min=1.0" },
	{ "E8", F, 0, "mx1:N", "U", "verify", "P",
	    "defer policy-unavailable; skip policy-unavailable" },
	{ "E8", F, 0, "mx1:U", "N", "verify", "P", "defer tlsa-lookup; skip tlsa-lookup" },
	{ "E8", F, SECURE, "mx1:S mx2:N", "N", "verify", "P",
	    "go; dane by dane +tlsa; plaintext by exception x=EX-7 min=1.0" },
	{ "E8", F, 0, "mx1:N", "E " ANY, "=dane", "E", "go; sts by sts +sts" },
	/* ... unless it overrides just that. */
	{ "E8!", F, SECURE, "mx1:S", "N", "verify", "P!",
	    "go; plaintext by exception x=EX-7 min=1.0" },
	{ "E8!", F, SECURE, "mx1:S", "E " ANY, "verify", "E!", "go; encrypt by exception x=EX-7" },
	{ "E8!", F, 0, "mx1:N", "E mx9.dest.example", "verify", "E!",
	    "go; encrypt by exception x=EX-7" },
	{ "S10", F, 0, "mx1:N", "U", "verify", "E!", "go; encrypt by exception x=EX-7" },
	{ "D04", F, SECURE, "mx1:U", "N", "verify", "P!",
	    "go; plaintext by exception x=EX-7 min=1.0" },
	{ "P8", F, 0, "mx1:Nr", "N", "verify", "P!",
	    "defer address-refused; skip address-refused" },
	/* weak-tls lowers the version and nothing else. */
	{ "P12", F, 0, "mx1:N", "N", "verify", "W", "go; verify by default x=EX-7 min=1.0" },
	{ "P12", F, SECURE, "mx1:S", "N", "verify", "W", "go; dane by dane +tlsa x=EX-7 min=1.0" },
	{ "P12", F, 0, "mx1:N", "E " ANY, "verify", "W!", "go; sts by sts +sts x=EX-7 min=1.0" },
	{ "P12", F, 0, "mx1:N", "N", "verify", "PW!", "go; verify by default x=EX-7 min=1.0" },
	{ "P12", F, SECURE, "mx1:N", "N", "=dane", "W", "defer dane-required; skip dane-required" },

	/* Monitor: policy refusals are walked, with no level; others are not. */
	{ "MON", F, SECURE, "mx1:S", "N", "?verify", "", "go; dane by dane +tlsa" },
	{ "MON", F, SECURE, "mx1:N", "N", "?=dane", "", "go; none would=dane-required" },
	{ "MON", F, 0, "mx1:N", "E mx9.dest.example", "?verify", "",
	    "go; none would=sts-mx-mismatch" },
	{ "MON", F, 0, "mx1:U", "U", "?verify", "", "go; none would=tlsa-lookup" },
	{ "MON", F, 0, "mx1:Nr", "N", "?verify", "",
	    "defer address-refused; skip address-refused" },
	{ "MON", PLAN_MX_UNKNOWN, 0, "mx1:N", "N", "?verify", "", "defer dns-failure" },
	{ "MON", PLAN_MX_NULL, 0, "", "N", "?verify", "", "reject null-mx" },
};

#undef F
#undef I

static void
host_addresses(struct plan_host *h, char letter)
{
	h->addresses_state = PLAN_ADDRESSES_FOUND;
	h->naddresses = 1;
	if (letter == 'a')
		h->addresses_state = PLAN_ADDRESSES_UNKNOWN;
	else if (letter == 'n')
		h->addresses_state = PLAN_ADDRESSES_NONE;
	else if (letter == 'r')
		h->addresses_state = PLAN_ADDRESSES_REFUSED;
	else if (letter == 'x')
		h->addresses_state = (enum plan_addresses)77;
	else if (letter == 'z')
		h->naddresses = 0;
}

static void
host_tlsa(struct plan_host *h, char letter)
{
	static const uint8_t digest[32] = { 1, 2, 3 };

	h->tlsa_state = letter == 'N' ? PLAN_TLSA_NONE : letter == 'U' ? PLAN_TLSA_UNKNOWN :
	    letter == 'X' ? (enum plan_tlsa)77 : PLAN_TLSA_SECURE;
	if (letter == 'S' || letter == 'M')
		dns_tlsa_set_add(&h->tlsa, 3, 1, 1, digest, 32);
	if (letter == 'J' || letter == 'M') {
		dns_tlsa_set_add(&h->tlsa, 1, 1, 1, digest, 32);
		dns_tlsa_set_add(&h->tlsa, 3, 1, 1, digest, 31);
	}
	str_copy(h->tlsa_base, h->name, sizeof h->tlsa_base);
}

/* "mx1:S mx2:Ua" */
static void
evidence_hosts(struct plan_evidence *ev, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	ev->hosts = calloc(PLAN_HOSTS_MAX, sizeof *ev->hosts);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		struct plan_host *h = &ev->hosts[ev->nhosts++];
		char *colon = strchr(w, ':');

		*colon = '\0';
		str_fmt(h->name, sizeof h->name, strchr(w, '.') ? "%s" : "%s.dest.example", w);
		host_tlsa(h, colon[1]);
		host_addresses(h, colon[2]);
	}
	free(copy);
}

static void
evidence_sts(struct plan_evidence *ev, const char *text)
{
	static const char letters[] = "UNTEF";
	const char *at = strchr(letters, text[0]);

	ev->sts.state = at != NULL ? (enum plan_sts_state)(at - letters) : (enum plan_sts_state)77;
	str_copy(ev->sts.id, "id1", sizeof ev->sts.id);
	if (text[1] == ' ') {
		ev->sts.patterns = calloc(1, sizeof *ev->sts.patterns);
		str_copy(ev->sts.patterns[0], text + 2, DNS_NAME_MAX);
		ev->sts.npatterns = 1;
	}
}

static void
evidence_of(const struct row *row, struct plan_evidence *ev)
{
	memset(ev, 0, sizeof *ev);
	str_copy(ev->domain, "dest.example", sizeof ev->domain);
	ev->mx = (enum plan_mx)row->mx;
	ev->mx_secure = row->mx_secure;
	ev->ttl = 60;
	ev->past_known = 1;
	evidence_hosts(ev, row->hosts);
	evidence_sts(ev, row->sts);
}

static void
rule_of(const struct row *row, struct plan_rule *rule, struct plan_exception *x)
{
	char level[32] = "", version[32] = "";

	memset(rule, 0, sizeof *rule);
	memset(x, 0, sizeof *x);
	rule->port = 25;
	rule->monitor = row->level[0] == '?';
	rule->from_rule = row->level[rule->monitor] == '=';
	sscanf(row->level + rule->monitor + rule->from_rule, "%31s %31s", level, version);
	rule->level = plan_level_of(level);
	rule->min_version = strcmp(version, "1.3") == 0 ? TLS_V1_3 :
	    strcmp(version, "1.1") == 0 ? TLS_V1_1 : TLS_V1_2;
	if (row->exception[0] == '\0')
		return;
	rule->exception = x;
	str_copy(x->id, "EX-7", sizeof x->id);
	x->allow = strchr(row->exception, 'P') ? PLAN_PLAINTEXT : strchr(row->exception, 'E') ?
	    PLAN_ENCRYPT : strchr(row->exception, 'V') ? PLAN_VERIFY : PLAN_NO_LEVEL;
	x->allow_weak_tls = strchr(row->exception, 'W') != NULL;
	x->overrides_published = strchr(row->exception, '!') != NULL;
}

static const char *
version_print(int version)
{
	return version == TLS_V1_2 ? "" : version == TLS_V1_0 ? " min=1.0" :
	    version == TLS_V1_3 ? " min=1.3" : " min=?";
}

static void
target_print(const struct plan_target *t, char *to, size_t cap)
{
	const struct plan_requirement *r = &t->requirement;
	char part[512];

	str_cat(to, "; ", cap);
	if (!t->usable) {
		str_cat(to, "skip ", cap);
		str_cat(to, why_token(t->why.reason), cap);
		return;
	}
	if (r->level == PLAN_NO_LEVEL) {
		str_fmt(part, sizeof part, "none would=%s", why_token(t->why.reason));
		str_cat(to, part, cap);
		return;
	}
	str_fmt(part, sizeof part, "%s by %s%s%s%s%s%s", plan_level_name(r->level),
	    plan_proof_name(r->proof), r->tlsa ? " +tlsa" : "", r->sts ? " +sts" : "",
	    r->exception[0] ? " x=" : "", r->exception,
	    version_print(r->want.min_version));
	str_cat(to, part, cap);
}

static void
plan_print(const struct plan *p, char *to, size_t cap)
{
	static const char *const verdicts[] = { "defer ", "reject ", "go" };

	str_copy(to, verdicts[p->verdict], cap);
	if (p->verdict != PLAN_GO)
		str_cat(to, why_token(p->why.reason), cap);
	for (size_t i = 0; i < p->ntargets; i++)
		target_print(&p->targets[i], to, cap);
}

START_TEST(decide_table)
{
	const struct row *row = &rows[_i];
	struct plan_evidence ev;
	struct plan_exception x;
	struct plan_rule rule;
	struct plan p;
	char text[1024];

	evidence_of(row, &ev);
	rule_of(row, &rule, &x);
	plan_decide(&ev, &rule, 5000, &p);
	plan_evidence_fini(&ev);
	plan_print(&p, text, sizeof text);
	ck_assert_msg(strcmp(text, row->result) == 0,
	    "%s (row %d) hosts \"%s\" sts \"%s\" level %s "
	    "exception \"%s\":\n  got    %s\n  wanted %s", row->rules, _i, row->hosts, row->sts,
	    row->level, row->exception, text, row->result);
	ck_assert(p.verdict == PLAN_GO || p.why.text[0] != '\0');
	ck_assert(p.verdict != PLAN_DEFER || p.why.dsn[0] == '4');
	ck_assert(p.verdict != PLAN_REJECT || p.why.dsn[0] == '5');
	ck_assert_int_eq(p.expires, 65000);
	for (size_t i = 0; i < p.ntargets; i++) {
		const struct plan_target *t = &p.targets[i];

		ck_assert(t->host.tlsa.n == 0);
		ck_assert(t->usable || t->requirement.level == PLAN_NO_LEVEL);
		ck_assert(t->usable || t->why.text[0] != '\0');
		ck_assert(t->requirement.level != PLAN_DANE || t->requirement.want.tlsa.n > 0);
	}
	plan_fini(&p);
	ck_assert(p.ntargets == 0 && p.verdict == PLAN_DEFER);
}
END_TEST

/* RULES D16, D19, S34: reference names and SNI. */
static const struct {
	const char	*domain, *canonical, *host, *base;
	int		 mx_secure;
	char		 tlsa;
	const char	*want_host, *sni, *names;
} name_rows[] = {
	{ "dest.example", "", "mx.h.example", "", 1, 'N', "mx.h.example", "mx.h.example",
	    "mx.h.example" },
	{ "dest.example", "", "mx.h.example", "mx.h.example", 1, 'S', "mx.h.example",
	    "mx.h.example",
	    "mx.h.example dest.example" },
	{ "dest.example", "c.example", "mx.h.example", "b.example", 1, 'S', "mx.h.example",
	    "b.example",
	    "b.example dest.example c.example" },
	{ "dest.example", "c.example", "mx.h.example", "b.example", 0, 'S', "mx.h.example",
	    "b.example",
	    "b.example" },
	{ "dest.example", "", "dest.example", "dest.example", 1, 'S', "dest.example",
	    "dest.example",
	    "dest.example" },
	{ "dest.example", "DEST.example", "mx.h.example", "", 1, 'S', "mx.h.example",
	    "mx.h.example",
	    "mx.h.example dest.example" },
	{ "dest.example", "c.example", "mx.h.example", "b.example", 1, 'J', "mx.h.example",
	    "mx.h.example",
	    "mx.h.example" },
	{ "[192.0.2.1]", "", "[192.0.2.1]", "", 0, 'N', "[192.0.2.1]", "", "[192.0.2.1]" },
	{ "[192.0.2.1]", "", "[192.0.2.1]", "b.example", 1, 'S', "[192.0.2.1]", "", "[192.0.2.1]" },
};

START_TEST(decide_names)
{
	struct plan_host h = { .addresses_state = PLAN_ADDRESSES_FOUND, .naddresses = 1 };
	struct plan_evidence ev = { .mx = PLAN_MX_FOUND, .nhosts = 1, .hosts = &h, .past_known = 1,
		.mx_secure = name_rows[_i].mx_secure, .sts = { .state = PLAN_STS_NONE } };
	struct plan_rule rule = { .level = PLAN_VERIFY, .port = 2525,
		.origin = "relayd.conf:12" };
	char names[1024] = "";
	struct tls_want *want;
	struct plan p;

	str_copy(ev.domain, name_rows[_i].domain, sizeof ev.domain);
	str_copy(ev.canonical, name_rows[_i].canonical, sizeof ev.canonical);
	str_copy(h.name, name_rows[_i].host, sizeof h.name);
	host_tlsa(&h, name_rows[_i].tlsa);
	str_copy(h.tlsa_base, name_rows[_i].base, sizeof h.tlsa_base);
	plan_decide(&ev, &rule, 0, &p);
	ck_assert(p.verdict == PLAN_GO);
	want = &p.targets[0].requirement.want;
	for (size_t i = 0; i < want->nnames; i++) {
		str_cat(names, i ? " " : "", sizeof names);
		str_cat(names, want->names[i], sizeof names);
	}
	ck_assert_str_eq(names, name_rows[_i].names);
	ck_assert_str_eq(want->sni, name_rows[_i].sni);
	ck_assert_str_eq(want->host, name_rows[_i].want_host);
	ck_assert_str_eq(want->ca, "");
	ck_assert_str_eq(p.origin, "relayd.conf:12");
	ck_assert_int_eq(p.port, 2525);
	plan_fini(&p);
	dns_tlsa_set_fini(&h.tlsa);
}
END_TEST

/* RULES D21, S07: an address literal meets no DANE and no MTA-STS. */
static const struct {
	enum plan_level	level;
	const char	*result;
} literal_rows[] = {
	{ PLAN_ENCRYPT, "go; encrypt by rule" },
	{ PLAN_VERIFY, "go; verify by rule" },
	{ PLAN_STS, "defer sts-required; skip sts-required" },
	{ PLAN_DANE, "defer dane-required; skip dane-required" },
};

START_TEST(decide_literal)
{
	struct plan_host h = { .name = "[192.0.2.1]", .addresses_state = PLAN_ADDRESSES_FOUND,
		.naddresses = 1, .tlsa_state = PLAN_TLSA_UNKNOWN };
	struct plan_evidence ev = { .domain = "[192.0.2.1]", .mx = PLAN_MX_IMPLICIT, .nhosts = 1,
		.hosts = &h };
	struct plan_rule rule = { .level = literal_rows[_i].level, .from_rule = 1 };
	char text[256];
	struct plan p;

	plan_decide(&ev, &rule, 0, &p);
	plan_print(&p, text, sizeof text);
	ck_assert_str_eq(text, literal_rows[_i].result);
	plan_fini(&p);
}
END_TEST

/* Nothing known at all, nothing configured at all: nothing goes. */
START_TEST(decide_zero)
{
	struct plan_evidence ev = { 0 };
	struct plan_rule rule = { 0 };
	struct plan p;

	plan_decide(&ev, &rule, 0, &p);
	ck_assert(p.verdict == PLAN_DEFER && p.why.reason != WHY_NONE && p.ntargets == 0);
	plan_fini(&p);
}
END_TEST

/* The reason found with the evidence is kept, but never as a permanent one. */
START_TEST(decide_keeps_reasons)
{
	struct plan_host h = { .name = "mx1.dest.example",
	    .addresses_state = PLAN_ADDRESSES_UNKNOWN };
	struct plan_evidence ev = { .domain = "dest.example", .mx = PLAN_MX_FOUND, .nhosts = 1,
	    .hosts = &h };
	struct plan_rule rule = { .level = PLAN_VERIFY };
	struct plan p;

	why_set_dsn(&h.why, WHY_DNSSEC_INVALID, "5.7.5", "bogus");
	plan_decide(&ev, &rule, 0, &p);
	ck_assert(p.verdict == PLAN_DEFER && p.why.reason == WHY_DNSSEC_INVALID);
	ck_assert_str_eq(p.why.text, "bogus");
	ck_assert_str_eq(p.why.dsn, "4.7.5");
	plan_fini(&p);
	ev.mx = PLAN_MX_UNKNOWN;
	why_set_dsn(&ev.why, WHY_DNSSEC_INVALID, "5.7.5", "bogus MX");
	plan_decide(&ev, &rule, 0, &p);
	ck_assert(p.verdict == PLAN_DEFER);
	ck_assert_str_eq(p.why.text, "bogus MX");
	ck_assert_str_eq(p.why.dsn, "4.7.5");
	plan_fini(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_decide");
	TCase *tc = tcase_create("decide");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, decide_table, 0, LENGTH(rows));
	tcase_add_loop_test(tc, decide_names, 0, LENGTH(name_rows));
	tcase_add_loop_test(tc, decide_literal, 0, LENGTH(literal_rows));
	tcase_add_test(tc, decide_zero);
	tcase_add_test(tc, decide_keeps_reasons);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
