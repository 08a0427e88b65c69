/* SPDX-License-Identifier: ISC */
/*
 * want: what a client handshake is to be checked against, and what it
 * showed. Two plain values: tls_want goes in, tls_facts comes out. Neither
 * says whether mail may go: that is plan_admits alone.
 */
#ifndef TLS_WANT_H
#define TLS_WANT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dns/rr.h"

#define TLS_NAMES_MAX	4

/* Protocol versions as the wire and OpenSSL number them. */
enum tls_version { TLS_V1_0 = 0x0301, TLS_V1_1 = 0x0302, TLS_V1_2 = 0x0303, TLS_V1_3 = 0x0304 };

struct tls_want {
	char			 sni[DNS_NAME_MAX];	/* "" only for address literals */
	char			 host[DNS_NAME_MAX];	/* PKIX: the MX host name, or "[ip]" */
	char			 names[TLS_NAMES_MAX][DNS_NAME_MAX];	/* DANE-TA, base first */
	size_t			 nnames;
	struct dns_tlsa_set	 tlsa;		/* empty: no DANE. Owned. */
	char			 ca[256];	/* trust store name, "" = the default store */
	char			 identity[256];	/* client certificate to show, "" = none */
	int			 min_version;	/* enum tls_version; < TLS_V1_2: weak-tls */
};

/* Everything that is known after a handshake. Zeroed = nothing is proven. */
struct tls_facts {
	int	encrypted;		/* handshake done */
	int	resumed;
	int	version;		/* SSL_version() */
	char	protocol[16];		/* "TLSv1.3" */
	char	cipher[64];
	int	weak;			/* 1: only what weak-tls lets through made this possible */
	/* PKIX, always evaluated against the trust store and names */
	int	pkix_chain;		/* 1: chain to the trust store, dates, purposes ok */
	int	pkix_name;		/* 1: host is a DNS-ID (never CN), "[ip]" an iPAddress */
	long	pkix_error;		/* X509_V_*, X509_V_OK if pkix_chain */
	/* DANE, if tls_want had records */
	int	dane_usable;		/* number of usable records */
	int	dane_matched;		/* 1: usage 2 or 3 matched with all its checks */
	int	dane_usage, dane_depth;	/* of the match; -1 if none */
	long	dane_error;		/* X509_V_*, X509_V_OK if dane_matched */
	/* for people */
	char	subject[256], issuer[256], fingerprint[65];	/* escaped; SHA-256 hex */
	int64_t	not_after;		/* Unix seconds, 0 unknown */
	char	matched_name[DNS_NAME_MAX];
};

void	tls_want_fini(struct tls_want *);

#endif
