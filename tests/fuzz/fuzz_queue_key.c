/* SPDX-License-Identifier: ISC */
/* fuzz_queue_key: a key from a database row; what it was read as is printed and read as the same. */
#include <stdint.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/queue/key.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[2048], printed[QUEUE_KEY_CAP];
	struct queue_key k, again;

	if (n >= sizeof text)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	queue_key_parse(text, &k);
	MUST(k.need == QUEUE_TLS_OPTIONAL || k.client[0] == '\0');
	MUST(strchr(k.source, '/') == NULL && strchr(k.client, '/') == NULL);
	queue_key_print(printed, k.domain, k.need, k.client, k.source);
	queue_key_parse(printed, &again);
	MUST(memcmp(&k, &again, sizeof k) == 0);
	MUST(queue_key_is(printed, k.domain));
	return 0;
}
