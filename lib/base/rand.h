/* SPDX-License-Identifier: ISC */
/* rand: random numbers from the kernel (buffered), and keyed hashing. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

uint64_t	rand_u64(void);
uint32_t	rand_below(uint32_t n);		/* uniform in [0, n); n > 0 */
void		rand_shuffle(void *base, size_t n, size_t size);
/* d ms, give or take percent of it. */
int64_t		rand_jitter(int64_t ms, unsigned percent);
/* SipHash-2-4 under a key drawn once per process. */
uint64_t	rand_hash(const void *, size_t);
/* SipHash-2-4 under a key of one's own. */
uint64_t	rand_siphash(const uint8_t key[16], const void *, size_t);

#endif
