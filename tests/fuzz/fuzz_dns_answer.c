/* SPDX-License-Identifier: ISC */
/*
 * fuzz_dns_answer: the first byte picks the look-up, the rest is a DNS
 * message for "www.example". Whatever it is, the typed values keep their rules.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/dns/addr.h"
#include "lib/dns/answer.h"
#include "lib/dns/mx.h"
#include "lib/dns/name.h"
#include "lib/dns/tlsa.h"
#include "lib/dns/txt.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_mx(const struct dns_answer *a)
{
	char name[DNS_NAME_MAX];
	struct dns_mx mx;

	dns_mx_parse(&mx, a);
	MUST(mx.nhosts <= DNS_MX_MAX);
	MUST(mx.status != DNS_FOUND || mx.null_mx == (mx.nhosts == 0));
	for (size_t i = 0; i < mx.nhosts; i++)
		MUST(dns_name_normalize(mx.hosts[i].name, strlen(mx.hosts[i].name), name) == 0 &&
		    strcmp(name, mx.hosts[i].name) == 0);
}

static void
check_tlsa(const struct dns_answer *a)
{
	struct dns_tlsa_result t;
	char text[64];

	dns_tlsa_parse(&t, "www.example", a);
	MUST((t.status == DNS_FOUND) == (t.set.n > 0) && t.set.n <= DNS_TLSA_MAX);
	MUST(t.status != DNS_FOUND || a->secure);
	for (size_t i = 0; i < t.set.n; i++) {
		if (dns_tlsa_usable(&t.set.rr[i]))
			MUST(t.set.rr[i].usage >= 2 && t.set.rr[i].len > 0);
		dns_tlsa_print(&t.set.rr[i], text, sizeof text);
	}
	dns_tlsa_result_fini(&t);
}

static void
check_txt(const struct dns_answer *a)
{
	struct dns_txt txt;

	dns_txt_parse(&txt, a);
	MUST(txt.nrecords <= DNS_TXT_MAX);
	dns_txt_fini(&txt);
}

static void
check_addr(const struct dns_answer *a)
{
	struct dns_addr addr;

	dns_addr_parse(&addr, a, a);
	MUST(addr.naddresses <= DNS_ADDR_MAX);
	MUST((addr.status == DNS_FOUND) == (addr.naddresses > 0));
}

static const struct {
	uint16_t	type;
	void		(*check)(const struct dns_answer *);
} kinds[] = { { 15, check_mx }, { 52, check_tlsa }, { 16, check_txt }, { 1, check_addr }, { 28, check_addr } };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dns_answer a;
	size_t kind;

	if (n == 0)
		return 0;
	kind = data[0] % LENGTH(kinds);
	dns_answer_parse(&a, "www.example", kinds[kind].type, data + 1, n - 1, data[0] & 0x80);
	MUST(a.naliases <= DNS_CNAME_MAX || a.status == DNS_FAILED);
	kinds[kind].check(&a);
	dns_answer_fini(&a);
	return 0;
}
