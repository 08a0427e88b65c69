/* SPDX-License-Identifier: ISC */
/* key: see key.h. No domain, no client name and no source name holds a slash. */
#include "lib/queue/key.h"

#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"

#define FROM	"/from:"

static const char *const words[] = {
	[QUEUE_ORDINARY] = "",
	[QUEUE_REQUIRETLS] = "requiretls",
	[QUEUE_REQUIRETLS_NOTICE] = "requiretls-notice",
	[QUEUE_TLS_OPTIONAL] = "tls-required-no",
};

void
queue_key_print(char to[QUEUE_KEY_CAP], const char *domain, enum queue_need need,
    const char *client, const char *source)
{
	char what[96] = "", from[80] = "";

	switch (need) {
	case QUEUE_ORDINARY:
		break;
	case QUEUE_REQUIRETLS:
	case QUEUE_REQUIRETLS_NOTICE:
		(void)str_fmt(what, sizeof what, "/%s", words[need]);
		break;
	case QUEUE_TLS_OPTIONAL:
		(void)str_fmt(what, sizeof what, "/%s:%.63s", words[need], client);
		break;
	}
	if (source[0] != '\0')
		(void)str_fmt(from, sizeof from, FROM "%.63s", source);
	(void)str_fmt(to, QUEUE_KEY_CAP, "%.255s%s%s", domain, what, from);
}

/* The text up to one of these characters, cut to cap. Returns what follows it. */
static const char *
take(const char *text, const char *end, char *to, size_t cap)
{
	size_t n = strcspn(text, end);

	(void)str_fmt(to, cap, "%.*s", n < cap ? (int)n : (int)cap - 1, text);
	return text + n;
}

/* "/word" or "/word:client", if that is what comes. Returns what follows. */
static const char *
take_need(const char *at, struct queue_key *k)
{
	size_t len = at[0] == '/' ? strcspn(at + 1, ":/") : 0;

	for (size_t i = QUEUE_REQUIRETLS; i < LENGTH(words); i++) {
		if (strlen(words[i]) != len || memcmp(at + 1, words[i], len) != 0)
			continue;
		k->need = (enum queue_need)i;
		at += 1 + len;
		return k->need == QUEUE_TLS_OPTIONAL && at[0] == ':' ?
		    take(at + 1, "/", k->client, sizeof k->client) : at;
	}
	return at;
}

void
queue_key_parse(const char *text, struct queue_key *k)
{
	const char *at;

	memset(k, 0, sizeof *k);
	at = take_need(take(text, "/", k->domain, sizeof k->domain), k);
	if (strncmp(at, FROM, strlen(FROM)) == 0)
		at = take(at + strlen(FROM), "/", k->source, sizeof k->source);
	if (at[0] == '\0')
		return;
	k->need = QUEUE_ORDINARY;
	memset(k->client, 0, sizeof k->client);
	memset(k->source, 0, sizeof k->source);
}

int
queue_key_is(const char *key, const char *text)
{
	size_t n = strcspn(key, "/");

	return strcmp(key, text) == 0 || (strlen(text) == n && memcmp(key, text, n) == 0);
}
