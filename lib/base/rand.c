/* SPDX-License-Identifier: ISC */
/* rand: numbers from getrandom(2), fetched by the block, and SipHash-2-4. */
#include "lib/base/rand.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#include "lib/base/bug.h"

static _Thread_local struct {
	uint64_t	words[64];
	unsigned	left;
} pool;

static void
fill(void *to, size_t n)
{
	ssize_t got;

	/* Up to 256 bytes come whole (getrandom(2)). */
	for (uint8_t *p = to; n > 0; p += got, n -= (size_t)got) {
		size_t want = n < 256 ? n : 256;

		do
			got = getrandom(p, want, 0);
		while (got == -1 && errno == EINTR);
		MUST(got > 0);
	}
}

/* A child must not draw the numbers that its parent will draw. */
static void
forget(void)
{
	pool.left = 0;
}

static void
forget_on_fork(void)
{
	pthread_atfork(NULL, NULL, forget);
}

uint64_t
rand_u64(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pool.left == 0) {
		pthread_once(&once, forget_on_fork);
		fill(pool.words, sizeof pool.words);
		pool.left = sizeof pool.words / sizeof pool.words[0];
	}
	return pool.words[--pool.left];
}

uint32_t
rand_below(uint32_t n)
{
	uint32_t floor, low;
	uint64_t wide;

	MUST(n > 0);
	/* Multiply and take the high half; reject the few that would be drawn too often. */
	floor = -n % n;
	do {
		wide = (rand_u64() & UINT32_MAX) * n;
		low = (uint32_t)wide;
	} while (low < floor);
	return (uint32_t)(wide >> 32);
}

static void
swap(char *a, char *b, size_t size)
{
	for (; size > 0; size--, a++, b++) {
		char c = *a;

		*a = *b;
		*b = c;
	}
}

void
rand_shuffle(void *base, size_t n, size_t size)
{
	char *items = base;

	MUST(n <= UINT32_MAX);
	for (; n > 1; n--)
		swap(items + (n - 1) * size, items + rand_below((uint32_t)n) * size, size);
}

int64_t
rand_jitter(int64_t ms, unsigned percent)
{
	uint64_t span;

	if (ms <= 0 || percent == 0)
		return ms;
	if (percent > 100)
		percent = 100;
	span = (uint64_t)ms / 100 * percent + (uint64_t)ms % 100 * percent / 100;
	if (ms > INT64_MAX - (int64_t)span)
		span = (uint64_t)(INT64_MAX - ms);
	return ms - (int64_t)span + (int64_t)(rand_u64() % (2 * span + 1));
}

static inline uint64_t
rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void
sip_rounds(uint64_t v[4], unsigned rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

/* n <= 8 bytes, little-endian. */
static uint64_t
load(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

uint64_t
rand_siphash(const uint8_t key[16], const void *data, size_t n)
{
	uint64_t k0 = load(key, 8), k1 = load(key + 8, 8), m;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };
	uint64_t length = (uint64_t)n << 56;
	const uint8_t *p = data;

	for (; n >= 8; p += 8, n -= 8) {
		m = load(p, 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	m = load(p, n) | length;
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint8_t process_key[16];

static void
draw_key(void)
{
	fill(process_key, sizeof process_key);
}

uint64_t
rand_hash(const void *data, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, draw_key);
	return rand_siphash(process_key, data, n);
}
