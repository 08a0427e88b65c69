/* SPDX-License-Identifier: ISC */
/* fuzz_sts_record: any TXT value; valid means an id of 1 to 32 letters and digits. */
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/sts/record.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char id[STS_ID_MAX];
	struct why why;
	size_t i, len;

	if (sts_record_parse((const char *)data, n, id, &why) != STS_RECORD_VALID) {
		MUST(id[0] == '\0');
		return 0;
	}
	len = strlen(id);
	MUST(len >= 1 && len <= 32);
	for (i = 0; i < len; i++)
		MUST(isalnum((unsigned char)id[i]));
	MUST(n >= 8 && memcmp(data, "v=STSv1;", 8) == 0);
	return 0;
}
