/* SPDX-License-Identifier: ISC */
/*
 * said: what the log was told of something last, so that it is not told again.
 * A table of fixed size: what was forgotten is said once more, and nothing is
 * ever left unsaid.
 */
#ifndef QUEUE_SAID_H
#define QUEUE_SAID_H

#include <stdint.h>

#define QUEUE_SAID_SIZE	32768u

/* Zeroed: nothing was said. */
struct queue_said {
	uint64_t	marks[QUEUE_SAID_SIZE];
};

/* 1: this was said of it last. 0: it was not, and counts as said now. */
int	queue_said_again(struct queue_said *, uint64_t message, int64_t rcpt, unsigned what);

#endif
