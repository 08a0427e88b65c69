/* SPDX-License-Identifier: ISC */
/* table: see table.h. */
#include "lib/plan/table.h"

#include <string.h>

#include <openssl/x509_vfy.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/plan/admit.h"
#include "lib/plan/decide.h"

#define DOMAIN	"partner.example"
#define HOST	"mx.partner.example"

/* ---- what is published ---- */

static const struct {
	const char	*words;
	int		 secure;
} mxs[] = { { "secure", 1 }, { "insecure", 0 } };

static const struct {
	const char	*words;
	enum plan_tlsa	 state;
	int		 usage;		/* -1: no record */
} tlsas[] = {
	{ "none", PLAN_TLSA_NONE, -1 },
	{ "usable", PLAN_TLSA_SECURE, 3 },
	{ "none usable", PLAN_TLSA_SECURE, 0 },
	{ "not known", PLAN_TLSA_UNKNOWN, -1 },
};

static const struct {
	const char		*words;
	enum plan_sts_state	 state;
	const char		*pattern;
} stss[] = {
	{ "none", PLAN_STS_NONE, "" },
	{ "testing", PLAN_STS_TESTING, HOST },
	{ "not to be had", PLAN_STS_FAILED, "" },
	{ "enforce", PLAN_STS_ENFORCE, HOST },
	{ "enforce, host not listed", PLAN_STS_ENFORCE, "mail.elsewhere.example" },
	{ "not known", PLAN_STS_UNKNOWN, "" },
};

static const struct plan_exception exceptions[] = {
	{ .id = "EX-1", .allow = PLAN_PLAINTEXT },
	{ .id = "EX-2", .allow = PLAN_PLAINTEXT, .overrides_published = 1 },
};

static const struct {
	enum plan_level			 level;
	const struct plan_exception	*exception;
} rules[PLAN_TABLE__RULES] = {
	[PLAN_TABLE_ENCRYPT] = { PLAN_ENCRYPT, NULL },
	[PLAN_TABLE_VERIFY] = { PLAN_VERIFY, NULL },
	[PLAN_TABLE_STS] = { PLAN_STS, NULL },
	[PLAN_TABLE_DANE] = { PLAN_DANE, NULL },
	[PLAN_TABLE_EXCEPTION] = { PLAN_VERIFY, &exceptions[0] },
	[PLAN_TABLE_OVERRIDE] = { PLAN_VERIFY, &exceptions[1] },
};

/* A plan for one host that publishes this. */
static void
decide(size_t mx, size_t tlsa, size_t sts, size_t rule, struct plan *plan)
{
	static const uint8_t digest[32] = { 1 };
	char pattern[1][DNS_NAME_MAX];
	struct plan_host host = {
		.addresses_state = PLAN_ADDRESSES_FOUND, .addresses_secure = 1,
		.naddresses = 1, .tlsa_state = tlsas[tlsa].state,
	};
	struct plan_evidence e = {
		.domain = DOMAIN, .mx = PLAN_MX_FOUND, .mx_secure = mxs[mx].secure,
		.hosts = &host, .nhosts = 1, .past_known = 1, .ttl = 1,
		.sts = { .state = stss[sts].state, .patterns = pattern,
		    .npatterns = stss[sts].pattern[0] != '\0' },
	};
	struct plan_rule r = {
		.level = rules[rule].level, .exception = rules[rule].exception,
		.min_version = TLS_V1_2, .port = 25,
	};

	host.addresses[0] = (struct dns_address){ .family = AF_INET, .ip = { 192, 0, 2, 1 } };
	str_copy(host.name, HOST, sizeof host.name);
	str_copy(host.tlsa_base, HOST, sizeof host.tlsa_base);
	str_copy(pattern[0], stss[sts].pattern, sizeof pattern[0]);
	if (tlsas[tlsa].usage != -1)
		dns_tlsa_set_add(&host.tlsa, (uint8_t)tlsas[tlsa].usage, 1, 1, digest,
		    sizeof digest);
	plan_decide(&e, &r, 0, plan);
	dns_tlsa_set_fini(&host.tlsa);
}

static void
print_level(const struct plan_requirement *r, char to[PLAN_TABLE_CELL])
{
	const char *more = "";

	if (r->level == PLAN_DANE && r->sts)
		more = " + sts";
	else if (r->level == PLAN_VERIFY && r->tlsa)
		more = " (by TLSA)";
	else if (r->level < PLAN_DANE && r->tlsa)
		more = " + TLSA";
	(void)str_fmt(to, PLAN_TABLE_CELL, "%s%s", plan_level_name(r->level), more);
}

static void
print_decision(size_t mx, size_t tlsa, size_t sts, size_t rule, char to[PLAN_TABLE_CELL])
{
	struct plan p;

	decide(mx, tlsa, sts, rule, &p);
	if (p.verdict == PLAN_GO)
		print_level(&p.targets[0].requirement, to);
	else
		(void)str_fmt(to, PLAN_TABLE_CELL, "wait: %s", why_token(p.why.reason));
	plan_fini(&p);
}

struct cells {
	char	v[PLAN_TABLE__RULES][PLAN_TABLE_CELL];
};

