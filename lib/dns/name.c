/* SPDX-License-Identifier: ISC */
/* name: see name.h. RFC 1035 s2.3.1, s3.1. */
#include "lib/dns/name.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/str.h"

#define LABEL_MAX	63

static int
is_name_byte(unsigned char c)
{
	return str_is_alnum((char)c) || c == '-' || c == '_';
}

static char
lower(unsigned char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int
dns_name_normalize(const char *from, size_t len, char *to)
{
	size_t i, label = 0;

	to[0] = '\0';
	if (len > 0 && from[len - 1] == '.')
		len--;
	if (len == 0 || len > 253)
		return -1;
	for (i = 0; i < len; i++) {
		if (from[i] == '.') {
			if (label == 0)
				goto bad;
			label = 0;
		} else if (!is_name_byte((unsigned char)from[i]) || ++label > LABEL_MAX)
			goto bad;
		to[i] = lower((unsigned char)from[i]);
	}
	if (label == 0)
		goto bad;
	to[len] = '\0';
	return 0;
bad:
	to[0] = '\0';
	return -1;
}

int
dns_name_prefix(const char *prefix, const char *name, char *to)
{
	char joined[2 * DNS_NAME_MAX];
	size_t np = strlen(prefix), nn = strlen(name);

	to[0] = '\0';
	if (nn == 0 || np + 1 + nn > 253)
		return -1;
	memcpy(joined, prefix, np);
	joined[np] = '.';
	memcpy(joined + np + 1, name, nn);
	return dns_name_normalize(joined, np + 1 + nn, to);
}

int
dns_name_from_wire(const void *wire, size_t len, char *to)
{
	const uint8_t *p = wire;
	char text[DNS_NAME_MAX];
	size_t i = 0, at = 0;

	to[0] = '\0';
	if (len == 0 || len > 255)
		return -1;
	while (i < len && p[i] != 0) {
		/* A dot inside a label would read as two labels. */
		if (p[i] > LABEL_MAX || i + 1 + p[i] >= len || memchr(p + i + 1, '.', p[i]) != NULL)
			return -1;
		if (at + p[i] + 1 >= sizeof text)
			return -1;
		memcpy(text + at, p + i + 1, p[i]);
		at += p[i];
		text[at++] = '.';
		i += 1 + (size_t)p[i];
	}
	if (i + 1 != len)
		return -1;
	if (at == 0)
		return 0;
	return dns_name_normalize(text, at, to);
}
