/* SPDX-License-Identifier: ISC */
/* address: Mailbox syntax, RFC 5321 s4.1.2 and s4.1.3, RFC 6531 s3.3. */
#include "lib/mail/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/mail/utf8.h"

#define LITERAL_MAX	64	/* octets between the brackets, more is no address */

static int
is_atext(char c)
{
	return str_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Octets of a non-ASCII character at s; 0 if it is none, or a C1 control. */
static size_t
wide_char(const char *s, size_t n)
{
	uint32_t rune;
	size_t len = mail_utf8_char(s, n, &rune);

	return len > 1 && rune > 0x9f ? len : 0;
}

/* Octets of the dot-string at the start; 0 if there is none. */
static size_t
dot_string(const char *s, size_t n, int *utf8)
{
	size_t i = 0, step;
	int need_atom = 1;

	while (i < n) {
		if (is_atext(s[i])) {
			step = 1;
		} else if ((step = wide_char(s + i, n - i)) > 0) {
			*utf8 = 1;
		} else if (s[i] == '.' && !need_atom) {
			need_atom = 1;
			i++;
			continue;
		} else {
			break;
		}
		need_atom = 0;
		i += step;
	}
	return need_atom ? 0 : i;
}

/* Octets of the quoted string at the start, quotes included; 0 if there is none. */
static size_t
quoted_string(const char *s, size_t n, int *utf8)
{
	size_t i = 1, step;

	if (n < 2 || s[0] != '"')
		return 0;
	while (i < n && s[i] != '"') {
		if (s[i] == '\\') {
			/* RFC 5321 s4.1.2: quoted-pairSMTP = "\" 32..126 */
			if (i + 1 >= n || s[i + 1] < 32 || s[i + 1] > 126)
				return 0;
			step = 2;
		} else if (s[i] >= 32 && s[i] <= 126) {
			step = 1;
		} else if ((step = wide_char(s + i, n - i)) > 0) {
			*utf8 = 1;
		} else {
			return 0;
		}
		i += step;
	}
	return i < n ? i + 1 : 0;
}

static size_t
local_part(const char *s, size_t n, int *quoted, int *utf8)
{
	*quoted = n > 0 && s[0] == '"';
	return *quoted ? quoted_string(s, n, utf8) : dot_string(s, n, utf8);
}

int
mail_address_local_ok(const char *s, size_t len)
{
	int quoted, utf8;

	return len > 0 && local_part(s, len, &quoted, &utf8) == len;
}

int
mail_address_literal(const char *s, size_t len, int *family, uint8_t ip[16])
{
	char text[LITERAL_MAX + 1];

	if (len < 3 || len - 2 > LITERAL_MAX || s[0] != '[' || s[len - 1] != ']' ||
	    memchr(s, '\0', len) != NULL)
		return -1;
	memcpy(text, s + 1, len - 2);
	text[len - 2] = '\0';
	if (strncasecmp(text, "IPv6:", 5) == 0) {
		*family = AF_INET6;
		return inet_pton(AF_INET6, text + 5, ip) == 1 ? 0 : -1;
	}
	*family = AF_INET;
	return inet_pton(AF_INET, text, ip) == 1 ? 0 : -1;
}

/*
 * One label, up to a dot or the end. The underscore is no host name character
 * but stands in names that get mail. 63 octets count for ASCII labels only;
 * mail_domain_to_ascii counts the others.
 */
static size_t
label(const char *s, size_t n, int *utf8)
{
	size_t i = 0, step;
	int wide = 0;

	while (i < n && s[i] != '.') {
		if (str_is_alnum(s[i]) || s[i] == '-' || s[i] == '_')
			step = 1;
		else if ((step = wide_char(s + i, n - i)) > 0)
			wide = 1;
		else
			return 0;
		i += step;
	}
	if (i == 0 || s[0] == '-' || s[i - 1] == '-' || (!wide && i > 63))
		return 0;
	*utf8 |= wide;
	return i;
}

static int
domain_name(const char *s, size_t n, int *utf8)
{
	size_t step;

	for (;;) {
		if ((step = label(s, n, utf8)) == 0)
			return -1;
		if (step == n)
			return 0;
		s += step + 1;
		n -= step + 1;
	}
}

int
mail_address_domain_ok(const char *s, size_t len)
{
	uint8_t ip[16];
	int family, utf8 = 0;

	if (len == 0 || len > 255)
		return 0;
	if (s[0] == '[')
		return mail_address_literal(s, len, &family, ip) == 0;
	return domain_name(s, len, &utf8) == 0;
}

int
mail_address_parse(const char *s, size_t len, struct mail_address *a)
{
	uint8_t ip[16];
	int family;

	memset(a, 0, sizeof *a);
	if (len == 0 || len > MAIL_ADDRESS_MAX)
		return -1;
	a->local = s;
	a->local_len = local_part(s, len, &a->quoted, &a->utf8);
	if (a->local_len == 0 || a->local_len >= len || s[a->local_len] != '@')
		return -1;
	a->domain = s + a->local_len + 1;
	a->domain_len = len - a->local_len - 1;
	if (a->domain_len == 0)
		return -1;
	a->literal = a->domain[0] == '[';
	if (a->literal)
		return mail_address_literal(a->domain, a->domain_len, &family, ip);
	return domain_name(a->domain, a->domain_len, &a->utf8);
}

const char *
mail_address_domain(const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL ? "" : at + 1;
}
