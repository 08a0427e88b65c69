/* SPDX-License-Identifier: ISC */
/*
 * fuzz_ipc_evidence (F17): what a worker may send as evidence. Refused, or
 * equal after it was written and read once more; names and texts are such
 * that they can be shown anywhere.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/ipc/ipc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_line(const char *s)
{
	for (; *s != '\0'; s++)
		MUST((unsigned char)*s >= 32 && *s != 127);
}

static void
check_values(const struct plan_evidence *e)
{
	MUST(e->domain[0] != '\0' && e->mx <= PLAN_MX_ROUTE);
	MUST(e->nhosts <= PLAN_HOSTS_MAX && e->sts.npatterns <= PLAN_PATTERNS_MAX);
	MUST(e->sts.state <= PLAN_STS_FAILED && e->sts.expires >= 0);
	check_line(e->canonical);
	check_line(e->why.text);
	for (size_t i = 0; i < e->nhosts; i++) {
		const struct plan_host *h = &e->hosts[i];

		MUST(h->name[0] != '\0' && h->naddresses <= PLAN_ADDRESSES_MAX);
		MUST(h->tlsa.n <= DNS_TLSA_MAX);
		if (h->name[0] != '[')
			check_line(h->name);
		check_line(h->tlsa_base);
		check_line(h->why.text);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct plan_evidence e, again;
	struct buf first, second;

	if (ipc_evidence_get(data, n, &e) == -1)
		return 0;
	check_values(&e);
	buf_init(&first);
	buf_init(&second);
	ipc_evidence_put(&first, &e);
	MUST(ipc_evidence_get(buf_data(&first), buf_len(&first), &again) == 0);
	ipc_evidence_put(&second, &again);
	MUST(buf_len(&first) == buf_len(&second));
	MUST(memcmp(buf_data(&first), buf_data(&second), buf_len(&first)) == 0);
	plan_evidence_fini(&e);
	plan_evidence_fini(&again);
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
