/* SPDX-License-Identifier: ISC */
/* refusal: see refusal.h. */
#include "lib/mail/refusal.h"

#include <string.h>
#include <strings.h>

#include "lib/base/list.h"
#include "lib/mail/reply.h"

#define DIGITS_MAX	6	/* of a number in a text */

static int
says(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasestr(text, words[i]) != NULL)
			return 1;
	return 0;
}

static int
has_status(const struct mail_reply *r, const char *const *subjects, size_t n)
{
	for (size_t i = 0; r->dsn[0] != '\0' && i < n; i++)
		if (strcmp(r->dsn + 1, subjects[i]) == 0)
			return 1;
	return 0;
}

/* ---- "in 300 seconds", "after 5 minutes", "for 00:04:59" ---- */

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At most DIGITS_MAX digits; NULL if there are none or more. */
static const char *
number(const char *p, int64_t *n)
{
	unsigned digits = 0;

	for (*n = 0; is_digit(*p); p++) {
		if (++digits > DIGITS_MAX)
			return NULL;
		*n = *n * 10 + (*p - '0');
	}
	return digits > 0 ? p : NULL;
}

/* ms of the unit that stands here; 0: none does. */
static int64_t
unit(const char *p)
{
	static const struct { const char *word; int64_t ms; } units[] = {
		{ "s", 1000 }, { "sec", 1000 }, { "secs", 1000 }, { "second", 1000 },
		{ "seconds", 1000 }, { "m", 60000 }, { "min", 60000 }, { "mins", 60000 },
		{ "minute", 60000 }, { "minutes", 60000 }, { "h", 3600000 }, { "hour", 3600000 },
		{ "hours", 3600000 },
	};
	size_t n;

	p += strspn(p, " -");
	n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	for (size_t i = 0; i < LENGTH(units); i++)
		if (strlen(units[i].word) == n && strncasecmp(p, units[i].word, n) == 0)
			return units[i].ms;
	return 0;
}

/* "05:00", "00:04:59": seconds last. */
static int64_t
clock_time(const char *p, int64_t sum)
{
	int64_t part;

	while (*p == ':' && sum < 1000000 && (p = number(p + 1, &part)) != NULL && part < 60)
		sum = sum * 60 + part;
	return p != NULL && sum < 1000000 ? sum * 1000 : 0;
}

static int64_t
duration(const char *p)
{
	int64_t n;

	p = number(p, &n);
	if (p == NULL)
		return 0;
	return *p == ':' ? clock_time(p, n) : n * unit(p);
}

static int64_t
hint(const char *text)
{
	static const char *const before[] = { "in ", "after ", "for ", "wait ", "least " };
	int64_t found;

	for (size_t i = 0; i < LENGTH(before); i++)
		for (const char *p = text; (p = strcasestr(p, before[i])) != NULL; p++)
			if ((found = duration(p + strlen(before[i]))) > 0)
				return found;
	return 0;
}

/* ---- */

static int
is_server(const struct mail_reply *r)
{
	static const char *const system[] = { ".3.1", ".3.2", ".4.5" };
	static const char *const too_many[] = { ".5.3" };
	static const char *const crowd[] = { "too many", "too fast", "too much", "rate limit",
		"slow down", "throttl", "concurrent", "unusual rate" };

	if (r->code == 421 || has_status(r, system, LENGTH(system)))
		return 1;
	if (r->code == 452 && has_status(r, too_many, LENGTH(too_many)))
		return 1;
	return strncmp(r->dsn, "4.7.", 4) == 0 && says(r->text, crowd, LENGTH(crowd));
}

static int
is_greylist(const struct mail_reply *r, int rcpt, int64_t wait)
{
	static const char *const status[] = { ".7.1", ".2.0" };
	static const char *const words[] = { "greylist", "graylist", "grey list", "gray list",
		"grey-list", "gray-list" };

	if (r->code != 450 && r->code != 451)
		return 0;
	if (says(r->text, words, LENGTH(words)))
		return 1;
	return rcpt && (wait > 0 || has_status(r, status, LENGTH(status)));
}

enum mail_refusal_about
mail_refusal_about(const struct mail_reply *r, int rcpt, int64_t *wait)
{
	*wait = r->code / 100 == 4 ? hint(r->text) : 0;
	if (r->code / 100 != 4)
		return MAIL_REFUSAL_MESSAGE;
	if (r->code != 421 && is_greylist(r, 0, 0))
		return MAIL_REFUSAL_GREYLIST;
	if (is_server(r))
		return MAIL_REFUSAL_SERVER;
	return is_greylist(r, rcpt, *wait) ? MAIL_REFUSAL_GREYLIST : MAIL_REFUSAL_MESSAGE;
}
