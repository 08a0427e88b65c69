/* SPDX-License-Identifier: ISC */
/*
 * generation: one accepted configuration and what was built from it (TLS
 * contexts). Sessions keep the generation they began with; a reload makes a
 * new one. Counted references; owners: the current pointer in smtp.c and each
 * session and destination that works under it.
 */
#ifndef SMTP_GENERATION_H
#define SMTP_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/why.h"
#include "lib/conf/conf.h"
#include "lib/plan/decide.h"
#include "lib/queue/key.h"
#include "lib/queue/rate.h"
#include "lib/tls/client.h"
#include "lib/tls/server.h"
#include "relayd/smtp/source.h"
#include "relayd/smtp/via.h"

/* Beyond these, entries for one domain that are less close do not count. */
#define GENERATION_EXCEPTIONS_MAX	32

struct ledger;

struct generation {
	unsigned		  refs;
	unsigned		  number;
	struct conf		 *conf;
	struct tls_client	 *tls;
	uint64_t		  ca_digest;	/* of what delivery.ca_file names */
	struct tls_server	**servers;	/* by index in listen[], NULL where there is no TLS */
	struct sources		  sources;
	struct via		 *vias;		/* by index in destinations[], no hops where there is no via */
};

/* Takes conf in any case. NULL and *why if a certificate or store cannot be used. */
struct generation	*generation_new(struct conf *, unsigned number, struct why *);
struct generation	*generation_ref(struct generation *);
void			 generation_unref(struct generation **);

/* Room for the exceptions that *rule points to. */
struct generation_exceptions {
	struct plan_exception	v[GENERATION_EXCEPTIONS_MAX];
	struct plan_exception	sender;		/* "TLS-Required: No" */
};

/* What a domain is given: by its entry in destinations, else by delivery. */
struct generation_limits {
	unsigned		connections, messages_per_connection;
	struct queue_rate	rate;
	int			special;	/* not what all others have */
};
void	generation_limits(const struct generation *, const char *domain,
	    struct generation_limits *);
struct queue_rate generation_rate(const struct conf_rate *);
/* The waits between attempts, at least one. */
const struct conf_durations *generation_retry(const struct generation *, const char *domain);
/*
 * How long mail to this domain may wait that waits for this reason, ms. What transport
 * security holds back lives longer (RULES P10): somebody else has to act. One that lived so long
 * for it (before: the token of its last reason, NULL if none; now of this age) is not ended by
 * a failure of another kind; then *kept (may be NULL) is 1, and its reason stays what it was.
 */
int64_t	generation_max_age(const struct generation *, const char *domain, const struct why *,
	    const char *before, int64_t age, int *kept);

/*
 * What the configuration says about mail under this key now: the rule for
 * plan_decide. What RFC 8689 adds to it: REQUIRETLS is `verify` at least, enforced
 * and without exceptions; "TLS-Required: No" is the exception of a client that the
 * configuration lists (still), before all others and below what is published.
 * Exceptions hold as far as the ledger lets them (none without a ledger).
 * Returns the mono ms at which the first of them lapses (INT64_MAX if none).
 */
int64_t	generation_rule(const struct generation *, const struct ledger *,
	    const struct queue_key *, struct plan_rule *, struct generation_exceptions *);
/* The next hops for one domain, NULL for its MX. */
const struct plan_via *generation_route(const struct generation *, const char *domain);
/* The route with these credentials (plan_requirement.login), or NULL. */
const struct via *generation_login(const struct generation *, uint64_t login);

#endif