static void
fill_cells(size_t mx, size_t tlsa, size_t sts, struct cells *to)
{
	memset(to, 0, sizeof *to);
	for (size_t rule = 0; rule < PLAN_TABLE__RULES; rule++)
		print_decision(mx, tlsa, sts, rule, to->v[rule]);
}

static size_t
count(const int taken[LENGTH(stss)])
{
	size_t n = 0;

	for (size_t i = 0; i < LENGTH(stss); i++)
		n += taken[i] != 0;
	return n;
}

/* Row number `at` of this MX and TLSA; -1 if there are fewer. */
static int
group(size_t mx, size_t tlsa, size_t *at, struct plan_table_decision *d)
{
	struct cells all[LENGTH(stss)];
	int taken[LENGTH(stss)] = { 0 };

	for (size_t i = 0; i < LENGTH(stss); i++)
		fill_cells(mx, tlsa, i, &all[i]);
	for (size_t i = 0; i < LENGTH(stss); i++) {
		if (taken[i])
			continue;
		d->sts[0] = '\0';
		for (size_t j = i; j < LENGTH(stss); j++) {
			if (memcmp(&all[i], &all[j], sizeof all[i]) != 0)
				continue;
			taken[j] = 1;
			str_cat(d->sts, j > i ? "; " : "", sizeof d->sts);
			str_cat(d->sts, stss[j].words, sizeof d->sts);
		}
		if ((*at)-- > 0)
			continue;
		if (count(taken) == LENGTH(stss) && i == 0)
			str_copy(d->sts, "any", sizeof d->sts);
		memcpy(d->cells, all[i].v, sizeof d->cells);
		return 0;
	}
	return -1;
}

int
plan_table_decision(size_t row, struct plan_table_decision *d)
{
	for (size_t mx = 0; mx < LENGTH(mxs); mx++) {
		for (size_t tlsa = 0; tlsa < LENGTH(tlsas); tlsa++) {
			d->mx = mxs[mx].words;
			d->tlsa = tlsas[tlsa].words;
			if (group(mx, tlsa, &row, d) == 0)
				return 0;
		}
	}
	return -1;
}

/* ---- what a connection showed ---- */

#define TLS(n, name) \
	.encrypted = 1, .version = (n), .protocol = (name), .fingerprint = "00", .dane_usable = 1
#define TLS_NOW	TLS(TLS_V1_3, "TLSv1.3")
#define PKIX	.pkix_chain = 1, .pkix_name = 1, .pkix_error = X509_V_OK
#define MATCH	.dane_matched = 1, .dane_usage = 3, .dane_error = X509_V_OK
#define NO_MATCH .dane_usage = -1, .dane_depth = -1, .dane_error = X509_V_ERR_DANE_NO_MATCH

static const struct {
	const char		*words;
	struct tls_facts	 facts;
} shown[] = {
	{ "no TLS", { .dane_usage = -1 } },
	{ "TLS 1.1", { TLS(TLS_V1_1, "TLSv1.1"), PKIX, MATCH } },
	{ "certificate valid, TLSA matches", { TLS_NOW, PKIX, MATCH } },
	{ "certificate valid, TLSA does not match", { TLS_NOW, PKIX, NO_MATCH } },
	{ "TLSA matches, issuer not trusted", { TLS_NOW, MATCH,
	    .pkix_error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY } },
	{ "issuer not trusted", { TLS_NOW, NO_MATCH,
	    .pkix_error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY } },
	{ "certificate expired", { TLS_NOW, NO_MATCH,
	    .pkix_error = X509_V_ERR_CERT_HAS_EXPIRED } },
	{ "certificate of another name", { TLS_NOW, NO_MATCH, .pkix_chain = 1,
	    .pkix_error = X509_V_OK } },
};

/* What has to be published, and the rule, for a host to have this level. */
static const struct {
	size_t	mx, tlsa, sts, rule;
} at[PLAN_TABLE__LEVELS] = {
	[PLAN_TABLE_AT_PLAINTEXT] = { 1, 0, 0, PLAN_TABLE_EXCEPTION },
	[PLAN_TABLE_AT_ENCRYPT] = { 1, 0, 0, PLAN_TABLE_ENCRYPT },
	[PLAN_TABLE_AT_VERIFY] = { 1, 0, 0, PLAN_TABLE_VERIFY },
	[PLAN_TABLE_AT_STS] = { 1, 0, 3, PLAN_TABLE_VERIFY },
	[PLAN_TABLE_AT_DANE] = { 0, 1, 0, PLAN_TABLE_VERIFY },
	[PLAN_TABLE_AT_DANE_STS] = { 0, 1, 3, PLAN_TABLE_VERIFY },
};

int
plan_table_admission(size_t row, struct plan_table_admission *a)
{
	if (row >= LENGTH(shown))
		return -1;
	a->shown = shown[row].words;
	for (size_t i = 0; i < PLAN_TABLE__LEVELS; i++) {
		struct plan p;
		struct why why;

		decide(at[i].mx, at[i].tlsa, at[i].sts, at[i].rule, &p);
		if (plan_admits(&p, &p.targets[0].requirement, &shown[row].facts, &why) == 0)
			(void)str_copy(a->cells[i], "send", PLAN_TABLE_CELL);
		else
			(void)str_fmt(a->cells[i], PLAN_TABLE_CELL, "wait: %s",
			    why_token(why.reason));
		plan_fini(&p);
	}
	return 0;
}
