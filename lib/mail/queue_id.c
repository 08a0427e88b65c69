/* SPDX-License-Identifier: ISC */
/* queue_id: 64-bit queue ids in 12 characters. */
#include "lib/mail/queue_id.h"

#include <string.h>

/* In ASCII order, so that texts sort as numbers. */
static const char alphabet[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
#define RADIX	(sizeof alphabet - 1)

void
mail_queue_id_print(char to[MAIL_QUEUE_ID_LEN + 1], uint64_t id)
{
	to[MAIL_QUEUE_ID_LEN] = '\0';
	for (int i = MAIL_QUEUE_ID_LEN - 1; i >= 0; i--) {
		to[i] = alphabet[id % RADIX];
		id /= RADIX;
	}
}

int
mail_queue_id_parse(const char *s, uint64_t *id)
{
	const char *digit;
	uint64_t value = 0;

	if (strlen(s) != MAIL_QUEUE_ID_LEN)
		return -1;
	for (; *s != '\0'; s++) {
		if ((digit = strchr(alphabet, *s)) == NULL)
			return -1;
		if (__builtin_mul_overflow(value, (uint64_t)RADIX, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(digit - alphabet), &value))
			return -1;
	}
	*id = value;
	return 0;
}
