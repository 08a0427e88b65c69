/* SPDX-License-Identifier: ISC */
/*
 * https_peer: an HTTPS server inside the test, on loopback, in threads of
 * its own, that does what a script says: the wrong certificate, half an
 * answer, none at all. Libraries: OpenSSL, pthreads.
 */
#ifndef PEER_HTTPS_PEER_H
#define PEER_HTTPS_PEER_H

#include <stdint.h>

enum https_cert {
	HTTPS_CERT_OK,		/* SAN: the host */
	HTTPS_CERT_OTHER,	/* SAN: another host */
	HTTPS_CERT_WILDCARD,	/* SAN: *.<parent> */
	HTTPS_CERT_CN_ONLY,	/* the host in the subject, no SAN */
	HTTPS_CERT_EXPIRED,
	HTTPS_CERT_SELF,	/* not from our CA */
	HTTPS_CERT__COUNT
};

enum https_act {
	HTTPS_SERVE,		/* response, then an orderly end */
	HTTPS_CUT,		/* response, then TCP ends without close_notify */
	HTTPS_ENDLESS,		/* response, then chunks for ever */
	HTTPS_STALL,		/* response, then silence */
	HTTPS_MUTE,		/* no TLS answer */
	HTTPS_PLAIN,		/* response in clear */
	HTTPS_TLS10		/* nothing above TLS 1.0 */
};

struct https_script {
	enum https_cert	 cert;
	enum https_act	 act;
	const char	*response;	/* status line, header, body; borrowed */
};

struct https_peer;

struct https_peer	*https_peer_new(const char *host);
void			 https_peer_free(struct https_peer **);
uint16_t		 https_peer_port(const struct https_peer *);
const char		*https_peer_ca(const struct https_peer *);	/* PEM */
void			 https_peer_script(struct https_peer *, const struct https_script *);
unsigned		 https_peer_connections(struct https_peer *);
unsigned		 https_peer_most(struct https_peer *);	/* most connections at once */
/* The last request, as received; borrowed until the next one. */
const char		*https_peer_request(struct https_peer *);

#endif
