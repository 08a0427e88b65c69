/* SPDX-License-Identifier: ISC */
/* value_route: next hops, and what their keys must be. */
#include "lib/conf/conf_int.h"

#include <arpa/inet.h>

#include <string.h>

#include "lib/base/num.h"
#include "lib/base/str.h"

#define HOP	"a next hop; write \"mx.example\", \"mx.example:465\" or \"[192.0.2.1]:25\""

/* RFC 5321 s4.1.3 spells an address as "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
static int
literal_parse(const char *text, size_t len, struct conf_hop *hop)
{
	char host[64], shown[INET6_ADDRSTRLEN];
	struct conf_address a;

	if (len >= 5 && str_starts_nocase(text, "IPv6:")) {
		text += 5;
		len -= 5;
	}
	if (len >= sizeof host)
		return -1;
	memcpy(host, text, len);
	host[len] = '\0';
	if (conf_parse_address(host, &a, (char[200]){ 0 }, 200) == -1)
		return -1;
	inet_ntop(a.family, a.bytes, shown, sizeof shown);
	str_fmt(hop->host, sizeof hop->host, "[%s%s]", a.family == AF_INET6 ? "IPv6:" : "", shown);
	return 0;
}

int
conf_parse_hops(char *text, void *to, char *say, size_t cap)
{
	struct conf_hop hop = { .port = 0 };
	size_t len = strcspn(text, text[0] == '[' ? "]" : ":");
	const char *port = text + len, *borrowed;
	uint64_t number = 0;

	port += text[0] == '[' && *port == ']';
	if (*port == ':' && (num_u64(port + 1, 65535, &number) == -1 || number == 0))
		return conf_say_not(say, cap, text, "a next hop: the port is 1 to 65535");
	if ((*port != ':' && *port != '\0') || len >= sizeof hop.host)
		return conf_say_not(say, cap, text, HOP);
	hop.port = (int)number;
	if (text[0] == '[') {
		if (text[len] != ']' || literal_parse(text + 1, len - 1, &hop) == -1)
			return conf_say_not(say, cap, text, HOP);
	} else if (len == 0) {
		return conf_say_not(say, cap, text, HOP);
	} else {
		memcpy(hop.host, text, len);
		if (conf_parse_address(hop.host, &(struct conf_address){ 0 }, say, cap) == 0)
			return conf_say_not(say, cap, text,
			    "a next hop; an address goes in brackets, \"[192.0.2.1]:25\"");
		if (conf_parse_hostname(hop.host, &borrowed, say, cap) == -1)
			return -1;
	}
	memcpy(to, &hop, sizeof hop);
	return 0;
}

/* Hex of exactly 32 or 64 octets, by the digest of the matching type. */
static int
digest_parse(const char *hex, struct conf_tlsa *rr)
{
	size_t want = rr->mtype == 1 ? 32 : 64;

	if (strlen(hex) != 2 * want || strspn(hex, "0123456789abcdefABCDEF") != 2 * want)
		return -1;
	for (size_t i = 0; i < 2 * want; i++) {
		unsigned char c = (unsigned char)hex[i];
		uint8_t nibble = (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);

		rr->data[i / 2] = (uint8_t)(rr->data[i / 2] << 4 | nibble);
	}
	rr->len = (uint8_t)want;
	return 0;
}

/* A pin is the digest of the whole public key (SPKI): TLSA 3 1 1. */
int
conf_parse_pins(char *text, void *to, char *say, size_t cap)
{
	struct conf_tlsa rr = { .usage = 3, .selector = 1, .mtype = 1 };

	if (!str_starts_nocase(text, "sha256:") || digest_parse(text + 7, &rr) == -1)
		return conf_say_not(say, cap, text,
		    "a pin; write \"sha256:\" and 64 hexadecimal digits");
	memcpy(to, &rr, sizeof rr);
	return 0;
}

int
conf_parse_tlsa(char *text, void *to, char *say, size_t cap)
{
	struct conf_tlsa rr = { .usage = 0 };
	const char *p = text;

	/* RFC 7672 s3.1: only DANE-TA(2) and DANE-EE(3); a digest, not the whole thing. */
	if ((p[0] != '2' && p[0] != '3') || p[1] != ' ' || (p[2] != '0' && p[2] != '1') ||
	    p[3] != ' ' || (p[4] != '1' && p[4] != '2') || p[5] != ' ')
		return conf_say_not(say, cap, text, "a TLSA record; write usage 2 or 3, "
		    "selector 0 or 1, digest 1 or 2, as in \"3 1 1 9f86...\"");
	rr.usage = (uint8_t)(p[0] - '0');
	rr.selector = (uint8_t)(p[2] - '0');
	rr.mtype = (uint8_t)(p[4] - '0');
	if (digest_parse(p + 6, &rr) == -1)
		return conf_say_not(say, cap, text, rr.mtype == 1 ?
		    "a TLSA record: SHA-256 has 64 hexadecimal digits" :
		    "a TLSA record: SHA-512 has 128 hexadecimal digits");
	memcpy(to, &rr, sizeof rr);
	return 0;
}

int
conf_parse_password(char *text, void *to, char *say, size_t cap)
{
	return conf_parse_certificates(text, to, say, cap);
}
