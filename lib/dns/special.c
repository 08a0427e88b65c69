/* SPDX-License-Identifier: ISC */
/* special: see special.h. */
#include "lib/dns/special.h"

#include <string.h>
#include <strings.h>

#include "lib/base/list.h"

static const struct {
	const char	*label, *words;
} tops[] = {
	{ "invalid",	"is under .invalid, where no name exists (RFC 6761)" },
	{ "localhost",	"is under .localhost, which is every machine itself (RFC 6761)" },
	{ "local",	"is under .local, which is not in the DNS (RFC 6762)" },
	{ "onion",	"is under .onion, which is not in the DNS (RFC 7686)" },
	{ "alt",	"is under .alt, which is not in the DNS (RFC 9476)" },
};

const char *
dns_special(const char *domain)
{
	size_t len = strlen(domain);
	const char *top;

	if (domain[0] == '[')
		return NULL;
	if (len > 0 && domain[len - 1] == '.')
		len--;
	for (top = domain + len; top > domain && top[-1] != '.';)
		top--;
	len = (size_t)(domain + len - top);
	for (size_t i = 0; i < LENGTH(tops); i++)
		if (strlen(tops[i].label) == len && strncasecmp(tops[i].label, top, len) == 0)
			return tops[i].words;
	return NULL;
}
