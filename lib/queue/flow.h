/* SPDX-License-Identifier: ISC */
/*
 * flow: who sent a message, as a number that is durable with its recipients.
 * What waits for one destination is shared in turn between clients and, for
 * each client, between its senders, so that nobody's burst hides anybody
 * else's mail. High 32 bits: the client; low 32 bits: the envelope sender.
 * 0 = made here (notices). Pure; the same in every process and release.
 */
#ifndef QUEUE_FLOW_H
#define QUEUE_FLOW_H

#include <stdint.h>

/* address: the client's, as text. An IPv6 client is its /64, an IPv4-mapped one its IPv4 address.
 * NULL, or not an address: 0. Senders compare without regard to ASCII case. */
uint64_t	queue_flow(const char *address, const char *sender);

#endif
