/* SPDX-License-Identifier: ISC */
/*
 * fetch: GET https://mta-sts.<domain>/.well-known/mta-sts.txt, and nothing
 * else: no redirect, proxy, cookie, netrc, authentication, decoding or name
 * look-up of its own. RFC 8461 s3.3; RULES S11-S18; HARDENING P7, P8.
 */
#ifndef STS_FETCH_H
#define STS_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/dns/range.h"
#include "lib/dns/rr.h"

struct event_base;
struct sts_fetcher;
struct sts_fetch;

struct sts_fetch_param {
	const char		*ca_pem;	/* trust store, text of PEM certificates */
	uint16_t		 port;		/* 0: 443 */
	int64_t			 timeout_ms;	/* whole fetch; 0: 60 s */
	int64_t			 connect_ms;	/* 0: 10 s */
	unsigned		 at_once;	/* 0: 32; more wait in line */
	const struct dns_range	*range;		/* borrowed, outlives the fetcher */
};

/* body is borrowed, NUL behind it, not parsed; NULL on failure, then why is STS_FETCH,
 * STS_WEBPKI or STS_INVALID. */
typedef void	sts_fetch_fn(void *arg, const char *body, size_t len, const struct why *);

/* NULL and *why: no certificate in ca_pem. */
struct sts_fetcher	*sts_fetcher_new(struct event_base *, const struct sts_fetch_param *,
			    struct why *);
/* Open fetches end without their callbacks. */
void			 sts_fetcher_free(struct sts_fetcher **);

/*
 * host is "mta-sts.<domain>", normalized; it is what the certificate must
 * name. Addresses are tried by curl in order; each is checked against range
 * when its socket is opened. fn is called once, from the event loop.
 */
struct sts_fetch	*sts_fetch_start(struct sts_fetcher *, const char *host,
			    const struct dns_address *, size_t n, sts_fetch_fn *, void *arg);
void			 sts_fetch_cancel(struct sts_fetch **);

/* S14: text/plain, whatever its parameters. NULL is not. */
int			 sts_fetch_type_ok(const char *content_type);

#endif
