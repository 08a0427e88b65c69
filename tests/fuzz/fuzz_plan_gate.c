/* SPDX-License-Identifier: ISC */
/*
 * fuzz_plan_gate: arbitrary evidence and rule -> plan -> gate with arbitrary
 * facts (HARDENING F21). Besides "no crash": nothing is admitted in clear
 * without exception or monitor mode; a host with a secure usable TLSA is
 * never admitted without its match, nor an MTA-STS host without trust, unless
 * an exception overrides what is published; facts that are weaker in one
 * point never open what stronger ones do not.
 */
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/str.h"
#include "lib/plan/admit.h"
#include "lib/plan/decide.h"
#include "lib/plan/monitor.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct input {
	const uint8_t	*p;
	size_t		 left;
};

/* Past the end everything reads as 0. */
static unsigned
byte(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

/* Mostly in range, sometimes not. */
static int
pick(struct input *in, unsigned count)
{
	unsigned v = byte(in);

	return v == 255 ? (int)v : (int)(v % count);
}

static void
name(struct input *in, char to[DNS_NAME_MAX])
{
	static const char *const names[] = { "mx1.dest.example", "mx2.dest.example", "dest.example",
	    "",
		"[192.0.2.1]", "[IPv6:2001:db8::1]", ".", "*", "*.dest.example" };
	unsigned v = byte(in), n;

	if (v < 200) {
		str_copy(to, names[v % (sizeof names / sizeof names[0])], DNS_NAME_MAX);
		return;
	}
	n = byte(in);
	for (unsigned i = 0; i < n; i++)
		to[i] = (char)byte(in);
	to[n] = '\0';
}

static void
host(struct input *in, struct plan_host *h)
{
	uint8_t data[64];
	unsigned records = byte(in) % 4;

	name(in, h->name);
	h->addresses_state = (enum plan_addresses)pick(in, PLAN_ADDRESSES_OURS + 1);
	h->addresses_secure = pick(in, 2);
	h->naddresses = byte(in) % (PLAN_ADDRESSES_MAX + 1);
	h->tlsa_state = (enum plan_tlsa)pick(in, 3);
	name(in, h->tlsa_base);
	for (unsigned i = 0; i < records; i++) {
		uint8_t usage = (uint8_t)pick(in, 4), selector = (uint8_t)pick(in, 2);
		uint8_t mtype = (uint8_t)pick(in, 3);

		memset(data, (int)byte(in), sizeof data);
		dns_tlsa_set_add(&h->tlsa, usage, selector, mtype, data, byte(in) % 65);
	}
	if (byte(in) % 4 == 0)
		why_set_dsn(&h->why, (enum why_reason)(byte(in) % WHY__COUNT), "5.0.0", "found");
}

static void
evidence(struct input *in, struct plan_evidence *ev)
{
	memset(ev, 0, sizeof *ev);
	name(in, ev->domain);
	name(in, ev->canonical);
	ev->mx = (enum plan_mx)pick(in, 5);
	ev->mx_secure = pick(in, 2);
	ev->nhosts = byte(in) % (PLAN_HOSTS_MAX + 3);
	if (ev->nhosts > 0)
		ev->hosts = must_calloc(ev->nhosts, sizeof *ev->hosts);
	for (size_t i = 0; i < ev->nhosts; i++)
		host(in, &ev->hosts[i]);
	ev->sts.state = (enum plan_sts_state)pick(in, 5);
	ev->sts.npatterns = byte(in) % 4;
	if (ev->sts.npatterns > 0)
		ev->sts.patterns = must_calloc(ev->sts.npatterns, sizeof *ev->sts.patterns);
	for (size_t i = 0; i < ev->sts.npatterns; i++)
		name(in, ev->sts.patterns[i]);
	ev->ttl = byte(in) * 0x01010101u;
}

static void
rule(struct input *in, struct plan_rule *r, struct plan_exception *x)
{
	static const int versions[] = { TLS_V1_2, TLS_V1_3, 0, TLS_V1_0 };

	memset(r, 0, sizeof *r);
	memset(x, 0, sizeof *x);
	r->level = (enum plan_level)pick(in, 6);
	r->from_rule = pick(in, 2);
	r->monitor = byte(in) % 4 == 0;
	r->min_version = versions[byte(in) % 4];
	if (byte(in) % 2 == 0)
		return;
	r->exception = x;
	str_copy(x->id, byte(in) % 4 ? "EX-7" : "", sizeof x->id);
	x->allow = (enum plan_level)pick(in, 6);
	x->allow_weak_tls = pick(in, 2);
	x->overrides_published = byte(in) % 2;
}

static struct tls_facts
facts(unsigned bits, unsigned version)
{
	struct tls_facts f = { 0 };

	f.encrypted = bits & 1;
	f.resumed = !(bits & 2);
	f.pkix_chain = bits >> 2 & 1;
	f.pkix_name = bits >> 3 & 1;
	f.dane_matched = bits >> 4 & 1;
	f.dane_usable = bits >> 5 & 1;
	f.version = (int)(TLS_V1_0 + version % 4);
	return f;
}

/* What the evidence alone forbids. */
static void
check_admitted(const struct plan_evidence *ev, const struct plan_rule *r, const struct plan *p,
    const struct plan_target *t, const struct plan_host *h, const struct tls_facts *f)
{
	const struct plan_exception *x = r->exception;
	int overridden = x != NULL && x->overrides_published && !x->allow_weak_tls;
	int literal = ev->domain[0] == '[';
	int usable = 0;

	MUST(p->verdict == PLAN_GO && t->usable);
	MUST(ev->mx == PLAN_MX_FOUND || ev->mx == PLAN_MX_IMPLICIT);
	MUST(h->addresses_state == PLAN_ADDRESSES_FOUND && h->naddresses > 0);
	MUST(f->encrypted || (x != NULL && x->allow == PLAN_PLAINTEXT && x->id[0] != '\0'));
	if (overridden || literal)
		return;
	MUST(ev->sts.state != PLAN_STS_UNKNOWN && h->tlsa_state != PLAN_TLSA_UNKNOWN);
	for (size_t i = 0; i < h->tlsa.n; i++)
		usable |= dns_tlsa_usable(&h->tlsa.rr[i]);
	if (h->tlsa_state == PLAN_TLSA_SECURE)
		MUST(f->encrypted && (!usable || f->dane_matched));
	if (ev->sts.state == PLAN_STS_ENFORCE)
		MUST(f->encrypted && f->pkix_chain && f->pkix_name);
	if (x == NULL && r->level == PLAN_VERIFY)
		MUST(f->dane_matched || (f->pkix_chain && f->pkix_name));
}

static void
gate(const struct plan_evidence *ev, const struct plan_rule *r, const struct plan *p, size_t at,
    unsigned version)
{
	const struct plan_target *t = &p->targets[at];
	int admitted[64];

	for (unsigned bits = 0; bits < 64; bits++) {
		struct tls_facts f = facts(bits, version);
		struct why why = { 0 };

		admitted[bits] = plan_admits(p, &t->requirement, &f, &why) == 0;
		MUST(admitted[bits] || (why_is_set(&why) && why.text[0] != '\0'));
		if (admitted[bits])
			check_admitted(ev, r, p, t, &ev->hosts[at], &f);
	}
	for (unsigned bits = 0; bits < 64; bits++)
		for (unsigned fact = 1; fact < 64; fact <<= 1)
			MUST(!admitted[bits & ~fact] || admitted[bits | fact]);
}

static void
monitored(const struct plan *p, const struct plan_target *t)
{
	struct plan_requirement r;
	struct tls_facts none = { 0 };
	struct why why;
	int ret = plan_monitor_requirement(p, &t->requirement, &r);

	MUST((ret == 0) == (p->monitor != 0));
	MUST((plan_admits(p, &r, &none, &why) == 0) == (ret == 0 && p->verdict == PLAN_GO));
	plan_requirement_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, n };
	struct plan_evidence ev;
	struct plan_exception x;
	struct plan_rule r;
	struct plan p;
	unsigned version;

	rule(&in, &r, &x);
	version = byte(&in);
	evidence(&in, &ev);
	plan_decide(&ev, &r, 0, &p);
	MUST(p.ntargets <= PLAN_HOSTS_MAX);
	MUST(p.verdict == PLAN_GO || p.why.text[0] != '\0');
	MUST(p.verdict != PLAN_DEFER || p.why.dsn[0] == '4');
	for (size_t i = 0; i < p.ntargets; i++) {
		MUST(p.targets[i].usable || p.targets[i].why.text[0] != '\0');
		gate(&ev, &r, &p, i, version);
		monitored(&p, &p.targets[i]);
		plan_requirement_key(&p.targets[i].requirement);
	}
	plan_fini(&p);
	plan_evidence_fini(&ev);
	return 0;
}
