/* SPDX-License-Identifier: ISC */
/* fuzz_sts_match: "pattern LF host"; a match means the same number of labels. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/sts/match.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
labels(const char *s)
{
	size_t n = 1, len = strlen(s);

	for (size_t i = 0; i + 1 < len; i++)
		n += s[i] == '.';
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = must_strndup((const char *)data, n), *lf = strchr(text, '\n');

	if (lf != NULL) {
		*lf = '\0';
		if (sts_match_pattern(text, lf + 1)) {
			MUST(labels(text) == labels(lf + 1));
			MUST(strchr(lf + 1, '*') == NULL);
		}
	}
	free(text);
	return 0;
}
