/* SPDX-License-Identifier: ISC */
/*
 * match: is this MX host named by a policy? RFC 8461 s4.1; RULES S31, S33.
 * Host and patterns are A-labels; case and one trailing dot do not matter.
 * "*." stands for exactly one left-most label; a host is never a pattern.
 */
#ifndef STS_MATCH_H
#define STS_MATCH_H

#include <stddef.h>

#include "lib/dns/rr.h"

int	sts_match_pattern(const char *pattern, const char *host);		/* 1, 0 */
int	sts_match_any(char (*patterns)[DNS_NAME_MAX], size_t n, const char *host);

#endif
