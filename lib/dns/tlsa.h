/* SPDX-License-Identifier: ISC */
/*
 * tlsa: the TLSA records of one host and port, at the right base name.
 * RFC 7672 s2.2.2-2.2.3; RULES D04, D06, D08-D12.
 */
#ifndef DNS_TLSA_H
#define DNS_TLSA_H

#include "lib/dns/addr.h"
#include "lib/dns/resolver.h"

struct dns_tlsa_result {
	/*
	 * FOUND: a secure non-empty RRset; TLS is mandatory (D11), even if no
	 * record is usable (D12). NODATA: no DANE for this host: proven absent,
	 * an insecure answer, or not asked because the addresses are insecure
	 * (D06). FAILED, BOGUS: host unusable this time (D04).
	 */
	enum dns_status		status;
	int			denied;		/* NODATA, proven by DNSSEC for every name asked */
	char			base[DNS_NAME_MAX];	/* FOUND: SNI, first reference name */
	struct dns_tlsa_set	set;	/* owned; records as published */
	uint32_t		ttl;
	struct why		why;			/* FAILED, BOGUS */
};
typedef void	dns_tlsa_fn(void *arg, const struct dns_tlsa_result *);

/*
 * addr is the result of dns_addr_lookup for the host (copied). Tries the
 * expanded name if the whole chain is secure, then the original one (D08).
 */
struct dns_query *dns_tlsa_lookup(struct dns_resolver *, const struct dns_addr *, uint16_t port,
		    dns_tlsa_fn *, void *arg);
/* The pure half, for one answer; fini the result. */
void		  dns_tlsa_parse(struct dns_tlsa_result *, const char *base,
		    const struct dns_answer *);
void		  dns_tlsa_result_fini(struct dns_tlsa_result *);

#endif
