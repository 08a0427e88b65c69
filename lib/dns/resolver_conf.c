/* SPDX-License-Identifier: ISC */
/* resolver_conf: what libunbound is told before its first question. */
#include <string.h>

#include <unbound.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/dns/dns_int.h"

#define CACHE_DEFAULT	((size_t)64 << 20)

/*
 * Everything that matters is said here and not left to defaults. val-log-level
 * is what makes libunbound keep the reason of a bogus answer.
 */
static const struct option {
	const char	*name, *value;
} options[] = {
	{ "module-config:",		"validator iterator" },
	{ "do-not-query-localhost:",	"no" },		/* a resolver on this machine is fine */
	{ "val-log-level:",		"2" },
	{ "val-permissive-mode:",	"no" },
	{ "val-clean-additional:",	"yes" },
	{ "ignore-cd-flag:",		"yes" },
	{ "serve-expired:",		"no" },
	{ "harden-glue:",		"yes" },
	{ "harden-dnssec-stripped:",	"yes" },
	{ "harden-below-nxdomain:",	"yes" },
	{ "harden-large-queries:",	"yes" },
	{ "harden-short-bufsize:",	"yes" },
	{ "trust-anchor-signaling:",	"no" },
	{ "edns-buffer-size:",		"1232" },
	{ "cache-min-ttl:",		"0" },
	{ "cache-max-ttl:",		"86400" },
	{ "cache-max-negative-ttl:",	"3600" },
	{ "num-queries-per-thread:",	"2048" },
	{ "outgoing-range:",		"512" },
};

/* RFC 6761 names that a private internet may well serve and sign. */
static const char *const unlocal_zones[] = { "test.", "home.arpa." };

int
dns_unbound_says(struct why *why, const char *what, int error)
{
	return why_set(why, WHY_DNS_FAILURE, "resolver: %s: %s", what, ub_strerror(error));
}

static int
set_options(struct ub_ctx *ctx, const struct dns_param *p, struct why *why)
{
	size_t i, bytes = p->cache_bytes > 0 ? p->cache_bytes : CACHE_DEFAULT;
	struct option sizes[] = {
		{ "msg-cache-size:", NULL }, { "rrset-cache-size:", NULL },
		{ "key-cache-size:", NULL }, { "neg-cache-size:", NULL },
	};
	char share[32];
	int e;

	for (i = 0; i < LENGTH(options); i++)
		if ((e = ub_ctx_set_option(ctx, options[i].name, options[i].value)) != 0)
			return dns_unbound_says(why, options[i].name, e);
	/* RRsets take half, messages a quarter, keys and denials an eighth each. */
	for (i = 0; i < LENGTH(sizes); i++) {
		str_fmt(share, sizeof share, "%zu", bytes / (i == 1 ? 2 : i == 0 ? 4 : 8));
		if ((e = ub_ctx_set_option(ctx, sizes[i].name, share)) != 0)
			return dns_unbound_says(why, sizes[i].name, e);
	}
	return 0;
}

/* "ip", "ip:port", "[v6]:port" -> "ip@port". */
static int
forwarder_spell(const char *from, char *to, size_t cap)
{
	struct dns_address a;
	char host[64], *end;
	const char *port = "53";
	uint64_t n;

	if (dns_address_parse(from, &a) == 0) {
		str_fmt(to, cap, "%s@53", from);
		return 0;
	}
	if (str_copy(host, from + (from[0] == '['), sizeof host) >= sizeof host)
		return -1;
	end = from[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
	if (end == NULL)
		return -1;
	if (*end == ']') {
		*end++ = '\0';
		if (*end != '\0' && *end != ':')
			return -1;
	}
	if (*end == ':') {
		*end = '\0';
		port = end + 1;
	}
	if (dns_address_parse(host, &a) == -1 || num_u64(port, 65535, &n) == -1 || n == 0)
		return -1;
	return str_fmt(to, cap, "%s@%u", host, (unsigned)n);
}

static int
set_forwarders(struct ub_ctx *ctx, const struct dns_param *p, struct why *why)
{
	char addr[80];
	size_t i;
	int e;

	for (i = 0; i < p->nforward; i++) {
		if (forwarder_spell(p->forward[i], addr, sizeof addr) == -1)
			return why_set(why, WHY_DNS_FAILURE, "\"%s\" is not an address of a "
			    "resolver", p->forward[i]);
		if ((e = ub_ctx_set_fwd(ctx, addr)) != 0)
			return dns_unbound_says(why, p->forward[i], e);
	}
	return 0;
}

/*
 * One record of a zone file from *text, comments gone, parentheses joined.
 * 1 and the line (maybe blank), or 0 at the end.
 */
static int
anchor_line(const char **text, struct buf *line)
{
	const char *s = *text;
	int depth = 0;

	if (*s == '\0')
		return 0;
	buf_clear(line);
	for (; *s != '\0' && (*s != '\n' || depth > 0); s++) {
		if (*s == ';') {
			while (s[1] != '\0' && s[1] != '\n')
				s++;
			continue;
		}
		depth += (*s == '(') - (*s == ')');
		buf_addc(line, strchr("()\r\n\t", *s) != NULL ? ' ' : *s);
	}
	*text = s + (*s == '\n');
	return 1;
}

static int
set_anchors(struct ub_ctx *ctx, const char *text, struct why *why)
{
	struct buf line;
	const char *s;
	size_t n = 0;
	int e = 0;

	buf_init(&line);
	while (e == 0 && text != NULL && anchor_line(&text, &line)) {
		s = buf_str(&line);
		s += strspn(s, " ");
		if (*s == '\0')
			continue;
		e = ub_ctx_add_ta(ctx, s);
		n++;
	}
	buf_fini(&line);
	if (e != 0)
		return dns_unbound_says(why, "trust anchor", e);
	if (n == 0)
		return why_set(why, WHY_DNSSEC_INVALID, "resolver: no trust anchor");
	return 0;
}

int
dns_resolver_configure(struct ub_ctx *ctx, const struct dns_param *p, struct why *why)
{
	size_t i;
	int e;

	/* Reasons come back with the answers; libunbound's own log goes nowhere. */
	ub_ctx_debugout(ctx, NULL);
	if (set_options(ctx, p, why) == -1 || set_forwarders(ctx, p, why) == -1 ||
	    set_anchors(ctx, p->anchors, why) == -1)
		return -1;
	for (i = 0; i < LENGTH(unlocal_zones); i++)
		if ((e = ub_ctx_zone_remove(ctx, unlocal_zones[i])) != 0)
			return dns_unbound_says(why, "start", e);
	return 0;
}
