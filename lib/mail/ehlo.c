/* SPDX-License-Identifier: ISC */
/* ehlo: the keywords of an EHLO reply, RFC 5321 s4.1.1.1. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/mail/reply.h"

#define STARTTLS	"STARTTLS"
#define STARTTLS_LEN	(sizeof STARTTLS - 1)
#define MANGLED_MOST	3	/* letters by which a mangled STARTTLS may differ, unless all X */

static const struct {
	const char	*name;
	size_t		 at;
} keywords[] = {
	{ STARTTLS, offsetof(struct mail_ehlo, starttls) },
	{ "PIPELINING", offsetof(struct mail_ehlo, pipelining) },
	{ "CHUNKING", offsetof(struct mail_ehlo, chunking) },
	{ "8BITMIME", offsetof(struct mail_ehlo, eightbitmime) },
	{ "SMTPUTF8", offsetof(struct mail_ehlo, smtputf8) },
	{ "ENHANCEDSTATUSCODES", offsetof(struct mail_ehlo, enhancedstatuscodes) },
	{ "DSN", offsetof(struct mail_ehlo, dsn) },
	{ "REQUIRETLS", offsetof(struct mail_ehlo, requiretls) },
	{ "SIZE", offsetof(struct mail_ehlo, has_size) },
};

static size_t
word_len(const char *s, size_t n)
{
	const char *space = n > 0 ? memchr(s, ' ', n) : NULL;

	return space == NULL ? n : (size_t)(space - s);
}

static int
is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

/* RFC 1870 s3: absent, 0 or no number: no limit is known. */
static uint64_t
read_size(const char *s, size_t n)
{
	uint64_t size = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' ||
		    __builtin_mul_overflow(size, (uint64_t)10, &size) ||
		    __builtin_add_overflow(size, (uint64_t)(s[i] - '0'), &size))
			return 0;
	}
	return size;
}

static void
read_auth(struct mail_ehlo *ehlo, const char *s, size_t n)
{
	size_t len;

	str_escape_to(ehlo->auth, sizeof ehlo->auth, s, n);
	for (; n > 0; s += len, n -= len) {
		if ((len = word_len(s, n)) == 0) {
			len = 1;
			continue;
		}
		ehlo->auth_plain |= is_word(s, len, "PLAIN");
		ehlo->auth_login |= is_word(s, len, "LOGIN");
	}
}

/*
 * Middleboxes that strip STARTTLS overwrite it in place, so the length stays:
 * "XXXXXXXA", "XXXXXXXX", "STARTTLX" (RULES P05).
 */
static int
looks_mangled(const char *s, size_t n)
{
	unsigned differ = 0, crosses = 0;

	if (n != STARTTLS_LEN)
		return 0;
	for (size_t i = 0; i < n; i++) {
		differ += (s[i] & ~0x20) != STARTTLS[i];
		crosses += (s[i] & ~0x20) == 'X';
	}
	return crosses >= STARTTLS_LEN - 1 || (differ > 0 && differ <= MANGLED_MOST);
}

static void
read_keyword(struct mail_ehlo *ehlo, const char *s, size_t n)
{
	size_t len = word_len(s, n);
	const char *rest = s + len;
	size_t rest_len = n - len;

	if (rest_len > 0) {
		rest++;
		rest_len--;
	}
	for (size_t i = 0; i < LENGTH(keywords); i++)
		if (is_word(s, len, keywords[i].name))
			*(int *)(void *)((char *)ehlo + keywords[i].at) = 1;
	if (is_word(s, len, "SIZE"))
		ehlo->size = read_size(rest, rest_len);
	else if (is_word(s, len, "AUTH"))
		read_auth(ehlo, rest, rest_len);
	else if (looks_mangled(s, len))
		str_escape_to(ehlo->mangled, sizeof ehlo->mangled, s, len);
}

void
mail_ehlo_parse(const struct mail_reply *reply, struct mail_ehlo *ehlo)
{
	const char *line = reply->lines, *end = line + reply->lines_len, *stop;

	memset(ehlo, 0, sizeof *ehlo);
	if (reply->code / 100 != 2)
		return;
	for (; line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (line == reply->lines)
			str_escape_to(ehlo->domain, sizeof ehlo->domain, line,
			    word_len(line, (size_t)(stop - line)));
		else
			read_keyword(ehlo, line, (size_t)(stop - line));
	}
	ehlo->starttls_mangled = !ehlo->starttls && ehlo->mangled[0] != '\0';
	if (!ehlo->starttls_mangled)
		ehlo->mangled[0] = '\0';
}
