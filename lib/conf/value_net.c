/* SPDX-License-Identifier: ISC */
/* value_net: addresses, networks and endpoints. */
#include "lib/conf/conf_int.h"

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/base/str.h"

/* ::ffff:a.b.c.d is a.b.c.d: one spelling, so that no rule misses the other. */
static int
address_parse(const char *text, struct conf_address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, text, a->bytes) == 1) {
		a->family = AF_INET;
		return 0;
	}
	if (inet_pton(AF_INET6, text, a->bytes) != 1)
		return -1;
	a->family = AF_INET6;
	if (memcmp(a->bytes, mapped, sizeof mapped) == 0) {
		memmove(a->bytes, a->bytes + 12, 4);
		memset(a->bytes + 4, 0, 12);
		a->family = AF_INET;
	}
	return 0;
}

int
conf_parse_address(char *text, void *to, char *say, size_t cap)
{
	struct conf_address a;

	if (address_parse(text, &a) == -1)
		return conf_say_not(say, cap, text, "an IP address");
	memcpy(to, &a, sizeof a);
	return 0;
}

int
conf_parse_addresses(char *text, void *to, char *say, size_t cap)
{
	return conf_parse_address(text, to, say, cap);
}

/* Clears the host bits; 1 if there were any. */
static int
network_mask(struct conf_network *n)
{
	unsigned width = n->address.family == AF_INET ? 32 : 128;
	int had = 0;

	for (unsigned bit = n->bits; bit < width; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> (bit % 8));

		had |= (n->address.bytes[bit / 8] & mask) != 0;
		n->address.bytes[bit / 8] &= (uint8_t)~mask;
	}
	return had;
}

int
conf_parse_networks(char *text, void *to, char *say, size_t cap)
{
	struct conf_network n = { .bits = 0 };
	char host[64], shown[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	int had6 = memchr(text, ':', len) != NULL;
	uint64_t bits;

	if (len >= sizeof host)
		return conf_say_not(say, cap, text, "a network such as \"10.8.0.0/16\"");
	memcpy(host, text, len);
	host[len] = '\0';
	if (address_parse(host, &n.address) == -1)
		return conf_say_not(say, cap, text, "a network such as \"10.8.0.0/16\"");
	bits = had6 ? 128 : 32;
	if (slash != NULL && num_u64(slash + 1, had6 ? 128 : 32, &bits) == -1)
		return conf_say_not(say, cap, text, had6 ? "a network: the prefix length is 0 to 128" :
		    "a network: the prefix length is 0 to 32");
	if (had6 && n.address.family == AF_INET) {
		if (bits < 96)
			return conf_say_not(say, cap, text, "a network: it mixes IPv4 and IPv6");
		bits -= 96;
	}
	n.bits = (unsigned)bits;
	if (network_mask(&n)) {
		inet_ntop(n.address.family, n.address.bytes, shown, sizeof shown);
		str_fmt(say, cap, "\"%s\" has host bits set and is read as \"%s/%u\"", text,
		    shown, n.bits);
		memcpy(to, &n, sizeof n);
		return 1;
	}
	memcpy(to, &n, sizeof n);
	return 0;
}

static void
endpoint_set(struct conf_endpoint *e, const struct conf_address *a, uint16_t port)
{
	char host[INET6_ADDRSTRLEN];

	memset(e, 0, sizeof *e);
	inet_ntop(a->family, a->bytes, host, sizeof host);
	if (a->family == AF_INET) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(&e->addr, &in, sizeof in);
		e->len = sizeof in;
		str_fmt(e->text, sizeof e->text, "%s:%u", host, port);
	} else {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

		memcpy(&in6.sin6_addr, a->bytes, 16);
		memcpy(&e->addr, &in6, sizeof in6);
		e->len = sizeof in6;
		str_fmt(e->text, sizeof e->text, "[%s]:%u", host, port);
	}
}

/* "a.b.c.d", "a.b.c.d:port", "[v6]:port", bare v6; default_port -1: the port is a must. */
static int
endpoint_parse(const char *text, int default_port, struct conf_endpoint *e)
{
	struct conf_address a;
	char host[64];
	const char *port, *from = text;
	uint64_t number = (uint64_t)(default_port < 0 ? 0 : default_port);
	size_t len;

	if (address_parse(text, &a) == -1) {
		if (*text == '[') {
			from++;
			len = strcspn(from, "]");
			port = from[len] == ']' ? from + len + 1 : "";
			if (memchr(from, ':', len) == NULL)
				return -1;
		} else {
			len = strcspn(from, ":");
			port = from + len;
		}
		if (*port != ':' || len >= sizeof host || num_u64(port + 1, 65535, &number) == -1)
			return -1;
		memcpy(host, from, len);
		host[len] = '\0';
		if (address_parse(host, &a) == -1)
			return -1;
	} else if (default_port < 0)
		return -1;
	endpoint_set(e, &a, (uint16_t)number);
	return 0;
}

static unsigned
endpoint_port(const struct conf_endpoint *e)
{
	return (unsigned)strtoul(strrchr(e->text, ':') + 1, NULL, 10);
}

int
conf_parse_endpoint(char *text, void *to, char *say, size_t cap)
{
	struct conf_endpoint e;

	if (endpoint_parse(text, -1, &e) == -1)
		return conf_say_not(say, cap, text,
		    "an address with a port; write \"10.0.0.1:25\" or \"[::1]:25\"");
	memcpy(to, &e, sizeof e);
	return 0;
}

static int
is_loopback(const struct conf_endpoint *e)
{
	const struct sockaddr_in *in = (const void *)&e->addr;
	const struct sockaddr_in6 *in6 = (const void *)&e->addr;

	if (e->addr.ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* What has no login and no TLS is for this host only. */
int
conf_parse_loopback(char *text, void *to, char *say, size_t cap)
{
	struct conf_endpoint e;

	if (endpoint_parse(text, -1, &e) == -1 || !is_loopback(&e))
		return conf_say_not(say, cap, text,
		    "a loopback address with a port; write \"127.0.0.1:9125\" or \"[::1]:9125\"");
	memcpy(to, &e, sizeof e);
	return 0;
}

int
conf_parse_forwarders(char *text, void *to, char *say, size_t cap)
{
	struct conf_endpoint e;

	if (endpoint_parse(text, 53, &e) == -1 || endpoint_port(&e) == 0)
		return conf_say_not(say, cap, text,
		    "a resolver; write \"10.0.0.53\", \"10.0.0.53:53\" or \"[::1]:53\"");
	memcpy(to, &e, sizeof e);
	return 0;
}
