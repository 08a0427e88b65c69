/* SPDX-License-Identifier: ISC */
/*
 * delay: when the sender of a message that waits is told so. Each step is an
 * age; each is told at most once, and steps that passed together are told
 * together. Pure. Times in ms, Unix epoch.
 */
#ifndef QUEUE_DELAY_H
#define QUEUE_DELAY_H

#include <stddef.h>
#include <stdint.h>

#define QUEUE_DELAY_NEVER	INT64_MAX

/* When the next of the n steps is due: the message is from `created`, the last notice from
 * `warned` (0 = none). In any order; none left: QUEUE_DELAY_NEVER. */
int64_t	queue_delay_next(const int64_t *steps, size_t n, int64_t created, int64_t warned);

#endif
