/* SPDX-License-Identifier: ISC */
/* txt: TXT records, the strings of each joined without a space (RFC 8461 s3.1). */
#ifndef DNS_TXT_H
#define DNS_TXT_H

#include "lib/dns/resolver.h"

#define DNS_TXT_MAX	100	/* records; more: FAILED */

struct dns_txt {
	enum dns_status	 status;
	int		 secure;
	struct dns_txt_record {
		char	*data;		/* owned; NUL after it, maybe others inside */
		size_t	 len;
	}		*records;	/* owned array */
	size_t		 nrecords;
	uint32_t	 ttl;
	struct why	 why;
};
typedef void	dns_txt_fn(void *arg, const struct dns_txt *);

struct dns_query *dns_txt_lookup(struct dns_resolver *, const char *name, dns_txt_fn *, void *arg);
/* The pure half; fini the result. */
void		  dns_txt_parse(struct dns_txt *, const struct dns_answer *);
void		  dns_txt_fini(struct dns_txt *);

#endif
