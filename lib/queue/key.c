/* SPDX-License-Identifier: ISC */
/* key: see key.h. No domain and no client name holds a slash. */
#include "lib/queue/key.h"

#include <string.h>

#include "lib/base/list.h"
#include "lib/base/str.h"

static const char *const words[] = {
	[QUEUE_ORDINARY] = "",
	[QUEUE_REQUIRETLS] = "requiretls",
	[QUEUE_REQUIRETLS_NOTICE] = "requiretls-notice",
	[QUEUE_TLS_OPTIONAL] = "tls-required-no",
};

void
queue_key_print(char to[QUEUE_KEY_CAP], const char *domain, enum queue_need need,
    const char *client)
{
	switch (need) {
	case QUEUE_ORDINARY:
		str_fmt(to, QUEUE_KEY_CAP, "%.255s", domain);
		break;
	case QUEUE_REQUIRETLS:
	case QUEUE_REQUIRETLS_NOTICE:
		str_fmt(to, QUEUE_KEY_CAP, "%.255s/%s", domain, words[need]);
		break;
	case QUEUE_TLS_OPTIONAL:
		str_fmt(to, QUEUE_KEY_CAP, "%.255s/%s:%.63s", domain, words[need], client);
		break;
	}
}

void
queue_key_parse(const char *text, struct queue_key *k)
{
	size_t n = strcspn(text, "/"), len;
	const char *word = text + n + (text[n] == '/');

	memset(k, 0, sizeof *k);
	str_fmt(k->domain, sizeof k->domain, "%.*s", n < sizeof k->domain ? (int)n : 255, text);
	len = strcspn(word, ":");
	for (size_t i = QUEUE_REQUIRETLS; i < LENGTH(words); i++)
		if (strlen(words[i]) == len && memcmp(word, words[i], len) == 0)
			k->need = (enum queue_need)i;
	if (k->need == QUEUE_TLS_OPTIONAL && word[len] == ':')
		str_copy(k->client, word + len + 1, sizeof k->client);
}

int
queue_key_is(const char *key, const char *text)
{
	size_t n = strcspn(key, "/");

	return strcmp(key, text) == 0 || (strlen(text) == n && memcmp(key, text, n) == 0);
}
