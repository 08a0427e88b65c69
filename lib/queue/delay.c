/* SPDX-License-Identifier: ISC */
/* delay: see delay.h. */
#include "lib/queue/delay.h"

int64_t
queue_delay_next(const int64_t *steps, size_t n, int64_t created, int64_t warned)
{
	int64_t next = QUEUE_DELAY_NEVER;

	for (size_t i = 0; i < n; i++) {
		int64_t at = created > INT64_MAX - steps[i] ? QUEUE_DELAY_NEVER : created + steps[i];

		if ((warned == 0 || warned < at) && at < next)
			next = at;
	}
	return next;
}
