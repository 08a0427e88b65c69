/* SPDX-License-Identifier: ISC */
/* fetch_int: what fetch.c (one request) and fetch_multi.c (the loop) share. */
#ifndef STS_FETCH_INT_H
#define STS_FETCH_INT_H

#include <curl/curl.h>
#include <openssl/x509.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/sts/fetch.h"

#define STS_FETCH_MAGIC		0x53545346u
#define STS_FETCHER_MAGIC	0x53545352u

struct sts_fetcher {
	unsigned		 magic;
	struct event_base	*base;
	struct event		*timer;		/* libcurl's */
	CURLM			*multi;
	X509_STORE		*store;
	uint16_t		 port;
	int64_t			 timeout_ms, connect_ms;
	unsigned		 at_once, nrunning;
	const struct dns_range	*range;
	int			 closing;
	TAILQ_HEAD(, sts_fetch)	 running, waiting;
};

struct sts_fetch {
	unsigned		 magic;
	struct sts_fetcher	*fetcher;
	int			 running;	/* in the multi, else in line */
	char			 host[DNS_NAME_MAX];
	CURL			*easy;
	struct curl_slist	*resolve;
	struct buf		 body;
	size_t			 header_bytes;
	int			 too_big;
	int			 closed;	/* the server ended TLS properly */
	struct why		 refused;	/* set when an address was refused */
	char			 error[CURL_ERROR_SIZE];
	sts_fetch_fn		*fn;
	void			*arg;
	TAILQ_ENTRY(sts_fetch)	 link;
};

/* Makes the easy handle with all its rules. */
void	sts_fetch_prepare(struct sts_fetch *, const struct dns_address *, size_t n);
/* What came of it: 0 and the body counts, or -1 and *why. */
int	sts_fetch_judge(struct sts_fetch *, CURLcode, struct why *);

#endif
