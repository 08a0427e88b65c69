/* SPDX-License-Identifier: ISC */
/*
 * reach: in which order the addresses of a host are tried, and for how long
 * each. Keeps what this process knows of its way to IPv6 (families.h), which
 * is the same for every destination, and logs it when it changes.
 */
#ifndef SMTP_REACH_H
#define SMTP_REACH_H

#include "relayd/smtp/client.h"

/* Of one walk: whether it takes IPv6 last is asked once. All zero at its beginning. */
struct reach_turn {
	int	asked, ipv6_last;
};

/* order: of the host's addresses, naddresses of them. */
void	reach_order(struct reach_turn *, const struct plan_host *, const struct conf *, int64_t now,
	    size_t *order);
/* How long this address of the host has to answer, ms. */
int64_t	reach_connect_ms(const struct plan_host *, const struct dns_address *,
	    const struct conf *);
/* What came of a connection to this address. */
void	reach_note(const struct client *, const struct dns_address *, int64_t now);

#endif
