/* SPDX-License-Identifier: ISC */
/* A slot of the journal of outgoing mail, as a disk may give it back. Also with a right sum. */
#include <string.h>

#include "lib/base/bug.h"
#include "lib/store/flight.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct store_flight_entry *e)
{
	MUST(e->message > 0 && e->nrcpts <= STORE_FLIGHT_RCPTS);
	MUST(memchr(e->relay, '\0', sizeof e->relay) != NULL);
	MUST(memchr(e->reply, '\0', sizeof e->reply) != NULL);
	for (size_t i = 0; i < e->nrcpts; i++)
		MUST(e->rcpts[i] > 0);
	for (const char *p = e->relay; *p != '\0'; p++)
		MUST((unsigned char)*p >= ' ');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned char slot[STORE_FLIGHT_SLOT] = { 0 };
	struct store_flight_entry e;

	memcpy(slot, data, n < sizeof slot ? n : sizeof slot);
	for (unsigned number = 1; number <= 2; number++)
		if (store_flight_read(slot, number, &e) == 1)
			check(&e);
	return 0;
}
