/* SPDX-License-Identifier: ISC */
/* domain: mail domain -> A-labels. UTS 46 by libidn2, RFC 5890, RFC 1123 s2.1. */
#include "lib/mail/domain.h"

#include <arpa/inet.h>
#include <string.h>

#include <idn2.h>

#include "lib/base/str.h"
#include "lib/base/why.h"
#include "lib/mail/address.h"

#define INPUT_MAX	1024	/* octets that are worth converting */
#define NAME_MAX_OCTETS	253
#define LABEL_MAX	63
#define SHOWN_MAX	96	/* octets in an error text */

static int
refuse(struct why *why, const char *s, size_t len, const char *problem)
{
	return why_set(why, WHY_BAD_ADDRESS, "%s: %.*s", problem,
	    len > SHOWN_MAX ? SHOWN_MAX : (int)len, s);
}

static int
literal(const char *s, size_t len, char *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t ip[16];
	int family;

	if (mail_address_literal(s, len, &family, ip) == -1 ||
	    inet_ntop(family, ip, text, sizeof text) == NULL)
		return -1;
	return str_fmt(out, MAIL_DOMAIN_CAP, family == AF_INET6 ? "[IPv6:%s]" : "[%s]", text);
}

static int
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* name: lower case, no trailing dot. */
static int
name_ok(const char *name)
{
	size_t total = strlen(name), len;

	if (total == 0 || total > NAME_MAX_OCTETS)
		return 0;
	for (;;) {
		len = strcspn(name, ".");
		if (len == 0 || len > LABEL_MAX || name[0] == '-' || name[len - 1] == '-')
			return 0;
		for (size_t i = 0; i < len; i++)
			if (!is_host_char(name[i]))
				return 0;
		if (name[len] == '\0')
			return 1;
		name += len + 1;
	}
}

static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return 0;
	return 1;
}

/* ASCII stays as it is: an A-label is its own canonical spelling. */
static int
convert(const char *name, char *out)
{
	char *converted = NULL;
	int rc = -1;

	if (is_ascii(name))
		return str_copy(out, name, MAIL_DOMAIN_CAP) < MAIL_DOMAIN_CAP ? 0 : -1;
	if (idn2_to_ascii_8z(name, &converted, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) == IDN2_OK &&
	    str_copy(out, converted, MAIL_DOMAIN_CAP) < MAIL_DOMAIN_CAP)
		rc = 0;
	idn2_free(converted);
	return rc;
}

int
mail_domain_to_ascii(const char *s, size_t len, char out[MAIL_DOMAIN_CAP], struct why *why)
{
	char name[INPUT_MAX + 1];
	size_t n;

	out[0] = '\0';
	if (len > 0 && s[0] == '[') {
		if (literal(s, len, out) == 0)
			return 0;
		return refuse(why, s, len, "not an address literal");
	}
	if (len == 0 || len > INPUT_MAX || memchr(s, '\0', len) != NULL)
		return refuse(why, s, len, "not a domain");
	memcpy(name, s, len);
	name[len] = '\0';
	if (convert(name, out) == -1) {
		out[0] = '\0';
		return refuse(why, s, len, "not an internationalized domain name");
	}
	str_lower(out);
	n = strlen(out);
	if (n > 1 && out[n - 1] == '.')
		out[n - 1] = '\0';
	if (!name_ok(out)) {
		out[0] = '\0';
		return refuse(why, s, len, "not a domain name");
	}
	return 0;
}
