/* SPDX-License-Identifier: ISC */
/* range: see range.h. IANA special-purpose registries (RFC 6890) and HARDENING P8. */
#include "lib/dns/range.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/num.h"
#include "lib/base/str.h"

struct network {
	struct dns_address	net;
	unsigned		bits;
};

struct dns_range {
	struct network		*allow;
	size_t			 nallow;
	struct dns_address	*own;
	size_t			 nown;
	struct listener {
		struct dns_address	 at;
		uint16_t		 port;
	}			*listeners;
	size_t			 nlisteners;
};

/* What is refused. mx: for MX hosts too, not only for policy hosts. */
static const struct special {
	const char	*net;
	unsigned	 bits;
	int		 mx;
	const char	*words;
} specials[] = {
	{ "0.0.0.0",		8,	1, "unspecified" },
	{ "10.0.0.0",		8,	0, "private" },
	{ "100.64.0.0",		10,	0, "shared (CGNAT)" },
	{ "127.0.0.0",		8,	1, "loopback" },
	{ "169.254.0.0",	16,	1, "link-local" },
	{ "172.16.0.0",		12,	0, "private" },
	{ "192.0.0.0",		24,	0, "protocol assignment" },
	{ "192.0.2.0",		24,	0, "documentation" },
	{ "192.88.99.0",	24,	0, "6to4 relay" },
	{ "192.168.0.0",	16,	0, "private" },
	{ "198.18.0.0",		15,	0, "benchmark" },
	{ "198.51.100.0",	24,	0, "documentation" },
	{ "203.0.113.0",	24,	0, "documentation" },
	{ "224.0.0.0",		4,	1, "multicast" },
	{ "240.0.0.0",		4,	1, "reserved or broadcast" },
	{ "::",			128,	1, "unspecified" },
	{ "::1",		128,	1, "loopback" },
	{ "100::",		64,	0, "discard-only" },
	{ "2001:2::",		48,	0, "benchmark" },
	{ "2001:10::",		28,	0, "not routed" },
	{ "2001:20::",		28,	0, "not routed" },
	{ "2001:db8::",		32,	0, "documentation" },
	{ "3fff::",		20,	0, "documentation" },
	{ "5f00::",		16,	0, "not routed" },
	{ "fc00::",		7,	0, "unique local" },
	{ "fe80::",		10,	1, "link-local" },
	{ "fec0::",		10,	1, "site-local" },
	{ "ff00::",		8,	1, "multicast" },
};

/* IPv6 forms with an IPv4 address inside: where it stands, and whether it is inverted. */
static const struct carrier {
	const char	*net;
	unsigned	 bits, at;
	uint8_t		 mask;
} carriers[] = {
	{ "::ffff:0:0",		96,	12,	0x00 },		/* v4-mapped */
	{ "::",			96,	12,	0x00 },		/* v4-compatible */
	{ "64:ff9b::",		96,	12,	0x00 },		/* NAT64, RFC 6052 */
	{ "64:ff9b:1::",	48,	12,	0x00 },		/* local NAT64, RFC 8215 */
	{ "2002::",		16,	2,	0x00 },		/* 6to4 */
	{ "2001::",		32,	12,	0xff },		/* Teredo */
};

static int
in_network(const struct dns_address *a, const struct dns_address *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (a->family != net->family || memcmp(a->ip, net->ip, whole) != 0)
		return 0;
	return rest == 0 || ((a->ip[whole] ^ net->ip[whole]) >> (8 - rest)) == 0;
}

static int
in_text_network(const struct dns_address *a, const char *text, unsigned bits)
{
	struct dns_address net;

	MUST(dns_address_parse(text, &net) == 0);
	return in_network(a, &net, bits);
}

struct dns_range *
dns_range_new(void)
{
	return must_calloc(1, sizeof(struct dns_range));
}

void
dns_range_free(struct dns_range **rp)
{
	if (*rp == NULL)
		return;
	free((*rp)->allow);
	free((*rp)->own);
	free((*rp)->listeners);
	free(*rp);
	*rp = NULL;
}

