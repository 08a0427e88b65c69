/* SPDX-License-Identifier: ISC */
/* said: a mark in the place of each recipient; whoever comes there later takes it over. */
#include "lib/queue/said.h"

#include "lib/base/rand.h"

int
queue_said_again(struct queue_said *s, uint64_t message, int64_t rcpt, unsigned what)
{
	const uint64_t parts[] = { message, (uint64_t)rcpt, what };
	uint64_t place = rand_hash(parts, sizeof parts - sizeof parts[0]);
	uint64_t mark = rand_hash(parts, sizeof parts), *at = &s->marks[place % QUEUE_SAID_SIZE];

	if (mark == 0)
		mark = 1;
	if (*at == mark)
		return 1;
	*at = mark;
	return 0;
}
