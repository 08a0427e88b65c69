/* SPDX-License-Identifier: ISC */
/* policy: see policy.h. */
#include "lib/sts/policy.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bug.h"
#include "lib/base/list.h"
#include "lib/base/num.h"
#include "lib/base/str.h"
#include "lib/dns/name.h"

#define KEY_MAX		32
#define AGE_DIGITS	10

struct parser {
	struct sts_policy	*p;
	unsigned		 line;
	int			 version, mode, max_age;	/* seen */
};

/* One "key: value" line, white space around both gone. */
struct pair {
	const char	*key, *value;
	size_t		 nkey, nvalue;
};

static const char *const mode_names[] = {
	[STS_MODE_NONE] = "none",
	[STS_MODE_TESTING] = "testing",
	[STS_MODE_ENFORCE] = "enforce",
};

const char *
sts_mode_name(enum sts_mode mode)
{
	return (size_t)mode < LENGTH(mode_names) ? mode_names[mode] : "?";
}

static int
key_ok(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || n > KEY_MAX || !str_is_alnum(s[0]))
		return 0;
	for (i = 1; i < n; i++)
		if (!str_is_alnum(s[i]) && s[i] != '_' && s[i] != '-' && s[i] != '.')
			return 0;
	return 1;
}

/* Length of the valid UTF-8 sequence (RFC 3629) that begins here, 0 if there is none. */
static size_t
utf8_length(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char lo, hi, lo2, hi2;
		size_t len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, j;

	for (i = 0; i < LENGTH(forms); i++) {
		if (s[0] < forms[i].lo || s[0] > forms[i].hi || n < forms[i].len)
			continue;
		if (s[1] < forms[i].lo2 || s[1] > forms[i].hi2)
			return 0;
		for (j = 2; j < forms[i].len; j++)
			if (s[j] < 0x80 || s[j] > 0xbf)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* sts-policy-ext-value: visible ASCII, spaces inside, UTF-8; not empty. */
static int
value_ok(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i = 0, len;

	while (i < n) {
		if (u[i] < 0x80) {
			if (u[i] < ' ' || u[i] == 0x7f)
				return 0;
			i++;
			continue;
		}
		len = utf8_length(u + i, n - i);
		if (len == 0)
			return 0;
		i += len;
	}
	return n > 0;
}

static int
value_is(const struct pair *kv, const char *s)
{
	return kv->nvalue == strlen(s) && memcmp(kv->value, s, kv->nvalue) == 0;
}

static int
bad(const struct parser *ps, struct why *why, const char *words)
{
	why_set(why, WHY_STS_INVALID, "MTA-STS policy, line %u: %s", ps->line, words);
	return -1;
}

static int
on_version(struct parser *ps, const struct pair *kv, struct why *why)
{
	if (ps->version++ == 0 && !value_is(kv, "STSv1"))
		return bad(ps, why, "version is not STSv1");
	return 0;
}

static int
on_mode(struct parser *ps, const struct pair *kv, struct why *why)
{
	size_t i;

	if (ps->mode++ > 0)
		return 0;
	for (i = 0; i < LENGTH(mode_names); i++)
		if (value_is(kv, mode_names[i])) {
			ps->p->mode = (enum sts_mode)i;
			return 0;
		}
	return bad(ps, why, "mode is not enforce, testing or none");
}

static int
on_max_age(struct parser *ps, const struct pair *kv, struct why *why)
{
	char digits[AGE_DIGITS + 1];
	uint64_t age;

	if (ps->max_age++ > 0)
		return 0;
	if (kv->nvalue > AGE_DIGITS)
		return bad(ps, why, "max_age has more than 10 digits");
	memcpy(digits, kv->value, kv->nvalue);
	digits[kv->nvalue] = '\0';
	if (num_u64(digits, UINT64_MAX, &age) == -1)
		return bad(ps, why, "max_age is not a number");
	ps->p->capped = age > STS_MAX_AGE_MAX;
	ps->p->max_age = ps->p->capped ? STS_MAX_AGE_MAX : (uint32_t)age;
	return 0;
}

/* Labels of letters, digits and inner hyphens; the last one not all digits (RFC 1123 s2.1). */
static int
host_ok(const char *name)
{
	const char *dot, *label = name;
	size_t n;

	if (strchr(name, '_') != NULL)
		return 0;
	for (;; label = dot + 1) {
		dot = strchr(label, '.');
		n = dot != NULL ? (size_t)(dot - label) : strlen(label);
		if (label[0] == '-' || label[n - 1] == '-')
			return 0;
		if (dot == NULL)
			return strspn(label, "0123456789") != n;
	}
}

static int
on_mx(struct parser *ps, const struct pair *kv, struct why *why)
{
	char pattern[DNS_NAME_MAX], name[DNS_NAME_MAX];
	int wild = kv->nvalue > 2 && memcmp(kv->value, "*.", 2) == 0;
	struct sts_policy *p = ps->p;

	if (dns_name_normalize(kv->value + 2 * wild, kv->nvalue - 2 * (size_t)wild, name) == -1 ||
	    !host_ok(name) ||
	    str_fmt(pattern, sizeof pattern, "%s%s", wild ? "*." : "", name) == -1)
		return bad(ps, why, "mx is not a host name or \"*.\" and a domain");
	if (p->npatterns == STS_PATTERNS_MAX) {
		p->cut = 1;
		return 0;
	}
	p->patterns = must_realloc(p->patterns, p->npatterns + 1, sizeof *p->patterns);
	memcpy(p->patterns[p->npatterns++], pattern, sizeof pattern);
	return 0;
}

static const struct key {
	const char	*name;
	int		(*on)(struct parser *, const struct pair *, struct why *);
} keys[] = {
	{ "version",	on_version },
	{ "mode",	on_mode },
	{ "max_age",	on_max_age },
	{ "mx",		on_mx },
};

static int
split(struct parser *ps, const char *s, size_t n, struct pair *kv, struct why *why)
{
	const char *colon = memchr(s, ':', n);

	if (colon == NULL)
		return bad(ps, why, "no \":\"");
	kv->key = s;
	kv->nkey = (size_t)(colon - s);
	while (kv->nkey > 0 && str_is_blank(s[kv->nkey - 1]))
		kv->nkey--;
	kv->value = colon + 1;
	kv->nvalue = n - (size_t)(colon + 1 - s);
	while (kv->nvalue > 0 && str_is_blank(kv->value[0])) {
		kv->value++;
		kv->nvalue--;
	}
	while (kv->nvalue > 0 && str_is_blank(kv->value[kv->nvalue - 1]))
		kv->nvalue--;
	if (!key_ok(kv->key, kv->nkey))
		return bad(ps, why, "not a field name");
	if (!value_ok(kv->value, kv->nvalue))
		return bad(ps, why, "empty value, or control bytes or bad UTF-8 in it");
	return 0;
}

static int
parse_line(struct parser *ps, const char *s, size_t n, struct why *why)
{
	struct pair kv;
	size_t i;

	for (i = 0; i < n && str_is_blank(s[i]); i++)
		;
	if (i == n)
		return 0;	/* beyond the ABNF: blank lines are harmless, and seen */
	if (split(ps, s, n, &kv, why) == -1)
		return -1;
	for (i = 0; i < LENGTH(keys); i++)
		if (kv.nkey == strlen(keys[i].name) &&
		    memcmp(kv.key, keys[i].name, kv.nkey) == 0)
			return keys[i].on(ps, &kv, why);
	return 0;		/* S21: unknown ones are ignored */
}

static int
parse_lines(struct parser *ps, const char *s, size_t len, struct why *why)
{
	const char *end = s + len, *lf;
	size_t n;

	for (; s < end; s = lf + 1) {
		ps->line++;
		lf = memchr(s, '\n', (size_t)(end - s));
		if (lf == NULL)
			lf = end;
		n = (size_t)(lf - s);
		if (n > 0 && lf < end && s[n - 1] == '\r')
			n--;
		if (parse_line(ps, s, n, why) == -1)
			return -1;
	}
	return 0;
}

/* S20 */
static int
complete(const struct parser *ps, struct why *why)
{
	static const char fmt[] = "MTA-STS policy: no %s";

	if (ps->version == 0)
		return why_set(why, WHY_STS_INVALID, fmt, "version");
	if (ps->mode == 0)
		return why_set(why, WHY_STS_INVALID, fmt, "mode");
	if (ps->max_age == 0)
		return why_set(why, WHY_STS_INVALID, fmt, "max_age");
	if (ps->p->npatterns == 0 && ps->p->mode != STS_MODE_NONE)
		return why_set(why, WHY_STS_INVALID, fmt, "mx");
	return 0;
}

int
sts_policy_parse(struct sts_policy *p, const char *body, size_t len, struct why *why)
{
	struct parser ps = { .p = p };

	memset(p, 0, sizeof *p);
	if (len > STS_BODY_MAX)
		return why_set(why, WHY_STS_INVALID, "MTA-STS policy of more than 64 KiB");
	if (parse_lines(&ps, body, len, why) == 0 && complete(&ps, why) == 0)
		return 0;
	sts_policy_fini(p);
	return -1;
}

void
sts_policy_fini(struct sts_policy *p)
{
	free(p->patterns);
	memset(p, 0, sizeof *p);
}
