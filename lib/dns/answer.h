/* SPDX-License-Identifier: ISC */
/*
 * answer: a wire-format DNS message made into a struct dns_answer. The bytes
 * come from outside: nothing in them is believed beyond what its length says.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "lib/dns/resolver.h"

/*
 * Judges the message as the answer to (name, type): follows the aliases in
 * it, collects the records at their end, finds the negative TTL. name must
 * be normalized. Always fills *a; a message that does not parse, an error
 * code, an alias loop or more than DNS_CNAME_MAX aliases give DNS_FAILED.
 * secure is copied in if the answer is FOUND, NODATA or NXDOMAIN.
 */
void	dns_answer_parse(struct dns_answer *a, const char *name, uint16_t type,
	    const void *wire, size_t len, int secure);
/* An answer without a message: FAILED or BOGUS, and its reason. */
void	dns_answer_fail(struct dns_answer *a, const char *name, uint16_t type,
	    enum dns_status, const struct why *);
void	dns_answer_fini(struct dns_answer *);

#endif
