/* SPDX-License-Identifier: ISC */
/*
 * num: numbers with units, strictly.  No sign, no spaces, no fraction, no
 * silent truncation: 0 and *out, or -1.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

int	num_u64(const char *, uint64_t max, uint64_t *out);	/* decimal digits only */
int	num_size(const char *, uint64_t *bytes);	/* "25M": B (or none) K M G, of 1024 */
int	num_duration(const char *, int64_t *ms);	/* "5d": ms s m h d w; "0" allowed */
int	num_rate(const char *, uint64_t *count, int64_t *per_ms);	/* "60/m" */
/* The shortest exact spelling, the inverse of the above; less than 0 is shown as 0. */
void	num_size_print(char *, size_t cap, uint64_t bytes);
void	num_duration_print(char *, size_t cap, int64_t ms);

#endif
