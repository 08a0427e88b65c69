/* SPDX-License-Identifier: ISC */
/* fuzz_sts_policy: any body; accepted means complete and in range. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/sts/match.h"
#include "lib/sts/policy.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sts_policy p;
	struct why why;
	size_t i;

	if (sts_policy_parse(&p, (const char *)data, n, &why) == -1) {
		MUST(why.reason == WHY_STS_INVALID && p.patterns == NULL);
		return 0;
	}
	MUST(p.max_age <= STS_MAX_AGE_MAX && p.npatterns <= STS_PATTERNS_MAX);
	MUST(p.npatterns > 0 || p.mode == STS_MODE_NONE);
	for (i = 0; i < p.npatterns; i++) {
		const char *s = p.patterns[i];

		MUST(strlen(s) < DNS_NAME_MAX && strpbrk(s, " \t\r\n") == NULL);
		/* A pattern matches itself only if it is a host. */
		MUST(sts_match_pattern(s, s) == (s[0] != '*'));
	}
	sts_policy_fini(&p);
	return 0;
}