int
dns_range_allow(struct dns_range *r, const char *network, struct why *why)
{
	char text[64], *slash;
	struct network n;
	uint64_t bits, most;

	if (str_copy(text, network, sizeof text) >= sizeof text)
		return why_set(why, WHY_ADDRESS_REFUSED, "\"%s\" is not a network", network);
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (dns_address_parse(text, &n.net) == -1)
		return why_set(why, WHY_ADDRESS_REFUSED, "\"%s\" is not a network", network);
	most = n.net.family == AF_INET ? 32 : 128;
	bits = most;
	if (slash != NULL && num_u64(slash, most, &bits) == -1)
		return why_set(why, WHY_ADDRESS_REFUSED, "\"%s\" is not a network", network);
	n.bits = (unsigned)bits;
	r->allow = must_realloc(r->allow, r->nallow + 1, sizeof *r->allow);
	r->allow[r->nallow++] = n;
	return 0;
}

void
dns_range_own(struct dns_range *r, const struct dns_address *a)
{
	r->own = must_realloc(r->own, r->nown + 1, sizeof *r->own);
	r->own[r->nown++] = *a;
}

void
dns_range_listens(struct dns_range *r, const struct dns_address *a, uint16_t port)
{
	r->listeners = must_realloc(r->listeners, r->nlisteners + 1, sizeof *r->listeners);
	r->listeners[r->nlisteners++] = (struct listener){ .at = *a, .port = port };
}

static int
same(const struct dns_address *a, const struct dns_address *b)
{
	return in_network(a, b, a->family == AF_INET ? 32 : 128);
}

static int
is_own(const struct dns_range *r, const struct dns_address *a)
{
	for (size_t i = 0; i < r->nown; i++)
		if (same(a, &r->own[i]))
			return 1;
	return a->family == AF_INET ? in_text_network(a, "127.0.0.0", 8) :
	    in_text_network(a, "::1", 128);
}

int
dns_range_is_ours(const struct dns_range *r, const struct dns_address *address, uint16_t port)
{
	static const uint8_t any[16];
	struct dns_address a = dns_address_plain(address);

	for (size_t i = 0; r != NULL && i < r->nlisteners; i++) {
		const struct listener *l = &r->listeners[i];

		if (l->port != port || l->at.family != a.family)
			continue;
		/* Who connects to the unspecified address reaches this machine, too. */
		if (same(&l->at, &a) || memcmp(a.ip, any, sizeof any) == 0)
			return 1;
		if (memcmp(l->at.ip, any, sizeof any) == 0 && is_own(r, &a))
			return 1;
	}
	return 0;
}

static int
allowed(const struct dns_range *r, const struct dns_address *a)
{
	size_t i;

	for (i = 0; r != NULL && i < r->nallow; i++)
		if (in_network(a, &r->allow[i].net, r->allow[i].bits))
			return 1;
	return 0;
}

/* What the address itself is, or NULL if nothing speaks against it. */
static const char *
objection(const struct dns_range *r, enum dns_range_use use, const struct dns_address *a)
{
	size_t i;

	for (i = 0; r != NULL && i < r->nown; i++)
		if (in_network(a, &r->own[i], a->family == AF_INET ? 32 : 128))
			return "this machine's own";
	for (i = 0; i < LENGTH(specials); i++)
		if ((use == DNS_RANGE_FETCH || specials[i].mx) &&
		    in_text_network(a, specials[i].net, specials[i].bits))
			return specials[i].words;
	return NULL;
}

/* The IPv4 address inside an IPv6 one: 1 and *v4, or 0. */
static int
carried(const struct dns_address *a, struct dns_address *v4)
{
	size_t i, j;

	if (a->family != AF_INET6)
		return 0;
	for (i = 0; i < LENGTH(carriers); i++) {
		if (!in_text_network(a, carriers[i].net, carriers[i].bits))
			continue;
		memset(v4, 0, sizeof *v4);
		v4->family = AF_INET;
		for (j = 0; j < 4; j++)
			v4->ip[j] = a->ip[carriers[i].at + j] ^ carriers[i].mask;
		return 1;
	}
	return 0;
}

int
dns_range_check(const struct dns_range *r, enum dns_range_use use, const struct dns_address *a,
    struct why *why)
{
	char text[INET6_ADDRSTRLEN];
	struct dns_address v4;
	const char *words;

	if (a->family != AF_INET && a->family != AF_INET6)
		return why_set(why, WHY_ADDRESS_REFUSED, "not an internet address");
	if (allowed(r, a))
		return 0;
	words = objection(r, use, a);
	if (words == NULL && carried(a, &v4) && !allowed(r, &v4))
		words = objection(r, use, &v4);
	if (words == NULL)
		return 0;
	dns_address_print(a, text, sizeof text);
	return why_set(why, WHY_ADDRESS_REFUSED, "address %s is refused: %s", text, words);
}
