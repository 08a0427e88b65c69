/* SPDX-License-Identifier: ISC */
/* flow: see flow.h. */
#include "lib/queue/flow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>

#define START	0xcbf29ce484222325u	/* FNV-1a, 64 bits */
#define PRIME	0x100000001b3u

static uint64_t
add(uint64_t h, uint8_t byte)
{
	return (h ^ byte) * PRIME;
}

/* The low bits of FNV-1a say little about the last bytes: all of it is folded into 32. */
static uint32_t
fold(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	return (uint32_t)(h >> 32);
}

static uint32_t
hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = START;

	while (n-- > 0)
		h = add(h, *p++);
	return fold(h);
}

static uint32_t
hash_sender(const char *s)
{
	uint64_t h = START;

	for (; *s != '\0'; s++)
		h = add(h, (uint8_t)(*s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s));
	return fold(h);
}

/* 0 is nobody's. */
static uint32_t
hash_client(const char *address)
{
	struct in6_addr v6;
	struct in_addr v4;
	uint32_t h;

	if (inet_pton(AF_INET, address, &v4) == 1)
		h = hash_bytes((const uint8_t *)&v4, 4);
	else if (inet_pton(AF_INET6, address, &v6) != 1)
		return 0;
	else if (IN6_IS_ADDR_V4MAPPED(&v6))
		h = hash_bytes(v6.s6_addr + 12, 4);
	else
		h = hash_bytes(v6.s6_addr, 8);
	return h != 0 ? h : 1;
}

uint64_t
queue_flow(const char *address, const char *sender)
{
	uint32_t high = address != NULL ? hash_client(address) : 0;

	return high != 0 ? (uint64_t)high << 32 | hash_sender(sender) : 0;
}
