/* SPDX-License-Identifier: ISC */
/*
 * via: one destinations[] entry with next hops, made ready for use: the route
 * for plan_decide, its trust store and client certificate in the TLS client,
 * and the credentials. Part of a generation; the secrets are borrowed from
 * its configuration and never copied into a plan, a log line or a message.
 */
#ifndef SMTP_VIA_H
#define SMTP_VIA_H

#include <stddef.h>

#include "lib/base/why.h"
#include "lib/conf/conf.h"
#include "lib/plan/decide.h"
#include "lib/tls/client.h"

struct via {
	struct plan_via	 plan;
	const char	*username, *password;	/* password: not ended by NUL */
	size_t		 password_len;
	enum conf_auth	 auth;
};

/* -1 and *why: a file is missing or unusable. The caller ends *via in any case. */
int	via_make(struct via *, const struct conf *, const struct conf_destination *,
	    struct tls_client *, struct why *);
void	via_fini(struct via *);

#endif
