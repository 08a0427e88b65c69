/* SPDX-License-Identifier: ISC */
/*
 * site: the limit that the mail servers of a plan share with other domains.
 * Those of the first preference count: of an entry in hosts if one of them is
 * described there, else the set of their names.
 */
#ifndef SMTP_SITE_H
#define SMTP_SITE_H

#include "relayd/smtp/limit.h"

struct generation;
struct plan;

/*
 * A reference, with the limits that are configured; NULL: none. A domain that
 * has limits of its own (generation.h) is in no group but a configured one.
 */
struct limit	*site_of(struct limits *, const struct generation *, const struct plan *);

#endif
