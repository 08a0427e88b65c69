/* SPDX-License-Identifier: ISC */
/*
 * recall: puts the TLS history into the evidence about a destination, and
 * forgets before what its owner has switched off in an orderly way:
 *
 *   MTA-STS	a policy in mode none or testing, fetched from the domain's own
 *		policy host (RFC 8461 s8.3, RULES S26). A record that vanished,
 *		or a policy that ran out and cannot be fetched, is not that.
 *   DANE	a signed denial of the TLSA records of a host whose name and
 *		addresses are signed, named by a signed MX (RFC 7672 s2.2): only the
 *		owner's key can make that. If it is so for all hosts, dane is forgotten
 *		for the whole domain. Loss of the signatures (a DS record that
 *		went) is not that.
 *
 * What was forgotten is logged. What was last proven longer than `keep` ago
 * does not count.
 */
#ifndef HISTORY_RECALL_H
#define HISTORY_RECALL_H

#include "lib/history/ledger.h"
#include "lib/plan/evidence.h"

/* keep: seconds, 0: there is no history and nothing is held against anybody. */
void	history_recall(struct history_ledger *, int64_t now, int64_t keep,
	    struct plan_evidence *);

#endif
