/* SPDX-License-Identifier: ISC */
/* match: see match.h. */
#include "lib/sts/match.h"

#include <string.h>

#include "lib/dns/name.h"

int
sts_match_pattern(const char *pattern, const char *host)
{
	char want[DNS_NAME_MAX], name[DNS_NAME_MAX];
	const char *rest = name;
	int wild = strncmp(pattern, "*.", 2) == 0;

	/* Neither survives normalization with a "*" or an empty label in it. */
	if (dns_name_normalize(host, strlen(host), name) == -1 ||
	    dns_name_normalize(pattern + 2 * wild, strlen(pattern + 2 * wild), want) == -1)
		return 0;
	if (wild) {
		rest = strchr(name, '.');
		if (rest == NULL)
			return 0;
		rest++;
	}
	return strcmp(rest, want) == 0;
}

int
sts_match_any(char (*patterns)[DNS_NAME_MAX], size_t n, const char *host)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (sts_match_pattern(patterns[i], host))
			return 1;
	return 0;
}
