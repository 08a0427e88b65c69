/* SPDX-License-Identifier: ISC */
/*
 * domain: the one conversion of a mail domain to the form that is used for
 * DNS, TLS names, policy keys and destinations (HARDENING I11): UTS 46
 * non-transitional (libidn2), A-labels, lower case, no trailing dot, so that
 * two spellings of one domain meet one policy.
 */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include <stddef.h>

#define MAIL_DOMAIN_CAP	256	/* 253 octets, brackets of a literal, NUL */

struct why;

/*
 * 0 and *out; -1 and *why (BAD_ADDRESS; why may be NULL) if it is no domain:
 * empty, empty label, label over 63 or name over 253 octets, or characters
 * other than letters, digits, hyphen and underscore after the conversion.
 * Address literals are kept, in one spelling: [192.0.2.1], [IPv6:2001:db8::1].
 */
int	mail_domain_to_ascii(const char *, size_t len, char out[MAIL_DOMAIN_CAP], struct why *);

#endif
