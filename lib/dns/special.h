/* SPDX-License-Identifier: ISC */
/*
 * special: names under which no mail server can be found, whatever a resolver
 * says (RFC 6761, RFC 2606, RFC 6762, RFC 7686, RFC 9476). They are not asked
 * for: an answer would come from the wrong side, and .onion must not leak
 * (RFC 7686 s2). Names that a network may serve for itself are no such names:
 * home.arpa (RFC 8375), .internal, .test and .example, which a mail program has
 * to use as any other (RFC 6761 s6.2, s6.5), names of one label.
 */
#ifndef DNS_SPECIAL_H
#define DNS_SPECIAL_H

/*
 * What speaks against a domain in presentation form, any case, final dot or
 * not, in words that follow its name: "is under .invalid, ...". NULL: nothing.
 * An address literal and an empty name never count.
 */
const char	*dns_special(const char *domain);

#endif
